"""Wald intervals of standard deviations, correlations and ranges, by the delta method.

    se(g) = √(∇gᵀ A ∇g),   ends  t⁻¹(t(g) ± z t′(g) se(g))

A is the covariance of the variance parameters ψ, from the exact Hessian, g what one of them is
called, and t the scale on which its estimate is nearer to normal: the logarithm for standard
deviations and ranges, artanh for correlations. ∇g is by central differences.

Source: Pinheiro & Bates (2000), Mixed-Effects Models in S and S-PLUS, section 2.4.3.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from henderson.arrays import Vector
from henderson.covariance import CovarianceStructure, Unstructured
from henderson.covariance.diagonal import Diagonal
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.estimation.prediction_error import coefficients_of
from henderson.inference.intervals.coefficient_profiles import chosen_names
from henderson.quantiles import normal_quantile
from henderson.tables import NativeTable

_STEP, _SHARE = 1e-5, 1e-4  # of a parameter, at most; of its standard error

Named = dict[str, float]


def variance_intervals(
    model: Fitted | Estimates,
    parameters: str | Sequence[str] | None = None,
    *,
    level: float = 0.95,
    variances: bool = False,
) -> NativeTable:
    """Wald confidence intervals of standard deviations, correlations and ranges.

    Parameters
    ----------
    model
        A fitted model, by maximum likelihood or REML.
    parameters
        Names as in `profile_variances`; None for all.
    level
        Coverage, between 0 and 1.
    variances
        Whether to give variances in place of standard deviations.

    Returns
    -------
    table
        One row a parameter: `term`, `estimate`, `std_error`, `lower`, `upper`. Not a number
        where an estimate is at a boundary.

    Raises
    ------
    ModelError
        For a name that is no parameter, or a level outside (0, 1).

    Notes
    -----
    Fast, and rough with few groups or near a boundary: `profile_variances` follows the
    likelihood instead. Here, too, are parameters that have no profile, such as the correlation
    of `toep` at lag 2.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    >>> table = variance_intervals(model)
    >>> table["term"].tolist(), table["upper"].round(1).tolist()
    (['sd_(Intercept)|Batch', 'sigma'], [93.1, 65.7])
    """
    estimates = estimates_of(model)
    z = normal_quantile(level)
    psi, covariance, of = _coordinates(estimates)
    found = of(psi)
    chosen = chosen_names("variance parameter", parameters, list(found))
    errors = np.sqrt(np.abs(np.diag(covariance)))
    sizes = np.where(errors > 0.0, np.fmin(_STEP, _SHARE * errors), _STEP)
    moved = [(of(psi + step), of(psi - step)) for step in np.diag(sizes)]
    columns: dict[str, list[float]] = {
        name: [] for name in ("estimate", "std_error", "lower", "upper")
    }
    for name in chosen:
        g = found[name]
        slope = np.array([up[name] - down[name] for up, down in moved]) / (2.0 * sizes)
        moves = slope != 0.0
        square = slope[moves] @ covariance[np.ix_(moves, moves)] @ slope[moves]
        se = float(np.sqrt(square)) if moves.any() else np.nan
        bare = _bare(name, estimates.predictors)
        lower, upper = _ends(bare, g, se, z)
        if variances and bare.startswith(("sd", "sigma")):
            g, se, lower, upper = g**2, 2.0 * g * se, lower**2, upper**2
        for column, value in zip(columns.values(), (g, se, lower, upper), strict=True):
            column.append(value)
    return estimates.frame.table({"term": chosen, **columns})


def _bare(name: str, predictors: Iterable[str]) -> str:
    """The name without the linear predictor that it may begin with."""
    for predictor in predictors:
        name = name.removeprefix(f"{predictor}:")
    return name


def _ends(name: str, g: float, se: float, z: float) -> tuple[float, float]:
    if name.startswith("cor_") or (not name.startswith("sd") and "correlation" in name):
        if not abs(g) < 1.0:
            return np.nan, np.nan
        middle, half = np.arctanh(g), z * se / (1.0 - g**2)
        return float(np.tanh(middle - half)), float(np.tanh(middle + half))
    if name.startswith("loading"):
        return g - z * se, g + z * se
    if not g > 0.0:
        return np.nan, np.nan
    with np.errstate(over="ignore"):  # from 0 to infinity, where nothing is known
        half = float(np.exp(z * se / g))
        return g / half, float(np.multiply(g, half))


def _coordinates(
    estimates: Estimates,
) -> tuple[Vector, np.ndarray, Callable[[Vector], Named]]:
    """ψ, its covariance A, and the parameters by name at a ψ."""
    P = estimates.vcov.shape[0]
    linear = estimates.is_linear
    kept = [coefficients_of(estimates, "dispersion").start] if linear else []
    kept += range(P, len(estimates.vcov_all))
    terms = [(p, term) for p, each in estimates.predictors.items() for term in each.terms]
    errors = estimates.errors
    theta = [term.theta for _, term in terms]
    theta += [] if errors is None else list(errors.thetas)
    log_sigma = estimates.predictors["dispersion"].beta[:1] if linear else np.empty(0)
    ends = np.cumsum([len(log_sigma), *(len(each) for each in theta)])

    def of(psi: Vector) -> Named:
        pieces = np.split(psi, ends)[1:-1]
        found: Named = {}
        for (predictor, term), own in zip(terms, pieces, strict=False):
            prefix = "" if predictor == "location" else f"{predictor}:"
            named = _of_term(term.structure, own, term.design.effects)
            found |= {f"{prefix}{n}|{term.design.group}": value for n, value in named}
        if errors is not None:
            labels = [f"Residual ({g})" if g else "Residual" for g in errors.design.groups]
            of_residual = zip(labels, errors.structures, pieces[len(terms) :], strict=True)
            for label, structure, own in of_residual:
                named = _of_residual(structure, own, errors.design.positions)
                found |= {f"{n}|{label}": value for n, value in named}
        return found | ({"sigma": float(np.exp(psi[0]))} if linear else {})

    psi = np.concatenate([log_sigma, *theta])
    return psi, estimates.vcov_all[np.ix_(kept, kept)], of


def _of_term(
    structure: CovarianceStructure, theta: Vector, effects: Sequence[object]
) -> Iterator[tuple[str, float]]:
    """Standard deviations and correlations; what a structure calls its own."""
    k = len(effects)
    T = structure.factor(theta, k)
    G = T @ T.T
    sd = np.sqrt(np.diag(G))
    for i, effect in enumerate(effects):
        yield f"sd_{effect}", float(sd[i])
        if isinstance(structure, Unstructured):
            for j in range(i + 1, k):
                size = sd[i] * sd[j]
                r = float(G[i, j] / size) if size > 0.0 else np.nan
                yield f"cor_{effects[j]}.{effect}", r
    for name, value in structure.natural(theta, k).items():
        if not name.startswith("sd"):
            yield name, value


def _of_residual(
    structure: CovarianceStructure, theta: Vector, positions: Sequence[object]
) -> Iterator[tuple[str, float]]:
    if isinstance(structure, Unstructured | Diagonal):
        yield from _of_term(structure, theta, positions)
    else:
        yield from structure.natural(theta, len(positions)).items()
