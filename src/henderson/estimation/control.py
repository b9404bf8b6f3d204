"""How the search is run: the few numbers a user may change, with their defaults."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from numbers import Integral, Real
from typing import Literal, get_args

from henderson.errors import ModelError, did_you_mean
from henderson.optimize import SearchLimits

Hessian = Literal["auto", "exact", "model"]


@dataclass(frozen=True, slots=True)
class FitControl:
    """Settings of a fit.

    Parameters
    ----------
    tolerance
        The search stops when the model promises a decrease of −2 log L below this.
    max_evaluations
        Limit on evaluations of the likelihood and its gradient in one search.
    threads
        Parts of the data worked on side by side. One is best below about 10⁵ rows.
    hessian
        "exact": the exact Hessian at the end, by differences of the exact gradient.
        "auto": exact unless the model is Gaussian and large, where the average information,
        which costs nothing, stands in; standard errors of fixed effects do not need it there.
        "model": always that of the search, where weights are frozen; for many fits of which
        only the estimates count.
    report
        Called with the number of evaluations and −2 log L after each evaluation.

    Raises
    ------
    ModelError
        For a tolerance that is not positive and finite, limits below 1, or another `hessian`.
    """

    tolerance: float = 1e-8
    max_evaluations: int = 300
    threads: int = 1
    hessian: Hessian = "auto"
    report: Callable[[int, float], None] | None = None

    def __post_init__(self) -> None:
        tolerance = self.tolerance
        number = isinstance(tolerance, Real) and not isinstance(tolerance, bool)
        if not (number and isfinite(tolerance) and tolerance > 0.0):
            raise ModelError(
                f"FitControl: tolerance={tolerance!r} is not a decrease of -2 log L to "
                "stop at. Give a small positive number, such as 1e-8."
            )
        for name in ("max_evaluations", "threads"):
            count = getattr(self, name)
            if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
                raise ModelError(
                    f"FitControl: {name}={count!r} is not a whole number of at least 1."
                )
        known = get_args(Hessian)
        if self.hessian not in known:
            raise ModelError(
                f"FitControl: there is no hessian={self.hessian!r}. "
                f"{did_you_mean(str(self.hessian), list(known))}Choose one of "
                f"{', '.join(map(repr, known))}."
            )

    def limits(self, strictness: float = 1.0) -> SearchLimits:
        """Of one search, its tolerance times `strictness`."""
        return SearchLimits(self.tolerance * strictness, self.max_evaluations, self.report)
