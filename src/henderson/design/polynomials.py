"""Orthogonal polynomials of a variable, as R's poly() gives them."""

from dataclasses import dataclass

import numpy as np

from henderson.arrays import Matrix, Vector


@dataclass(frozen=True, slots=True)
class PolynomialBasis:
    """The recurrence that makes polynomials orthonormal over the data they were made from.

        p₀ = 1,   pⱼ₊₁ = (x − αⱼ) pⱼ − (νⱼ / νⱼ₋₁) pⱼ₋₁,   αⱼ = Σ x pⱼ² / νⱼ,   νⱼ = Σ pⱼ²

    `alpha` (d,) and `norms` (d + 1,) are α and ν. Column j of the basis is pⱼ / √νⱼ.
    Leading coefficients are positive, which fixes the signs.

    Source: Kennedy & Gentle (1980), Statistical Computing, pp. 343-344.
    """

    alpha: Vector
    norms: Vector

    def evaluate(self, x: Vector) -> Matrix:
        """The columns of degree 1 to d at x (n,), also at values not seen before: (n, d)."""
        before, now = np.zeros_like(x), np.ones_like(x)
        columns = np.empty((len(x), len(self.alpha)))
        ratio = 0.0
        for j, alpha in enumerate(self.alpha):
            before, now = now, (x - alpha) * now - ratio * before
            ratio = self.norms[j + 1] / self.norms[j]
            columns[:, j] = now / np.sqrt(self.norms[j + 1])
        return columns


def orthogonal_polynomials(x: Vector, degree: int) -> PolynomialBasis:
    """The basis of degree 1 to `degree` over x (n,); x needs more distinct values than that."""
    alpha, norms = np.empty(degree), np.empty(degree + 1)
    before, now = np.zeros_like(x), np.ones_like(x)
    norms[0] = len(x)
    ratio = 0.0
    for j in range(degree):
        alpha[j] = x @ now**2 / norms[j]
        before, now = now, (x - alpha[j]) * now - ratio * before
        norms[j + 1] = now @ now
        ratio = norms[j + 1] / norms[j]
    return PolynomialBasis(alpha, norms)
