"""How far a predicted linear predictor may be from the true one, by Henderson's equations.

For rows x, z of new or old observations and the parameters ψ = (β, θ):

    Var(x'β̂ + z'b̂ − x'β − z'b)  =  a' Var(ψ̂) a  +  z' Λ C⁻¹ Λ' z,    a = (x, 0) + (∂b̂/∂ψ)' z

    C = ΛᵀZᵀWZΛ + I,   W = −∂²log f/∂η² at the modes b̂ = Λû,   û = ΛᵀZᵀl′

    C ∂û/∂β = −ΛᵀZᵀWX,   C ∂û/∂θ = ΛⱼᵀZᵀl′ − ΛᵀZᵀWZΛⱼû,   Λⱼ = ∂Λ/∂θⱼ

The second summand is the variance of b given the data and ψ; the first is what the estimation
of ψ adds to it. For a Gaussian response with the identity link ψ is β alone: the sum is the
prediction error variance of the best linear unbiased predictor, exact for given variances. For
other families ψ is all that was estimated, and the sum is a normal approximation.

Source: Henderson (1975), Biometrics 31(2), 423–447; Kass & Steffey (1989), J. Am. Stat. Assoc.
84(407), 717–726.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.design import NewRandom
from henderson.equations import MixedModelEquations, RandomTermMatrix
from henderson.estimation.correlated_errors import correlated_variance
from henderson.estimation.estimates import Estimates, TermEstimates
from henderson.estimation.term_matrices import term_matrix
from henderson.likelihood.packing import pairs, second
from henderson.likelihood.parameters import flat


def prediction_variance(
    estimates: Estimates, name: str, matrix: Matrix, random: Sequence[NewRandom | None]
) -> Vector:
    """Variance of the prediction error of a linear predictor's rows, (m,), on the link scale.

    `matrix` (m, p) is x of each row; `random` has z of each term of predictor `name`, None for
    a term that is left out and adds nothing. A level that was not seen (code −1) has the whole
    variance of its term.
    """
    own = coefficients_of(estimates, name)
    if all(each is None for each in random):
        return quadratic_form(matrix, estimates.vcov[own, own])
    return _with_shared_effects(estimates, name, matrix, random) + sum(
        each.own_variance for each in random if each is not None
    )


def _with_shared_effects(
    estimates: Estimates, name: str, matrix: Matrix, random: Sequence[NewRandom | None]
) -> Vector:
    own = coefficients_of(estimates, name)
    if estimates.errors is not None:
        return correlated_variance(estimates, matrix, random)
    n = estimates.response.y.size
    system = _System.of(estimates, name, random, len(matrix))
    conditional, moved = system.solve(estimates)
    if estimates.family.is_quadratic:
        a = matrix + moved[n:, own]
        return quadratic_form(a, estimates.vcov[own, own]) + conditional[n:]
    a = moved[n:]
    a[:, own] += matrix
    return quadratic_form(a, np.nan_to_num(estimates.vcov_all)) + conditional[n:]


def coefficients_of(estimates: Estimates, name: str) -> slice:
    """Where the coefficients of the linear predictor `name` are in `vcov`."""
    sizes = [each.beta.size for each in estimates.predictors.values()]
    ends = np.cumsum(sizes)
    position = list(estimates.predictors).index(name)
    return slice(int(ends[position]) - sizes[position], int(ends[position]))


def quadratic_form(rows: Matrix, covariance: Matrix) -> Vector:
    """x'Sx of each row x; shape (m,)."""
    return np.einsum("ij,jk,ik->i", rows, covariance, rows, optimize=True)


@dataclass(frozen=True, slots=True)
class _System:
    """The equations over the n rows used and m new ones.

    The new rows enter with W = 0: they change nothing, but the pairs of levels they bring
    together are then among those where C⁻¹ is known. So does one more level of each term for
    all levels that were not seen.
    """

    equations: MixedModelEquations
    terms: tuple[TermEstimates, ...]
    predictors: tuple[str, ...]  # those with random effects
    target: int  # among them, the one that is predicted
    templates: Vector  # T of all terms, with TTᵀ the covariance of b
    slope: NDArray[np.float64]  # l′, (n + m, R, 1); zero in the new rows
    moving: NDArray[np.float64]  # −WX, (n + m, R, P)

    @classmethod
    def of(
        cls, estimates: Estimates, name: str, random: Sequence[NewRandom | None], m: int
    ) -> Self:
        with_effects = tuple(each for each, p in estimates.predictors.items() if p.terms)
        terms: list[TermEstimates] = []
        columns: list[RandomTermMatrix] = []
        for position, each in enumerate(with_effects):
            for i, term in enumerate(estimates.predictors[each].terms):
                terms.append(term)
                columns.append(
                    _extended(term, random[i] if each == name else None, position, m)
                )
        weights, slope, moving = _curvature(estimates, with_effects, m)
        equations = MixedModelEquations(columns, len(weights), len(with_effects))
        equations.cross_products([weights])
        factors = [t.structure.factor(t.theta, t.modes.shape[1]) for t in terms]
        return cls(
            equations=equations,
            terms=tuple(terms),
            predictors=with_effects,
            target=with_effects.index(name),
            templates=flat(factors),
            slope=slope,
            moving=moving,
        )

    def solve(self, estimates: Estimates) -> tuple[Vector, Matrix]:
        """z'ΛC⁻¹Λ'z, (n + m,), and (∂b̂/∂ψ)'z, (n + m, P) or with all of θ (n + m, P + nθ)."""
        equations, templates = self.equations, self.templates
        right = equations.scale(
            equations.z_transpose_times([self.moving]), templates, transposed=True
        )[0]
        direct = np.zeros_like(right)
        if not estimates.family.is_quadratic:
            by_theta, pulled = self._along_theta()
            right, direct = np.hstack([right, by_theta]), np.hstack([direct, pulled])
        border = [np.ascontiguousarray(right)]
        equations.factor(templates, border, np.zeros((right.shape[1],) * 2))
        equations.back_solve(border)
        equations.invert(keep_factor=False)
        effects = equations.scale(border, templates, transposed=False)[0] + direct
        moved = np.empty((len(self.moving), effects.shape[1]))
        for j in range(effects.shape[1]):
            column = np.ascontiguousarray(effects[:, j : j + 1])
            moved[:, j] = equations.z_times([column])[0][:, self.target]
        place = second(len(self.predictors), self.target, self.target)
        return equations.leverages()[0][:, place], moved

    def _along_theta(self) -> tuple[Matrix, Matrix]:
        """ΛⱼᵀZᵀl′ − ΛᵀZᵀWZΛⱼû and Λⱼû for every θⱼ; each (q, nθ), in the equations' order."""
        equations = self.equations
        score = equations.z_transpose_times([self.slope])
        u = equations.scale(score, self.templates, transposed=True)
        pushed, pulled = [], []
        for position, term in enumerate(self.terms):
            k = term.modes.shape[1]
            for derivative in term.structure.factor_derivatives(term.theta, k):
                templates = np.zeros_like(self.templates)
                start = sum(each.modes.shape[1] ** 2 for each in self.terms[:position])
                templates[start : start + k * k] = derivative.ravel()
                pushed.append(equations.scale(score, templates, transposed=True)[0])
                pulled.append(equations.scale(u, templates, transposed=False)[0])
        along = np.ascontiguousarray(np.hstack(pulled))
        image = equations.scale(equations.multiply([along]), self.templates, transposed=True)[0]
        return np.hstack(pushed) - image, along


def _extended(
    term: TermEstimates, new: NewRandom | None, position: int, m: int
) -> RandomTermMatrix:
    """The term over the rows used and m new ones; without `new`, no effects in those."""
    design, g = term.design, len(term.modes)
    if new is None:
        width = design.values.shape[1]
        columns = None if design.columns is None else np.zeros((m, width), dtype=np.int32)
        new = NewRandom(np.zeros(m, dtype=np.int32), np.zeros((m, width)), columns)
    unseen = new.codes < 0
    term_columns = term_matrix(design, position)
    if new.columns is None:
        term_columns = term_columns.in_full()
    return replace(
        term_columns,
        levels=g + int(unseen.any()),
        codes=np.concatenate([design.codes, np.where(unseen, g, new.codes)]).astype(np.int32),
        values=np.concatenate([term_columns.values, np.nan_to_num(new.values)]),
        columns=None
        if term_columns.columns is None or new.columns is None
        else np.concatenate([term_columns.columns, new.columns]),
    )


def _curvature(
    estimates: Estimates, with_effects: tuple[str, ...], m: int
) -> tuple[Matrix, NDArray[np.float64], NDArray[np.float64]]:
    """W packed, (n + m, R(R + 1)/2), l′, (n + m, R, 1), and −WX, (n + m, R, P).

    Over the R predictors with effects; X has the coefficients of all predictors. All are zero
    in the m new rows.
    """
    predictors = estimates.predictors
    names = list(predictors)
    eta = np.column_stack([each.eta for each in predictors.values()])
    density = estimates.family.log_density(estimates.response, eta, 2)
    assert density.d1 is not None
    assert density.d2 is not None
    n, R, place = len(eta), len(with_effects), [names.index(each) for each in with_effects]
    packed = np.zeros((n + m, R * (R + 1) // 2))
    for a, b in pairs(R):
        packed[:n, second(R, a, b)] = -density.d2[:, second(len(names), place[a], place[b])]
    slope = np.zeros((n + m, R, 1))
    slope[:n, :, 0] = density.d1[:, place]
    moving = np.zeros((n + m, R, estimates.vcov.shape[0]))
    for a in range(R):
        for b, name in enumerate(names):
            across = density.d2[:, second(len(names), place[a], b), None]
            own = coefficients_of(estimates, name)
            moving[:n, a, own] = across * predictors[name].fixed.matrix
    return packed, slope, moving
