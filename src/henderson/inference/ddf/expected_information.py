"""Expected information about the variances, from sums over pairs of levels.

V moves by σ²Z∆Zᵀ, ∆ block-diagonal with a matrix Dᵢ in all levels of a term. With
K = σ²ZᵀV⁻¹Z and its blocks Kⱼₗ between levels j and l of terms s and t:

    tr(V⁻¹∂ᵢV)  =  Σⱼ tr(Dᵢ Kⱼⱼ),      tr(V⁻¹∂ᵢV V⁻¹∂ₗV)  =  Σⱼₗ tr(Dᵢ Kⱼₗ Dₗ Kₗⱼ)

With one grouping factor K is block-diagonal and is taken by level. Otherwise it is made in
full, (q, q), for up to `LARGEST_DENSE` random effects, and beyond by columns of some levels at
a time: the sums need no two of them together.
"""

from dataclasses import dataclass

import numpy as np

from henderson.arrays import Blocks, Matrix, Vector
from henderson.covariance import CovarianceStructure
from henderson.equations import MixedModelEquations
from henderson.errors import ModelError
from henderson.estimation.estimates import TermEstimates
from henderson.likelihood.pair_traces import level_traces, pair_traces

LARGEST_DENSE = 2000  # random effects: K then takes 0.03 GB
_NUMBERS = 4_000_000  # of K at a time, beyond
LARGEST_WORK = 1e12  # multiplications: one to two minutes


@dataclass(frozen=True, slots=True)
class Directions:
    """Changes of the covariance of the random effects: matrices D (k, k), by term."""

    by_term: tuple[Blocks, ...]  # (m of the term, k, k)

    def __len__(self) -> int:
        return sum(map(len, self.by_term))

    @property
    def slices(self) -> list[slice]:
        """Where each term's are among all m."""
        ends = np.cumsum([len(each) for each in self.by_term], dtype=int)
        return [
            slice(int(end) - len(each), int(end))
            for end, each in zip(ends, self.by_term, strict=True)
        ]


def linear_directions(terms: tuple[TermEstimates, ...]) -> Directions:
    """A basis of the covariances that each term's structure allows, where these are linear.

    A structure that is not linear in some parameters (its covariances are no linear space) has
    the derivatives at its estimate instead.
    """
    return Directions(
        tuple(linear_basis(term.structure, term.theta, term.design.n_effects) for term in terms)
    )


def linear_basis(structure: CovarianceStructure, theta: Vector, k: int) -> Blocks:
    """A basis of the covariances (k, k) of one structure, or its derivatives at θ."""
    anywhere = structure.parameters_near(np.eye(k) + 0.1 + 0.2 * np.diag(np.arange(k) / k))
    here = changes_of(structure, structure.parameters_near(np.eye(k)), k)
    both = np.concatenate([here, changes_of(structure, anywhere, k)]).reshape(-1, k * k)
    if np.linalg.matrix_rank(both, tol=1e-8) == len(here):
        return here
    lifted = theta.copy()  # a variance of 0 counts: it moves V from beside 0, as others do
    zero = [element for element, _ in structure.scales(k) if theta[element] == 0.0]
    lifted[zero] = 1.0
    moves = np.abs(changes_of(structure, theta, k)).reshape(len(theta), -1).max(axis=1) > 0.0
    moves[zero] = True
    return changes_of(structure, lifted, k)[moves]


def changes_of(structure: CovarianceStructure, theta: Vector, k: int) -> Blocks:
    """∂(TTᵀ)/∂θ of one structure, (nθ, k, k)."""
    half = structure.factor_derivatives(theta, k) @ structure.factor(theta, k).T
    return half + half.transpose(0, 2, 1)


def covariance_traces(
    equations: MixedModelEquations, templates: Vector, directions: Directions
) -> tuple[Vector, Matrix]:
    """tr(V⁻¹∂ᵢV), (m,), and tr(V⁻¹∂ᵢV V⁻¹∂ₗV), (m, m); uses up the factor in place."""
    if not len(directions):
        return np.empty(0), np.empty((0, 0))
    if equations.levels_are_independent:
        equations.invert(keep_factor=False)
        (D,) = directions.by_term
        K = equations.projected_blocks()
        first = np.tensordot(D, K.sum(axis=0), axes=2)
        return first, level_traces(K, D)
    if equations.q > LARGEST_DENSE:
        return _by_columns(equations, templates, directions)
    K = equations.projected_cross_products(templates)
    first, second = np.empty(len(directions)), np.empty((len(directions),) * 2)
    slices = directions.slices
    for s, (at, D) in enumerate(zip(slices, directions.by_term, strict=True)):
        for t in range(s, len(slices)):
            block = K[equations.columns(s), equations.columns(t)]
            value = pair_traces(block, D, directions.by_term[t])
            second[at, slices[t]] = value
            second[slices[t], at] = value.T
        g, k = equations.terms[s].levels, equations.terms[s].k
        own = K[equations.columns(s), equations.columns(s)].reshape(g, k, g, k)
        first[at] = np.tensordot(D, np.einsum("jajb->ab", own), axes=2)
    return first, second


def refuse_too_much(equations: MixedModelEquations) -> None:
    """Raises ModelError where the columns of K, of several grouping factors, take too long."""
    q, tail = equations.q, equations.tail
    work = 2.0 * q * (tail**2 + q + sum(t.levels * t.k**2 for t in equations.terms))
    if not equations.levels_are_independent and work > LARGEST_WORK:
        raise ModelError(
            f"Kenward and Roger's method needs a solution for each of the {q} random effects "
            f"of several grouping factors, some {work:.0e} multiplications, and is made for up "
            f'to {LARGEST_WORK:.0e}. Use ddf="satterthwaite", which is as good with so many '
            "levels."
        )


def _by_columns(
    equations: MixedModelEquations, templates: Vector, directions: Directions
) -> tuple[Vector, Matrix]:
    """What `covariance_traces` gives, from the columns of a few levels at a time."""
    first, second = np.zeros(len(directions)), np.zeros((len(directions),) * 2)
    slices = directions.slices
    for t, (at, D) in enumerate(zip(slices, directions.by_term, strict=True)):
        own, k = equations.columns(t), equations.terms[t].k
        width = k * max(1, _NUMBERS // (equations.q * k))
        for start in range(own.start, own.stop, width):
            columns = slice(start, min(start + width, own.stop))
            K = equations.projected_columns(templates, columns)
            for s, E in enumerate(directions.by_term):
                second[slices[s], at] += pair_traces(K[equations.columns(s)], E, D)
            g = (columns.stop - columns.start) // k
            blocks = K[columns].reshape(g, k, g, k)
            first[at] += np.tensordot(D, np.einsum("jajb->ab", blocks), axes=2)
    return first, second
