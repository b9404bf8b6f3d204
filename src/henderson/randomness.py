"""Random numbers: a generator from what users give as `rng`."""

import numpy as np

from henderson.errors import ModelError


def generator_of(rng: np.random.Generator | int | None) -> np.random.Generator:
    """A generator itself, or a new one from a seed; None is a new one each time.

    Raises
    ------
    ModelError
        For anything else.
    """
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as problem:
        raise ModelError(
            f"rng={rng!r} is neither a seed nor a generator. Give a whole number that is not "
            "negative, such as rng=1, or numpy.random.default_rng(1)."
        ) from problem
