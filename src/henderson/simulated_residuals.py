"""What the user holds of simulated residuals; one line a method."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final

import numpy as np
from numpy.typing import ArrayLike

from henderson.arrays import Vector
from henderson.design import ModelFrame
from henderson.diagnostics import QuantileResiduals, ResidualTest, quantile_residuals
from henderson.diagnostics import residual_tests as tests
from henderson.diagnostics.quantile_residuals import Condition
from henderson.diagnostics.residual_tests import Alternative
from henderson.drawing.style import new_axes
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.plots import residual_plots
from henderson.randomness import generator_of
from henderson.tables import NativeTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SimulatedResiduals:
    """Residuals of a model that are uniform on (0, 1) where it holds, with tests of that."""

    found: QuantileResiduals
    frame: ModelFrame

    @property
    def residuals(self) -> Vector:
        """The residuals, (n,): 0 is below, 1 above all draws."""
        return self.found.values

    @property
    def table(self) -> NativeTable:
        """One row a residual: `observed`, `predicted`, `predicted_rank`, `residual`."""
        columns = {
            "observed": self.found.observed,
            "predicted": self.found.fitted,
            **residual_plots.prediction_points(self.found),
        }
        return self.frame.table(columns)

    def uniformity(self) -> ResidualTest:
        """Kolmogorov and Smirnov's test; see `diagnostics.residual_tests.uniformity`."""
        return tests.uniformity(self.found)

    def dispersion(
        self,
        *,
        kind: Literal["simulation", "pearson"] = "simulation",
        alternative: Alternative | None = None,
    ) -> ResidualTest:
        """Over- and underdispersion; see `diagnostics.residual_tests.dispersion`."""
        return tests.dispersion(self.found, kind=kind, alternative=alternative)

    def outliers(
        self,
        *,
        kind: Literal["binomial", "bootstrap", "draws"] | None = None,
        rng: np.random.Generator | int | None = None,
    ) -> ResidualTest:
        """Observations outside all draws; see `diagnostics.residual_tests.outliers`."""
        return tests.outliers(self.found, kind=kind, rng=rng)

    def zero_inflation(self, *, alternative: Alternative = "two-sided") -> ResidualTest:
        """The number of zeros; see `diagnostics.residual_tests.zero_inflation`."""
        return tests.zero_inflation(self.found, alternative=alternative)

    def quantiles(self, against: str | ArrayLike | None = None) -> ResidualTest:
        """Quartiles along predictions or a variable; see `residual_tests.quantiles`."""
        return tests.quantiles(self.found, against)

    def temporal_autocorrelation(self, time: str | ArrayLike) -> ResidualTest:
        """Durbin-Watson; see `diagnostics.residual_tests.temporal_autocorrelation`."""
        return tests.temporal_autocorrelation(self.found, time)

    def spatial_autocorrelation(self, x: str | ArrayLike, y: str | ArrayLike) -> ResidualTest:
        """Moran's I; see `diagnostics.residual_tests.spatial_autocorrelation`."""
        return tests.spatial_autocorrelation(self.found, x, y)

    def plot(self, against: str | ArrayLike | None = None) -> "Figure":
        """Quantiles with three tests, and residuals against predictions with their quartiles.

        `against` is a variable of the model, or one value a row, that takes the place of the
        predictions: levels have boxes. Curves are quantile regressions on a natural spline;
        they should be near the dashed lines, which `quantiles` tests, of 40 residuals or more.
        Needs Matplotlib: the extra `plot`.
        """
        figure, (left, right) = new_axes(2)
        shown = (self.uniformity(), self.dispersion(), self.outliers())
        residual_plots.draw_quantiles(residual_plots.quantile_points(self.found), shown, left)
        enough = self.found.values.size >= tests.ROWS_FOR_QUARTILES
        test = self.quantiles(against) if enough else None
        if against is None:
            points = residual_plots.prediction_points(self.found)
            curves = residual_plots.quantile_curves(points)
            residual_plots.draw_against(points, curves, test=test, ax=right)
            return figure
        name, along = residual_plots.covariate_points(self.found, against)
        numeric = along[name].dtype.kind in "iuf"
        residual_plots.draw_against(
            along,
            residual_plots.quantile_curves(along) if numeric else None,
            test=test,
            xlabel=f"{name} (rank / n)" if numeric else name,
            title=f"Residuals against {name}",
            ax=right,
        )
        return figure

    def __repr__(self) -> str:
        n, draws = self.found.values.size, self.found.n_draws
        lines = [f"{n} residuals from {draws} simulated responses", ""]
        lines += [str(test) for test in (self.uniformity(), self.dispersion())]
        return "\n".join([*lines, str(self.outliers())])


def simulate_residuals(
    model: Fitted | Estimates,
    n: int = 250,
    *,
    condition: Condition = "none",
    by: str | ArrayLike | None = None,
    refit: bool = False,
    rng: np.random.Generator | int | None = None,
) -> SimulatedResiduals:
    """Residuals by simulation, uniform on (0, 1) where the model holds, whatever its family.

        r = lo + U (hi − lo),   lo = #{y* < y} / S,   hi = #{y* ≤ y} / S

    y* are S responses drawn from the model with its parameters at their estimates, U is uniform
    on (0, 1) and breaks the ties of a discrete response.

    Parameters
    ----------
    model
        A fitted model.
    n
        S, the number of draws, 2 or more; residuals are no finer than 1/S.
    condition
        "none": every draw has its own random effects from N(0, Ĝ), so that all of the model is
        checked. "random": the conditional modes are kept, so that the family alone is.
    by
        A variable of the model, or one value a row: responses are added up within its groups
        before they are compared, which gives one residual a group.
    refit
        Whether to fit the model to every draw: r is then that of y − μ̂, at the conditional
        modes, among the same of these fits, which counts that parameters were estimated.
        It takes n fits.
    rng
        A generator or a seed. None: other draws every time.

    Returns
    -------
    SimulatedResiduals
        `residuals`, `table`, tests such as `uniformity()` and `dispersion()`, and `plot()`.

    Raises
    ------
    ModelError
        For n below 2 or an unknown condition.
    DataError
        For a `by` that is no variable of the model or has the wrong length.

    Notes
    -----
    Binomial responses are compared as numbers of successes. Without conditioning, residuals of
    one level of a random factor are correlated: p-values of uniformity, quartiles and
    autocorrelation then come from draws, which are so, too. Draws are taken one at a time; kept
    are a byte for each row and draw where rows are correlated, and all of them up to 500 rows.

    Sources: Dunn & Smyth (1996), J. Comput. Graph. Stat. 5(3), 236–244; Smith (1985), J.
    Forecasting 4, 283–291.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    >>> found = hd.simulate_residuals(model, rng=1)
    >>> found.residuals.shape, found.dispersion().p_value > 0.05
    ((30,), True)
    """
    estimates, generator = estimates_of(model), generator_of(rng)
    found = quantile_residuals(estimates, n, condition, by, generator, refitting=refit)
    return SimulatedResiduals(found, estimates.frame)
