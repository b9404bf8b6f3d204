"""A fit as three tables with the columns of R's broom: parameters, the whole fit, the rows."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from henderson.design.factors import Factor
from henderson.errors import ModelError, did_you_mean
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.inference.ddf.methods import DegreesOfFreedom
from henderson.prediction import fitted, residuals
from henderson.report import criteria, tables
from henderson.tables import NativeTable

Effects = Literal["fixed", "ran_pars", "ran_vals"]
EFFECTS: tuple[Effects, ...] = ("fixed", "ran_pars", "ran_vals")
LABELS = ("effect", "component", "group", "level", "term")
NUMBERS = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")


def tidy(
    model: Fitted | Estimates,
    *,
    effects: Effects | Sequence[Effects] = ("fixed", "ran_pars"),
    level: float = 0.95,
    ddf: str | DegreesOfFreedom | None = None,
) -> NativeTable:
    """Parameters of a model, one a row.

    Parameters
    ----------
    model
        A fitted model.
    effects
        Which: "fixed" effects; "ran_pars", standard deviations and correlations of random
        effects and residuals; "ran_vals", the conditional modes. One or several.
    level
        Coverage of the intervals of fixed effects, between 0 and 1.
    ddf
        Degrees of freedom of fixed effects, as for `coefficients`.

    Returns
    -------
    table
        `effect`, `component`, `group`, `level`, `term`, `estimate`, `std_error`, `statistic`,
        `df`, `p_value`, `conf_low`, `conf_high`, on the scale of the linear predictor. The
        terms of "ran_pars" are "sd__Days" and "cor__(Intercept).Days". Cells without a meaning
        are empty, or not a number.

    Raises
    ------
    ModelError
        For another kind of effects.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    >>> hd.tidy(model)[["effect", "group", "term", "estimate"]].round(1)
         effect     group             term  estimate
    0     fixed                (Intercept)    1527.5
    1  ran_pars     Batch  sd__(Intercept)      42.0
    2  ran_pars  Residual  sd__Observation      49.5
    """
    estimates = estimates_of(model)
    chosen = (effects,) if isinstance(effects, str) else tuple(effects)
    for each in chosen:
        if each not in EFFECTS:
            raise ModelError(
                f"There are no effects {each!r}. {did_you_mean(str(each), list(EFFECTS))}"
                f"Choose from {', '.join(map(repr, EFFECTS))}."
            )
    rows: list[dict[str, Any]] = []
    if "fixed" in chosen:
        rows += _fixed_rows(estimates, level, ddf)
    if "ran_pars" in chosen:
        rows += _parameter_rows(estimates)
    if "ran_vals" in chosen:
        rows += _mode_rows(estimates)
    return estimates.frame.table(
        {
            name: [row.get(name, np.nan if name in NUMBERS else "") for row in rows]
            for name in (*LABELS, *NUMBERS)
        }
    )


def glance(model: Fitted | Estimates) -> NativeTable:
    """A model in one row.

    Parameters
    ----------
    model
        A fitted model.

    Returns
    -------
    table
        `nobs`, `n_parameters`, `sigma` (the dispersion parameter), `log_likelihood`,
        `deviance` (−2 log L), `aic`, `aicc`, `bic`, `df_residual` (`nobs` less `n_parameters`),
        `method` ("ML", "REML"), `converged`.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    >>> hd.glance(model)[["nobs", "sigma", "aic", "df_residual"]].round(1)
       nobs  sigma    aic  df_residual
    0    30   49.5  325.7           27
    """
    estimates = estimates_of(model)
    n, d = estimates.frame.n, estimates.n_parameters
    row = {
        "nobs": n,
        "n_parameters": d,
        "sigma": tables.sigma(estimates),
        "log_likelihood": estimates.log_likelihood,
        "deviance": criteria.deviance(estimates),
        "aic": criteria.aic(estimates),
        "aicc": criteria.aicc(estimates),
        "bic": criteria.bic(estimates),
        "df_residual": n - d,
        "method": estimates.specification.method,
        "converged": estimates.certificate.converged,
    }
    return estimates.frame.table({name: [value] for name, value in row.items()})


def augment(model: Fitted | Estimates) -> NativeTable:
    """The rows that a model used, with what it says about each.

    Parameters
    ----------
    model
        A fitted model.

    Returns
    -------
    table
        `.row` (position in the user's table, from 0), the variables of the formula, `.observed`
        (the response; successes as a proportion), `.fitted` and `.fixed` (the linear predictor
        with the conditional modes, and at b = 0), `.mu` (the mean), `.resid` (observed less
        mean) and `.pearson` (that over its standard deviation).

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    >>> hd.augment(model)[[".row", "Yield", "Batch", ".fitted", ".resid"]].head(2).round(1)
       .row  Yield Batch  .fitted  .resid
    0     0   1545     A   1509.9    35.1
    1     1   1440     A   1509.9   -69.9
    """
    estimates = estimates_of(model)
    frame, family = estimates.frame, estimates.family
    variables = {
        name: value.keys[value.codes] if isinstance(value, Factor) else value
        for name, value in frame.variables.items()
    }
    return frame.table(
        {
            ".row": frame.rows,
            **variables,
            ".observed": family.observed(estimates.response),
            ".fitted": estimates.location.eta,
            ".fixed": estimates.location.fixed_eta,
            ".mu": fitted(estimates),
            ".resid": residuals(estimates),
            ".pearson": residuals(estimates, kind="pearson"),
        }
    )


def _fixed_rows(
    estimates: Estimates, level: float, ddf: str | DegreesOfFreedom | None
) -> list[dict[str, Any]]:
    rows = []
    for name, found in tables.coefficient_estimates(estimates, ddf).items():
        low, high = found.interval(level)
        if name == "dispersion" and name in tables.dispersion_parameters(estimates):
            continue  # one number for all rows: among the standard deviations, or in glance
        for i, term in enumerate(estimates.predictors[name].fixed.names):
            rows.append(
                {
                    "effect": "fixed",
                    "component": name,
                    "term": term,
                    "estimate": found.estimate[i],
                    "std_error": found.std_error[i],
                    "statistic": found.statistic[i],
                    "df": found.df[i],
                    "p_value": found.p_value[i],
                    "conf_low": low[i],
                    "conf_high": high[i],
                }
            )
    return rows


def _parameter_rows(estimates: Estimates) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for each in tables.covariances(estimates):
        same = {"effect": "ran_pars", "component": each.component, "group": each.group}
        effects, sd = each.effects, np.sqrt(np.diag(each.matrix))
        rows += [
            same | {"term": f"sd__{effect}", "estimate": value}
            for effect, value in zip(effects, sd, strict=True)
        ]
        if each.correlated:
            correlation = each.correlations
            rows += [
                same
                | {"term": f"cor__{effects[i]}.{effects[j]}", "estimate": correlation[i, j]}
                for i in range(len(effects))
                for j in range(i + 1, len(effects))
            ]
    sigma = tables.residual_sd(estimates)
    if sigma is not None:
        same = {"effect": "ran_pars", "component": "location", "group": "Residual"}
        rows.append(same | {"term": "sd__Observation", "estimate": sigma})
    return rows


def _mode_rows(estimates: Estimates) -> list[dict[str, Any]]:
    return [
        {
            "effect": "ran_vals",
            "component": name,
            "group": term.design.group,
            "level": str(term.design.levels[j]),
            "term": effect,
            "estimate": term.modes[j, i],
            "std_error": np.sqrt(term.mode_covariance[j, i, i]),
        }
        for name, predictor in estimates.predictors.items()
        for term in predictor.terms
        for j in range(term.design.n_levels)
        for i, effect in enumerate(term.design.effects)
    ]
