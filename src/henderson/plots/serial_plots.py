"""Pictures of how alike residuals are by how far apart they are."""

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from henderson.diagnostics.serial_correlation import autocorrelation, variogram
from henderson.drawing.lines import draw_autocorrelation, draw_variogram
from henderson.drawing.style import new_axes
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted
from henderson.prediction import ResidualKind

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_autocorrelation(
    model: Fitted | Estimates,
    time: str | ArrayLike,
    *,
    by: str | ArrayLike | None = None,
    lags: int = 10,
    kind: ResidualKind = "normalized",
) -> "Figure":
    """Correlation of residuals by positions apart in time.

    Parameters
    ----------
    model
        A fitted model.
    time, by, lags, kind
        As in `autocorrelation`.

    Returns
    -------
    matplotlib Figure
        Of `autocorrelation`, drawn by `drawing.lines.draw_autocorrelation`; 95 % of what has no
        autocorrelation are in the band.
    """
    figure, (ax,) = new_axes()
    table = autocorrelation(model, time, by=by, lags=lags, kind=kind)
    draw_autocorrelation(table, title="Autocorrelation of the residuals", ax=ax)
    return figure


def plot_variogram(
    model: Fitted | Estimates,
    x: str | ArrayLike,
    y: str | ArrayLike | None = None,
    *,
    by: str | ArrayLike | None = None,
    bins: int = 12,
    kind: ResidualKind = "normalized",
) -> "Figure":
    """Half the mean squared difference of residuals by distance.

    Parameters
    ----------
    model
        A fitted model.
    x, y, by, bins, kind
        As in `variogram`.

    Returns
    -------
    matplotlib Figure
        Of `variogram`, drawn by `drawing.lines.draw_variogram`; a rise from below the dashed
        line says that what is near is alike.
    """
    figure, (ax,) = new_axes()
    table = variogram(model, x, y, by=by, bins=bins, kind=kind)
    draw_variogram(table, title="Variogram of the residuals", ax=ax)
    return figure
