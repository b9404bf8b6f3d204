"""What a test of a term tests: rows L over the coefficients, whatever the contrasts.

X̃ has an indicator for every level (and combination) of the factors of each term; it has more
columns than its rank, and X̃ = XB for the X that was fitted. A function m'β of the coefficients
is B'm over the columns of X̃, so that hypotheses about X̃ are found in m. B_E are the columns of
a term E, B_O those of other terms.

Sequential (types 1 and 2): E given the terms O,

    L  =  span of  B_Eᵀ {M − M B_O (B_OᵀMB_O)⁻ B_OᵀM}

O are the terms before E (type 1), or all that do not contain E (type 2). M = Φ⁻¹ weights the
rows as the model does; M = XᵀX weights them equally, also where Φ has no inverse.

Marginal (type 3): functions of E and of terms that contain it,

    {m : B_Oᵀm = 0},   less those that do not involve E, orthogonally (in the columns of X̃)

which compares unweighted means over the other factors where all combinations occur.

A term contains E if it has all of E's variables and others. As SAS has it these others must be
factors: then x in f + x + f:x is contained in f:x, but f is not.

Source: SAS Institute, SAS/STAT User's Guide, The Four Types of Estimable Functions; Fox &
Weisberg (2019), An R Companion to Applied Regression, section 5.3, for type 2 with M = Φ⁻¹.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix
from henderson.design.evaluation import Columns, Value
from henderson.design.factors import Factor
from henderson.design.model_frame import ModelFrame
from henderson.design.model_matrix import MatrixRecipe, assemble, known_values
from henderson.design.rank import independent_columns
from henderson.design.variable_functions import evaluator
from henderson.estimation.estimates import Estimates
from henderson.inference.ddf.containment import term_variables
from henderson.likelihood.fixed_basis import FixedBasis

Type: TypeAlias = Literal[1, 2, 3]
Convention: TypeAlias = Literal["car", "sas"]
_RANK = 1e-8  # of singular values, where columns have unit mean square
_WORST = 1e12  # condition number of a covariance; beyond, all columns weigh the same


@dataclass(frozen=True, slots=True)
class TermHypotheses:
    """The hypotheses about each term of a linear predictor."""

    terms: tuple[str, ...]  # labels, without the intercept
    B: Matrix  # (p, P) in the coordinates γ = Rβ of an orthonormal basis
    columns: tuple[
        NDArray[np.int64], ...
    ]  # columns of B by term, the intercept first if there is one
    variables: tuple[frozenset[str], ...]  # by term, likewise
    factors: frozenset[str]
    R: Matrix  # (p, p)
    M: Matrix  # (p, p), Φ⁻¹ of γ, up to a factor

    @classmethod
    def of(cls, estimates: Estimates, vcov: Matrix, component: str = "location") -> Self:
        """For a predictor whose coefficients have the covariance `vcov` (p, p)."""
        fixed = estimates.predictors[component].fixed
        basis = FixedBasis.of(fixed.matrix)
        every_level, assign, first = _indicators(estimates.frame, fixed.recipe)
        if _outside(every_level, basis):
            every_level, assign = fixed.matrix, fixed.assign
            first = np.zeros(len(assign), dtype=bool)
        columns = tuple(
            np.concatenate(
                [np.flatnonzero((assign == t) & (first == is_first)) for is_first in (0, 1)]
            )
            for t in range(len(fixed.terms))
        )
        B = basis.Q.T @ every_level / len(every_level)
        for own in columns:
            B[:, own] /= np.linalg.norm(B[:, own]) or 1.0
        covariance = basis.R @ vcov @ basis.R.T
        regular = len(covariance) > 0 and bool(np.isfinite(covariance).all())
        regular = regular and np.linalg.cond(covariance) < _WORST
        return cls(
            terms=fixed.recipe.terms.labels,
            B=B,
            columns=columns,
            variables=tuple(term_variables(fixed.recipe)),
            factors=frozenset(fixed.recipe.codings),
            R=basis.R,
            M=np.linalg.inv(covariance) if regular else np.eye(len(covariance)),
        )

    def rows(self, term: int, type: Type, convention: Convention = "car") -> Matrix:
        """L (df, p) of a term, counted without the intercept; no rows if nothing is tested."""
        place = self._place(term)
        alone = len(self.terms) == 1 and convention == "sas"
        if type == 3 and not alone:
            m = self._marginal(place, self._containing(place, "sas"))
            return self._canonical(m, place) @ self.R
        others = range(place)
        if type == 2:
            containing = self._containing(place, convention)
            others = [t for t in range(len(self.columns)) if t not in {place, *containing}]
        own, before = self._columns([place]), self._columns(others)
        if convention == "sas":
            return _one_by_one(own, before) @ self.R
        return self._canonical(_sequential(own, before, self.M), place) @ self.R

    def is_contained(self, term: int) -> bool:
        """Whether another term has all variables of a term and more."""
        return bool(self._containing(self._place(term), "car"))

    def without(self, term: int) -> Matrix:
        """A (p, p − df) such that XA spans what the other terms span."""
        place = self._place(term)
        others = [t for t in range(len(self.columns)) if t != place]
        return np.linalg.solve(self.R, _range(self._columns(others)))

    def _place(self, term: int) -> int:
        return term + len(self.variables) - len(self.terms)

    def _containing(self, place: int, convention: Convention) -> list[int]:
        own = self.variables[place]
        return [
            t
            for t, variables in enumerate(self.variables)
            if own < variables and (convention == "car" or variables - own <= self.factors)
        ]

    def _columns(self, places: Iterable[int]) -> Matrix:
        chosen = [self.columns[t] for t in places]
        return self.B[:, np.concatenate(chosen)] if chosen else self.B[:, :0]

    def _marginal(self, place: int, containing: list[int]) -> Matrix:
        """Rows m of a type 3 hypothesis."""
        others = [t for t in range(len(self.columns)) if t != place and t not in containing]
        among = _null_space(self._columns(others).T)  # (p, d)
        involved = among.T @ self._columns([place, *containing])
        without = _null_space(self._columns([place]).T @ among)  # (d, those without E)
        left = _null_space((involved @ involved.T @ without).T)
        return (among @ left).T

    def _canonical(self, m: Matrix, place: int) -> Matrix:
        """The same hypothesis in rows that do not depend on how it was computed.

        Among the term's own columns, the first that are independent become an identity; those
        of first levels come last.
        """
        if not len(m):
            return m
        own = m @ self._columns([place])
        own = own / np.abs(own).max()
        pivots = np.flatnonzero(independent_columns(own, 1e-6))
        return np.linalg.solve(own[:, pivots], m) if len(pivots) == len(m) else m


def _sequential(own: Matrix, others: Matrix, M: Matrix) -> Matrix:
    """Rows m: the columns of a term left over by others, weighted by M."""
    half = np.linalg.cholesky(M)
    left = half.T @ own
    before = _range(half.T @ others)
    for _ in range(2):
        left = left - before @ (before.T @ left)
    scale = np.abs(half.T @ own).max(initial=0.0)
    return (half @ _range(left, scale)).T


def _one_by_one(own: Matrix, others: Matrix) -> Matrix:
    """Rows m, equally weighted: each column of a term given others and those before it."""
    before, rows = _range(others), []
    for column in own.T:
        left = column
        for _ in range(2):
            left = left - before @ (before.T @ left)
        squared = left @ left
        if squared > _RANK * (column @ column):
            rows.append(left / squared)
            before = np.column_stack([before, left / np.sqrt(squared)])
    return np.array(rows).reshape(-1, len(own))


def _range(columns: Matrix, scale: float | None = None) -> Matrix:
    """An orthonormal basis of the columns' span; `scale` is the size of what is not zero."""
    if not columns.size:
        return columns[:, :0]
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, values > _RANK * max(values[0] if scale is None else scale, 1e-300)]


def _null_space(rows: Matrix) -> Matrix:
    """An orthonormal basis of {x : rows x = 0}, as columns."""
    if not rows.size:
        return np.eye(rows.shape[1])
    _, values, right = np.linalg.svd(rows, full_matrices=True)
    return right[int(np.sum(values > _RANK * max(values[0], 1e-300))) :].T


def _indicators(
    frame: ModelFrame, recipe: MatrixRecipe
) -> tuple[Matrix, NDArray[np.int64], NDArray[np.bool_]]:
    """X̃ (n, P), the term of each column, and whether it is of a factor's first level."""
    named = recipe.terms
    in_full = tuple(
        tuple(named.variables[i] in recipe.codings for i in term) for term in named.terms
    )
    evaluate = evaluator(
        frame.variables, named.text, frame.n, dict(recipe.learned), fitting=False
    )
    values = known_values(recipe, evaluate)
    made = assemble(replace(recipe, full=in_full), values, frame.n)
    first = [False] if named.intercept else []
    for term in named.terms:
        of_term = [False]
        for i in term:
            of_term = [a or b for b in _first_levels(values[i]) for a in of_term]
        first += of_term
    return made.matrix, made.assign, np.array(first)


def _first_levels(value: Value) -> list[bool]:
    """Which columns of a variable are the indicator of its first level."""
    if isinstance(value, Factor):
        return [level == 0 for level in range(len(value.levels))]
    return [False] * (value.matrix.shape[1] if isinstance(value, Columns) else 1)


def _outside(every_level: Matrix, basis: FixedBasis) -> bool:
    """Whether X̃ spans more than X, as it can where margins are missing."""
    if not every_level.size:
        return False
    fitted = basis.Q @ (basis.Q.T @ every_level / len(every_level))
    return bool(np.abs(fitted - every_level).max() > 1e-6 * np.abs(every_level).max())
