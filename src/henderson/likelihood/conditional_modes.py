"""The conditional modes: the maximum of the joint log density over the random effects.

    h(u, β_I) = Σᵢ lᵢ(ηᵢ) − uᵀu/2,   η = offset + Xβ + ZΛu

by damped Newton steps with the observed information W = −∂²l/∂η², in the compiled core. β_I are
fixed effects of the location that are integrated out with the random effects (REML), none
otherwise; they border the equations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.equations import MixedModelEquations
from henderson.likelihood.packing import pairs, second
from henderson.likelihood.rows import LogDensity, Rows


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
        self._bordering = [np.ascontiguousarray(r.X[0][:, integrated]) for r in rows]
        self._all_random = len(random) == self.n_predictors
        self._weights = [
            second(self.n_predictors, random[i], random[j]) for i, j in pairs(len(random))
        ]

    def score(self, values: Sequence[Matrix]) -> Sequence[Matrix]:
        """Zᵀv for v (n_part, K), replicated: (q_part, 1)."""
        of_random = [v if self._all_random else v[:, self.random] for v in values]
        out = self.equations.z_transpose_times(
            [np.ascontiguousarray(v)[:, :, None] for v in of_random]
        )
        self.equations.sum_tail(out)
        return out

    def weights(self, densities: Sequence[LogDensity]) -> list[Matrix]:
        """W packed over the predictors with random effects, (n_part, K(K+1)/2)."""
        return [-d.d2[:, self._weights] if d.d2.shape[1] > 1 else -d.d2 for d in densities]

    def find(
        self, templates: Vector, beta: Vector, u: Sequence[Matrix], tolerance: float = 1e-9
    ) -> Modes | None:
        """The modes from a start; None where the density is not defined or no mode is found.

        The last step is the first that promises to raise h by less than `tolerance`.
        """
        p = self.integrated.stop - self.integrated.start
        beta, half = beta.copy(), np.empty((p, p))
        inside = np.ascontiguousarray(beta[self.integrated])
        eta = [rows.fixed(beta) for rows in self.rows]
        u = [piece.copy() for piece in u]
        densities = [SecondOrder.empty(*e.shape) for e in eta]
        border = [np.empty((len(piece), p + 1)) for piece in u]
        found = self.equations.find_modes(
            [
                (rows.compiled or rows.density, x, e, piece, d.value, d.d1, d.d2, b)
                for rows, x, e, piece, d, b in zip(
                    self.rows, self._bordering, eta, u, densities, border, strict=True
                )
            ],
            self.n_predictors,
            self.random,
            templates,
            inside,
            half,
            tolerance,
        )
        if found is None:
            return None
        joint, log_determinant, steps = found
        beta[self.integrated] = inside
        return Modes(
            templates=templates,
            beta=beta,
            u=u,
            eta=eta,
            densities=densities,
            joint=joint,
            log_determinant=log_determinant,
            border=[np.ascontiguousarray(b[:, :p]) for b in border],
            half=half,
            steps=steps,
        )


@dataclass(frozen=True, slots=True)
class SecondOrder:
    """Log densities with their first and second derivatives."""

    value: Vector
    d1: Matrix
    d2: Matrix
    d3: None = None

    @classmethod
    def empty(cls, n: int, predictors: int) -> "SecondOrder":
        """Room for n rows."""
        packed = predictors * (predictors + 1) // 2
        return cls(np.empty(n), np.empty((n, predictors)), np.empty((n, packed)))


def concave(density: LogDensity, predictors: int) -> SecondOrder:
    """The density with each predictor's curvature kept negative and none across."""
    d2 = np.zeros_like(density.d2)
    for a in range(predictors):
        column = second(predictors, a, a)
        d2[:, column] = np.minimum(density.d2[:, column], -1e-6)
    return SecondOrder(density.value, density.d1, d2)
