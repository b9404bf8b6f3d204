"""The structures a formula can ask for, by keyword."""

from collections.abc import Mapping
from types import MappingProxyType

from henderson.covariance.autoregressive import (
    Antedependence,
    Autoregressive,
    OrnsteinUhlenbeck,
)
from henderson.covariance.base import CovarianceStructure
from henderson.covariance.compound_symmetry import Exchangeable
from henderson.covariance.diagonal import Diagonal, HomogeneousDiagonal
from henderson.covariance.proportional import Proportional
from henderson.covariance.reduced_rank import ReducedRank
from henderson.covariance.spatial import (
    Distance,
    ExponentialKernel,
    GaussianKernel,
    MaternKernel,
)
from henderson.covariance.standard_deviations import Heterogeneous, Homogeneous
from henderson.covariance.toeplitz import Stationary
from henderson.covariance.unstructured import Unstructured
from henderson.errors import FormulaError, did_you_mean

_ALL: tuple[CovarianceStructure, ...] = (
    Unstructured(),
    Diagonal(),
    HomogeneousDiagonal(),
    Heterogeneous("cs", "compound symmetry, a variance for each effect", Exchangeable()),
    Homogeneous("homcs", "compound symmetry", Exchangeable()),
    Homogeneous("ar1", "first-order autoregression", Autoregressive()),
    Heterogeneous("hetar1", "autoregression, a variance for each effect", Autoregressive()),
    Heterogeneous("toep", "Toeplitz, a variance for each effect", Stationary()),
    Homogeneous("homtoep", "Toeplitz", Stationary()),
    Heterogeneous("ad", "first-order antedependence", Antedependence()),
    Homogeneous("ou", "autoregression in continuous time", OrnsteinUhlenbeck()),
    Homogeneous("exp", "exponential decay with distance", Distance(ExponentialKernel())),
    Homogeneous("gau", "Gaussian decay with distance", Distance(GaussianKernel())),
    Homogeneous("mat", "Matérn decay with distance", Distance(MaternKernel())),
    ReducedRank(),
    Proportional(),
)

STRUCTURES: Mapping[str, CovarianceStructure] = MappingProxyType({s.keyword: s for s in _ALL})

# Of residuals, by the names of SAS and nlme: one variance, unless the name begins with "het".
RESIDUAL_STRUCTURES: Mapping[str, CovarianceStructure] = MappingProxyType(
    {name: STRUCTURES[name] for name in ("us", "diag", "homdiag", "ar1", "hetar1", "ad")}
    | {"cs": STRUCTURES["homcs"], "hetcs": STRUCTURES["cs"]}
    | {"toep": STRUCTURES["homtoep"], "hettoep": STRUCTURES["toep"]}
    | {name: STRUCTURES[name] for name in ("ou", "exp", "gau")}
)
HOLD_A_CONSTANT = frozenset({"us", "cs", "toep"})  # of these, plus a constant is one, too


def error_structure_named(keyword: str, text: str, start: int) -> CovarianceStructure:
    """Look up what `residual=` asked for; `text` and `start` locate it for the message."""
    return _named(keyword, text, start, RESIDUAL_STRUCTURES, "structure of residuals")


def structure_named(keyword: str, text: str, start: int) -> CovarianceStructure:
    """Look up what a formula asked for; `text` and `start` locate it for the message."""
    return _named(keyword, text, start, STRUCTURES, "covariance structure")


def _named(
    keyword: str,
    text: str,
    start: int,
    structures: Mapping[str, CovarianceStructure],
    what: str,
) -> CovarianceStructure:
    if keyword in structures:
        return structures[keyword]
    known = sorted(structures)
    raise FormulaError.at(
        text,
        start,
        start + len(keyword),
        problem=f"There is no {what} called {keyword!r}.",
        hint=f"{did_you_mean(keyword, known)}Known: {', '.join(known)}.",
    )
