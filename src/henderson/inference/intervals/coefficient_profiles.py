"""Profile likelihood intervals of the fixed effects.

    ζ(c)  =  sign(c − β̂ⱼ) √(D(c) − D(β̂ⱼ)),   D(c) = min over all else of −2 log L with βⱼ = c

The interval has |ζ| ≤ z₁₋α/₂: values of βⱼ that a likelihood ratio test would not refuse. ζ is
close to linear, so that a few fits, with Xⱼc for an offset and without column j, find each end.
It is by maximum likelihood, also for models fitted by REML.

Source: Venzon & Moolgavkar (1988), Appl. Stat. 37(1), 87–94; Bates, Mächler, Bolker & Walker
(2015), J. Stat. Softw. 67(1), section 5.1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from henderson.errors import ModelError, did_you_mean
from henderson.estimation.estimates import Estimates, PredictorEstimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.estimation.prediction_error import coefficients_of
from henderson.inference.tests.likelihood_ratio import by_ml, refuse_priors
from henderson.quantiles import normal_quantile
from henderson.refits.refitting import refit, with_columns
from henderson.tables import NativeTable

_CLOSE = 1e-5  # of ζ at an end
_MOST_FITS = 40
_FARTHEST = 1e3  # standard errors; an end beyond is infinite
_FARTHEST_ETA = 50.0  # or a shift of η of this size, where its exponential matters


@dataclass(frozen=True, slots=True)
class Profile:
    """ζ of one coefficient, from −2 log L with it fixed."""

    estimates: Estimates  # by maximum likelihood
    j: int
    component: str = "location"

    @property
    def predictor(self) -> PredictorEstimates:
        """The linear predictor that the coefficient belongs to."""
        return self.estimates.predictors[self.component]

    @property
    def estimate(self) -> float:
        """β̂ⱼ by maximum likelihood."""
        return float(self.predictor.beta[self.j])

    def zeta(self, c: float) -> float:
        """ζ(c)."""
        own = self.predictor
        others = np.delete(np.eye(own.beta.size), self.j, axis=1)
        fit = refit(
            self.estimates,
            fixed=with_columns(own.fixed, others),
            offset=own.offset + own.fixed.matrix[:, self.j] * c,
            component=self.component,
            nearby=True,
        )
        lost = 2.0 * (self.estimates.log_likelihood - fit.log_likelihood)
        return float(np.sign(c - self.estimate) * np.sqrt(max(lost, 0.0)))

    def end(self, z: float) -> float:
        """c with ζ(c) = z; infinite where ζ stays nearer 0."""
        at = coefficients_of(self.estimates, self.component).start + self.j
        se = float(np.sqrt(self.estimates.vcov[at, at]))
        se = se if np.isfinite(se) else 1.0  # without a finite estimate: a logit or logarithm
        step = step_to(
            lambda steps: self.zeta(self.estimate + steps * se), z, self._farthest(se)
        )
        return self.estimate + step * se

    def _farthest(self, se: float) -> float:
        """Standard errors beyond which an end counts as infinite."""
        family = self.estimates.family
        if family.is_quadratic or (
            self.component == "location" and family.link.name == "identity"
        ):
            return _FARTHEST
        largest = np.abs(self.predictor.fixed.matrix[:, self.j]).max()
        return min(_FARTHEST, _FARTHEST_ETA / float(se * largest))


def profile_intervals(
    model: Fitted | Estimates,
    coefficients: str | Sequence[str] | None = None,
    *,
    level: float = 0.95,
    component: str = "location",
) -> NativeTable:
    """Profile likelihood confidence intervals of the fixed effects.

    Parameters
    ----------
    model
        A fitted model, refitted by maximum likelihood if it was by REML.
    coefficients
        Names of coefficients of the component; None for all.
    level
        Coverage, between 0 and 1.
    component
        The linear predictor: "location", "dispersion", "zero_inflation", "shape". Without a
        formula its "(Intercept)" is the logarithm of the dispersion, or what the family says.

    Returns
    -------
    table
        One row a coefficient: `term`, `estimate` (by maximum likelihood), `lower`, `upper`, on
        the scale of the linear predictor. An end is infinite where the likelihood does not fall
        far enough, as with separated binary data.

    Raises
    ------
    ModelError
        For a name that is no coefficient or component, or a level outside (0, 1).

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> table = profile_intervals(model, "Days")
    >>> table["lower"].round(2).tolist(), table["upper"].round(2).tolist()
    ([7.36], [13.58])
    """
    estimates = estimates_of(model)
    z = normal_quantile(level)
    names = list(estimates.component(component).fixed.names)
    if component == "dispersion" and estimates.is_linear:
        raise ModelError(
            "The residual standard deviation of a linear model is profiled by "
            'profile_variances("sigma").'
        )
    chosen = chosen_names("coefficient", coefficients, names)
    refuse_priors(estimates, "Profile intervals need")
    best = by_ml(estimates)
    profiles = [Profile(best, names.index(name), component) for name in chosen]
    found = [(each.estimate, each.end(-z), each.end(z)) for each in profiles]
    return interval_table(estimates, chosen, found)


def interval_table(
    estimates: Estimates, names: list[str], found: Sequence[tuple[float, float, float]]
) -> NativeTable:
    """A row a name: its estimate and the ends of its interval."""
    columns = {
        name: [each[i] for each in found]
        for i, name in enumerate(("estimate", "lower", "upper"))
    }
    return estimates.frame.table({"term": names, **columns})


def chosen_names(what: str, asked: str | Sequence[str] | None, known: list[str]) -> list[str]:
    """The names asked for, all where None.

    Raises
    ------
    ModelError
        For a name that is not known.
    """
    chosen = [asked] if isinstance(asked, str) else asked
    chosen = known if chosen is None else list(chosen)
    for name in chosen:
        if name not in known:
            raise ModelError(
                f"There is no {what} {name!r} to profile. {did_you_mean(str(name), known)}"
                f"Known: {', '.join(known) or 'none'}."
            )
    return chosen


def step_to(zeta: Callable[[float], float], z: float, farthest: float) -> float:
    """The step where an increasing ζ with ζ(0) = 0 and slope near 1 is z.

    By the secant through the last two points, kept between the ends of a bracket.
    """
    inside, outside = (0.0, 0.0), None  # (step, ζ) short of z, and beyond it
    step = np.sign(z) * min(abs(z), 0.25 * farthest)
    for _ in range(_MOST_FITS):
        at = zeta(step)
        if abs(at - z) < _CLOSE:
            break
        if abs(at) < abs(z):
            inside = (step, at)
        else:
            outside = (step, at)
        if outside is None:
            if abs(step) >= farthest:
                return float(np.sign(z)) * np.inf
            slope = max(abs(at / step), 0.3)
            ahead = 1.1 * (abs(z) - abs(at)) / slope
            size = abs(step) + np.clip(ahead, 0.05 * abs(step), abs(step))
            step = np.sign(z) * min(size, farthest)
            continue
        (a, f), (b, g) = inside, outside
        guess = a + (z - f) * (b - a) / (g - f)
        margin = 0.01 * (b - a)
        low, high = sorted((a + margin, b - margin))
        step = float(np.clip(guess, low, high))
    return float(step)
