"""One linear model fitted to many responses at once, for the bootstrap.

    θ ← θ − |H|⁻¹g  within a radius, for every response,

with the exact Hessian H, |H| with its eigenvalues made positive; all start near the estimates
of the model they were drawn from. Responses for which this does not arrive at a clear minimum
are left to the search for one response.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from henderson.arrays import Matrix, Vector
from henderson.estimation.estimates import Estimates
from henderson.estimation.matrices import random_matrix
from henderson.likelihood.fixed_basis import FixedBasis
from henderson.likelihood.many_responses import Deviances, ManyResponses, Responses, Stack
from henderson.likelihood.parameters import CovarianceParameters, smallest_factors

_NUMBERS = 200_000  # in the largest array: it stays near the processor
_MOST, _FEWEST = 128, 4  # responses at once
_STEPS = 15
_NEAR, _THERE = 1e-9, 1e-13  # decrease of −2 log L that the last steps promise
_CLEAR = 1e-6  # the least eigenvalue of the Hessian with unit diagonal at a clear minimum


@dataclass(frozen=True, slots=True)
class JointFits:
    """Estimates for m responses; NaN where the search left them."""

    beta: Matrix  # (m, p)
    std_error: Matrix  # (m, p), of β
    sigma: Vector  # (m,)
    covariances: tuple[Matrix, ...]  # of each term, (m, k, k), of b
    found: NDArray[np.bool_]  # (m,)

    @property
    def standard_deviations(self) -> list[Matrix]:
        """Of the effects of each term, (m, k)."""
        return [np.sqrt(np.einsum("mkk->mk", each)) for each in self.covariances]


@final
@dataclass(frozen=True, slots=True)
class JointRefits:
    """The design of a linear model, ready for many responses."""

    estimates: Estimates
    Z: csr_array
    basis: FixedBasis
    weights: Vector | None
    parameters: CovarianceParameters
    likelihood: ManyResponses
    start: Vector  # (nθ,)
    smallest: Vector  # (nθ,), of scales: below it they are zero; 0 for others

    @classmethod
    def of(cls, estimates: Estimates) -> Self | None:
        """For a linear model; None with priors, or where effects are no small blocks."""
        if estimates.specification.priors:
            return None
        terms = estimates.location.terms
        size = estimates.response.size
        weights = None if np.all(size == 1.0) else size
        Z, basis = random_matrix(estimates), FixedBasis.of(estimates.location.fixed.matrix)
        parameters = CovarianceParameters(
            tuple(term.structure for term in terms),
            tuple(term.design.n_effects for term in terms),
        )
        likelihood = ManyResponses.of(
            Z,
            [len(term.modes) for term in terms],
            parameters,
            basis.Q,
            weights,
            restricted=estimates.specification.method == "REML",
        )
        if likelihood is None or likelihood.size * _FEWEST > _NUMBERS:
            return None
        effect, block = likelihood.place
        information = np.split(
            likelihood.A[effect, effect, block, 0],
            np.cumsum([term.modes.size for term in terms])[:-1],
        )
        blocks = [
            own.reshape(term.modes.shape)[:, :, None] * np.eye(term.design.n_effects)
            for own, term in zip(information, terms, strict=True)
        ]
        least = smallest_factors(blocks)
        sigma2 = float(np.exp(2.0 * estimates.predictors["dispersion"].beta[0]))
        near = [
            term.covariance / sigma2 + np.diag((1e5 * low) ** 2)
            for term, low in zip(terms, least, strict=True)
        ]
        smallest = np.zeros(len(parameters))
        for s, k, at, low in zip(
            parameters.structures, parameters.k, parameters.slices, least, strict=True
        ):
            for element, of in s.scales(k):
                smallest[at.start + element] = low[of]
        start = parameters.parameters_near(near)
        return cls(estimates, Z, basis, weights, parameters, likelihood, start, smallest)

    @property
    def together(self) -> int:
        """How many responses are best done at once."""
        return min(_MOST, _NUMBERS // self.likelihood.size)

    def fit(self, responses: Sequence[Vector]) -> JointFits:
        """The model fitted to several y (n,), on the scale of `estimates.response.y`."""
        Q, weights = self.basis.Q, self.weights
        y = np.column_stack(responses) - self.estimates.location.offset[:, None]
        n, p = Q.shape
        wQ = Q if weights is None else Q * weights[:, None]
        gamma = np.linalg.solve(Q.T @ wQ, wQ.T @ y)
        residual = y - Q @ gamma
        total = np.einsum("nm,nm->m", residual, residual if weights is None else
                          residual * weights[:, None])  # fmt: skip
        unit = np.sqrt(total / max(n - p, 1))
        with np.errstate(all="ignore"):
            sums = self.likelihood.responses(self.Z, Q, residual / unit, weights)
            theta, at, found = self._search(sums)
            sigma = unit * np.sqrt(at.sigma2)
            beta = np.linalg.solve(self.basis.R, gamma + unit * at.beta).T
            half = np.einsum("jp,rpm->mjr", np.linalg.inv(self.basis.R), at.half)
            std_error = sigma[:, None] * np.sqrt(np.sum(half**2, axis=2))
        found &= np.isfinite(sigma) & np.isfinite(beta).all(axis=1) & (unit > 0.0)
        theta = np.where(np.abs(theta) < self.smallest[:, None], 0.0, theta)
        covariances = []
        for i, term in enumerate(self.estimates.location.terms):
            own, k = self.parameters.slices[i], self.parameters.k[i]
            dT = self.parameters.factor_derivatives(self.start)[i]
            T = np.einsum("im,iab->mab", theta[own], dT).reshape(-1, k, k)
            covariances.append(sigma[:, None, None] ** 2 * T @ T.transpose(0, 2, 1))
            assert term.design.n_effects == k
        return JointFits(beta, std_error, sigma, tuple(covariances), found)

    def _search(self, sums: Responses) -> tuple[Stack, Deviances, NDArray[np.bool_]]:
        """θ (nθ, m), what is known there, and which of them are minima."""
        m = sums.yy.size
        theta = np.repeat(self.start[:, None], m, axis=1)
        left = np.ones(m, dtype=bool)  # still under way
        radius = np.full(m, 10.0)
        at = self.likelihood.evaluate(theta, sums)
        for _ in range(_STEPS):
            step, predicted, lowest = _steps(at, radius[left])
            arrived = (predicted < _NEAR) & (lowest > _CLEAR)
            theta[:, np.flatnonzero(left)[arrived]] += step[:, arrived]
            stays = ~arrived
            left[np.flatnonzero(left)[arrived]] = False
            if not left.any():
                break
            at, step, predicted = _some(at, stays), step[:, stays], predicted[stays]
            trial = theta[:, left] + step
            new = self.likelihood.evaluate(trial, sums.some(left))
            actual = at.value - new.value
            good = actual > 0.1 * predicted - 1e-11 * np.abs(at.value)
            where = np.flatnonzero(left)
            theta[:, where[good]] = trial[:, good]
            length = _length(at, step)
            radius[where] = np.where(
                good, np.maximum(radius[where], 2.0 * length), 0.3 * length
            )
            at = _chosen(at, new, good)
        end = self.likelihood.evaluate(theta, sums)
        _, predicted, lowest = _steps(end, radius)
        return theta, end, ~left & (predicted < _THERE) & (lowest > _CLEAR)


def _scale(at: Deviances) -> Stack:
    """√|Hᵢᵢ|, (nθ, m), kept from 0."""
    diagonal = np.abs(np.einsum("iim->im", at.hessian))
    return np.sqrt(np.maximum(diagonal, 1e-10 * diagonal.max(axis=0)))


def _length(at: Deviances, step: Stack) -> Stack:
    return np.sqrt(np.sum((step * _scale(at)) ** 2, axis=0))


def _steps(at: Deviances, radius: Stack) -> tuple[Stack, Stack, Stack]:
    """Newton's steps (nθ, m), what they promise, the least eigenvalues; NaN where none."""
    scale = _scale(at)
    known = np.isfinite(at.value) & np.isfinite(at.hessian).all(axis=(0, 1))
    model = np.where(known, at.hessian / (scale[:, None] * scale[None]), 0.0)
    values, vectors = np.linalg.eigh(np.moveaxis(model, -1, 0))
    g = np.einsum("mij,im->mj", vectors, at.gradient / scale)
    s = -g / np.maximum(np.abs(values), 1e-8)
    length = np.sqrt(np.sum(s**2, axis=1))
    share = np.minimum(1.0, radius / np.maximum(length, 1e-300))
    promised = (share - 0.5 * share**2) * np.sum(np.abs(g * s), axis=1)
    step = np.einsum("mij,mj->im", vectors, s * share[:, None]) / scale
    return np.where(known, step, np.nan), np.where(known, promised, np.nan), values[:, 0]


def _some(at: Deviances, which: NDArray[np.bool_]) -> Deviances:
    return Deviances(
        at.value[which],
        at.gradient[:, which],
        at.hessian[..., which],
        at.beta[:, which],
        at.sigma2[which],
        at.half[..., which],
    )


def _chosen(old: Deviances, new: Deviances, good: NDArray[np.bool_]) -> Deviances:
    return Deviances(
        np.where(good, new.value, old.value),
        np.where(good, new.gradient, old.gradient),
        np.where(good, new.hessian, old.hessian),
        np.where(good, new.beta, old.beta),
        np.where(good, new.sigma2, old.sigma2),
        np.where(good, new.half, old.half),
    )
