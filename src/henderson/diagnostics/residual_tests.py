"""Tests of quantile residuals: each a statistic, a p-value and a sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtr, chdtrc, gammaln, kolmogorov, ndtr

from henderson.arrays import Matrix, Vector
from henderson.design.factors import Factor
from henderson.diagnostics.draw_places import PLACES, Places
from henderson.diagnostics.quantile_regression import (
    knots_along,
    score_statistic,
    spline_basis,
)
from henderson.diagnostics.quantile_residuals import (
    FEW_ROWS,
    QuantileResiduals,
    numbers_of,
    variable_of,
)
from henderson.errors import DataError, ModelError, check_choice
from henderson.randomness import generator_of

Alternative = Literal["two-sided", "greater", "less"]
ALTERNATIVES = ("two-sided", "greater", "less")
QUARTILES = (0.25, 0.5, 0.75)
DOUBTFUL = 0.05  # p-values below it are called evidence

_BOUNDS = tuple(i / PLACES for i in range(1, PLACES))
_BOOTSTRAPS = 100
ROWS_FOR_QUARTILES = 40
_NO_COLUMN = 1e-8  # a singular value of a basis, of its largest
_BLOCK = 2_000_000  # distances held at a time


@dataclass(frozen=True, slots=True)
class ResidualTest:
    """What a test found."""

    name: str
    statistic: float
    p_value: float
    finding: str
    finest: float = 1e-4  # the smallest p-value to tell from 0

    @property
    def p_in_words(self) -> str:
        """The p-value, or what it is below: one by draws is no finer than their number."""
        small = self.p_value < self.finest
        return f"p < {self.finest:.4g}" if small else f"p = {self.p_value:.4f}"

    @property
    def sentence(self) -> str:
        """What was found, and whether it speaks against the model at 5 %."""
        verdict = "evidence" if self.p_value < DOUBTFUL else "no evidence"
        return f"{self.finding}: {verdict} against the model ({self.p_in_words})."

    def __str__(self) -> str:
        return self.sentence


def uniformity(found: QuantileResiduals) -> ResidualTest:
    """The Kolmogorov-Smirnov test of uniform residuals; D is the largest distance.

    Exact below 100 residuals without ties, asymptotic otherwise. Where rows share random
    effects, the p-value is the share of draws with as large a distance at sixteenths; see
    `diagnostics.draw_places`.
    """
    x = np.sort(found.values)
    n = x.size
    steps = np.arange(n + 1) / n
    D = float(max(np.max(steps[1:] - x), np.max(x - steps[:-1])))
    text = f"Residuals are at most {D:.3g} from uniform"
    if found.places is not None:
        share = _below(found, _BOUNDS).mean(axis=0)
        distance = float(np.max(np.abs(share - np.array(_BOUNDS))))
        p, finest = _among_draws(found, distance, _from_uniform)
        return ResidualTest("uniformity", D, p, text, finest)
    exact = n < 100 and np.all(np.diff(x) > 0.0)
    p = _exact_kolmogorov(D, n) if exact else float(kolmogorov(np.sqrt(n) * D))
    return ResidualTest("uniformity", D, p, text)


def dispersion(
    found: QuantileResiduals,
    *,
    kind: Literal["simulation", "pearson"] = "simulation",
    alternative: Alternative | None = None,
) -> ResidualTest:
    """The variance of y around its mean against that of the draws, or Pearson's chi-square.

    "simulation": Var(y − m) over the mean of Var(y* − m), two-sided unless told; of refits, the
    sum of squared Pearson residuals over its mean in these. "pearson": the
    sum of squared Pearson residuals at the conditional modes over its degrees of freedom. With
    random effects that is too small, so only "greater", the default, is to be trusted.
    """
    check_choice("kind", kind, ("simulation", "pearson"))
    if kind == "simulation":
        expected = float(np.mean(found.drawn_variance))
        ratio = _ratio(found.variance, expected)
        p = _rank_p(found.variance, found.drawn_variance, alternative or "two-sided")
        text = f"The response varies {ratio:.3g} times as much as the model's draws"
        if found.refitted:
            text = f"Squared Pearson residuals are {ratio:.3g} times as large as in refits"
        return ResidualTest("dispersion", ratio, p, text, _finest(found, alternative))
    if found.pearson is None or found.pearson[1] < 1:
        raise ModelError(
            "Pearson's dispersion needs single rows and residual degrees of freedom. "
            'Simulate the residuals without by=, or take kind="simulation".'
        )
    total, df = found.pearson
    tails: dict[str, float] = {
        "greater": float(chdtrc(df, total)),
        "less": float(chdtr(df, total)),
    }
    side = alternative or "greater"
    check_choice("alternative", side, ALTERNATIVES)
    p = min(1.0, 2.0 * min(tails.values())) if side == "two-sided" else tails[side]
    text = f"Squared Pearson residuals are {total / df:.3g} per degree of freedom"
    return ResidualTest("dispersion", total / df, p, text)


def zero_inflation(
    found: QuantileResiduals, *, alternative: Alternative = "two-sided"
) -> ResidualTest:
    """Zeros observed over the mean number of zeros in the draws."""
    expected = float(np.mean(found.drawn_zeros))
    p = _rank_p(found.zeros, found.drawn_zeros, alternative)
    text = f"There are {found.zeros} zeros where the model expects {expected:.4g}"
    ratio = _ratio(found.zeros, expected)
    return ResidualTest("zero inflation", ratio, p, text, _finest(found, alternative))


def outliers(
    found: QuantileResiduals,
    *,
    kind: Literal["binomial", "bootstrap", "draws"] | None = None,
    rng: np.random.Generator | int | None = None,
) -> ResidualTest:
    """Observations outside all draws, against how many there should be.

    "binomial": the exact test of their number k out of n at probability 2 / (S + 1), which does
    not hold for discrete responses. "draws": k among the numbers of rows in which each draw is
    outside all others. "bootstrap": draws take the place of the response, each against a sample
    of the others with replacement, among whose fewer values it is outside too often; for at
    most 500 rows, the only one that uses `rng`. None: "draws" for discrete responses, else
    "binomial".
    """
    check_choice("kind", kind, (None, "binomial", "bootstrap", "draws"))
    if kind == "bootstrap":
        return _bootstrapped_outliers(found, generator_of(rng))
    if kind == "draws" or (kind is None and found.discrete):
        return _exchanged_outliers(found)
    n, probability = found.values.size, 1.0 / (found.n_draws + 1)
    k = int(np.sum(found.values < probability) + np.sum(found.values > 1.0 - probability))
    text = f"{k} observations of {n} are outside all draws, expected are "
    text += f"{2.0 * probability * n:.3g}"
    return ResidualTest("outliers", float(k), _binomial_p(k, n, 2.0 * probability), text)


def quantiles(found: QuantileResiduals, against: str | ArrayLike | None = None) -> ResidualTest:
    """Quartiles of the residuals along the predictions or a covariate, by quantile regression.

    The score test that the regressions of the three quartiles, on natural splines of the ranks
    of the predictions or of a numeric covariate (3 to 5 knots, by the rows), are level at ¼, ½
    and ¾; see `diagnostics.quantile_regression`. Levels of a factor have quartiles of their
    own, which makes it Pearson's chi-square of quarters by level. `against` is a variable of
    the model, or one value a row.

    Its p-value is that of χ² where rows are independent. Where they share random effects, it is
    the share of draws in which X² is as large; see `diagnostics.draw_places`.
    """
    n = found.values.size
    if n < ROWS_FOR_QUARTILES:
        raise ModelError(
            f"{n} residuals are too few for regressions of their quartiles. "
            f"It takes {ROWS_FOR_QUARTILES}."
        )
    along = found.fitted if against is None else covariate_of(found, against)
    statistic = _QuartileScores.along(along)
    chi2, df = statistic.chi2(_below(found, QUARTILES)), statistic.df
    p, finest = float(chdtrc(df, chi2)), 1e-4
    if found.places is not None:
        p, finest = _among_draws(found, chi2, lambda place: statistic.chi2(_under(place)))
    name = "the predictions" if against is None else "the covariate"
    name = against if isinstance(against, str) else name
    text = f"Quartiles of the residuals along {name}: chi-square {chi2:.4g}, {df} df"
    return ResidualTest("quantiles", chi2, p, text, finest)


@dataclass(frozen=True, slots=True)
class _QuartileScores:
    """The score test's design: an orthonormal basis (n, k), or the level of each row (n,)."""

    basis: Matrix | None
    level: NDArray[np.intp]
    count: Vector  # of rows in each level

    @classmethod
    def along(cls, values: NDArray[Any]) -> Self:
        """Of the ranks of numbers, or of levels."""
        if values.dtype.kind in "iuf":
            x = ranks(values)
            basis, size, _ = np.linalg.svd(spline_basis(x, knots_along(x)), full_matrices=False)
            none = np.zeros(0)  # few distinct numbers have no more columns than values
            return cls(basis[:, size > _NO_COLUMN * size[0]], none.astype(np.intp), none)
        _, level, count = np.unique(values, return_inverse=True, return_counts=True)
        return cls(None, level.reshape(-1), count.astype(np.float64))

    @property
    def df(self) -> int:
        """Three for each column."""
        columns = self.count.size if self.basis is None else self.basis.shape[1]
        return len(QUARTILES) * columns

    def chi2(self, below: Matrix) -> float:
        """X² of whether each row is below each quartile, (n, 3)."""
        off = below - np.array(QUARTILES)
        if self.basis is not None:
            scores = self.basis.T @ off
            return score_statistic(scores, scores, QUARTILES)
        scores = np.zeros((self.count.size, len(QUARTILES)))
        np.add.at(scores, self.level, off)
        return score_statistic(scores, scores / self.count[:, None], QUARTILES)


def _under(place: Places) -> Matrix:
    """Whether rows in places 0 to 15 are below each quartile, (n, 3)."""
    return (place[:, None] < PLACES * np.array(QUARTILES)).astype(np.float64)


def _from_uniform(place: Places) -> float:
    """The largest distance of the distribution of places, at their bounds, from even."""
    share = np.cumsum(np.bincount(place, minlength=PLACES))[:-1] / place.size
    return float(np.max(np.abs(share - np.array(_BOUNDS))))


def _among_draws(
    found: QuantileResiduals, of_y: float, statistic: Callable[[Places], float]
) -> tuple[float, float]:
    """The share of draws with a statistic as large as that of y, and the smallest above 0."""
    places = () if found.places is None else found.places.T
    of_draws = [statistic(np.ascontiguousarray(place)) for place in places]
    return _rank_p(of_y, np.array(of_draws), "greater"), 1.0 / len(of_draws)


def _below(found: QuantileResiduals, levels: Sequence[float]) -> NDArray[np.float64]:
    """Whether each residual is below each level, (n, L).

    Among S draws y has S + 1 equally likely places. A level within the place of y is above it
    with a probability; a tie has its place drawn.
    """
    S = found.n_draws
    width = found.upper - found.lower
    tied = width > 0.0
    share = np.divide(found.values - found.lower, width, out=np.zeros_like(width), where=tied)
    ahead = np.array(levels) * (S + 1) - (S * found.values + share)[:, None]
    return np.where(tied[:, None], ahead > 0.0, np.clip(ahead, 0.0, 1.0))


def covariate_of(found: QuantileResiduals, given: str | ArrayLike) -> NDArray[Any]:
    """A variable, one value a residual: numbers, or the labels of levels.

    Of grouped residuals numbers are averaged, and a level is that of the group's first row.
    """
    rows = found.values.size if found.group is None else found.group.size
    values = variable_of(found.frame, given, "against", rows)
    if not isinstance(values, Factor):
        return _averaged(found, np.asarray(values, dtype=np.float64))
    labels = np.array(values.levels, dtype=object)[values.codes].astype(str)
    if found.group is None:
        return labels
    return labels[np.unique(found.group, return_index=True)[1]]


def temporal_autocorrelation(found: QuantileResiduals, time: str | ArrayLike) -> ResidualTest:
    """Durbin and Watson's d of the residuals in order of `time`, whose values must differ.

        d = Σ (eₜ − eₜ₋₁)² / Σ eₜ²,   E d = 2,   e = r − mean(r)

    By the normal approximation. Where rows share random effects or their residuals vary
    together, d is compared with that of draws from the model, which are correlated, too: what
    is tested is whether the model has the correlation right. Source: Durbin & Watson (1950),
    Biometrika 37, 409–428.
    """
    times = _per_residual(found, time, "time")
    n = times.size
    order = np.argsort(times)
    if n < 4 or np.any(times[order][1:] == times[order][:-1]):
        raise DataError(
            "time= needs four different times or more, each only once. Where several rows "
            "share a time, add them up: simulate_residuals(by=...)."
        )

    def durbin_watson(e: Matrix) -> Vector:
        e = e[order] - e.mean(axis=0)
        return np.sum(np.diff(e, axis=0) ** 2, axis=0) / np.sum(e**2, axis=0)

    d = float(durbin_watson(found.values[:, None])[0])
    text = f"Durbin-Watson of the residuals in time is {d:.3g}"
    if found.places is not None:
        return _against_draws("temporal autocorrelation", found, d, durbin_watson, text)
    total = 2.0 * (n - 1)  # trace of the differences' matrix; of its square below
    squares = 6.0 * n - 8.0
    variance = 2.0 * ((n - 1) * squares - total**2) / ((n - 1) ** 2 * (n + 1))
    p = 2.0 * float(ndtr(-abs(d - 2.0) / np.sqrt(variance)))
    return ResidualTest("temporal autocorrelation", d, p, f"{text}, 2 without autocorrelation")


def spatial_autocorrelation(
    found: QuantileResiduals, x: str | ArrayLike, y: str | ArrayLike
) -> ResidualTest:
    """Moran's I of the residuals at places (x, y), weights 1 / distance, summing to 1 a row.

        I = Σᵢⱼ wᵢⱼ eᵢ eⱼ / Σ eᵢ²,   E I = −1 / (n − 1)

    By the normal approximation, with the variance under permutation; against draws from the
    model as in `temporal_autocorrelation` where rows are dependent by it. Takes time O(n²),
    memory O(n). Source: Cliff & Ord (1981), Spatial Processes, chapter 2.
    """
    places = np.column_stack([_per_residual(found, x, "x"), _per_residual(found, y, "y")])
    n = len(places)
    if n < 4 or len(np.unique(places, axis=0)) < n:
        raise DataError(
            "x= and y= need four different places or more, each only once. Where several rows "
            "share a place, add them up: simulate_residuals(by=...)."
        )
    size = max(1, _BLOCK // n)
    blocks = [slice(start, start + size) for start in range(0, n, size)]
    row_sum = np.concatenate([_closeness(places, rows).sum(axis=1) for rows in blocks])

    def moran(e: Matrix) -> Vector:
        e, product = e - e.mean(axis=0), np.zeros(e.shape[1])
        for rows in blocks:
            weighted = _closeness(places, rows) @ e / row_sum[rows, None]
            product += np.sum(e[rows] * weighted, axis=0)
        return product / np.sum(e**2, axis=0)

    statistic = float(moran(found.values[:, None])[0])
    text = f"Moran's I of the residuals in space is {statistic:.3g}"
    if found.places is not None:
        return _against_draws("spatial autocorrelation", found, statistic, moran, text)
    s1, column_sum = 0.0, np.zeros(n)
    for rows in blocks:
        near = _closeness(places, rows)
        w = near / row_sum[rows, None]
        s1 += 0.5 * float(np.sum((w + near / row_sum) ** 2))
        column_sum += w.sum(axis=0)
    s2 = float(np.sum((1.0 + column_sum) ** 2))
    e = found.values - found.values.mean()
    kurtosis = n * float(np.sum(e**4)) / float(e @ e) ** 2
    mean = -1.0 / (n - 1)
    second = n * ((n**2 - 3 * n + 3) * s1 - n * s2 + 3 * n**2)
    second -= kurtosis * (n * (n - 1) * s1 - 2 * n * s2 + 6 * n**2)
    variance = second / ((n - 1) * (n - 2) * (n - 3) * n**2) - mean**2
    p = 2.0 * float(ndtr(-abs(statistic - mean) / np.sqrt(variance)))
    text = f"{text}, expected {mean:.3g}"
    return ResidualTest("spatial autocorrelation", statistic, p, text)


def _against_draws(
    name: str,
    found: QuantileResiduals,
    of_residuals: float,
    statistic: Callable[[Matrix], Vector],
    text: str,
) -> ResidualTest:
    """The two-sided rank of a statistic of columns (n, m) among those of draws, by places."""
    assert found.places is not None
    own = np.minimum(found.values * PLACES, PLACES - 1.0).astype(np.uint8)
    columns = np.column_stack([own, found.places])
    size = max(1, _BLOCK // len(own))
    values = np.concatenate(
        [
            statistic(columns[:, at : at + size].astype(np.float64))
            for at in range(0, columns.shape[1], size)
        ]
    )
    p = _rank_p(values[0], values[1:], "two-sided")
    text = f"{text}, in draws from the model {float(np.mean(values[1:])):.3g}"
    return ResidualTest(name, of_residuals, p, text, 2.0 / (values.size - 1))


def ranks(values: Vector) -> Vector:
    """Ranks over n, ties at their mean: (0, 1], shape (n,)."""
    _, code, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return ((last - 0.5 * (count - 1)) / values.size)[code.reshape(-1)]


def _finest(found: QuantileResiduals, alternative: Alternative | None) -> float:
    """The smallest p-value above 0 by the share of draws."""
    return (2.0 if alternative in (None, "two-sided") else 1.0) / found.n_draws


def _ratio(observed: float, expected: float) -> float:
    return observed / expected if expected > 0.0 else np.nan


def _rank_p(observed: float, drawn: Vector, alternative: Alternative) -> float:
    """The share of draws at least as extreme; two-sided: twice the smaller one."""
    check_choice("alternative", alternative, ALTERNATIVES)
    less, greater = float(np.mean(drawn <= observed)), float(np.mean(drawn >= observed))
    if alternative == "two-sided":
        return min(1.0, 2.0 * min(less, greater))
    return greater if alternative == "greater" else less


def _exchanged_outliers(found: QuantileResiduals) -> ResidualTest:
    n, expected = found.values.size, float(np.mean(found.drawn_outside))
    k = int(np.sum((found.upper == 0.0) | (found.lower == 1.0)))
    p = _rank_p(k, found.drawn_outside, "two-sided")
    text = f"{k} observations of {n} are outside all draws, expected are {expected:.3g}"
    return ResidualTest("outliers", float(k), p, text, _finest(found, None))


def _bootstrapped_outliers(found: QuantileResiduals, rng: np.random.Generator) -> ResidualTest:
    if found.draws is None:
        raise ModelError(
            f'kind="bootstrap" is for at most {FEW_ROWS} rows, and there are '
            f'{found.values.size}. Take kind="binomial".'
        )
    S = found.n_draws
    frequencies = np.empty(min(_BOOTSTRAPS, S))
    for b in range(frequencies.size):
        others = rng.integers(0, S - 1, S)
        chosen = found.draws[:, others + (others >= b)]
        y = found.draws[:, b]
        frequencies[b] = np.mean((y < chosen.min(axis=1)) | (y > chosen.max(axis=1)))
    frequency = float(np.mean((found.upper == 0.0) | (found.lower == 1.0)))
    text = f"{frequency:.3%} of the observations are outside all draws, expected are "
    text += f"{np.mean(frequencies):.3%}"
    p = _rank_p(frequency, frequencies, "two-sided")
    return ResidualTest("outliers", frequency, p, text, 2.0 / frequencies.size)


def _binomial_p(k: int, n: int, probability: float) -> float:
    """Exact two-sided: the outcomes no more likely than k."""
    i = np.arange(n + 1)
    log_choices = gammaln(n + 1.0) - gammaln(i + 1.0) - gammaln(n - i + 1.0)
    density = np.exp(log_choices + i * np.log(probability) + (n - i) * np.log1p(-probability))
    return min(1.0, float(density[density <= density[k] * (1.0 + 1e-7)].sum()))


def _exact_kolmogorov(D: float, n: int) -> float:
    """P(Dₙ ≥ D), as one entry of the n-th power of a matrix.

    Source: Marsaglia, Tsang & Wang (2003), J. Stat. Software 8(18).
    """
    k = int(n * D) + 1
    m, h = 2 * k - 1, k - n * D
    powers = h ** np.arange(1, m + 1)
    H = np.tril(np.ones((m, m)), 1)
    H[:, 0] -= powers
    H[-1] -= powers[::-1]
    H[-1, 0] += max(0.0, 2.0 * h - 1.0) ** m
    i, j = np.indices((m, m))
    H /= np.exp(gammaln(np.maximum(i - j + 1, 0) + 1.0))
    power = np.linalg.matrix_power(H / n, n)[k - 1, k - 1]  # over n: entries stay in range
    return float(np.clip(1.0 - power * np.exp(gammaln(n + 1.0)), 0.0, 1.0))


def _per_residual(found: QuantileResiduals, given: str | ArrayLike, name: str) -> Vector:
    """Numbers, one a residual: of grouped residuals the mean over the rows of each."""
    rows = found.values.size if found.group is None else found.group.size
    return _averaged(found, numbers_of(found.frame, given, name, rows))


def _averaged(found: QuantileResiduals, values: Vector) -> Vector:
    if found.group is None:
        return values
    return np.bincount(found.group, weights=values) / np.bincount(found.group)


def _closeness(places: Vector, rows: slice) -> Vector:
    """1 / distance of some places to all, 0 to themselves."""
    apart = places[rows, None, :] - places[None, :, :]
    distance = np.hypot(apart[..., 0], apart[..., 1])
    at = np.arange(len(distance))
    distance[at, at + rows.start] = np.inf
    return 1.0 / distance
