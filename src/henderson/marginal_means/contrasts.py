"""Contrasts of means, tested and with simultaneous intervals, group by group."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.errors import DataError, ModelError, did_you_mean
from henderson.inference.ddf.methods import why_no_covariance
from henderson.inference.simultaneous.multiplicity import (
    Compared,
    Family,
    adjusted_from_p,
    adjusted_p_values,
    adjustment_named,
    critical_values,
    interval_adjustment,
)
from henderson.marginal_means.argument_checks import (
    checked_level,
    is_finite_number,
    listed_names,
)
from henderson.marginal_means.contrast_coefficients import Coefficients, coefficients
from henderson.marginal_means.contrast_plots import plot_contrasts
from henderson.marginal_means.mean_rows import Functions, MeanRows
from henderson.marginal_means.response_scale import Transformed, ratios
from henderson.marginal_means.text_table import text_table
from henderson.quantiles import lower_tail

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ContrastMethod: TypeAlias = str | Mapping[str, object]
Side = Literal["both", "lower", "upper"]
NativeTable: TypeAlias = Any  # a table of the user's own kind


@dataclass(frozen=True, slots=True)
class ContrastGroup:
    """The contrasts within one combination of the `by` variables: one family of tests."""

    by: Mapping[str, Any]
    names: tuple[str, ...]
    pairs: tuple[tuple[int, int] | None, ...]  # rows of the means, where a contrast has two
    functions: Functions
    family: Family


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MeanContrasts:
    """Contrasts of means, as `MarginalMeans.contrasts` returns them.

    Tests are of the contrast being 0 on the scale of the linear predictor. Where the means are
    on the response scale and the link is the logarithm or the logit, a contrast is a ratio of
    means, or of odds, and tested for being 1.
    """

    rows: MeanRows
    groups: tuple[ContrastGroup, ...]
    adjust: str
    level: float
    measure: Literal["estimate", "ratio", "odds_ratio"]

    def table(self, *, adjust: str | None = None, level: float | None = None) -> NativeTable:
        """Estimates, tests and simultaneous intervals.

        Parameters
        ----------
        adjust, level
            In place of those chosen when the contrasts were made.

        Returns
        -------
        table
            The `by` variables, `contrast`, then `estimate` (or `ratio`, `odds_ratio`),
            `std_error`, `df`, `statistic`, `p_value`, `lower`, `upper`. Not a number where a
            contrast cannot be estimated.
        """
        parts = [self._columns(group, adjust, level) for group in self.groups]
        return self.rows.estimates.frame.table(_stacked(parts))

    def plot(self) -> "Figure":
        """Contrasts with their simultaneous intervals, one a line.

        Filled where p < 0.05. Ratios have a logarithmic axis.

        Returns
        -------
        matplotlib Figure
            `drawing.means.draw_contrasts` draws the table into axes of your own.
        """
        columns = _stacked([self._columns(group, None, None) for group in self.groups])
        return plot_contrasts(columns, self.rows, self.measure, self.level)

    def equivalence(self, delta: float, *, adjust: str = "none") -> NativeTable:
        """Two one-sided tests that a contrast lies within ±delta.

            t = (|θ̂| − δ) / se,   p = P(T ≤ t)

        Parameters
        ----------
        delta
            δ > 0, on the scale of the linear predictor: log 1.25 for ratios within 0.8 to 1.25.
        adjust
            An adjustment of p-values: "none", "bonferroni", "sidak", "holm", "hochberg", "BH".

        Returns
        -------
        table
            The `by` variables, `contrast`, `estimate`, `std_error`, `df`, `statistic`,
            `p_value`; small p-values say that the means are equivalent. Estimates are on the
            scale of the linear predictor.

        Notes
        -----
        Source: Schuirmann (1987), J. Pharmacokinet. Biopharm. 15, 657–680.
        """
        return self._margin_table(delta, "both", adjust)

    def noninferiority(
        self, delta: float, *, side: Literal["lower", "upper"] = "lower", adjust: str = "none"
    ) -> NativeTable:
        """One-sided tests against a margin.

            "lower":  t = (θ̂ + δ) / se,  p = P(T ≥ t):  not lower than −δ
            "upper":  t = (θ̂ − δ) / se,  p = P(T ≤ t):  not higher than δ

        Parameters
        ----------
        delta
            δ ≥ 0, on the scale of the linear predictor; 0 makes a one-sided test of 0.
        side
            The side on which a difference would matter: "lower" where more is better.
        adjust
            As in `equivalence`.

        Returns
        -------
        table
            As `equivalence` returns.
        """
        if side not in {"lower", "upper"}:
            raise ModelError(f"There is no side={side!r}. Choose 'lower' or 'upper'.")
        return self._margin_table(delta, side, adjust)

    def _columns(
        self, group: ContrastGroup, adjust: str | None, level: float | None
    ) -> dict[str, Any]:
        adjust = self.adjust if adjust is None else adjust
        level = self.level if level is None else checked_level(level)
        found = group.functions
        t = statistics(found)
        half = critical_values(group.family, level, found.df, adjust) * found.std_error
        shown = self._transformed(found, half)
        return {
            **_repeated(group.by, len(group.names)),
            "contrast": np.array(group.names, dtype=object),
            self.measure: shown.estimate,
            "std_error": shown.std_error,
            "df": found.df,
            "statistic": t,
            "p_value": adjusted_p_values(group.family, t, found.df, adjust),
            "lower": shown.lower,
            "upper": shown.upper,
        }

    def _transformed(self, found: Functions, half: Vector) -> Transformed:
        if self.measure != "estimate":
            return ratios(found.estimate, found.std_error, half)
        estimate = found.estimate
        return Transformed(estimate, found.std_error, estimate - half, estimate + half)

    def _margin_table(self, delta: float, side: Side, adjust: str) -> NativeTable:
        if not is_finite_number(delta) or delta < 0.0 or (side == "both" and delta == 0.0):
            raise ModelError(
                f"delta={delta!r} is not a margin. Give a number above 0, on the scale of the "
                "linear predictor."
            )
        parts = []
        for group in self.groups:
            found = group.functions
            t = margin_statistics(found, delta, side)
            p = lower_tail(-t if side == "lower" else t, found.df)
            parts.append(
                {
                    **_repeated(group.by, len(group.names)),
                    "contrast": np.array(group.names, dtype=object),
                    "estimate": found.estimate,
                    "std_error": found.std_error,
                    "df": found.df,
                    "statistic": t,
                    "p_value": adjusted_from_p(p, len(p), adjust),
                }
            )
        return self.rows.estimates.frame.table(_stacked(parts))

    @property
    def p_values(self) -> Vector:
        """Adjusted p-values in the order of the table."""
        return np.concatenate([self.group_p_values(group) for group in self.groups])

    def group_p_values(self, group: ContrastGroup) -> Vector:
        """Adjusted p-values of one family."""
        found = group.functions
        return adjusted_p_values(group.family, statistics(found), found.df, self.adjust)

    def __repr__(self) -> str:
        columns = _stacked([self._columns(group, None, None) for group in self.groups])
        return text_table(columns, self._notes())

    def _notes(self) -> Iterator[str]:
        method = self.rows.reference.name
        sizes = sorted({group.family.m for group in self.groups})
        yield f"Degrees of freedom: {method}. Confidence level: {self.level:g}."
        if self.adjust != "none" and sizes[-1] > 1:
            listed = " and ".join(map(str, sizes))
            of_intervals = interval_adjustment(self.adjust)
            if of_intervals == self.adjust:
                said = f"p-values and intervals adjusted by {self.adjust}"
            else:
                said = f"p-values adjusted by {self.adjust}, intervals by {of_intervals}"
            yield f"{said} for {listed} comparisons."
        if self.measure != "estimate":
            yield "Tests and intervals were made on the scale of the linear predictor."
        if why := why_no_covariance(self.rows.estimates, self.rows.reference):
            yield why


def contrast(
    rows: MeanRows,
    method: ContrastMethod = "pairwise",
    *,
    adjust: str | None = None,
    by: str | Sequence[str] | None = None,
    reference: str | None = None,
    interaction: str | Sequence[str] | Mapping[str, str] | None = None,
    level: float | None = None,
    rng: np.random.Generator | int = 0,
) -> MeanContrasts:
    """Contrasts of means; see `MarginalMeans.contrasts`."""
    rows = rows if by is None else regrouped(rows, by)
    groups = []
    default = "none"
    for at in rows.groups:
        if interaction is None:
            made, default = coefficients(method, rows.names(at), reference)
        else:
            made = _interaction(rows, at, interaction)
        groups.append(_group(rows, at, made, rng))
    if method in ("dunnett", "trt.vs.ctrl") and not any(len(g.names) for g in groups):
        raise ModelError(
            "Comparisons with a control need two means or more, and there is one in each "
            "group. Ask for means of a factor, or of several values: at={name: [values]}."
        )
    compared: Compared = groups[0].family.compared
    chosen = default if adjust is None else adjust
    adjustment_named(chosen, compared)
    return MeanContrasts(
        rows=rows,
        groups=tuple(groups),
        adjust=chosen,
        level=rows.level if level is None else checked_level(level),
        measure=_measure(rows),
    )


def regrouped(rows: MeanRows, by: str | Sequence[str]) -> MeanRows:
    """The same means, compared within the combinations of other variables."""
    from_all = (*rows.factors, *rows.by)
    asked = listed_names("by", by)
    for name in asked:
        if name not in from_all:
            raise DataError(
                f"by names {name!r}, which the means are not of. "
                f"{did_you_mean(str(name), list(from_all))}They are of: {', '.join(from_all)}."
            )
    factors = tuple(name for name in from_all if name not in asked)
    if not factors:
        raise DataError(f"by={asked!r} leaves nothing to compare. Leave one of them out of by.")
    return replace(rows, factors=factors, by=tuple(map(str, asked)))


def statistics(found: Functions) -> Vector:
    """θ̂ / se; not a number where the standard error is 0."""
    some = found.std_error > 0.0
    return np.divide(
        found.estimate, found.std_error, out=np.full(len(some), np.nan), where=some
    )


def margin_statistics(found: Functions, delta: float, side: Side) -> Vector:
    """Distances from the margin in standard errors."""
    moved = {
        "both": np.abs(found.estimate) - delta,
        "lower": found.estimate + delta,
        "upper": found.estimate - delta,
    }[side]
    some = found.std_error > 0.0
    return np.divide(moved, found.std_error, out=np.full(len(some), np.nan), where=some)


def _group(
    rows: MeanRows,
    at: NDArray[np.int64],
    made: Coefficients,
    rng: np.random.Generator | int,
) -> ContrastGroup:
    C = np.zeros((len(made.matrix), rows.r))
    C[:, at] = made.matrix
    functions = rows.functions(C)
    return ContrastGroup(
        by={name: rows.columns[name][at[0]] for name in rows.by},
        names=_as_ratios(made) if _measure(rows) != "estimate" else made.names,
        pairs=tuple(None if p is None else (int(at[p[0]]), int(at[p[1]])) for p in made.pairs),
        functions=functions,
        family=Family(functions.factor, len(at), made.compared, rng),
    )


def _as_ratios(made: Coefficients) -> tuple[str, ...]:
    """Names of pairs as ratios: "A / B" for "A - B"."""
    return tuple(
        name if labels is None else f"{labels[0]} / {labels[1]}"
        for name, labels in zip(made.names, made.labels, strict=True)
    )


def _interaction(
    rows: MeanRows,
    at: NDArray[np.int64],
    asked: str | Sequence[str] | Mapping[str, str],
) -> Coefficients:
    """Contrasts of one factor compared by contrasts of the others: products of coefficients."""
    if isinstance(asked, Mapping):
        unknown = next((name for name in asked if name not in rows.factors), None)
        if unknown is not None:
            raise DataError(
                f"interaction names {unknown!r}, which the means are not of. "
                f"{did_you_mean(str(unknown), list(rows.factors))}"
                f"They are of: {', '.join(rows.factors)}."
            )
        methods = [asked.get(name, "pairwise") for name in rows.factors]
    elif isinstance(asked, str):
        methods = [asked] * len(rows.factors)
    else:
        methods = list(map(str, listed_names("interaction", asked)))
    if len(methods) != len(rows.factors) or len(methods) < 2:
        raise ModelError(
            f"interaction has {len(methods)} kinds of contrasts for the factors "
            f"{', '.join(rows.factors) or 'none'}. Give one for each of two or more factors, "
            'such as interaction=("pairwise", "poly").'
        )
    levels = [tuple(dict.fromkeys(rows.labels[n][i] for i in at)) for n in rows.factors]
    places = {tuple(rows.labels[n][i] for n in rows.factors): c for c, i in enumerate(at)}
    if len(places) != int(np.prod([len(each) for each in levels])):
        raise ModelError(
            "Interaction contrasts need every combination of "
            f"{', '.join(rows.factors)}. Use contrasts within by instead."
        )
    matrix, names = np.ones((1, 1)), [""]
    for labels, method in zip(levels, methods, strict=True):
        made, _ = coefficients(method, labels)
        matrix = np.kron(made.matrix, matrix)
        names = [f"{a} : {b}" if a else b for b in made.names for a in names]
    order = [places[key] for key in _first_fastest(levels)]
    placed = np.zeros((len(matrix), len(at)))
    placed[:, order] = matrix
    none = (None,) * len(names)
    return Coefficients(tuple(names), placed, none, none, "other")


def _first_fastest(levels: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """All combinations, the first factor's levels varying fastest."""
    found: list[tuple[str, ...]] = [()]
    for labels in levels:
        found = [(*earlier, label) for label in labels for earlier in found]
    return found


def _measure(rows: MeanRows) -> Literal["estimate", "ratio", "odds_ratio"]:
    if rows.scale == "response" and rows.link is not None:
        if rows.link.name == "log":
            return "ratio"
        if rows.link.name == "logit":
            return "odds_ratio"
    return "estimate"


def _repeated(by: Mapping[str, Any], n: int) -> dict[str, Any]:
    return {name: np.array([value] * n) for name, value in by.items()}


def _stacked(parts: list[dict[str, Any]]) -> dict[str, Matrix]:
    """The columns of several tables, one below the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
