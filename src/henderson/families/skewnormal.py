"""The skew normal distribution, by its mean and standard deviation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.best_location import best_log_density
from henderson.families.bisection import real_quantile
from henderson.families.response import Response
from henderson.families.support import require_finite
from henderson.links import Link, link_named

_MEAN = np.sqrt(2.0 / np.pi)  # of |z|, z standard normal


@final
@dataclass(frozen=True, slots=True, init=False)
class SkewNormal(Family):
    """Measurements skewed to one side.

        f(y) = 2/ω φ(z) Φ(αz),   z = (y − ξ) / ω

    E(y) = μ, Var(y) = σ²; dispersion predictor log σ, "shape" α on its own scale: 0 is normal,
    above 0 skewed to the right. With d = α / √(1 + α²): ω = σ / √(1 − 2d²/π), and
    ξ = μ − ωd √(2/π). Any real y. Links: identity (default), log.

    Notes
    -----
    Azzalini (1985), Scandinavian Journal of Statistics 12(2), 171–178. The skewness is less
    than 0.9953 whatever α. At α = 0 the information is singular: where the skewness is weak,
    the standard error of α is not to be trusted.

    Examples
    --------
    >>> SkewNormal().variance(np.array([[1.0, np.log(2.0), 3.0]]), np.ones(1))
    array([4.])
    """

    name = "skewnormal"
    links = ("identity", "log")
    dispersion_label = "standard deviation σ"
    further_labels = (("shape", "skewness parameter α"),)

    @property
    def predictors(self) -> tuple[str, ...]:
        return ("location", "dispersion", "shape")

    def link_of(self, predictor: str) -> Link:
        return (
            link_named("identity") if predictor == "shape" else Family.link_of(self, predictor)
        )

    @property
    def scales_with_response(self) -> bool:
        return self.link.name == "identity"

    @property
    def is_log_concave(self) -> bool:
        return self.link.name == "identity"

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        return self.dispersion(eta) ** 2

    def _slant(self, eta: Matrix) -> Vector:
        """d = α / √(1 + α²)."""
        return eta[:, 2] / np.hypot(1.0, eta[:, 2])

    def _center_and_scale(self, eta: Matrix) -> tuple[Vector, Vector]:
        """ξ and ω."""
        b = _MEAN * self._slant(eta)
        omega = self.dispersion(eta) / np.sqrt(1.0 - b**2)
        return self.mean(eta) - omega * b, omega

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        center, omega = self._center_and_scale(eta)
        z = (y - center) / omega
        return np.clip(special.ndtr(z) - 2.0 * special.owens_t(z, eta[:, 2]), 0.0, 1.0)

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        return real_quantile(
            probability,
            lambda y: self.cdf(y, size, eta),
            self.mean(eta),
            self.dispersion(eta),
        )

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        center, omega = self._center_and_scale(eta)
        d = self._slant(eta)
        half, normal = np.abs(rng.standard_normal(len(eta))), rng.standard_normal(len(eta))
        return center + omega * (d * half + np.sqrt(1.0 - d**2) * normal)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """2 [log f(y | best μ) − log f(y | μ)] at the given σ and α."""
        plain, real = Response.of(response.y), np.array(eta, dtype=np.float64)
        real[:, 0] = self.mean(eta)
        by_mean, reach = SkewNormal(), 10.0 * self.dispersion(eta)
        best = best_log_density(by_mean, plain, real, plain.y - reach, plain.y + reach)
        return 2.0 * np.maximum(best - by_mean.log_density(plain, real).value, 0.0)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        require_finite(response.y, name, rows)

    def initial_mean(self, response: Response) -> Vector:
        if self.link.name == "identity":
            return response.y
        middle = abs(float(np.median(response.y))) or 1.0
        return np.where(response.y > 0.1 * middle, response.y, 0.1 * middle)

    def initial_dispersion(self, response: Response) -> Vector:
        spread = float(np.std(response.y)) or 1.0
        skew = float(np.mean((response.y - response.y.mean()) ** 3)) / spread**3
        return np.array([np.log(spread), 1.0 if skew >= 0.0 else -1.0])

    def other_starts(self, response: Response) -> tuple[Mapping[str, float], ...]:
        """Strongly skewed to either side: α = 0 is stationary, and holds searches back."""
        return ({"shape": 5.0}, {"shape": -5.0})
