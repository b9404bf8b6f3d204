"""The front door: check the arguments, estimate, wrap."""

from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral
from typing import Literal

import numpy as np

from henderson.design import read_matrices
from henderson.design.columns import Table, open_table, read_array
from henderson.design.factors import Factor
from henderson.design.fixed_effects import expand_terms
from henderson.design.model_frame import PerRow
from henderson.errors import DataError, ModelError, did_you_mean
from henderson.estimation import FitControl, Specification, estimate
from henderson.estimation.stated_priors import PriorStatement, read_priors
from henderson.families import Family, Hurdle, Truncated, family_named
from henderson.families.registry import zero_inflated
from henderson.fitted_model import FittedModel
from henderson.formula import (
    ErrorTerm,
    Formula,
    parse_formula,
    parse_one_sided,
    parse_residual,
)
from henderson.formula.syntax_tree import quoted
from henderson.links import Link
from henderson.priors import Prior

_METHODS = ["ML", "REML"]


def fit(
    formula: str,
    data: object,
    *,
    family: str | Family = "gaussian",
    link: str | Link | None = None,
    method: Literal["ML", "REML"] | None = None,
    weights: PerRow = None,
    frequency_weights: PerRow = None,
    offset: PerRow = None,
    exposure: PerRow = None,
    dispersion: str | None = None,
    zero_inflation: str | None = None,
    residual: str | None = None,
    quadrature: int = 1,
    contrasts: str | Mapping[str, str] | None = None,
    matrices: Mapping[str, object] | None = None,
    priors: Mapping[str, Prior | str] | None = None,
    control: FitControl | None = None,
) -> FittedModel:
    """Fit a linear or generalized linear mixed model.

    Parameters
    ----------
    formula
        As in R: ``"yield ~ gen * nitro + (1 | block/gen)"``. The response may be
        ``cbind(success, failure)`` or ``success/trials``, or a proportion with ``weights``.
    data
        A table: pandas, polars, pyarrow or anything narwhals knows, or a dict of columns. It is
        not changed. Rows with a missing value in a variable of the model are left out.
    family
        Distribution of the response: "gaussian", "binomial", "poisson", "nbinom1", "nbinom2",
        "gamma", "beta", "t", "tweedie", "compois", "truncated_poisson" and so on: see
        :func:`henderson.families.family_named`; or a family object such as
        ``hd.families.StudentT(df=4)``.
    link
        Link of the mean; by default the family's own.
    method
        "REML" (restricted maximum likelihood; the default for a Gaussian response with identity
        link) or "ML".
    weights
        A column, an expression or one value a row. Gaussian: precision, Var(e) = σ²/w.
        Binomial: number of trials. Otherwise they multiply the log-likelihood of the row.
    frequency_weights
        A column, an expression or one whole number a row: how many equal rows it stands for.
        The fit is that of the table with each row repeated so often.
    offset
        A column, an expression such as ``"log(effort)"`` or one value a row: a known part of
        the linear predictor.
    exposure
        A column, an expression or one positive number a row, such as hours or an area: the mean
        is proportional to it. The same as ``offset="log(hours)"``, for the log link.
    dispersion
        A formula for the logarithm of the family's dispersion parameter, such as
        ``"~ spp + (1 | site)"``; a constant by default. For a Gaussian response it is that of
        the residual standard deviation, which may so differ between groups; beside
        ``residual=`` the constant is left out, since the structure has it.
    zero_inflation
        A formula for the logit of the probability of zeros that are not of the counts, such as
        ``"~ mined + (1 | site)"`` or ``"~ 1"``: counts become mixtures with a point mass at
        zero, "truncated_poisson" and so on hurdle models and "gamma" and other positive
        measurements zero or positive, where it is the probability of all zeros. By default
        there are no such zeros.
    residual
        How the residuals of a Gaussian response vary together within subjects, such as
        ``"us(visit | patient)"`` or ``"ar1(day | pig, by = treatment)"``; see
        `model_repeated_measures` in the documentation. By default they are independent.
    quadrature
        Nodes of adaptive Gauss-Hermite quadrature for each random effect, for models with one
        grouping factor; 1 is the Laplace approximation.
    contrasts
        "treatment" (default), "sum", "helmert" or "poly", for all factors or by factor.
    matrices
        Known covariances of levels for ``propto(1 | animal, A)``, by the names they have in the
        formula: a square table whose columns are the levels' names, a pair (matrix, names),
        dense or SciPy sparse, or what `relationship_matrix` makes of a pedigree.
    priors
        Prior densities, whose logarithms are added to the log-likelihood before it is
        maximized, by what they are for: "fixed", all fixed effects but the intercept; a
        coefficient or a term by its name; "sd", all standard deviations of random effects;
        "sd(herd)", those of a group; "sd(time | herd)", one. "zero_inflation:fixed" and so on
        are those of other components. A prior is text or a prior of :mod:`henderson.priors`:
        ``priors={"fixed": "normal(0, 2.5)", "sd(herd)": "gamma(2, 0)"}``. Priors on fixed
        effects are for maximum likelihood, which is the default with them.
    control
        Settings of the search.

    Returns
    -------
    FittedModel
        Also where the search did not converge; `converged` and `outcome` say so.

    Raises
    ------
    HendersonError
        For anything wrong with the formula, the data or the arguments, before fitting.

    Examples
    --------
    >>> import henderson as hd
    >>> m = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> round(m.params["Days"], 3)
    10.467
    """
    if control is not None and not isinstance(control, FitControl):
        raise ModelError(
            f"control must be a FitControl, not {control!r}. "
            "For example control=hd.FitControl(max_evaluations=500)."
        )
    specification = specified(
        formula,
        family=family,
        link=link,
        method=method,
        weights=weights,
        offset=offset,
        dispersion=dispersion,
        zero_inflation=zero_inflation,
        residual=residual,
        quadrature=quadrature,
        contrasts=contrasts,
        matrices=matrices,
        priors=priors,
    )
    if exposure is not None:
        offset = _with_exposure(offset, exposure, specification.family, open_table(data))
        text = offset if isinstance(offset, str) else None
        specification = replace(specification, offset=text)
    return FittedModel(
        estimate(
            specification,
            data,
            weights=weights,
            frequency_weights=frequency_weights,
            offset=offset,
            control=control,
        )
    )


def _with_exposure(offset: PerRow, exposure: PerRow, family: Family, table: Table) -> PerRow:
    """The offset with log(exposure) added."""
    if family.link.name != "log":
        raise ModelError(
            "exposure= says that the mean is proportional to it, which needs the log link; "
            f"here the link is {family.link.name}. For a known part of the linear predictor "
            "give offset=, for a number of trials weights=."
        )
    if not isinstance(exposure, str):
        if offset is not None:
            raise ModelError(
                "exposure= is one number a row and offset= is given too. Give both as columns, "
                "or add the logarithm of the exposure to the offset."
            )
        values = read_array(
            exposure if hasattr(exposure, "__len__") else [exposure], "exposure"
        )
        if isinstance(values, Factor) or np.any(values <= 0):
            bad = values.levels[0] if isinstance(values, Factor) else values[values <= 0][0]
            raise DataError(f"exposure has the value {bad!s}. Exposures are positive numbers.")
        return np.log(values)
    name = quoted(exposure) if exposure in table.keys else exposure
    values = table.read(exposure) if exposure in table.keys else None
    if isinstance(values, np.ndarray) and np.any(values <= 0):
        raise DataError(
            f"exposure={exposure!r} has the value {values[values <= 0][0]:g} in row "
            f"{int(np.argmax(values <= 0))}, counting from 0. Exposures are positive numbers: "
            "correct the value, or leave out rows that were not exposed."
        )
    if offset is None:
        return f"log({name})"
    if not isinstance(offset, str):
        raise ModelError(
            "offset= is one number a row and exposure= a column. Give both as columns, or add "
            "the logarithm of the exposure to the offset."
        )
    return f"{quoted(offset) if offset in table.keys else offset} + log({name})"


def specified(
    formula: str,
    *,
    family: str | Family,
    link: str | Link | None,
    method: Literal["ML", "REML"] | None,
    weights: PerRow,
    offset: PerRow,
    dispersion: str | None,
    zero_inflation: str | None,
    residual: str | None = None,
    quadrature: int = 1,
    contrasts: str | Mapping[str, str] | None,
    matrices: Mapping[str, object] | None = None,
    priors: Mapping[str, Prior | str] | None = None,
) -> Specification:
    """The arguments of `fit`, checked as far as they can be without data."""
    chosen = _family(family, link)
    if zero_inflation is not None:
        chosen = _with_zeros(chosen)
    parsed = parse_formula(formula)
    stated = read_priors(priors, chosen.predictors)
    _refuse_priors(stated, residual, method)
    quadratic = chosen.is_quadratic
    if method is None:
        method = "REML" if quadratic and not _on_coefficients(stated) else "ML"
    elif method not in _METHODS:
        raise ModelError(
            f"There is no method {method!r}. {did_you_mean(str(method).upper(), _METHODS)}"
            'Choose "ML" or "REML".'
        )
    _refuse_nothing(dispersion, zero_inflation, residual)
    others = _others(chosen, dispersion=dispersion, zero_inflation=zero_inflation)
    blocks = None if residual is None else _residual(residual, chosen)
    if blocks is not None:  # it holds the constant
        others.setdefault("dispersion", parse_one_sided("~ 0"))
    return Specification(
        formula=parsed,
        family=chosen,
        method=method,
        quadrature=_quadrature(quadrature, chosen, method),
        weights=weights if isinstance(weights, str) else None,
        offset=offset if isinstance(offset, str) else None,
        contrasts={} if contrasts is None else contrasts,
        others=others,
        matrices=read_matrices(matrices),
        residual=blocks,
        priors=stated,
    )


def _on_coefficients(stated: tuple[PriorStatement, ...]) -> PriorStatement | None:
    """The first prior on fixed effects of the location."""
    return next(
        (each for each in stated if not each.deviation and each.component == "location"), None
    )


def _refuse_priors(
    stated: tuple[PriorStatement, ...], residual: str | None, method: str | None
) -> None:
    """Priors on fixed effects need fixed effects that are searched over."""
    first = _on_coefficients(stated)
    if first is None:
        return
    if residual is not None:
        raise ModelError(
            f"priors: {first} is on fixed effects, which with residual= have a closed form "
            "that leaves no room for it. Leave residual= out, or state priors of standard "
            "deviations alone."
        )
    if method == "REML":
        raise ModelError(
            f'priors: {first} is on fixed effects, which REML integrates out. Use method="ML", '
            "or state priors of standard deviations alone."
        )


def _family(family: str | Family, link: str | Link | None) -> Family:
    if link is not None and not isinstance(link, str | Link):
        raise ModelError(
            f'link must be a name or a link, not {link!r}. For example link="log".'
        )
    name = link.name if isinstance(link, Link) else link
    if isinstance(family, str):
        return family_named(family, name)
    if not isinstance(family, Family):
        raise ModelError(
            f"family must be a name or a family object, not {family!r}. "
            'For example family="poisson".'
        )
    if name is not None and name != family.link.name:
        raise ModelError(
            f"The family has the link {family.link.name!r} and link={name!r} was given too. "
            "Give the link to the family alone."
        )
    return family


def _with_zeros(family: Family) -> Family:
    """The family with a predictor for its zeros: a hurdle where it is truncated."""
    if "zero_inflation" in family.predictors:
        return family
    return Hurdle(family) if isinstance(family, Truncated) else zero_inflated(family)


def _residual(text: str, family: Family) -> ErrorTerm:
    if not isinstance(text, str):
        raise ModelError(
            f'residual must be text, not {text!r}. For example residual="us(visit | subject)".'
        )
    if not family.is_quadratic:
        raise ModelError(
            "residual= is for a Gaussian response with the identity link; the "
            f"{family.name} family with the {family.link.name} link has no residuals that vary "
            "together. Write random effects with that structure, such as "
            "ar1(0 + visit | subject)."
        )
    return parse_residual(text)


def _others(family: Family, **formulas: str | None) -> dict[str, Formula]:
    """The formulas of the predictors besides the location that were given."""
    given = {name: text for name, text in formulas.items() if text is not None}
    for name in given:
        if name not in family.predictors:
            raise ModelError(
                f"The {family.name} family has no {name} parameter to model. "
                f"Leave {name}= out, or choose a family that has one."
            )
    return {name: parse_one_sided(text) for name, text in given.items()}


def _refuse_nothing(
    dispersion: str | None, zero_inflation: str | None, residual: str | None
) -> None:
    """A predictor that is 0 everywhere is a number that nobody chose."""
    if _is_nothing(dispersion) and residual is None:
        raise ModelError(
            f"dispersion={dispersion!r} would hold the dispersion at exp(0) = 1 (of a Gaussian "
            "response the residual standard deviation), so that results depend on the units of "
            "the response. For a model without a residual, as glmmTMB's dispformula = ~0 has "
            "it, write its covariance as that of the residuals: "
            'residual="us(visit | subject)". To hold the dispersion at a known value, write '
            'dispersion="~ 0 + offset(log(s))", where s is a column.'
        )
    if _is_nothing(zero_inflation):
        raise ModelError(
            f"zero_inflation={zero_inflation!r} would hold the probability of further zeros at "
            '1/2. Leave zero_inflation= out for none, or write "~ 1" to estimate it.'
        )


def _is_nothing(text: str | None) -> bool:
    if not isinstance(text, str):
        return False
    formula = parse_one_sided(text)
    terms = expand_terms(formula.fixed, formula.text)
    return not (terms.intercept or terms.terms or formula.random or formula.offsets)


def _quadrature(nodes: int, family: Family, method: str) -> int:
    if not isinstance(nodes, Integral) or isinstance(nodes, bool) or nodes < 1:
        raise ModelError(
            f"quadrature must be a whole number of nodes, 1 or more, not {nodes!r}."
        )
    if nodes > 1 and method == "REML":
        raise ModelError(
            "Quadrature integrates the random effects only, so it cannot be restricted (REML). "
            'Use method="ML", or quadrature=1.'
        )
    return 1 if family.is_quadratic else int(nodes)  # the Laplace approximation is exact there
