"""Which families could have produced a response, and what there is to choose from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Vector
from henderson.design import ModelFrame, model_frame
from henderson.formula import parse_formula
from henderson.tables import NativeTable

_HEAVY = 1.5  # excess kurtosis
_NARROW = 0.25  # coefficient of variation of positive values, for which the normal does
_FAR = 100.0  # from 0, where counts are nearly normal


@final
@dataclass(frozen=True, slots=True)
class Candidate:
    """A family, as `fit` takes it, and why."""

    family: str
    reason: str
    arguments: str = ""  # others that `fit` needs with it


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FamilySuggestion:
    """What was seen of a response, and the families that go with it, the first one first."""

    response: str
    seen: str
    candidates: tuple[Candidate, ...]
    frame: ModelFrame

    @property
    def family(self) -> str:
        """The first candidate."""
        return self.candidates[0].family

    def table(self) -> NativeTable:
        """One row a candidate: `family`, `arguments`, `reason`."""
        header = ("family", "arguments", "reason")
        return self.frame.table(
            {name: [getattr(each, name) for each in self.candidates] for name in header}
        )

    def __repr__(self) -> str:
        lines = [f"{self.response}: {self.seen}", ""]
        for number, each in enumerate(self.candidates, 1):
            arguments = f", {each.arguments}" if each.arguments else ""
            lines += [f'{number}. family="{each.family}"{arguments}', f"   {each.reason}"]
        lines += [
            "",
            "What counts is the distribution given the predictors: fit, then check().",
        ]
        return "\n".join(lines)


def suggest_family(data: object, response: str) -> FamilySuggestion:
    """Families for a response, with reasons, from its values alone.

    Parameters
    ----------
    data
        A table: pandas, polars, pyarrow or a dict of columns.
    response
        The left side of a formula: a column, or "cbind(success, failure)", "success/trials".

    Returns
    -------
    FamilySuggestion
        Printed, the candidates and why; `candidates`, `family` (the first), `table()`.

    Raises
    ------
    DataError
        For a column that is not there or is no response.

    Notes
    -----
    Counts are compared with the Poisson by their variance, and zeros with those of a negative
    binomial of the same mean and variance, over all rows: covariates explain some of both. Only
    a fit can say more.

    Examples
    --------
    >>> import henderson as hd
    >>> hd.suggest_family(hd.datasets.load("grouseticks"), "TICKS").family
    'nbinom2'
    """
    frame = model_frame(parse_formula(f"{response} ~ 1"), data, binary=True)
    observed = frame.response
    assert observed is not None
    y, trials = observed.y, observed.trials
    label = response.strip()
    if np.any(trials != 1.0) or np.all((y == 0.0) | (y == 1.0)):
        seen, found = _successes(y, trials)
    elif np.all(y == np.round(y)) and np.all(y >= 0.0):
        seen, found = _counts(y)
    elif np.all((y >= 0.0) & (y <= 1.0)):
        seen, found = _shares(y)
    elif np.all(y >= 0.0):
        seen, found = _positive(y)
    else:
        seen, found = _real(y)
    return FamilySuggestion(label, seen, tuple(found), frame)


def _successes(y: Vector, trials: Vector) -> tuple[str, Iterator[Candidate]]:
    binary = bool(np.all(trials == 1.0))
    total, successes = float(trials.sum()), float(y.sum())
    seen = (
        f"two values, {successes / total:.3g} of them the second"
        if binary
        else f"successes out of {trials.min():g} to {trials.max():g} trials"
    )

    def candidates() -> Iterator[Candidate]:
        yield Candidate(
            "binomial", "Successes and failures, independent given the random effects."
        )
        if not binary:
            yield Candidate(
                "betabinomial",
                "The same where trials of a row are alike: overdispersed successes.",
            )

    return seen, candidates()


def _counts(y: Vector) -> tuple[str, Iterator[Candidate]]:
    mean, variance = float(y.mean()), float(y.var(ddof=1)) if y.size > 1 else 0.0
    ratio, zeros = variance / mean if mean > 0.0 else 0.0, int(np.sum(y == 0.0))
    seen = (
        f"whole numbers from {y.min():g} to {y.max():g}, mean {mean:.3g}, variance "
        f"{ratio:.3g} times that, {zeros} zeros of {y.size}"
    )
    underdispersed = ratio < 1.0 - 3.0 * np.sqrt(2.0 / max(y.size - 1, 1))
    overdispersed = ratio > 1.0 + 3.0 * np.sqrt(2.0 / max(y.size - 1, 1))
    phi = mean**2 / (variance - mean) if overdispersed else np.inf
    share = (phi / (phi + mean)) ** phi if overdispersed else np.exp(-mean)
    spread = 3.0 * np.sqrt(y.size * share * (1.0 - share))

    def candidates() -> Iterator[Candidate]:
        far = float(y.min()) > _FAR
        if far:
            yield Candidate(
                "gaussian",
                "Whole numbers far from 0: rounded measurements, or counts that are near "
                "the normal.",
            )
        none = zeros == 0 and y.size * share > 5.0
        if none:
            yield Candidate(
                f"truncated_{'nbinom2' if overdispersed else 'poisson'}",
                f"There are no zeros where about {y.size * share:.3g} would be expected: if "
                "they could not be observed, the distribution is cut off.",
            )
        elif underdispersed:
            yield Candidate("compois", "Counts that vary less than a Poisson's.")
        if overdispersed:
            yield Candidate(
                "nbinom2",
                "Counts that vary more than a Poisson's, the variance growing as the square of "
                "the mean.",
            )
            yield Candidate(
                "nbinom1", "The same, the variance a multiple of the mean; compare by AIC."
            )
        if zeros > y.size * share + spread:
            yield Candidate(
                "nbinom2" if overdispersed else "poisson",
                f"There are {zeros} zeros where about {y.size * share:.3g} would be expected: "
                "some may not be of the counts.",
                'zero_inflation="~ 1"',
            )
        yield Candidate(
            "poisson",
            "Right only if covariates and random effects explain the extra variance."
            if overdispersed
            else "The variance is no larger than the mean."
            + (" It is smaller: standard errors will be too large." if underdispersed else ""),
        )
        if mean > _FAR and not far:
            yield Candidate("gaussian", "Large counts; the logarithm or the root as response.")

    return seen, candidates()


def _shares(y: Vector) -> tuple[str, Iterator[Candidate]]:
    ends = int(np.sum((y == 0.0) | (y == 1.0)))
    seen = f"from {y.min():.3g} to {y.max():.3g}, {ends} of {y.size} exactly 0 or 1"

    def candidates() -> Iterator[Candidate]:
        if ends:
            yield Candidate(
                "ordbeta", "Shares where 0 and 1 occur: one predictor moves values and ends."
            )
            yield Candidate(
                "binomial",
                "If these are successes out of known trials.",
                'with the response "success/trials"',
            )
        if ends:
            yield Candidate(
                "beta",
                "Exact 0 and 1 are not among its values; (y (n − 1) + 0.5) / n moves them in.",
                "with the response moved in",
            )
        else:
            yield Candidate("beta", "Shares between 0 and 1.")
        yield Candidate("gaussian", "Where shares stay away from 0 and 1.")

    return seen, candidates()


def _positive(y: Vector) -> tuple[str, Iterator[Candidate]]:
    zeros, inner = int(np.sum(y == 0.0)), y[y > 0.0]
    logs, cv = np.log(inner), float(inner.std() / inner.mean())
    percent = bool(y.max() <= 100.0 and y.max() > 20.0)
    seen = (
        f"measurements from {y.min():.3g} to {y.max():.3g}, coefficient of variation {cv:.2g}"
        + (f", {zeros} zeros" if zeros else "")
    )

    def candidates() -> Iterator[Candidate]:
        if zeros:
            yield Candidate("tweedie", "Amounts that can be exactly zero.")
            yield Candidate(
                "gaussian",
                "With zeros, the families of positive values do not apply. Or two models: "
                "whether it is above zero, binomial, and how much where it is, gamma.",
            )
            return
        if cv < _NARROW:
            yield Candidate("gaussian", "The spread is small beside the mean.")
        yield Candidate(
            "gamma", "Positive, with a standard deviation proportional to the mean."
        )
        yield Candidate(
            "lognormal",
            "The same, with a longer tail."
            if _skewness(logs) > -0.5
            else "The same; but the logarithms are skewed to the left.",
        )
        if cv > 1.0:
            yield Candidate("inverse_gaussian", "Positive, with a very long tail.")
        if cv >= _NARROW:
            yield Candidate("gaussian", "If the residuals turn out to be even.")
        if percent:
            yield Candidate(
                "beta", "If these are percentages: as shares.", "of the response divided by 100"
            )

    return seen, candidates()


def _real(y: Vector) -> tuple[str, Iterator[Candidate]]:
    excess = _kurtosis(y)
    seen = f"measurements from {y.min():.3g} to {y.max():.3g}, some negative"

    def candidates() -> Iterator[Candidate]:
        yield Candidate("gaussian", "Measurements on both sides of zero.")
        yield Candidate(
            "t",
            f"The tails are heavy (excess kurtosis {excess:.2g}): outliers count less."
            if excess > _HEAVY
            else "If there are outliers: they count less.",
        )

    return seen, candidates()


def _skewness(y: Vector) -> float:
    return _moment(y, 3)


def _kurtosis(y: Vector) -> float:
    return _moment(y, 4) - 3.0


def _moment(y: Vector, order: int) -> float:
    sd = float(np.std(y))
    return float(np.mean(((y - y.mean()) / sd) ** order)) if sd > 0.0 else 0.0
