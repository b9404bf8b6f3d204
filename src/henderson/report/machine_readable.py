"""A fit as nested lists and dictionaries that JSON can hold."""

from typing import Any

import narwhals as nw
import numpy as np

from henderson.estimation.estimates import Estimates
from henderson.report.criteria import aic, bic, deviance, log_posterior
from henderson.report.tables import coefficients, random_effects, variance_components
from henderson.tables import NativeTable


def machine_readable(estimates: Estimates) -> dict[str, object]:
    """The estimates and how they were found; what is not a number is None.

    `coefficients`, `variance_components` and `random_effects` are the rows of the tables of
    those names, with the same keys.
    """
    asked, certificate = estimates.specification, estimates.certificate
    return _plain(
        {
            "formula": asked.formula.text,
            "family": estimates.family.name,
            "link": estimates.family.link.name,
            "method": asked.method,
            "quadrature": asked.quadrature,
            "rows_used": estimates.frame.n,
            "rows_dropped": estimates.frame.n_dropped,
            "missing": dict(estimates.frame.missing),
            "groups": {
                term.design.group: len(term.modes)
                for predictor in estimates.predictors.values()
                for term in predictor.terms
            },
            "columns_dropped": list(estimates.location.fixed.dropped),
            "log_likelihood": estimates.log_likelihood,
            "priors": {each.key: str(each.prior) for each in asked.priors},
            "log_posterior": log_posterior(estimates),
            "deviance": deviance(estimates),
            "aic": aic(estimates),
            "bic": bic(estimates),
            "parameters": estimates.n_parameters,
            "converged": certificate.converged,
            "outcome": certificate.sentence,
            "gradient": certificate.gradient,
            "smallest_eigenvalue": certificate.smallest_eigenvalue,
            "evaluations": certificate.evaluations,
            "coefficients": _rows(coefficients(estimates)),
            "variance_components": _rows(variance_components(estimates)),
            "random_effects": _rows(random_effects(estimates)),
        }
    )


def _rows(table: NativeTable) -> list[dict[str, Any]]:
    return list(nw.from_native(table, eager_only=True).iter_rows(named=True))


def _plain(value: Any) -> Any:  # noqa: ANN401
    """`value` with NumPy's numbers as Python's, and None for what is not finite."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
