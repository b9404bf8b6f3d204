"""Likelihood ratio tests of nested models.

    T = 2 (log L₁ − log L₀),   p = P(χ²(d) > T)

d is the difference in the number of parameters. A variance that the smaller model sets to zero
is at the end of its range. With one such variance among the d parameters (its covariances with
other effects included)

    p  =  ½ P(χ²(d − 1) > T) + ½ P(χ²(d) > T)

where χ²(0) is 0. With several the weights depend on the information; χ²(d) is then used, an
upper bound of p. Both hold for large samples.

Source: Self & Liang (1987), J. Am. Stat. Assoc. 82, 605–610; Stram & Lee (1994), Biometrics 50,
1171–1177.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtrc

from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates, TermEstimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.estimation.prediction_error import coefficients_of
from henderson.inference.tests.term_hypotheses import TermHypotheses
from henderson.likelihood.fixed_basis import FixedBasis
from henderson.refits.refitting import refit, with_columns
from henderson.tables import NativeTable

_SLACK = 1e-6  # of −2 log L, by which a smaller model may seem better


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """A test of a model within a larger one."""

    statistic: float
    df: int
    p_value: float
    reference: str  # the distribution under the smaller model


def compare(*models: Fitted | Estimates) -> NativeTable:
    """Likelihood ratio tests of models, each within the next larger one.

    Parameters
    ----------
    models
        Two or more models fitted to the same rows.

    Returns
    -------
    table
        One row a model, the smallest first: `model` (its formula), `method`, `parameters`,
        `log_likelihood`, `aic`, `bic`; and of its test against the model before it `statistic`,
        `df`, `p_value` and `reference`, the distribution under the smaller model, or why there
        is no test. `method` says "ML, refitted" for REML fits that differ in their fixed
        effects: restricted likelihoods with different X are not comparable.

    Raises
    ------
    ModelError
        For fewer than two models, or models of different responses or rows.

    Notes
    -----
    See `inference.tests.likelihood_ratio` for the distribution and its sources.

    Examples
    --------
    >>> import henderson as hd
    >>> sleep = hd.datasets.load("sleepstudy")
    >>> slopes = hd.fit("Reaction ~ Days + (Days | Subject)", sleep)
    >>> intercepts = hd.fit("Reaction ~ Days + (1 | Subject)", sleep)
    >>> table = compare(intercepts, slopes)
    >>> table["statistic"].round(2).tolist()[1], table["reference"].tolist()[1]
    (42.84, '½ χ²(1) + ½ χ²(2)')
    """
    fits, labels = _comparable([estimates_of(model) for model in models])
    for fit in fits:
        refuse_priors(fit, "compare needs")
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "model",
            "method",
            "parameters",
            "log_likelihood",
            "aic",
            "bic",
            "statistic",
            "df",
            "p_value",
            "reference",
        )
    }
    before: Estimates | None = None
    for fit, label in sorted(
        zip(fits, labels, strict=True), key=lambda pair: pair[0].n_parameters
    ):
        d, deviance = fit.n_parameters, -2.0 * fit.log_likelihood
        test = (
            LikelihoodRatio(np.nan, 0, np.nan, "")
            if before is None
            else likelihood_ratio(before, fit)
        )
        row = (
            fit.specification.formula.text,
            label,
            d,
            fit.log_likelihood,
            deviance + 2.0 * d,
            deviance + d * float(np.log(fit.response.y.size)),
            test.statistic,
            test.df,
            test.p_value,
            test.reference,
        )
        for name, value in zip(columns, row, strict=True):
            columns[name].append(value)
        before = fit
    return fits[0].frame.table(columns)


def likelihood_ratio(smaller: Estimates, larger: Estimates) -> LikelihoodRatio:
    """The test of a model within a larger one, both by the same method."""
    d = larger.n_parameters - smaller.n_parameters
    statistic = 2.0 * (larger.log_likelihood - smaller.log_likelihood)
    why_not = _not_nested(smaller, larger)
    if d == 0 or why_not:
        return LikelihoodRatio(
            statistic, d, np.nan, why_not or "no test: equally many parameters"
        )
    if statistic < -_SLACK * max(1.0, abs(larger.log_likelihood)):
        return LikelihoodRatio(
            np.nan, d, np.nan, "no test: the larger model is not at its maximum"
        )
    T = statistic = max(statistic, 0.0)  # what is below is rounding
    variances = _variances(larger) - _variances(smaller)
    upper = float(chdtrc(d, T))
    if variances == 0:
        return LikelihoodRatio(statistic, d, upper, f"χ²({d})")
    if variances == 1:
        lower = float(chdtrc(d - 1, T)) if d > 1 else float(T == 0.0)
        reference = f"½ χ²({d - 1}) + ½ χ²({d})"
        return LikelihoodRatio(statistic, d, 0.5 * lower + 0.5 * upper, reference)
    return LikelihoodRatio(
        statistic, d, upper, f"χ²({d}), an upper bound: {variances} variances at zero"
    )


def drop1(model: Fitted | Estimates, *, component: str = "location") -> NativeTable:
    """Likelihood ratio tests of the terms that no other term contains.

    Parameters
    ----------
    model
        A fitted model; refitted by ML, since X changes.
    component
        The linear predictor whose terms are left out: "location", "dispersion",
        "zero_inflation".

    Returns
    -------
    table
        The row "<none>" is the model itself, then one row for each model without a term:
        `term`, `df`, `log_likelihood`, `aic`, `statistic`, `p_value` and `reference`, the
        distribution of the statistic or why there is no test: a model without a term that
        is more likely than the whole one shows that the search for that failed.

    Notes
    -----
    Dropping a term means dropping what only it spans, whatever the contrasts.

    Examples
    --------
    >>> import henderson as hd
    >>> oats = hd.datasets.load("oats")
    >>> model = hd.fit("yield ~ Variety * factor(nitro) + (1 | Block/Variety)", oats)
    >>> table = drop1(model)
    >>> table["term"].tolist(), table["df"].tolist()
    (['<none>', 'Variety:factor(nitro)'], [0, 6])
    """
    estimates = estimates_of(model)
    refuse_priors(estimates, "drop1 needs")
    whole = by_ml(estimates)
    fixed = whole.component(component).fixed
    own = coefficients_of(estimates, component)
    hypotheses = TermHypotheses.of(estimates, estimates.vcov[own, own], component)
    columns: dict[str, list[Any]] = {
        "term": ["<none>"],
        "df": [0],
        "log_likelihood": [whole.log_likelihood],
        "aic": [2.0 * (whole.n_parameters - whole.log_likelihood)],
        "statistic": [np.nan],
        "p_value": [np.nan],
        "reference": [""],
    }
    for place, term in enumerate(hypotheses.terms):
        if hypotheses.is_contained(place):
            continue
        others = with_columns(fixed, hypotheses.without(place))
        fit = refit(whole, fixed=others, component=component)
        test = likelihood_ratio(fit, whole)
        columns["term"].append(term)
        columns["df"].append(test.df)
        columns["log_likelihood"].append(fit.log_likelihood)
        columns["aic"].append(2.0 * (fit.n_parameters - fit.log_likelihood))
        columns["statistic"].append(test.statistic)
        columns["p_value"].append(test.p_value)
        columns["reference"].append(test.reference)
    return estimates.frame.table(columns)


def _comparable(fits: list[Estimates]) -> tuple[list[Estimates], list[str]]:
    """The models by methods that can be compared, and what was done."""
    if len(fits) < 2:
        raise ModelError("compare needs two models or more: compare(smaller, larger).")
    first = fits[0]
    for other in fits[1:]:
        same_rows = np.array_equal(other.frame.rows, first.frame.rows)
        if not same_rows or not np.array_equal(other.response.y, first.response.y):
            raise ModelError(
                f"The models are of different data: {first.specification.formula.text!r} uses "
                f"{first.frame.n} rows and {other.specification.formula.text!r} "
                f"{other.frame.n}, or their responses differ. Fit them to the same complete "
                "rows."
            )
    methods = {fit.specification.method for fit in fits}
    if methods == {"ML"}:
        return fits, ["ML"] * len(fits)
    if methods == {"REML"} and all(_spans(first, fit) and _spans(fit, first) for fit in fits):
        return fits, ["REML"] * len(fits)
    labels = ["ML" if f.specification.method == "ML" else "ML, refitted" for f in fits]
    return [by_ml(fit) for fit in fits], labels


def refuse_priors(estimates: Estimates, what: str) -> None:
    """Likelihoods at a mode that priors have moved are not at their maximum.

    Raises
    ------
    ModelError
        For a model with priors.
    """
    stated = estimates.specification.priors
    if stated:
        raise ModelError(
            f"{what} the likelihood at its maximum, and the priors "
            f"({'; '.join(map(str, stated))}) have moved the estimates away from it. Use "
            "Wald tests, conf_int() or bootstrap(), or fit without priors."
        )


def by_ml(estimates: Estimates) -> Estimates:
    """The fit itself where it is by maximum likelihood, else the same model by it."""
    return (
        estimates if estimates.specification.method == "ML" else refit(estimates, method="ML")
    )


def _spans(larger: Estimates, smaller: Estimates, component: str = "location") -> bool:
    """Whether the columns of one model's X are combinations of the other's."""
    Q = FixedBasis.of(larger.predictors[component].fixed.matrix).Q
    X = smaller.predictors[component].fixed.matrix
    scale = np.sqrt(np.mean(X**2, axis=0))
    left = X - Q @ (Q.T @ X / len(X))
    return bool(np.all(np.abs(left).max(axis=0, initial=0.0) <= 1e-6 * scale))


def _variances(estimates: Estimates) -> int:
    return sum(
        len(term.structure.scales(term.design.n_effects))
        for each in estimates.predictors.values()
        for term in each.terms
    )


def _not_nested(smaller: Estimates, larger: Estimates) -> str:
    """Why the smaller model is no special case of the larger; empty if it is one."""
    if smaller.family != larger.family:
        return "no test: different families or links"
    for name in smaller.predictors:
        if not _spans(larger, smaller, name):
            of = "" if name == "location" else f" of the {name}"
            return f"no test: fixed effects{of} not nested"
    if not np.allclose(smaller.location.offset, larger.location.offset):
        return "no test: different offsets"
    for name, each in smaller.predictors.items():
        other = larger.predictors[name].terms
        if not all(_is_within(term, other) for term in each.terms):
            return "no test: random effects not nested"
    return ""


def _is_within(term: TermEstimates, terms: tuple[TermEstimates, ...]) -> bool:
    """Whether terms of the same group have all of a term's effects."""
    effects = {
        effect
        for other in terms
        if set(other.design.factors) == set(term.design.factors)
        for effect in other.design.effects
    }
    return set(term.design.effects) <= effects
