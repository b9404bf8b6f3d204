"""What the user holds: a fitted model; one line a method, the work is in its function."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, dia_array

from henderson.arrays import Matrix, Vector
from henderson.design.model_frame import PerRow
from henderson.diagnostics import (
    Influence,
    ModelCheck,
    autocorrelation,
    check,
    influence,
    separated,
    variogram,
    vif,
)
from henderson.diagnostics.quantile_residuals import Condition
from henderson.estimation import matrices
from henderson.estimation.estimates import Estimates
from henderson.experiment import Experiment, experiment_of
from henderson.inference import (
    Bootstrap,
    Power,
    RobustCovariance,
    VarianceExplained,
    WaldTest,
    anova,
    bootstrap,
    drop1,
    power,
    profile_intervals,
    profile_variances,
    robust_vcov,
    variance_explained,
    variance_intervals,
    wald_test,
)
from henderson.inference.ddf.methods import DegreesOfFreedom
from henderson.inference.power.simulated_power import Extend, Test
from henderson.inference.robust.sandwich import Kind as RobustKind
from henderson.inference.robust.score_sandwich import ScoreCovariance
from henderson.inference.tests.term_hypotheses import Convention, Type
from henderson.marginal_means import MarginalMeans, emmeans, joint_tests
from henderson.marginal_means.averaging import Weights
from henderson.marginal_means.mean_rows import Scale
from henderson.marginal_means.means import RandomEffects
from henderson.marginal_means.reference_grid import At
from henderson.marginal_means.specs import Names
from henderson.plots import (
    plot_autocorrelation,
    plot_correlations,
    plot_effects,
    plot_profiles,
    plot_random_effects,
    plot_random_quantiles,
    plot_residuals,
    plot_shrinkage,
    plot_variogram,
)
from henderson.plots.design_diagram import plot_design
from henderson.plots.steps import cascade, plot_cascade
from henderson.prediction import Interval, Kind, ResidualKind, fitted, predict, residuals
from henderson.refits.progress import Progress
from henderson.report import criteria, tables
from henderson.report.named_matrix import NamedMatrix
from henderson.report.summary import Summary, summarize
from henderson.report.tidy_tables import Effects, augment, glance, tidy
from henderson.report.writing import write_report
from henderson.simulated_residuals import SimulatedResiduals, simulate_residuals
from henderson.simulation import simulate
from henderson.tables import NativeTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FittedModel:
    """A fitted model, as `henderson.fit` returns it.

    Everything is a function of `estimates`, the frozen record of the fit. Tables come back as
    the user's own kind of data frame. Coefficients are on the scale of the linear predictor.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    >>> round(model.params["(Intercept)"], 1)
    1527.5
    >>> round(model.sigma, 2)
    49.51
    """

    estimates: Estimates

    # ---- the coefficients ------------------------------------------------------------------

    @property
    def params(self) -> dict[str, float]:
        """Fixed effects of the location by name, on the link scale."""
        return tables.by_name(self.estimates, self.estimates.location.beta)

    @property
    def bse(self) -> dict[str, float]:
        """Standard errors of `params`, as in `coefficients`."""
        return tables.by_name(
            self.estimates, tables.coefficient_estimates(self.estimates)["location"].std_error
        )

    @property
    def pvalues(self) -> dict[str, float]:
        """Two-sided p-values of `params` being 0, as in `coefficients`."""
        return tables.by_name(
            self.estimates, tables.coefficient_estimates(self.estimates)["location"].p_value
        )

    def coefficients(
        self, *, level: float = 0.95, ddf: str | DegreesOfFreedom | None = None
    ) -> NativeTable:
        """All coefficients with tests and intervals; see `report.tables.coefficients`."""
        return tables.coefficients(self.estimates, level=level, ddf=ddf)

    def conf_int(
        self, *, level: float = 0.95, ddf: str | DegreesOfFreedom | None = None
    ) -> NativeTable:
        """Wald confidence intervals; see `report.tables.confidence_intervals`."""
        return tables.confidence_intervals(self.estimates, level=level, ddf=ddf)

    def vcov(self, *, component: str | None = "location") -> NamedMatrix:
        """Covariance of the coefficients; see `report.tables.covariance_matrix`."""
        return tables.covariance_matrix(self.estimates, component=component)

    def robust_vcov(
        self, cluster: str | Sequence[str] | ArrayLike, *, kind: RobustKind | None = None
    ) -> RobustCovariance | ScoreCovariance:
        """Cluster-robust covariance, to give as `ddf`; see `inference.robust_vcov`."""
        return robust_vcov(self.estimates, cluster, kind=kind)

    # ---- tests -----------------------------------------------------------------------------

    def anova(
        self,
        *,
        type: Type = 2,
        test: Literal["F", "Chisq"] | None = None,
        ddf: str | DegreesOfFreedom | None = None,
        convention: Convention = "car",
        component: str = "location",
    ) -> NativeTable:
        """A test of each term of the fixed effects; see `inference.anova`."""
        return anova(
            self.estimates,
            type=type,
            test=test,
            ddf=ddf,
            convention=convention,
            component=component,
        )

    def wald_test(
        self,
        hypothesis: str | Sequence[str] | Matrix,
        *,
        value: Vector | None = None,
        ddf: str | DegreesOfFreedom | None = None,
        component: str = "location",
    ) -> WaldTest:
        """Tests of linear hypotheses, such as "a = b"; see `inference.wald_test`."""
        return wald_test(self.estimates, hypothesis, value=value, ddf=ddf, component=component)

    def joint_tests(
        self,
        *,
        by: Names | None = None,
        at: At | None = None,
        ddf: str | DegreesOfFreedom | None = None,
        component: str = "location",
    ) -> NativeTable:
        """Tests of each term, within groups; see `marginal_means.joint_tests`."""
        return joint_tests(self.estimates, by=by, at=at, ddf=ddf, component=component)

    def drop1(self, *, component: str = "location") -> NativeTable:
        """Likelihood ratio tests of single terms; see `inference.drop1`."""
        return drop1(self.estimates, component=component)

    def profile_intervals(
        self,
        coefficients: str | Sequence[str] | None = None,
        *,
        level: float = 0.95,
        component: str = "location",
    ) -> NativeTable:
        """Profile likelihood intervals of coefficients; see `inference.profile_intervals`."""
        return profile_intervals(self.estimates, coefficients, level=level, component=component)

    def profile_variances(
        self, parameters: str | Sequence[str] | None = None, *, level: float = 0.95
    ) -> NativeTable:
        """Profile likelihood intervals of variances; see `inference.profile_variances`."""
        return profile_variances(self.estimates, parameters, level=level)

    def variance_intervals(
        self,
        parameters: str | Sequence[str] | None = None,
        *,
        level: float = 0.95,
        variances: bool = False,
    ) -> NativeTable:
        """Wald intervals of variances; see `inference.intervals.variance_intervals`."""
        return variance_intervals(self.estimates, parameters, level=level, variances=variances)

    def emmeans(
        self,
        specs: Names,
        *,
        by: Names | None = None,
        at: At | None = None,
        weights: Weights = "equal",
        scale: Scale = "link",
        ddf: str | DegreesOfFreedom | None = None,
        level: float = 0.95,
        component: str = "location",
        offset: float | None = None,
        random: RandomEffects = "zero",
    ) -> MarginalMeans:
        """Estimated marginal means, for contrasts and letters; see `marginal_means.emmeans`."""
        return emmeans(
            self.estimates,
            specs,
            by=by,
            at=at,
            weights=weights,
            scale=scale,
            ddf=ddf,
            level=level,
            component=component,
            offset=offset,
            random=random,
        )

    def bootstrap(
        self,
        function: Callable[[Any], Mapping[str, float] | ArrayLike] | None = None,
        *,
        n: int = 1000,
        rng: np.random.Generator | int | None = None,
        workers: int = 1,
        progress: Progress = False,
        errors: Callable[[Any], ArrayLike] | None = None,
    ) -> Bootstrap:
        """Refits to responses drawn from the model; see `inference.bootstrap`."""
        return bootstrap(
            self, function, n=n, rng=rng, workers=workers, progress=progress, errors=errors
        )

    def power(
        self,
        test: Test = None,
        *,
        n: int = 1000,
        extend: Extend | None = None,
        repeat: int = 1,
        alpha: float = 0.05,
        rng: np.random.Generator | int | None = None,
        workers: int = 1,
        progress: Progress = False,
    ) -> Power:
        """Power of tests by simulation; see `inference.power`."""
        return power(
            self,
            test,
            n=n,
            extend=extend,
            repeat=repeat,
            alpha=alpha,
            rng=rng,
            workers=workers,
            progress=progress,
        )

    # ---- the random part -------------------------------------------------------------------

    @property
    def sigma(self) -> float:
        """The dispersion parameter: σ of a Gaussian response; see `report.tables.sigma`."""
        return tables.sigma(self.estimates)

    def variance_components(self) -> NativeTable:
        """Variances and correlations; see `report.tables.variance_components`."""
        return tables.variance_components(self.estimates)

    def covariance_parameters(self) -> NativeTable:
        """Correlations, ranges, decays; see `report.tables.covariance_parameters`."""
        return tables.covariance_parameters(self.estimates)

    def random_effects(self) -> NativeTable:
        """Conditional modes and standard deviations; see `report.tables.random_effects`."""
        return tables.random_effects(self.estimates)

    def variance_explained(self) -> VarianceExplained:
        """R² and intraclass correlations; see `inference.variance_explained`."""
        return variance_explained(self.estimates)

    def experiment(self) -> Experiment:
        """Its units, treatments and concerns; see `experiment.experiment_of`."""
        return experiment_of(self.estimates)

    def plot_design(self) -> "Figure":
        """Units, counts, treatments, variances; see `plots.design_diagram.plot_design`."""
        return plot_design(self.estimates)

    def cascade(self, *, row: int | None = None) -> NativeTable:
        """How one observation comes about, step by step; see `plots.steps.cascade`."""
        return cascade(self.estimates, row=row)

    def plot_cascade(self, *, row: int | None = None) -> "Figure":
        """The same as a picture, down to a star; see `plots.steps.plot_cascade`."""
        return plot_cascade(self.estimates, row=row)

    # ---- the fit as a whole ----------------------------------------------------------------

    @property
    def formula(self) -> str:
        """The formula, as it was written."""
        return self.estimates.specification.formula.text

    @property
    def llf(self) -> float:
        """The log-likelihood; the restricted one after REML; priors are not in it."""
        return self.estimates.log_likelihood

    @property
    def log_posterior(self) -> float:
        """What priors make of `llf`, and the fit maximizes; see `report.criteria`."""
        return criteria.log_posterior(self.estimates)

    @property
    def deviance(self) -> float:
        """−2 log L; see `report.criteria.deviance`."""
        return criteria.deviance(self.estimates)

    @property
    def aic(self) -> float:
        """Akaike's criterion; see `report.criteria.aic`."""
        return criteria.aic(self.estimates)

    @property
    def aicc(self) -> float:
        """AIC for small samples; see `report.criteria.aicc`."""
        return criteria.aicc(self.estimates)

    @property
    def bic(self) -> float:
        """Schwarz's criterion; see `report.criteria.bic`."""
        return criteria.bic(self.estimates)

    @property
    def nobs(self) -> int:
        """Number of rows used."""
        return self.estimates.frame.n

    @property
    def df(self) -> int:
        """Number of parameters: fixed effects, dispersion and covariance parameters."""
        return self.estimates.n_parameters

    @property
    def converged(self) -> bool:
        """Whether the estimates maximize the likelihood, at a boundary or not."""
        return self.estimates.certificate.converged

    @property
    def outcome(self) -> str:
        """How the search ended, in a sentence."""
        return self.estimates.certificate.sentence

    def tidy(
        self,
        *,
        effects: Effects | Sequence[Effects] = ("fixed", "ran_pars"),
        level: float = 0.95,
        ddf: str | DegreesOfFreedom | None = None,
    ) -> NativeTable:
        """Parameters, one a row, in broom's columns; see `report.tidy_tables.tidy`."""
        return tidy(self.estimates, effects=effects, level=level, ddf=ddf)

    def glance(self) -> NativeTable:
        """The fit in one row; see `report.tidy_tables.glance`."""
        return glance(self.estimates)

    def augment(self) -> NativeTable:
        """The rows used with fitted values and residuals; see `report.tidy_tables.augment`."""
        return augment(self.estimates)

    # ---- fitted values, predictions, draws -------------------------------------------------

    @property
    def fitted(self) -> Vector:
        """Fitted means at the conditional modes, (n,); see `prediction.fitted`."""
        return fitted(self.estimates)

    def residuals(self, *, kind: ResidualKind = "response") -> Vector:
        """Residuals at the conditional modes; see `prediction.residuals`."""
        return residuals(self.estimates, kind=kind)

    def predict(
        self,
        new: NativeTable | None = None,
        *,
        kind: Kind = "response",
        random: bool | None = True,
        interval: Interval | None = None,
        level: float = 0.95,
        offset: PerRow = None,
        size: ArrayLike | None = None,
    ) -> NativeTable:
        """Predictions at observed or new data, with intervals; see `prediction.predict`."""
        return predict(
            self.estimates,
            new,
            kind=kind,
            random=random,
            interval=interval,
            level=level,
            offset=offset,
            size=size,
        )

    def simulate(
        self,
        n: int = 1,
        *,
        rng: np.random.Generator | int | None = None,
        random: Literal["new", "modes"] = "new",
    ) -> Matrix:
        """Responses drawn from the model, a draw a column; see `simulation.simulate`."""
        return simulate(self.estimates, n, rng=rng, random=random)

    def simulate_residuals(
        self,
        n: int = 250,
        *,
        condition: Condition = "none",
        by: str | ArrayLike | None = None,
        refit: bool = False,
        rng: np.random.Generator | int | None = None,
    ) -> SimulatedResiduals:
        """Uniform where the model holds; see `simulated_residuals.simulate_residuals`."""
        return simulate_residuals(
            self.estimates, n, condition=condition, by=by, refit=refit, rng=rng
        )

    # ---- does it hold? -----------------------------------------------------------------------

    def check(
        self, *, n: int = 250, rng: np.random.Generator | int | None = None
    ) -> ModelCheck:
        """All there is to look at, in plain words; see `diagnostics.check`."""
        return check(self.estimates, n=n, rng=rng)

    def influence(self, by: str | None = None, *, refit: bool = False) -> Influence:
        """Leverage, Cook's distance and DFBETAS; see `diagnostics.influence`."""
        return influence(self.estimates, by, refit=refit)

    def vif(self, *, component: str = "location") -> NativeTable:
        """Generalized variance inflation factors; see `diagnostics.vif`."""
        return vif(self.estimates, component=component)

    def separated(self) -> tuple[str, ...]:
        """Coefficients that separation makes infinite; see `diagnostics.separated`."""
        return separated(self.estimates)

    def autocorrelation(
        self,
        time: str | ArrayLike,
        *,
        by: str | ArrayLike | None = None,
        lags: int = 10,
        kind: ResidualKind = "normalized",
    ) -> NativeTable:
        """Of residuals by positions apart in time; see `diagnostics.autocorrelation`."""
        return autocorrelation(self.estimates, time, by=by, lags=lags, kind=kind)

    def variogram(
        self,
        x: str | ArrayLike,
        y: str | ArrayLike | None = None,
        *,
        by: str | ArrayLike | None = None,
        bins: int = 12,
        kind: ResidualKind = "normalized",
    ) -> NativeTable:
        """Differences of residuals by distance; see `diagnostics.variogram`."""
        return variogram(self.estimates, x, y, by=by, bins=bins, kind=kind)

    # ---- pictures --------------------------------------------------------------------------

    def plot_effects(
        self,
        x: str,
        *,
        by: str | None = None,
        at: Mapping[str, Any] | None = None,
        scale: Scale = "response",
        ddf: str | DegreesOfFreedom | None = None,
        level: float = 0.95,
        points: bool = True,
    ) -> "Figure":
        """Fitted means with bands over the data; see `plots.plot_effects`."""
        return plot_effects(
            self.estimates, x, by=by, at=at, scale=scale, ddf=ddf, level=level, points=points
        )

    def plot_residuals(
        self, against: str | None = None, *, kind: ResidualKind = "normalized"
    ) -> "Figure":
        """Residuals: level, even and normal? See `plots.plot_residuals`."""
        return plot_residuals(self.estimates, against, kind=kind)

    def plot_random_effects(self, *, level: float = 0.95) -> "Figure":
        """Conditional modes in order; see `plots.plot_random_effects`."""
        return plot_random_effects(self.estimates, level=level)

    def plot_random_quantiles(self) -> "Figure":
        """Are random effects normal? See `plots.plot_random_quantiles`."""
        return plot_random_quantiles(self.estimates)

    def plot_shrinkage(self, term: str | None = None) -> "Figure":
        """Partial, no and complete pooling; see `plots.plot_shrinkage`."""
        return plot_shrinkage(self.estimates, term)

    def plot_correlations(self, term: str | None = None) -> "Figure":
        """Correlations of the random effects of a level; see `plots.plot_correlations`."""
        return plot_correlations(self.estimates, term)

    def plot_profiles(
        self, parameters: str | Sequence[str] | None = None, *, level: float = 0.95
    ) -> "Figure":
        """Profile traces, straight where Wald intervals do; see `plots.plot_profiles`."""
        return plot_profiles(self.estimates, parameters, level=level)

    def plot_autocorrelation(
        self,
        time: str | ArrayLike,
        *,
        by: str | ArrayLike | None = None,
        lags: int = 10,
        kind: ResidualKind = "normalized",
    ) -> "Figure":
        """Autocorrelation of the residuals; see `plots.plot_autocorrelation`."""
        return plot_autocorrelation(self.estimates, time, by=by, lags=lags, kind=kind)

    def plot_variogram(
        self,
        x: str | ArrayLike,
        y: str | ArrayLike | None = None,
        *,
        by: str | ArrayLike | None = None,
        bins: int = 12,
        kind: ResidualKind = "normalized",
    ) -> "Figure":
        """Differences of residuals by distance; see `plots.plot_variogram`."""
        return plot_variogram(self.estimates, x, y, by=by, bins=bins, kind=kind)

    # ---- the matrices of the theory --------------------------------------------------------

    @property
    def X(self) -> Matrix:  # noqa: N802
        """Fixed effects' matrix, (n, p)."""
        return matrices.fixed_matrix(self.estimates)

    @property
    def Z(self) -> csr_array:  # noqa: N802
        """Random effects' matrix, (n, q), sparse; see `estimation.matrices`."""
        return matrices.random_matrix(self.estimates)

    @property
    def G(self) -> csr_array:  # noqa: N802
        """Covariance of the random effects, (q, q), sparse."""
        return matrices.random_covariance(self.estimates)

    @property
    def R(self) -> dia_array | csr_array:  # noqa: N802
        """Covariance of the response given the random effects, (n, n), diagonal."""
        return matrices.error_covariance(self.estimates)

    @property
    def V(self) -> Matrix:  # noqa: N802
        """ZGZᵀ + R, (n, n), of a Gaussian response; see `matrices.marginal_covariance`."""
        return matrices.marginal_covariance(self.estimates)

    # ---- for people ------------------------------------------------------------------------

    def summary(self) -> Summary:
        """The fit on one screen; see `report.summary.summarize`."""
        return summarize(self.estimates)

    def report(
        self,
        path: str | Path,
        *,
        means: str | Sequence[str] | None = None,
        title: str | None = None,
        source: str | None = None,
        n: int = 250,
        rng: int = 1,
    ) -> Path:
        """Everything on one HTML page or in Word; see `report.writing.write_report`."""
        return write_report(
            self.estimates, path, means=means, title=title, source=source, n=n, rng=rng
        )

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()
