"""What a fit learned, as tables of the user's own kind; their column names are fixed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.covariance import CovarianceStructure
from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates, PredictorEstimates, TermEstimates
from henderson.inference.ddf.methods import DegreesOfFreedom
from henderson.inference.linear_functions import LinearEstimates, linear_estimates
from henderson.report.named_matrix import NamedMatrix
from henderson.tables import NativeTable

MOST_EFFECTS = 8  # of one random term; more are counted, not shown


def coefficient_estimates(
    estimates: Estimates, ddf: str | DegreesOfFreedom | None = None
) -> dict[str, LinearEstimates]:
    """The coefficients of each linear predictor, with their degrees of freedom.

    Those of the location are by the model's method, where `ddf` does not say another; those of
    all others are infinite.
    """
    found = {}
    for name, each in estimates.predictors.items():
        method = ddf if name == "location" and each.beta.size else "infinite"
        found[name] = linear_estimates(
            estimates, np.eye(each.beta.size), ddf=method, component=name
        )
    return found


def by_name(estimates: Estimates, values: Vector) -> dict[str, float]:
    """Numbers for the coefficients of the location, by name."""
    return dict(zip(estimates.location.fixed.names, values.tolist(), strict=True))


def coefficients(
    estimates: Estimates, *, level: float = 0.95, ddf: str | DegreesOfFreedom | None = None
) -> NativeTable:
    """The coefficients of every linear predictor, with tests and intervals.

        t = β̂ / se,   p = P(|T| > |t|),   β̂ ± t₁₋α/₂ se,   T ~ t(ν)

    Parameters
    ----------
    level
        Coverage of the intervals, between 0 and 1.
    ddf
        How ν of the location's coefficients is found: "kenward-roger", which adjusts the
        standard errors, too, "satterthwaite", "containment", "between-within", "residual",
        "infinite" (the normal distribution), or a covariance from `robust_vcov`. None is the
        model's own method, as everywhere: see
        `inference.linear_functions.degrees_of_freedom`.

    Returns
    -------
    table
        One row a coefficient: `component` ("location", "dispersion", "shape"), `term`,
        `estimate`, `std_error`, `df`, `statistic` (t, or z where df is infinite), `p_value`,
        `lower`, `upper`; all on the scale of the linear predictor (the dispersion's: the
        logarithm of its parameter).
    """
    found = coefficient_estimates(estimates, ddf)
    intervals = [each.interval(level) for each in found.values()]
    columns: dict[str, list[Any]] = {"component": [], "term": []}
    for name, predictor in estimates.predictors.items():
        columns["component"] += [name] * predictor.beta.size
        columns["term"] += predictor.fixed.names
    return estimates.frame.table(
        {
            **columns,
            "estimate": np.concatenate([each.estimate for each in found.values()]),
            "std_error": np.concatenate([each.std_error for each in found.values()]),
            "df": np.concatenate([each.df for each in found.values()]),
            "statistic": np.concatenate([each.statistic for each in found.values()]),
            "p_value": np.concatenate([each.p_value for each in found.values()]),
            "lower": np.concatenate([lower for lower, _ in intervals]),
            "upper": np.concatenate([upper for _, upper in intervals]),
        }
    )


def confidence_intervals(
    estimates: Estimates, *, level: float = 0.95, ddf: str | DegreesOfFreedom | None = None
) -> NativeTable:
    """Wald confidence intervals, β̂ ± t₁₋α/₂ se.

    Parameters
    ----------
    level
        Coverage, between 0 and 1.
    ddf
        Degrees of freedom, as in `coefficients`.

    Returns
    -------
    table
        One row a coefficient: `component`, `term`, `estimate`, `lower`, `upper`, on the scale
        of the linear predictor.
    """
    found = coefficient_estimates(estimates, ddf)
    rows = [
        (name, *row)
        for (name, predictor), each in zip(
            estimates.predictors.items(), found.values(), strict=True
        )
        for row in zip(predictor.fixed.names, each.estimate, *each.interval(level), strict=True)
    ]
    header = ("component", "term", "estimate", "lower", "upper")
    return estimates.frame.table(_columns(header, rows))


def covariance_matrix(
    estimates: Estimates, *, component: str | None = "location"
) -> NamedMatrix:
    """Covariance matrix of the coefficients.

    Parameters
    ----------
    component
        A linear predictor: "location", "dispersion", "shape". None for all of them together;
        those after the location are then called "dispersion:(Intercept)" and so on.

    Returns
    -------
    NamedMatrix
        `names` (P,) and `values` (P, P), on the scale of the linear predictor. An entry is
        ``matrix["Days", "Days"]``.

    Raises
    ------
    ModelError
        If the model has no such predictor.
    """
    labels = [
        (name, term) for name, each in estimates.predictors.items() for term in each.fixed.names
    ]
    if component is None:
        names = [t if of == "location" else f"{of}:{t}" for of, t in labels]
        return NamedMatrix(tuple(names), estimates.vcov)
    if component not in estimates.predictors:
        raise ModelError(
            f"The model has no component {component!r}. "
            f"Known: {', '.join(map(repr, estimates.predictors))}, or None for all."
        )
    chosen = [i for i, (of, _) in enumerate(labels) if of == component]
    return NamedMatrix(
        tuple(labels[i][1] for i in chosen), estimates.vcov[np.ix_(chosen, chosen)]
    )


def variance_components(estimates: Estimates) -> NativeTable:
    """Variances, standard deviations and correlations of the random effects and residuals.

    Returns
    -------
    table
        `component` (the linear predictor), `group`, `term`, `term2`, `variance`, `sd`,
        `correlation`. A row with no `term2` is a variance and its root. A row with one is a
        pair: `variance` is then their covariance, `correlation` is that over the product of
        the standard deviations (not a number where one of them is 0), `sd` is not a number.
        The last row is the group "Residual" where there is one residual variance; where
        residuals vary together, its terms are their positions, in each group of subjects. More
        than eight effects with one variance in common are one row, without pairs: see
        `covariance_parameters`.
    """
    rows: list[tuple[Any, ...]] = [
        (each.component, each.group, *row)
        for each in covariances(estimates)
        for row in _variances_and_pairs(each)
    ]
    sigma = residual_sd(estimates)
    if sigma is not None:
        rows.append(("location", "Residual", None, None, sigma**2, sigma, np.nan))
    header = ("component", "group", "term", "term2", "variance", "sd", "correlation")
    return estimates.frame.table(_columns(header, rows))


def covariance_parameters(estimates: Estimates) -> NativeTable:
    """The parameters of covariance structures: standard deviations, correlations, ranges.

    Returns
    -------
    table
        `component` (the linear predictor), `group`, `structure` ("ar1", "exp"), `parameter`
        ("sd", "correlation", "range", "decay", "smoothness", "loading 1 on 1"), `estimate`;
        standard deviations and loadings on the scale of the linear predictor, ranges in units
        of the coordinates, decays per unit of time. No rows for "us" and "diag", which
        `variance_components` says all about.
    """
    rows = [
        (each.component, each.group, each.structure.keyword, parameter, value)
        for each in covariances(estimates)
        for parameter, value in each.parameters.items()
    ]
    header = ("component", "group", "structure", "parameter", "estimate")
    return estimates.frame.table(_columns(header, rows))


def random_effects(estimates: Estimates) -> NativeTable:
    """Conditional modes of the random effects and their conditional standard deviations.

    Returns
    -------
    table
        One row an effect of a level: `component`, `group`, `level`, `term`, `mode`, `sd`; modes
        and standard deviations on the scale of the linear predictor. The standard deviation is
        that of b given the data with all parameters at their estimates.
    """
    parts: dict[str, list[Any]] = {
        name: [] for name in ("component", "group", "level", "term", "mode", "sd")
    }
    for name, predictor in estimates.predictors.items():
        for term in predictor.terms:
            g, k = term.modes.shape
            variances = np.diagonal(term.mode_covariance, axis1=1, axis2=2)
            parts["component"].append(np.repeat(name, g * k))
            parts["group"].append(np.repeat(term.design.group, g * k))
            parts["level"].append(np.repeat(np.asarray(term.design.levels, dtype=str), k))
            parts["term"].append(np.tile(np.asarray(term.design.effects, dtype=str), g))
            parts["mode"].append(term.modes.ravel())
            parts["sd"].append(np.sqrt(variances).ravel())
    return estimates.frame.table(
        {name: np.concatenate(part) if part else [] for name, part in parts.items()}
    )


def dispersion_parameters(estimates: Estimates) -> dict[str, float]:
    """Parameters of the family that are one number for all rows, on their own scale."""
    with np.errstate(over="ignore", under="ignore"):  # df of t without end: the normal
        return {
            name: float(estimates.family.link_of(name).mean(predictor.beta[:1])[0])
            for name, predictor in estimates.predictors.items()
            if name != "location" and _is_one_number(predictor)
        }


def sigma(estimates: Estimates) -> float:
    """The dispersion parameter of the family: for a Gaussian response σ, the residual sd.

    One where the family has none; not a number where it varies between rows.
    """
    if "dispersion" not in estimates.predictors:
        return 1.0
    return dispersion_parameters(estimates).get("dispersion", np.nan)


def residual_sd(estimates: Estimates) -> float | None:
    """σ where the family has one residual standard deviation for all rows; otherwise None."""
    if estimates.family.dispersion_label != "residual standard deviation":
        return None
    return dispersion_parameters(estimates).get("dispersion")


def _is_one_number(predictor: PredictorEstimates) -> bool:
    alone = predictor.fixed.names == ("(Intercept)",) and not predictor.terms
    return alone and not np.any(predictor.offset)


@dataclass(frozen=True, slots=True)
class Covariance:
    """What varies together: the effects of a random term, or the residuals of a subject."""

    component: str
    group: str
    effects: tuple[str, ...]
    matrix: Matrix  # (k, k)
    structure: CovarianceStructure
    theta: Vector

    @property
    def parameters(self) -> dict[str, float]:
        """Those of the structure by name, on the scale of the linear predictor."""
        return self.structure.natural(self.theta, len(self.effects))

    @property
    def variance_in_common(self) -> float | None:
        """The one variance of many effects; None for few effects or several variances."""
        sd = self.parameters.get("sd") if len(self.effects) > MOST_EFFECTS else None
        return None if sd is None else sd**2

    @property
    def correlated(self) -> bool:
        """Whether effects may vary together: some θ moves T off its diagonal."""
        k = len(self.effects)
        moved = self.structure.factor_derivatives(self.theta, k)
        return bool(np.any(moved[:, ~np.eye(k, dtype=bool)]))

    @property
    def correlations(self) -> Matrix:
        """(k, k); not a number where a variance is 0."""
        sd = np.sqrt(np.diag(self.matrix))
        scale = np.outer(sd, sd)
        return np.divide(
            self.matrix, scale, out=np.full(scale.shape, np.nan), where=scale > 0.0
        )


def covariance_of_term(term: TermEstimates, component: str = "location") -> Covariance:
    """That of one random term."""
    return Covariance(
        component,
        term.design.group,
        term.design.effects,
        term.covariance,
        term.structure,
        term.theta,
    )


def covariances(estimates: Estimates) -> list[Covariance]:
    """The covariances of all random terms, then of residuals that vary together."""
    out = [
        covariance_of_term(term, name)
        for name, predictor in estimates.predictors.items()
        for term in predictor.terms
    ]
    residual = estimates.errors
    if residual is not None:
        groups = [
            f"Residual ({each})" if each else "Residual" for each in residual.design.groups
        ]
        out += [
            Covariance("location", group, residual.design.positions, matrix, structure, theta)
            for group, matrix, structure, theta in zip(
                groups, residual.covariances, residual.structures, residual.thetas, strict=True
            )
        ]
    return out


def _variances_and_pairs(each: Covariance) -> Iterator[tuple[Any, ...]]:
    """Rows of `variance_components` from `term` on."""
    effects, matrix = each.effects, each.matrix
    common = each.variance_in_common
    if common is not None:
        yield each.structure.keyword, None, common, np.sqrt(common), np.nan
        return
    for effect, variance in zip(effects, np.diag(matrix), strict=True):
        yield effect, None, variance, np.sqrt(variance), np.nan
    if each.correlated:
        correlation = each.correlations
        for i in range(len(effects)):
            for j in range(i + 1, len(effects)):
                yield effects[i], effects[j], matrix[i, j], np.nan, correlation[i, j]


def _columns(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}
