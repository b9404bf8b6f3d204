"""Analysis of variance: a test of each term of the fixed effects."""

from typing import Any, Literal

from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.inference.ddf.methods import DegreesOfFreedom, default_method, degrees_of_freedom
from henderson.inference.linear_functions import joint_test
from henderson.inference.tests.term_hypotheses import Convention, TermHypotheses, Type
from henderson.tables import NativeTable


def anova(
    model: Fitted | Estimates,
    *,
    type: Type = 2,
    test: Literal["F", "Chisq"] | None = None,
    ddf: str | DegreesOfFreedom | None = None,
    convention: Convention = "car",
    component: str = "location",
) -> NativeTable:
    """A test of each term of the fixed effects.

    Parameters
    ----------
    model
        A fitted model.
    type
        1: each term given those before it. 2: given all that do not contain it. 3: given all,
        so that a main effect compares means with equal weights over the factors it interacts
        with. None depends on the contrasts of the fit.
    test
        "F", or "Chisq" for Wald's chi-squared, which takes the variances as known. None: F for
        a Gaussian response with the identity link and one residual variance, else Chisq.
    ddf
        Denominator degrees of freedom for F: "kenward-roger", "satterthwaite", "containment",
        "between-within", "residual". None is Kenward-Roger for REML where that is affordable,
        else Satterthwaite.
    convention
        "car": types 1 and 2 weight the rows by the model's covariance, and x:f contains x and
        f. "sas" (also R's lmerTest): they weight rows equally, and x:f contains x but not f.
        The same for balanced designs without covariates, and for type 3, always SAS's.
    component
        The linear predictor whose terms are tested: "location", "dispersion",
        "zero_inflation".

    Returns
    -------
    table
        One row a term: `term`, `df1`, `df2`, `statistic`, `p_value`, `ddf`. For "Chisq" the
        statistic is chi-squared, df2 infinite and ddf "infinite". A term of which no
        function can be estimated has df1 0.

    Raises
    ------
    ModelError
        For a type, test or method that does not exist, or does not fit the model.

    Notes
    -----
    Type 2 tests each main effect as if the interactions with it were absent, with the power of
    that assumption. Type 3 of a factor in an interaction with a covariate compares its levels
    where the covariate is 0: center the covariate to make that its mean. See
    `inference.tests.term_hypotheses` for the definitions and sources.

    Examples
    --------
    >>> import henderson as hd
    >>> oats = hd.datasets.load("oats")
    >>> model = hd.fit("yield ~ Variety * factor(nitro) + (1 | Block/Variety)", oats)
    >>> table = anova(model)
    >>> table["term"].tolist()
    ['Variety', 'factor(nitro)', 'Variety:factor(nitro)']
    >>> table["df2"].round(1).tolist()
    [10.0, 45.0, 45.0]
    """
    estimates = estimates_of(model)
    _check(type, test, convention)
    if test is None:
        of_mean = component == "location" and default_method(estimates) != "infinite"
        test = "F" if ddf is not None or of_mean else "Chisq"
    if test == "Chisq" and ddf not in {None, "infinite"}:
        raise ModelError(
            f'test="Chisq" has no denominator, and ddf={ddf!r} is for one. Use test="F", or '
            "leave ddf out."
        )
    method = degrees_of_freedom(
        estimates, "infinite" if test == "Chisq" else ddf, component=component
    )
    # A robust covariance may be singular; what is tested stays as in the model.
    hypotheses = TermHypotheses.of(
        estimates, getattr(method, "model_vcov", method.vcov), component
    )
    columns: dict[str, list[Any]] = {
        name: [] for name in ("term", "df1", "df2", "statistic", "p_value", "ddf")
    }
    for place, term in enumerate(hypotheses.terms):
        L = hypotheses.rows(place, type, convention)
        found = joint_test(estimates, L, ddf=method, component=component)
        statistic = found.chi2 if test == "Chisq" else found.statistic
        row = (term, found.df1, found.df2, statistic, found.p_value, found.ddf)
        for name, value in zip(columns, row, strict=True):
            columns[name].append(value)
    return estimates.frame.table(columns)


def _check(type: object, test: object, convention: object) -> None:
    if type not in (1, 2, 3) or isinstance(type, bool):
        raise ModelError(f"type must be 1, 2 or 3, not {type!r}.")
    if test not in (None, "F", "Chisq"):
        raise ModelError(f'test must be "F" or "Chisq", not {test!r}.')
    if convention not in ("car", "sas"):
        raise ModelError(f'convention must be "car" or "sas", not {convention!r}.')
