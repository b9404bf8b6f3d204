"""A model with stated parameters over a design, as if it had been fitted: for planning."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.covariance import CovarianceStructure
from henderson.design import RandomDesign
from henderson.design.columns import open_table
from henderson.design.evaluation import columns_used
from henderson.design.model_frame import PerRow
from henderson.errors import DataError, ModelError, did_you_mean
from henderson.estimation import Specification
from henderson.estimation.estimates import Estimates
from henderson.estimation.fit_result import FitResult
from henderson.estimation.model_design import ModelDesign, PredictorDesign, design_model
from henderson.families import Family, Response
from henderson.formula.syntax_tree import parse_expression
from henderson.inference.ddf.generalized_least_squares import GeneralizedLeastSquares
from henderson.inference.power.extended_design import without_modes
from henderson.optimize import Certificate
from henderson.optimize.certificate import Outcome

_STAND_INS = ((1.0, 2.0), (0.0, 1.0), (0.25, 0.75))  # responses, one pair for each support
_SMALL = 1e-10  # of a variance, beside zero


def stated_estimates(
    specification: Specification,
    data: object,
    *,
    params: Mapping[str, Mapping[str, float]],
    variances: Mapping[str, Any],
    weights: PerRow = None,
    offset: PerRow = None,
) -> Estimates:
    """The record of a model with these parameters.

    Parameters
    ----------
    specification
        The model.
    data
        The design: a table without the response, or with it.
    params
        For each linear predictor, a number for each coefficient.
    variances
        For each random term, by its group or its text, the variance or the covariance (k, k).
    weights, offset
        As in `fit`.

    Returns
    -------
    Estimates
        With conditional modes of 0 and, for a linear model, the covariance (XᵀV⁻¹X)⁻¹ that
        its coefficients would have; NaN for what only data tell.

    Raises
    ------
    DataError, FormulaError
        As in `fit`.
    ModelError
        For parameters that the model does not have, that are missing or out of range.
    """
    design = design_model(
        specification, _with_response(specification, data), weights=weights, offset=offset
    )
    _require_known(variances, _keys(design))
    betas = {each.name: _beta(each, params.get(each.name, {})) for each in design.predictors}
    fits = [
        without_modes(
            each,
            betas[each.name],
            [
                _stated(design, structure, variances)
                for design, structure in zip(each.random, each.structures, strict=True)
            ],
        )
        for each in design.predictors
    ]
    P = sum(beta.size for beta in betas.values())
    count = P + sum(t.theta.size for each in fits for t in each.terms)
    response = design.response
    zeros = Response.of(np.zeros(design.n), response.size, response.weight)
    made = Estimates(
        specification,
        replace(design, response=zeros),
        FitResult(
            predictors=tuple(fits),
            vcov_all=np.full((count, count), np.nan),
            log_likelihood=np.nan,
            certificate=Certificate(Outcome.STATED, 0, np.nan, np.nan),
        ),
    )
    if design.is_linear:
        root = GeneralizedLeastSquares.of(made).root
        p = len(root)
        made.result.vcov_all[:p, :p] = root @ root.T
    return made


def _with_response(specification: Specification, data: object) -> object:
    """The data, with something in the place of a response that they do not have."""
    term = specification.formula.response
    assert term is not None
    table = open_table(data)
    names = [
        name
        for text in term.expressions
        for name in columns_used(parse_expression(text))
        if name not in table.keys
    ]
    if not names:
        return data
    low, high = _stand_in(specification.family)
    values = low + (high - low) * np.random.default_rng(0).integers(0, 2, table.n)
    if isinstance(data, Mapping):
        return {**data, **dict.fromkeys(names, values)}
    frame = nw.from_native(data, eager_only=True)  # pyright: ignore
    made = [
        nw.new_series(name, values, nw.Float64, backend=frame.implementation)
        for name in dict.fromkeys(names)
    ]
    return frame.with_columns(*made).to_native()


def _stand_in(family: Family) -> tuple[float, float]:
    for pair in _STAND_INS:
        try:
            family.check_response(Response.of(pair), "response")
        except DataError:
            continue
        return pair
    raise ModelError(
        f"The {family.name} family needs a response in the data: give a column with values "
        "that it can have; they are not used."
    )


def _beta(predictor: PredictorDesign, given: Mapping[str, float]) -> Vector:
    names = predictor.fixed.names
    for name in given:
        if name not in names:
            raise ModelError(
                f"params names {name!r}, which the {predictor.name} does not have. "
                f"{did_you_mean(str(name), list(names))}Coefficients: {', '.join(names)}."
            )
    missing = [name for name in names if name not in given]
    if missing:
        remedy = (
            "give sigma"
            if predictor.name == "dispersion" and names == ("(Intercept)",)
            else "state them, 0 where there is no effect"
        )
        raise ModelError(
            f"The {predictor.name} has coefficients without a value: {', '.join(missing)}. "
            f"{remedy[:1].upper()}{remedy[1:]}."
        )
    beta = np.array([float(given[name]) for name in names])
    if not np.isfinite(beta).all():
        raise ModelError(f"The coefficients of the {predictor.name} must be finite numbers.")
    return beta


def _stated(
    design: RandomDesign, structure: CovarianceStructure, variances: Mapping[str, Any]
) -> tuple[Vector, Matrix]:
    """θ and the covariance of one random term."""
    key = design.term.text if design.term.text in variances else design.group
    k = design.n_effects
    if key not in variances:
        raise ModelError(
            f"The random term {design.term.text} has no variance. State it: "
            f"variances={{{design.group!r}: ...}}, "
            + ("a number." if k == 1 else f"the covariance of {', '.join(design.effects)}.")
        )
    G = _covariance(variances[key], k, design)
    size = np.maximum(np.diag(G), _SMALL * max(float(np.trace(G)), 1e-300))
    near = G + _SMALL * np.diag(size)
    return structure.parameters_near(near), G


def _covariance(given: Any, k: int, design: RandomDesign) -> Matrix:  # noqa: ANN401
    G = np.asarray(given, dtype=np.float64)
    G = G.reshape(1, 1) if G.ndim == 0 else G
    if G.shape != (k, k) or not np.allclose(G, G.T) or not np.isfinite(G).all():
        raise ModelError(
            f"The covariance of {design.term.text} is a symmetric matrix of {k} x {k}, of "
            f"{', '.join(design.effects)}, and {given!r} was given."
        )
    if np.linalg.eigvalsh(G)[0] < -1e-8 * max(float(np.trace(G)), 1e-300):
        raise ModelError(
            f"The covariance of {design.term.text} is not positive semidefinite: no random "
            "effects have these variances and correlations."
        )
    return G


def _keys(design: ModelDesign) -> list[str]:
    return [
        key for each in design.predictors for d in each.random for key in (d.group, d.term.text)
    ]


def _require_known(variances: Mapping[str, Any], known: list[str]) -> None:
    for key in variances:
        if key not in known:
            raise ModelError(
                f"variances names {key!r}, which is no random term of the model. "
                f"{did_you_mean(str(key), known)}Groups: {', '.join(known[::2]) or 'none'}."
            )
