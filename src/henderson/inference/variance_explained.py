"""How much of the variance the model explains: R², and the share of each grouping level.

    R²(marginal)     =  σ²_f / (σ²_f + Σσ²_t + σ²_e)
    R²(conditional)  =  (σ²_f + Σσ²_t) / (σ²_f + Σσ²_t + σ²_e)
    ICC of t         =  σ²_t / (Σσ²_t + σ²_e)

all on the scale of the linear predictor: σ²_f is the variance of Xβ̂ over the rows, σ²_t the
mean over the rows of z'Gz of random term t, and σ²_e that of the observations:

    Gaussian, identity        σ²
    trials with a latent      π²/3 (logit), 1 (probit), π²/6 (cloglog)
    logarithmic links         log(1 + Var(y)/μ²)
    other links               Var(y) (dη/dμ)²

at the mean μ that the model without fixed effects gives a row with b = 0. A term with a level
for each row is a part of σ²_e, where that is not σ² alone.

Source: Nakagawa & Schielzeth (2013), Methods Ecol. Evol. 4(2), 133–142; Johnson (2014), Methods
Ecol. Evol. 5(9), 944–946; Nakagawa, Johnson & Schielzeth (2017), J. R. Soc. Interface 14,
20170213.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.refits.refitting import refit

LATENT: Mapping[str, float] = MappingProxyType(
    {"logit": np.pi**2 / 3.0, "probit": 1.0, "cloglog": np.pi**2 / 6.0}
)


@dataclass(frozen=True, slots=True)
class VarianceExplained:
    """Parts of the variance on the scale of the linear predictor."""

    fixed: float  # σ²_f
    random: Mapping[str, float]  # σ²_t by grouping factor
    residual: float  # σ²_e

    @property
    def r2_marginal(self) -> float:
        """The share of the fixed effects."""
        return self.fixed / self._total

    @property
    def r2_conditional(self) -> float:
        """The share of fixed and random effects together."""
        return (self.fixed + sum(self.random.values())) / self._total

    @property
    def icc(self) -> float:
        """The share of all grouping factors in what the fixed effects leave."""
        return sum(self.random.values()) / self._left

    @property
    def icc_by_group(self) -> dict[str, float]:
        """The share of each grouping factor in what the fixed effects leave."""
        return {group: value / self._left for group, value in self.random.items()}

    @property
    def _left(self) -> float:
        return sum(self.random.values()) + self.residual

    @property
    def _total(self) -> float:
        return self.fixed + self._left


def variance_explained(model: Fitted | Estimates) -> VarianceExplained:
    """R² after Nakagawa and the intraclass correlation of each grouping factor.

    Parameters
    ----------
    model
        A fitted model with one mean predictor: no zero inflation, no hurdle.

    Returns
    -------
    VarianceExplained
        `r2_marginal`, `r2_conditional`, `icc`, `icc_by_group`, and the variances they are of.

    Raises
    ------
    ModelError
        For a mean that is not a function of the location alone, or a dispersion that varies.

    Notes
    -----
    For families other than the Gaussian the model is fitted once more, without fixed effects.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> parts = variance_explained(model)
    >>> round(parts.r2_marginal, 3), round(parts.r2_conditional, 3), round(parts.icc, 3)
    (0.279, 0.799, 0.722)
    """
    estimates = estimates_of(model)
    family, location = estimates.family, estimates.location
    varying = [
        name
        for name, each in estimates.predictors.items()
        if name != "location"
        and estimates.errors is None
        and (each.fixed.names != ("(Intercept)",) or each.terms)
    ]
    if not family.mean_is_of_location or varying:
        what = f"a {varying[0]} that varies" if varying else f"the {family.name} family"
        raise ModelError(
            f"R² and intraclass correlations are not defined for a model with {what}. Compare "
            "models by AIC, or predictions with what was observed."
        )
    fixed = float(np.var(location.fixed.matrix @ location.beta, ddof=1))
    linear = estimates.is_linear or estimates.errors is not None
    random: dict[str, float] = {}
    residual = np.mean(np.exp(2.0 * estimates.predictors["dispersion"].eta)) if linear else 0.0
    for term in location.terms:
        value = float(np.mean(term.row_variances))
        if not linear and term.design.n_levels == estimates.frame.n:
            residual += value
        else:
            random[term.design.group] = random.get(term.design.group, 0.0) + value
    if not linear:
        residual += _observation_variance(estimates)
    return VarianceExplained(fixed, MappingProxyType(random), float(residual))


def _observation_variance(estimates: Estimates) -> float:
    """σ²_e of a family other than the Gaussian, on the scale of the linear predictor."""
    family, link = estimates.family, estimates.family.link.name
    if family.counts_trials and not family.has_dispersion and link in LATENT:
        return LATENT[link]
    null = _without_fixed_effects(estimates)
    eta = [null.location.beta]
    eta += [each.beta for name, each in null.predictors.items() if name != "location"]
    at = np.array(eta).T
    variance = float(family.variance(at, np.ones(1))[0])
    inverse = family.inverse_link(at[:, 0])
    if link == "log":
        return float(np.log1p(variance / inverse.mu[0] ** 2))
    return float(variance / inverse.dmu[0] ** 2)


def _without_fixed_effects(estimates: Estimates) -> Estimates:
    location = estimates.location
    intercept = replace(
        location.fixed,
        matrix=np.ones((estimates.frame.n, 1)),
        names=("(Intercept)",),
        assign=np.zeros(1, dtype=np.int64),
    )
    return refit(estimates, fixed=intercept)
