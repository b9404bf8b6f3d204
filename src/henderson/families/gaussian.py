"""The normal distribution."""

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.families.base import Family
from henderson.families.response import Response
from henderson.families.support import require, require_finite


@final
@dataclass(frozen=True, slots=True, init=False)
class Gaussian(Family):
    """y ~ N(μ, σ² / size), dispersion predictor log σ.

    E(y) = μ, Var(y) = σ² / size; size is the precision weight, one unless given. Any real y.
    Links: identity (default), log, inverse, sqrt, softplus.

    Examples
    --------
    >>> Gaussian().link.name
    'identity'
    """

    name = "gaussian"
    links = ("identity", "log", "inverse", "sqrt", "softplus")
    dispersion_label = "residual standard deviation"
    concave_links = frozenset({"identity"})

    @property
    def is_quadratic(self) -> bool:
        return self.link.name == "identity"

    @property
    def scales_with_response(self) -> bool:
        return self.link.name == "identity"

    def response(self, y: Vector, trials: Vector, weights: Vector) -> Response:
        return Response.of(y, weights)

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        return self.dispersion(eta) ** 2 / size

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        return special.ndtr((y - self.mean(eta)) * np.sqrt(size) / self.dispersion(eta))

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        sd = self.dispersion(eta) / np.sqrt(size)
        return self.mean(eta) + sd * special.ndtri(probability)

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        sd = self.dispersion(eta) / np.sqrt(size)
        return self.mean(eta) + sd * rng.standard_normal(sd.shape)

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """Size × (y − μ)²: as for linear models, not divided by σ²."""
        return response.size * (response.y - self.mean(eta)) ** 2

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        require_finite(response.y, name, rows)
        if self.link.name == "log":
            require(
                np.full(response.y.shape, bool((response.y > 0.0).any())),
                response.y,
                name,
                rows,
                rule="no value is positive, and the log link has positive means only",
                remedy='choose link="identity".',
            )

    def initial_mean(self, response: Response) -> Vector:
        if self.link.name == "identity":
            return response.y
        y = np.abs(response.y) if self.link.name != "inverse" else response.y
        floor = 0.1 * float(np.abs(response.y).mean()) or 1.0
        return np.where(np.abs(y) > floor, y, np.where(y < 0.0, -floor, floor))

    def initial_dispersion(self, response: Response) -> Vector:
        spread = float(np.std(response.y))
        return np.array([np.log(spread) if spread > 0.0 else 0.0])
