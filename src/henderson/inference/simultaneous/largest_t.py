"""The distribution of the largest |t| of several comparisons: Dunnett's, and in general."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, fdtrc, ndtr, ndtri

from henderson.arrays import Matrix, Vector
from henderson.inference.simultaneous.chi_scale import average_over_scale
from henderson.inference.simultaneous.roots import falling_root
from henderson.quantiles import student_quantile
from henderson.randomness import generator_of

_POINTS = 2**14
_SHIFTS = 8
_BINS = 4096
_AGREE = 1e-8  # of correlations with a product λᵢλⱼ
_EIGENVALUE = 1e-9  # of the largest: directions below are rounding


@dataclass(frozen=True, slots=True)
class LargestT:
    """max |Tᵢ| of m statistics with a common scale: T = z / s, z ~ N(0, ρ), s² ~ χ²_ν / ν.

    Where ρᵢⱼ = λᵢλⱼ, as for comparisons with one control when means are uncorrelated or
    equally correlated, `loadings` are the distinct |λ| (c,) with their `counts`, and the
    probability is a double integral. Otherwise `radii` (b,) stand for the distribution of
    maxᵢ |aᵢᵀu| over directions u on the sphere in `rank` dimensions, ρ = AAᵀ.
    """

    loadings: Vector | None
    counts: Vector
    rank: int
    radii: Vector

    def tail(self, x: Vector, df: float) -> Vector:
        """P(max |Tᵢ| > x) for x (m,), not negative."""
        if self.loadings is not None:
            return average_over_scale(self._normal_tail, x, df, 0.5)
        return np.array([self._spherical_tail(each, df) for each in x])

    def quantile(self, probability: float, df: float) -> float:
        """x with P(max |Tᵢ| ≤ x) = `probability`."""
        above = 1.0 - probability
        m = float(self.counts.sum())
        low = student_quantile(1.0 - above / 2.0, df)
        high = student_quantile(1.0 - above / (2.0 * m), df)
        return falling_root(
            lambda x: float(self.tail(np.array([x]), df)[0]) - above, 0.99 * low, 1.01 * high
        )

    def _normal_tail(self, x: Vector) -> Vector:
        """∫ φ(z) {1 − Πᵢ [Φ((λᵢz + x)/√(1−λᵢ²)) − Φ((λᵢz − x)/√(1−λᵢ²))]} dz.

        The product is formed from the logarithms of its factors' complements, so that small
        probabilities keep their digits.
        """
        loadings = self.loadings
        assert loadings is not None
        rest = np.sqrt(1.0 - loadings**2)
        step = min(0.125, 0.25 * float(rest.min()))
        reach = 9.5 + min(float(x.max(initial=0.0)), 38.0)
        z = np.linspace(-reach, reach, int(np.ceil(2.0 * reach / step)) + 1)
        density = np.exp(-0.5 * z * z)
        weights = density / density.sum()
        tails = np.empty(len(x))
        chunk = max(1, 2_000_000 // (len(z) * len(loadings)))
        for start in range(0, len(x), chunk):
            part = x[start : start + chunk, None, None]
            shift = z[None, :, None] * loadings
            outside = ndtr((-part - shift) / rest) + ndtr((shift - part) / rest)
            with np.errstate(divide="ignore"):
                inside = np.log1p(-np.minimum(outside, 1.0)) @ self.counts
            tails[start : start + chunk] = -np.expm1(inside) @ weights
        return tails

    def _spherical_tail(self, x: float, df: float) -> float:
        """E_u P(R > x / maxᵢ |aᵢᵀu|), where R² / d ~ F(d, ν): the length of z / s."""
        squared = (x / self.radii) ** 2
        d = float(self.rank)
        if np.isinf(df):
            return float(np.mean(chdtrc(d, squared)))
        return float(np.mean(fdtrc(d, df, squared / d)))


def largest_t(factor: Matrix, rng: np.random.Generator | int = 0) -> LargestT:
    """The distribution of max |T| for statistics whose correlation is ρ = AAᵀ.

    Parameters
    ----------
    factor
        A, (m, r), with rows of length 1; ρ may be singular.
    rng
        A generator or a seed, used where ρ is not a product of loadings; by default always
        the same points, so that results repeat.

    Notes
    -----
    The double integral is exact to rounding. Over directions, 2¹⁷ points of a randomly
    shifted lattice are used, an average without noise in the radius: the error is some 1e-4
    of the probability in up to ten dimensions.

    Source: Dunnett (1955), JASA 50, 1096–1121; Genz & Bretz (2009), Computation of
    Multivariate Normal and t Probabilities, sections 2.2 and 4.1.
    """
    m = len(factor)
    if m <= 500:
        loadings = product_loadings(factor @ factor.T)
        if loadings is not None:
            distinct, counts = np.unique(np.round(np.abs(loadings), 12), return_counts=True)
            return LargestT(distinct, counts.astype(np.float64), m, np.zeros(0))
    u, size, _ = np.linalg.svd(factor, full_matrices=False)
    rank = int(np.sum(size**2 > _EIGENVALUE * size[0] ** 2))
    reduced = u[:, :rank] * size[:rank]
    reduced /= np.linalg.norm(reduced, axis=1, keepdims=True)
    return LargestT(None, np.ones(m), rank, _largest_projections(reduced, rng))


def product_loadings(correlation: Matrix) -> Vector | None:
    """λ (m,) with ρᵢⱼ = λᵢλⱼ for i ≠ j and |λ| < 1, or None if there is none."""
    m = len(correlation)
    if m <= 1:
        return np.zeros(m)
    off = correlation - np.diag(np.diag(correlation))
    if np.abs(off).max() < _AGREE:
        return np.zeros(m)
    if m == 2:
        loadings = np.array([1.0, np.sign(off[0, 1])]) * np.sqrt(np.abs(off[0, 1]))
    else:
        j, k = np.unravel_index(np.argmax(np.abs(off)), off.shape)
        others = np.delete(np.arange(m), [j, k])
        i = others[np.argmax(np.abs(off[others, j] * off[others, k]))]
        square = off[j, k] * off[i, j] / off[i, k] if off[i, k] != 0.0 else -1.0
        if square <= 0.0:
            return None
        loadings = off[j] / np.sqrt(square)
        loadings[j] = np.sqrt(square)
    product = np.outer(loadings, loadings)
    np.fill_diagonal(product, 0.0)
    fits = np.abs(product - off).max() < _AGREE and np.abs(loadings).max() < 0.9999
    return loadings if fits else None


def _largest_projections(factor: Matrix, rng: np.random.Generator | int) -> Vector:
    """maxᵢ |aᵢᵀu| over directions u, as the means of 4096 equally likely classes.

    A lattice with the square roots of primes as generators, shifted at random, folded and
    turned into normal variables; u is their direction.
    """
    d = factor.shape[1]
    if d == 1:
        return np.ones(1)
    generator = generator_of(rng)
    slopes = np.sqrt(_primes(d))
    steps = np.arange(1, _POINTS + 1)[:, None] * slopes
    found = []
    for _ in range(_SHIFTS):
        points = np.abs(2.0 * np.mod(steps + generator.random(d), 1.0) - 1.0)
        normal = ndtri(np.clip(points, 1e-15, 1.0 - 1e-15))
        length = np.linalg.norm(normal, axis=1)
        for start in range(0, _POINTS, 2048):
            part = slice(start, start + 2048)
            found.append(np.abs(normal[part] @ factor.T).max(axis=1) / length[part])
    radii = np.sort(np.concatenate(found))
    return radii.reshape(_BINS, -1).mean(axis=1)


def _primes(count: int) -> Vector:
    """The first primes."""
    limit = max(30, int(count * (np.log(count + 2) + np.log(np.log(count + 3)) + 2)))
    sieve = np.ones(limit, dtype=bool)
    sieve[:2] = False
    for i in range(2, int(limit**0.5) + 1):
        sieve[i * i :: i] = False
    return np.flatnonzero(sieve)[:count].astype(np.float64)
