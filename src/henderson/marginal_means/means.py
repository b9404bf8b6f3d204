"""Estimated marginal means: averages of a model's predictions over a balanced grid."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.inference.ddf.methods import (
    DegreesOfFreedom,
    degrees_of_freedom,
    why_no_covariance,
)
from henderson.marginal_means.argument_checks import checked_level
from henderson.marginal_means.averaging import Weights, averages
from henderson.marginal_means.comparisons import (
    Order,
    difference_columns,
    letter_columns,
    native,
    p_value_columns,
)
from henderson.marginal_means.contrasts import ContrastMethod, MeanContrasts, contrast
from henderson.marginal_means.mean_plots import plot_means, plot_p_values
from henderson.marginal_means.mean_rows import (
    MeanRows,
    Scale,
    contrast_labels,
    link_of,
)
from henderson.marginal_means.mean_table import mean_columns, transformed
from henderson.marginal_means.reference_grid import (
    At,
    ReferenceGrid,
    reference_grid,
    undetermined,
)
from henderson.marginal_means.response_rows import response_rows
from henderson.marginal_means.response_scale import random_variance
from henderson.marginal_means.specs import Names, wanted
from henderson.marginal_means.text_table import text_table
from henderson.marginal_means.transformed_response import Transformation, left_transformed
from henderson.tables import NativeTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RandomEffects = Literal["zero", "integrate", "adjust"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MarginalMeans:
    """Estimated marginal means (or slopes), as `emmeans` and `emtrends` return them.

    `rows` has them as linear functions of the fixed effects; the methods compare them. Printed,
    it shows the table and what the means are averaged over.
    """

    rows: MeanRows

    @property
    def L(self) -> Matrix:  # noqa: N802
        """The linear functions, (r, p), over the coefficients of the fit."""
        return self.rows.coordinates[:, self.rows.kept]

    @property
    def estimate(self) -> Vector:
        """Estimates on the scale of the linear predictor, (r,); NaN: cannot be estimated."""
        return self.rows.functions().estimate

    @property
    def vcov(self) -> Matrix:
        """Covariance of `estimate`, (r, r), of the method of degrees of freedom used."""
        found = self.rows.functions()
        scaled = found.factor * found.std_error[:, None]
        return scaled @ scaled.T

    @property
    def df(self) -> Vector:
        """Degrees of freedom, (r,); infinite for the normal distribution."""
        return self.rows.functions().df

    def table(self, *, adjust: str = "none") -> NativeTable:
        """Estimates and intervals.

        Parameters
        ----------
        adjust
            "none" for intervals that hold one by one; "sidak", "bonferroni", "scheffe" or "mvt"
            for all means of a group together.

        Returns
        -------
        table
            The variables, then `estimate`, `std_error`, `df`, `lower`, `upper`, on the scale
            the means were asked for. Not a number where a mean cannot be estimated because
            cells of the design are empty.
        """
        return native(self.rows, mean_columns(self.rows, adjust=adjust))

    def contrasts(
        self,
        method: ContrastMethod = "pairwise",
        *,
        adjust: str | None = None,
        by: str | Sequence[str] | None = None,
        reference: str | None = None,
        interaction: str | Sequence[str] | Mapping[str, str] | None = None,
        level: float | None = None,
        rng: np.random.Generator | int = 0,
    ) -> MeanContrasts:
        """Contrasts of the means, within the groups of `by`.

        Parameters
        ----------
        method
            "pairwise", "revpairwise", "trt.vs.ctrl" (or "dunnett"), "consec", "eff", "del.eff",
            "helmert", "poly"; or a dict from the name of a contrast to its coefficients, one a
            mean, or a dict of those of some means: {"old against new": {"a": 1, "c": -1}}. See
            `contrast_coefficients.coefficients`.
        adjust
            Adjustment of p-values and intervals for the contrasts of a group. None: "tukey" for
            pairs, "dunnett" for comparisons with a control, "mvt" for consecutive, "BH" for
            effects, "none" for others. See
            `inference.simultaneous.multiplicity.adjusted_p_values`.
        by
            Compare within other variables than the means were asked with.
        reference
            The control, as contrasts call it; None is the first mean.
        interaction
            Contrasts of each variable, multiplied: one method for all, one a variable, or a
            dict. Takes the place of `method`.
        level
            Of the intervals; None is that of the means.
        rng
            For "mvt", a generator or a seed; by default results repeat.

        Returns
        -------
        MeanContrasts
            With `table()`, `equivalence()` and `noninferiority()`.
        """
        return contrast(
            self.rows,
            method,
            adjust=adjust,
            by=by,
            reference=reference,
            interaction=interaction,
            level=level,
            rng=rng,
        )

    def letters(
        self,
        *,
        adjust: str = "tukey",
        alpha: float = 0.05,
        order: Order = "ascending",
        sweep: bool = False,
        intervals: str = "none",
    ) -> NativeTable:
        """Compact letter display: means with a letter in common do not differ significantly.

        Parameters
        ----------
        adjust
            Of the p-values of all pairs of a group.
        alpha
            Error rate; a pair differs if its p-value is smaller.
        order
            Of the rows in a group: "ascending" or "descending" by mean, or "grid". Letters are
            given in this order.
        sweep
            Whether to leave out letters that other letters make superfluous, as R's multcomp
            does; R's emmeans does not.
        intervals
            Adjustment of the intervals, as in `table`: "none" for intervals that hold one by
            one, "sidak" for all means of a group together.

        Returns
        -------
        table
            As `table()`, with `letters`, empty where a mean cannot be estimated. Two intervals
            may overlap though the means differ.

        Notes
        -----
        Source: Piepho (2004), J. Comput. Graph. Stat. 13(2), 456–466.
        """
        columns = letter_columns(
            self.rows,
            adjust=adjust,
            alpha=alpha,
            order=order,
            sweep=sweep,
            intervals=intervals,
        )
        return native(self.rows, columns)

    def letters_text(self, *, adjust: str = "tukey", alpha: float = 0.05) -> str:
        """The table of `letters` as it is printed, with what it says.

        Parameters
        ----------
        adjust, alpha
            As in `letters`.

        Returns
        -------
        str
            Lines of text.
        """
        columns = letter_columns(
            self.rows, adjust=adjust, alpha=alpha, order="ascending", sweep=False
        )
        said = f"Means with a letter in common do not differ ({adjust}, {alpha:g})."
        if adjust != "none":
            said += f" Each {100 * self.rows.level:g} % interval is for its mean alone."
        return text_table(columns, (*self.notes, said))

    def p_matrix(self, *, adjust: str = "tukey") -> NativeTable:
        """P-values of all pairs as a matrix.

        Returns
        -------
        table
            The `by` variables, `mean`, and a column a mean; not a number on the diagonal and
            between groups.
        """
        return native(self.rows, p_value_columns(self.rows, adjust=adjust))

    def lsd(self, *, alpha: float = 0.05, adjust: str = "none") -> NativeTable:
        """Least significant difference of two means, q(1 − α/2) se.

        Parameters
        ----------
        alpha
            Error rate.
        adjust
            "none" for Fisher's, "tukey" for the honestly significant difference.

        Returns
        -------
        table
            The `by` variables, then `lsd`, the average over the pairs of a group, and the
            `lowest` and `highest` where standard errors or degrees of freedom differ; on the
            scale of the linear predictor.
        """
        return native(self.rows, difference_columns(self.rows, alpha=alpha, adjust=adjust))

    def plot(
        self,
        *,
        letters: bool = False,
        adjust: str = "tukey",
        x: str | None = None,
        colour: str | None = None,
        connect: bool = False,
    ) -> "Figure":
        """Means with their intervals, and letters if asked for.

        Parameters
        ----------
        letters
            Whether to write the letters of `letters` above the intervals.
        adjust
            Of the p-values behind the letters.
        x
            The variable along the axis; the first by default.
        colour
            The variable shown by colour; the second of those the means are of by default. Each
            combination of the others has a panel.
        connect
            Whether to connect the means along the axis: an interaction plot.

        Returns
        -------
        matplotlib Figure
            `drawing.means.draw_means` draws the tables into axes of your own.
        """
        return plot_means(
            self.rows, letters=letters, adjust=adjust, x=x, colour=colour, connect=connect
        )

    def plot_interaction(self, x: str | None = None, trace: str | None = None) -> "Figure":
        """Means connected along `x`, a line for each level of `trace`: are lines parallel?

        Parameters
        ----------
        x, trace
            Variables of the means; the first and the second by default.

        Returns
        -------
        matplotlib Figure
        """
        return plot_means(
            self.rows, letters=False, adjust="none", x=x, colour=trace, connect=True
        )

    def plot_p_values(self, *, adjust: str = "tukey") -> "Figure":
        """The matrix of `p_matrix` as tiles, a panel for each group.

        Parameters
        ----------
        adjust
            Of the p-values of all pairs of a group.

        Returns
        -------
        matplotlib Figure
        """
        return plot_p_values(self.rows, adjust=adjust)

    def regrid(self) -> "MarginalMeans":
        """The means on the response scale as quantities of their own.

        Contrasts are then differences of means of the response, not ratios; standard errors by
        the delta method, degrees of freedom and covariance carried over.
        """
        rows = self.rows
        if rows.link is None:
            return self
        found = rows.functions()
        zero = np.zeros(rows.r)
        at = transformed(replace(rows, scale="response"), found, zero)
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = np.where(found.std_error > 0.0, at.std_error / found.std_error, np.nan)
        sign = -1.0 if rows.link.decreases else 1.0
        coordinates = rows.coordinates * (sign * slope)[:, None]
        known = np.isfinite(slope)
        offset = np.where(known, at.estimate - coordinates[:, rows.kept] @ rows.beta, np.nan)
        made = replace(
            rows, coordinates=coordinates, offset=offset, link=None, scale="response"
        )
        return MarginalMeans(made)

    def __repr__(self) -> str:
        return text_table(mean_columns(self.rows), self.notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands below the means: averages, fixed values, scale, degrees of freedom."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        rows = self.rows
        if rows.averaged:
            weights = "" if rows.weights == "equal" else f" (weights: {rows.weights})"
            yield f"Averaged over {', '.join(rows.averaged)}{weights}."
        if rows.fixed_at:
            listed = ", ".join(f"{name} = {value}" for name, value in rows.fixed_at.items())
            yield f"At {listed}."
        if rows.slope_of is not None:
            yield f"Slopes of {rows.slope_of}."
        if rows.link is not None:
            made, link = rows.transformation, rows.link.name
            if rows.scale == "response":
                of = "response scale" if made is None else f"scale of {made.of}, as medians"
                yield f"On the {of}; intervals transformed from the {link} scale."
            else:
                of = "the linear predictor" if made is None else made.of
                yield f"On the {link} scale of {of}."
        elif rows.scale == "response" and rows.estimates.family.observes_categories:
            yield "Expected categories, of which the first is 1."
        elif rows.scale == "response" and (made := left_transformed(rows.estimates)):
            yield f"On the scale of {made}, from which there is no way back here."
        yield f"Degrees of freedom: {rows.reference.name}. Confidence level: {rows.level:g}."
        if why := why_no_covariance(rows.estimates, rows.reference):
            yield why


def emmeans(
    model: Fitted | Estimates,
    specs: Names,
    *,
    by: Names | None = None,
    at: At | None = None,
    weights: Weights = "equal",
    scale: Scale = "link",
    ddf: str | DegreesOfFreedom | None = None,
    level: float = 0.95,
    component: str = "location",
    offset: float | None = None,
    random: RandomEffects = "zero",
) -> MarginalMeans:
    """Estimated marginal means (least-squares means).

        Lβ̂ + offset,   L: rows of the model matrix over the reference grid, averaged

    Parameters
    ----------
    model
        A fitted model, or its estimates.
    specs
        The variables to have means of, joined by *, and after | those to compare them within:
        "gen", "gen * nitro", "gen | nitro"; or a list of names. "1" is the overall mean.
    by
        More variables to compare within.
    at
        Levels or values of variables of the model, such as {"age": [8, 14]}. Otherwise
        factors are at all levels, numbers with one or two distinct values at these, and other
        covariates at their mean.
    weights
        Of the levels averaged over: "equal", "proportional" (to the observations of their
        combinations), "outer" (products of those of each), "cells" (those of each cell).
    scale
        "link" for the scale of the linear predictor, "response" for means of the response, with
        contrasts as ratios where the link is the logarithm or the logit. A response of log(y)
        or sqrt(y) is transformed back to y, where its means are medians.
    ddf
        Method of degrees of freedom: see `inference.linear_functions.degrees_of_freedom`. None
        is the model's default.
    level
        Coverage of intervals, between 0 and 1.
    component
        The linear predictor: "location", "dispersion", "zero_inflation". Or "response", for
        families whose mean depends on several, such as (1 − π)μ of a zero-inflated count: means
        of the response itself, averaged on its scale, intervals transformed from its logarithm.
        Of ordered categories that is the expected category, 1 for the first, with differences
        as contrasts; scale="response" is the same there.
    offset
        One number in place of all offsets of the model.
    random
        On the response scale, what the random effects are: "zero" for means at b = 0,
        "integrate" for means over the population of levels, "adjust" for a second-order
        approximation to these.

    Returns
    -------
    MarginalMeans
        With `table()`, `contrasts()`, `letters()`, `p_matrix()`, `lsd()`, `regrid()`.

    Raises
    ------
    DataError
        For variables, levels or values that are not the model's.
    ModelError
        For an option that does not exist, or a grid too large to hold.

    Notes
    -----
    Means that the data do not determine, because cells of the design are empty, are not a
    number; so are contrasts of them, unless what is not determined cancels. A factor each of
    whose levels occurs in one level of another is nested in it: only combinations that occur
    are averaged, and its means show the other factor, too; by= it compares within its levels.

    Source: Searle, Speed & Milliken (1980), Am. Stat. 34(4), 216–221.

    Examples
    --------
    >>> import henderson as hd
    >>> oats = hd.datasets.load("oats")
    >>> model = hd.fit("yield ~ Variety * nitro + (1 | Block/Variety)", oats)
    >>> emmeans(model, "Variety", ddf="satterthwaite").estimate.round(1)
    array([104.5, 109.8,  97.6])
    """
    estimates = estimates_of(model)
    of_categories = estimates.family.observes_categories and component == "location"
    if component == "response" or (of_categories and scale == "response"):
        if random != "zero":
            raise ModelError(
                f"random={random!r} is for means of the location alone. Where the mean depends "
                "on several predictors random effects are 0: leave random out."
            )
        rows = response_rows(
            estimates, specs, by=by, at=at, weights=weights, ddf=ddf, level=level, offset=offset
        )
        return MarginalMeans(rows)
    if scale not in {"link", "response"}:
        raise ModelError(f"There is no scale={scale!r}. Choose 'link' or 'response'.")
    if random not in {"zero", "integrate", "adjust"}:
        raise ModelError(
            f"There is no random={random!r}. Choose 'zero', 'integrate' or 'adjust'."
        )
    made = Transformation.of_response(estimates)
    if random != "zero" and made is not None and component == "location":
        raise ModelError(
            f"random={random!r} is about means, and {made.link.name}({made.of}) transformed "
            f"back has medians. Leave random out, or fit {made.of} with a link."
        )
    if random != "zero" and scale != "response":
        raise ModelError(
            f"random={random!r} is about means of the response. Give scale='response', too."
        )
    grid = reference_grid(
        estimates, at=at, offset=offset, component=component, random=random != "zero"
    )
    return MarginalMeans(
        mean_rows(
            estimates,
            grid,
            wanted(specs, by, grid.names),
            weights=weights,
            ddf=ddf,
            level=level,
            scale=scale,
            component=component,
            random=random,
        )
    )


def mean_rows(
    estimates: Estimates,
    grid: ReferenceGrid,
    kept: tuple[list[str], list[str]],
    *,
    weights: str,
    ddf: str | DegreesOfFreedom | None,
    level: float,
    scale: Scale,
    component: str,
    random: str,
) -> MeanRows:
    """The means of the variables `kept` (factors, by) over a grid."""
    factors, by = kept
    outer = (parent for name in (*factors, *by) for parent in grid.nested.get(name, ()))
    missing = (n for n in dict.fromkeys(outer) if n not in factors and n not in by)
    factors = [*factors, *missing]
    made = averages(grid, [*factors, *by], weights)
    link = link_of(estimates, component)
    return MeanRows(
        estimates=estimates,
        beta=estimates.predictors[component].beta,
        reference=degrees_of_freedom(estimates, ddf, component=component),
        free=undetermined(estimates, component),
        kept=grid.predictor.fixed.kept,
        coordinates=made.matrix @ grid.matrix,
        offset=made.matrix @ grid.offset,
        factors=tuple(factors),
        by=tuple(by),
        columns=made.columns,
        labels={n: contrast_labels(n, labels) for n, labels in made.labels.items()},
        averaged=made.averaged,
        fixed_at=grid.fixed_at((*factors, *by)),
        weights=weights,
        level=checked_level(level),
        scale=scale,
        link=None if link.name == "identity" else link,
        random=random,
        tau=_tau(grid, made.matrix) if random != "zero" else np.zeros(len(made.matrix)),
    )


def _tau(grid: ReferenceGrid, weights: Matrix) -> Vector:
    """Standard deviation of z̄'b, z̄ averaged as the mean is; shape (r,)."""
    variance = np.zeros(len(weights))
    for term in grid.predictor.terms:
        variance += random_variance(weights @ grid.random_columns(term), term)
    return np.sqrt(variance)
