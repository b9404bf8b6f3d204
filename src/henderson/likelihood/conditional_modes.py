"""The conditional modes: the maximum of the joint log density over the random effects.

    h(u, β_I) = Σᵢ lᵢ(ηᵢ) − uᵀu/2,   η = offset + Xβ + ZΛu

by damped Newton steps with the observed information W = −∂²l/∂η². β_I are fixed effects that
are integrated out with the random effects (REML), none otherwise; they border the equations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.equations import LeastSquares, MixedModelEquations
from henderson.likelihood.packing import pairs, second
from henderson.likelihood.rows import LogDensity, Rows

_NEWTON_DONE = 1e-9  # a step that promises less is taken, and is the last
_AT_MODE = 1e-19  # a step that promises less is not needed
_MAX_STEPS = 100
_HALVINGS = 25


@dataclass(frozen=True, slots=True)
class Modes:
    """The modes for given (θ, β), with the equations factored there.

    Lists have one entry a part. `beta` has all coefficients, the integrated ones at their mode.
    """

    templates: Vector
    beta: Vector
    u: Sequence[Matrix]  # (q_part, 1)
    eta: Sequence[Matrix]  # (n_part, K)
    densities: Sequence[LogDensity]  # at η, to the second order
    joint: float  # h
    log_determinant: float  # log det C, bordered if β_I is not empty
    border: Sequence[Matrix]  # L⁻¹ΛᵀZᵀWX_I, (q_part, p_I)
    half: Matrix  # R⁻ᵀ, (p_I, p_I), RRᵀ the Schur complement of C in its border
    steps: int


@final
class ModeFinder:
    """Finds conditional modes; holds what does not change between evaluations.

    `random`: the predictors that may have random effects, location first. `integrated`: the
    coefficients that are integrated out.
    """

    def __init__(
        self,
        equations: MixedModelEquations,
        rows: Sequence[Rows],
        random: tuple[int, ...],
        integrated: slice,
    ) -> None:
        self.equations, self.rows = equations, rows
        self.random, self.integrated = random, integrated
        self.n_predictors = len(rows[0].X)
        self._all_random = len(random) == self.n_predictors
        self._weights = [
            second(self.n_predictors, random[i], random[j]) for i, j in pairs(len(random))
        ]

    def of_random(self, x: Matrix) -> Matrix:
        """The predictors with random effects of an array (n, K)."""
        return x if self._all_random else np.ascontiguousarray(x[:, self.random])

    def linear_predictors(
        self, templates: Vector, beta: Vector, u: Sequence[Matrix]
    ) -> Sequence[Matrix]:
        """η = offset + Xβ + ZΛu of each part."""
        moves = self.random_part(templates, u)
        eta = [rows.fixed(beta) for rows in self.rows]
        for e, move in zip(eta, moves, strict=True):
            e[:, self.random] += move
        return eta

    def random_part(self, templates: Vector, u: Sequence[Matrix]) -> Sequence[Matrix]:
        """ZΛu, (n_part, K of the predictors with random effects)."""
        equations = self.equations
        return equations.z_times(equations.scale(u, templates, transposed=False))

    def evaluate(self, eta: Sequence[Matrix], order: int) -> list[LogDensity]:
        """Log densities of all parts."""
        return self.equations.executor.map(
            lambda rows, e: rows.density(e, order), self.rows, eta
        )

    def score(self, values: Sequence[Matrix]) -> Sequence[Matrix]:
        """Zᵀv for v (n_part, K), replicated: (q_part, 1)."""
        out = self.equations.z_transpose_times([self.of_random(v)[:, :, None] for v in values])
        self.equations.sum_tail(out)
        return out

    def weights(self, densities: Sequence[LogDensity]) -> list[Matrix]:
        """W packed over the predictors with random effects, (n_part, K(K+1)/2)."""
        return [-d.d2[:, self._weights] if d.d2.shape[1] > 1 else -d.d2 for d in densities]

    def find(self, templates: Vector, beta: Vector, u: Sequence[Matrix]) -> Modes | None:
        """The modes from a start; None where the density is not defined or no mode is found."""
        eta = self.linear_predictors(templates, beta, u)
        densities = self.evaluate(eta, 2)
        joint = self._joint(densities, u)
        if not np.isfinite(joint):
            return None
        for step in range(_MAX_STEPS):
            newton = self._newton(templates, densities, u)
            if newton is None:
                return None
            du, dbeta, promise, modes = newton
            exact = modes is not None
            if exact and promise <= _AT_MODE * max(1.0, abs(joint)):
                return self._finish(modes, beta, u, eta, densities, joint, step)
            moved = self._line_search(templates, beta, u, eta, joint, (du, dbeta), promise)
            if moved is None:
                if exact and promise <= 1e-6 * max(1.0, abs(joint) * 1e-6):
                    # The log density has no digits left to show the improvement.
                    return self._finish(modes, beta, u, eta, densities, joint, step)
                return None
            beta, u, eta, densities, joint = moved
            if exact and promise <= _NEWTON_DONE:
                newton = self._newton(templates, densities, u)
                if newton is None or newton[3] is None:
                    return None
                return self._finish(newton[3], beta, u, eta, densities, joint, step + 1)
        return None

    def _joint(self, densities: Sequence[LogDensity], u: Sequence[Matrix]) -> float:
        value = sum(float(np.sum(d.value)) for d in densities)
        return value - 0.5 * float(self.equations.inner(u, u)[0, 0])

    def _newton(
        self, templates: Vector, densities: Sequence[LogDensity], u: Sequence[Matrix]
    ) -> tuple[Sequence[Matrix], Vector, float, "_Factored | None"] | None:
        """The Newton step (δu, δβ_I), what it promises, and the factored equations if exact."""
        equations, p = self.equations, self._p
        score = self.score([d.d1 for d in densities])
        gradient = equations.scale(score, templates, transposed=True)
        for g, u_part in zip(gradient, u, strict=True):
            g -= u_part
        for safe in (False, True):
            if safe:
                densities = [concave(d, self.n_predictors) for d in densities]
            equations.cross_products(self.weights(densities))
            border = self._border(templates, densities, gradient)
            gram = np.zeros((p + 1, p + 1))
            if p:
                for rows, d in zip(self.rows, densities, strict=True):
                    gram[:p, :p] += rows.information(d.d2)[self.integrated, self.integrated]
                    gram[:p, p] += rows.transpose_times(d.d1)[self.integrated]
                gram[p, :p] = gram[:p, p]
            log_det = equations.factor(templates, border, gram)
            if not np.isfinite(log_det):
                continue
            fixed = LeastSquares.of(gram)
            if not np.isfinite(fixed.r2):
                continue
            # gram has −gᵀC⁻¹g in its corner, so that r² is minus what the step promises
            du = [b @ np.append(-fixed.beta, 1.0)[:, None] for b in border]
            equations.back_solve(du)
            log_det += fixed.log_determinant
            factored = None if safe else _Factored(log_det, border, fixed.half, templates)
            return du, fixed.beta, -fixed.r2, factored
        return None

    @property
    def _p(self) -> int:
        return self.integrated.stop - self.integrated.start

    def _border(
        self, templates: Vector, densities: Sequence[LogDensity], gradient: Sequence[Matrix]
    ) -> Sequence[Matrix]:
        if not self._p:
            # the tail of the gradient is replicated; the equations add the parts up
            return self.equations.additive(gradient)
        wx = [
            np.ascontiguousarray(rows.weighted(d.d2, self.random)[:, :, self.integrated])
            for rows, d in zip(self.rows, densities, strict=True)
        ]
        zwx = self.equations.scale(
            self.equations.z_transpose_times(wx), templates, transposed=True
        )
        return [
            np.hstack([b, g])
            for b, g in zip(zwx, self.equations.additive(gradient), strict=True)
        ]

    def _line_search(
        self,
        templates: Vector,
        beta: Vector,
        u: Sequence[Matrix],
        eta: Sequence[Matrix],
        joint: float,
        direction: tuple[Sequence[Matrix], Vector],
        promise: float,
    ) -> tuple[Vector, Sequence[Matrix], Sequence[Matrix], Sequence[LogDensity], float] | None:
        du, dbeta = direction
        move = self.random_part(templates, du)
        full = np.zeros_like(beta)
        full[self.integrated] = dbeta
        fixed = [rows.fixed(full) - rows.offset if self._p else 0.0 for rows in self.rows]
        slack = 1e-14 * abs(joint) * np.sqrt(sum(len(e) for e in eta))
        t = 1.0
        for _ in range(_HALVINGS):
            new_u = [a + t * b for a, b in zip(u, du, strict=True)]
            new_eta = []
            for e, m, f in zip(eta, move, fixed, strict=True):
                moved = e.copy()
                moved[:, self.random] += t * m
                if self._p:
                    moved += t * f
                new_eta.append(moved)
            densities = self.evaluate(new_eta, 2)
            value = self._joint(densities, new_u)
            if np.isfinite(value) and value >= joint + 1e-4 * t * promise - slack:
                return beta + t * full, new_u, new_eta, densities, value
            t *= 0.5
        return None

    def _finish(
        self,
        factored: "_Factored",
        beta: Vector,
        u: Sequence[Matrix],
        eta: Sequence[Matrix],
        densities: Sequence[LogDensity],
        joint: float,
        steps: int,
    ) -> Modes:
        p = self._p
        return Modes(
            templates=factored.templates,
            beta=beta,
            u=u,
            eta=eta,
            densities=densities,
            joint=joint,
            log_determinant=factored.log_determinant,
            border=[np.ascontiguousarray(b[:, :p]) for b in factored.border],
            half=factored.half,
            steps=steps + 1,
        )


@dataclass(frozen=True, slots=True)
class _Factored:
    log_determinant: float
    border: Sequence[Matrix]
    half: Matrix
    templates: Vector


@dataclass(frozen=True, slots=True)
class Concave:
    """A log density with second derivatives that are negative and apart: W is positive."""

    value: Vector
    d1: Matrix
    d2: Matrix
    d3: None = None


def concave(density: LogDensity, predictors: int) -> Concave:
    """The density with each predictor's curvature kept negative and none across."""
    d2 = np.zeros_like(density.d2)
    for a in range(predictors):
        column = second(predictors, a, a)
        d2[:, column] = np.minimum(density.d2[:, column], -1e-6)
    return Concave(density.value, density.d1, d2)
