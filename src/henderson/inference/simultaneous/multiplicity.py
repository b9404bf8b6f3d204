"""P-values and intervals that hold for a family of comparisons together.

An adjustment turns t statistics into p-values, and a level into the number of standard errors
on either side that makes intervals simultaneous.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from scipy.special import chdtrc, chdtri, fdtrc, fdtri

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError, did_you_mean
from henderson.inference.simultaneous.largest_t import LargestT, largest_t
from henderson.inference.simultaneous.roots import falling_root
from henderson.inference.simultaneous.studentized_range import (
    studentized_range_quantile,
    studentized_range_tail,
)
from henderson.quantiles import student_quantile, two_sided

Compared = Literal["pairs", "control", "other"]


@dataclass(frozen=True, slots=True)
class Family:
    """m comparisons that are judged together.

    `factor` (m, r) has AAᵀ = the correlation of the estimates; rows of NaN are comparisons that
    cannot be estimated: they count in m. `means` is how many means are compared.
    """

    factor: Matrix
    means: int
    compared: Compared
    rng: np.random.Generator | int = 0

    @property
    def m(self) -> int:
        """Comparisons."""
        return len(self.factor)

    @property
    def estimable(self) -> Matrix:
        """The rows of `factor` that are not NaN."""
        return self.factor[np.isfinite(self.factor).all(axis=1)]

    @property
    def rank(self) -> int:
        """Dimension of what is compared."""
        rows = self.estimable
        return int(np.linalg.matrix_rank(rows, tol=1e-6)) if len(rows) else 0

    @property
    def largest(self) -> LargestT:
        """The distribution of the largest |t| of the comparisons."""
        return largest_t(self.estimable, self.rng)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """How one method treats a family: p-values from t and ν, critical values from ν; (m,).

    `needs` is what must be compared, None if it does not matter.
    """

    p_values: Callable[[Family, Vector, Vector], Vector]
    critical: Callable[[Family, float, Vector], Vector]
    needs: Compared | None = None


def adjusted_p_values(family: Family, t: Vector, df: Vector, adjust: str) -> Vector:
    """Two-sided p-values of t statistics.

    Parameters
    ----------
    family
        What is compared together.
    t, df
        (m,) each; df infinite is the normal distribution. NaN stays NaN.
    adjust
        A name in `ADJUSTMENTS`.

    Returns
    -------
    array
        (m,), between the p-values of single tests and 1.

    Raises
    ------
    ModelError
        For a name that does not exist, or does not fit what is compared.

    Notes
    -----
    "none": 2 P(T > |t|). "bonferroni": that times m. "sidak": 1 − (1 − p)^m. "holm",
    "hochberg", "BH": stepwise, from the ordered p. "tukey": the studentized range of the means,
    for all pairs (Tukey-Kramer where standard errors differ). "dunnett": the largest |t| of the
    comparisons with one control, at their actual correlations. "dunnettx": an approximation to
    it, a weighted mean of the Tukey and Sidak probabilities. "scheffe": t²/r against F(r, ν),
    for all contrasts in the r dimensions. "mvt": the largest |t| for any comparisons.

    Source: Hsu (1996), Multiple Comparisons; Holm (1979), Scand. J. Stat. 6, 65–70; Hochberg
    (1988), Biometrika 75, 800–802; Benjamini & Hochberg (1995), JRSS B 57, 289–300.

    Examples
    --------
    >>> family = Family(np.eye(3), 3, "other")
    >>> t, df = np.array([2.5, 1.0, 3.0]), np.full(3, 20.0)
    >>> adjusted_p_values(family, t, df, "holm").round(4)
    array([0.0425, 0.3293, 0.0212])
    """
    method = adjustment_named(adjust, family.compared)
    known = np.isfinite(t) & ~np.isnan(df)
    found = np.full(len(t), np.nan)
    if known.any():
        found[known] = np.clip(method.p_values(family, np.abs(t[known]), df[known]), 0.0, 1.0)
    return found


def critical_values(family: Family, level: float, df: Vector, adjust: str) -> Vector:
    """Standard errors on either side for intervals that hold together with probability `level`.

    Parameters
    ----------
    family, df, adjust
        As in `adjusted_p_values`. The stepwise methods have no intervals of their own, and get
        Bonferroni's.
    level
        Between 0 and 1.

    Returns
    -------
    array
        (m,), NaN where df is.
    """
    method = adjustment_named(adjust, family.compared)
    return method.critical(family, level, df)


def adjustment_named(adjust: str, compared: Compared) -> Adjustment:
    """Look an adjustment up, and see that it is for what is compared."""
    name = "BH" if adjust in {"fdr", "bh"} else adjust
    if name not in ADJUSTMENTS:
        known = list(ADJUSTMENTS)
        raise ModelError(
            f"There is no adjustment {adjust!r}. {did_you_mean(str(adjust), known)}"
            f"Choose one of {', '.join(map(repr, known))}."
        )
    method = ADJUSTMENTS[name]
    if method.needs is not None and method.needs != compared:
        needs = {"pairs": "all pairs of means", "control": "comparisons with one control"}
        raise ModelError(
            f"adjust={adjust!r} is for {needs[method.needs]}, and these are other comparisons. "
            'Use "mvt", which is exact for any, or "sidak" or "holm".'
        )
    return method


def interval_adjustment(adjust: str) -> str:
    """The name of the adjustment that intervals get: Bonferroni's for stepwise p-values."""
    name = "BH" if adjust in {"fdr", "bh"} else adjust
    return "bonferroni" if ADJUSTMENTS[name].critical is _BONFERRONI else adjust


def _by_df(df: Vector, function: Callable[[np.ndarray, float], Vector]) -> Vector:
    """`function(rows, ν)` for the rows of each ν, to ten digits, put together."""
    found = np.full(len(df), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        magnitude = 10.0 ** (9 - np.floor(np.log10(df)))
        rounded = np.where(np.isfinite(df), np.round(df * magnitude) / magnitude, df)
    for nu in np.unique(rounded[~np.isnan(df)]):
        rows = np.flatnonzero(rounded == nu)
        found[rows] = function(rows, float(nu))
    return found


def adjusted_from_p(p: Vector, m: int, adjust: str) -> Vector:
    """P-values of any tests, adjusted for being m; NaN stays NaN.

    Raises
    ------
    ModelError
        For a name that does not exist, or an adjustment that needs more than p-values.
    """
    name = "BH" if adjust in {"fdr", "bh"} else adjust
    if name not in _FROM_P:
        known = list(_FROM_P)
        raise ModelError(
            f"There is no adjustment {adjust!r} for these tests. {did_you_mean(adjust, known)}"
            f"Choose one of {', '.join(map(repr, known))}."
        )
    found = np.full(len(p), np.nan)
    known = np.isfinite(p)
    found[known] = np.clip(_FROM_P[name](p[known], m), 0.0, 1.0)
    return found


def _single(p: Vector, m: int) -> Vector:
    return p


def _bonferroni(p: Vector, m: int) -> Vector:
    return m * p


def _sidak(p: Vector, m: int) -> Vector:
    """1 − (1 − p)^m, with the digits of small p."""
    with np.errstate(divide="ignore"):
        return -np.expm1(m * np.log1p(-np.minimum(p, 1.0)))


def _holm(p: Vector, m: int) -> Vector:
    """p₍ᵢ₎ → max over j ≤ i of (m − j + 1) p₍ⱼ₎."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (m - np.arange(len(p))))
    return _in_place_of(order, stepped)


def _hochberg(p: Vector, m: int) -> Vector:
    """p₍ᵢ₎ → min over j ≥ i of (m − j + 1) p₍ⱼ₎."""
    order = np.argsort(p, kind="stable")
    stepped = p[order] * (m - np.arange(len(p)))
    return _in_place_of(order, np.minimum.accumulate(stepped[::-1])[::-1])


def _benjamini_hochberg(p: Vector, m: int) -> Vector:
    """p₍ᵢ₎ → min over j ≥ i of m p₍ⱼ₎ / j."""
    order = np.argsort(p, kind="stable")
    stepped = p[order] * m / np.arange(1, len(p) + 1)
    return _in_place_of(order, np.minimum.accumulate(stepped[::-1])[::-1])


def _in_place_of(order: np.ndarray, values: Vector) -> Vector:
    found = np.empty_like(values)
    found[order] = values
    return found


_FROM_P: Mapping[str, Callable[[Vector, int], Vector]] = MappingProxyType(
    {
        "none": _single,
        "bonferroni": _bonferroni,
        "sidak": _sidak,
        "holm": _holm,
        "hochberg": _hochberg,
        "BH": _benjamini_hochberg,
    }
)


def _two_sided(name: str) -> Callable[[Family, Vector, Vector], Vector]:
    """An adjustment of p-values as one of t statistics."""
    return lambda family, t, df: _FROM_P[name](two_sided(t, df), family.m)


def _tukey(family: Family, t: Vector, df: Vector) -> Vector:
    return _by_df(
        df,
        lambda rows, nu: studentized_range_tail(np.sqrt(2.0) * t[rows], family.means, nu),
    )


def _largest(family: Family, t: Vector, df: Vector) -> Vector:
    largest = family.largest
    return _by_df(df, lambda rows, nu: largest.tail(t[rows], nu))


def _dunnettx(family: Family, t: Vector, df: Vector) -> Vector:
    return _by_df(df, lambda rows, nu: _dunnettx_tail(t[rows], family.m, nu))


def _dunnettx_tail(t: Vector, m: int, df: float) -> Vector:
    """(m − 1)/m of Tukey's tail for as many means as have m pairs, the rest of Sidak's."""
    weight = (m - 1.0) / m
    means = 0.5 * (1.0 + np.sqrt(1.0 + 8.0 * m))
    tukey = studentized_range_tail(np.sqrt(2.0) * t, means, df)
    return weight * tukey + (1.0 - weight) * _sidak(two_sided(t, np.full(len(t), df)), m)


def _scheffe(family: Family, t: Vector, df: Vector) -> Vector:
    """P(F > t²/r), F with r and ν degrees of freedom."""
    r = float(max(family.rank, 1))
    finite = np.isfinite(df)
    return np.where(
        finite, fdtrc(r, np.where(finite, df, 1.0), t**2 / r), chdtrc(r, np.square(t))
    )


def _each(
    critical: Callable[[Family, float, float], float],
) -> Callable[[Family, float, Vector], Vector]:
    """A critical value for one ν as one for many."""

    def of_all(family: Family, level: float, df: Vector) -> Vector:
        return _by_df(df, lambda rows, nu: np.full(len(rows), critical(family, level, nu)))

    return of_all


def _single_critical(family: Family, level: float, df: float) -> float:
    return student_quantile(0.5 + level / 2.0, df)


def _bonferroni_critical(family: Family, level: float, df: float) -> float:
    return student_quantile(1.0 - (1.0 - level) / (2.0 * family.m), df)


def _sidak_critical(family: Family, level: float, df: float) -> float:
    return student_quantile(0.5 + level ** (1.0 / family.m) / 2.0, df)


def _tukey_critical(family: Family, level: float, df: float) -> float:
    return studentized_range_quantile(level, family.means, df) / np.sqrt(2.0)


def _largest_critical(family: Family, level: float, df: Vector) -> Vector:
    largest = family.largest
    return _by_df(df, lambda rows, nu: np.full(len(rows), largest.quantile(level, nu)))


def _dunnettx_critical(family: Family, level: float, df: float) -> float:
    return falling_root(
        lambda x: float(_dunnettx_tail(np.array([x]), family.m, df)[0]) - (1.0 - level),
        0.99 * _single_critical(family, level, df),
        1.01 * _bonferroni_critical(family, level, df),
    )


def _scheffe_critical(family: Family, level: float, df: float) -> float:
    r = float(max(family.rank, 1))
    square = chdtri(r, 1.0 - level) if np.isinf(df) else r * fdtri(r, df, level)
    return float(np.sqrt(square))


_BONFERRONI = _each(_bonferroni_critical)

ADJUSTMENTS: Mapping[str, Adjustment] = MappingProxyType(
    {
        "none": Adjustment(_two_sided("none"), _each(_single_critical)),
        "tukey": Adjustment(_tukey, _each(_tukey_critical), "pairs"),
        "dunnett": Adjustment(_largest, _largest_critical, "control"),
        "dunnettx": Adjustment(_dunnettx, _each(_dunnettx_critical), "control"),
        "sidak": Adjustment(_two_sided("sidak"), _each(_sidak_critical)),
        "bonferroni": Adjustment(_two_sided("bonferroni"), _BONFERRONI),
        "holm": Adjustment(_two_sided("holm"), _BONFERRONI),
        "hochberg": Adjustment(_two_sided("hochberg"), _BONFERRONI),
        "BH": Adjustment(_two_sided("BH"), _BONFERRONI),
        "scheffe": Adjustment(_scheffe, _each(_scheffe_critical)),
        "mvt": Adjustment(_largest, _largest_critical),
    }
)
