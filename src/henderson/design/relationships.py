"""Relationships of animals or plants by their pedigree.

    A = Cov(a)/σ²_a:   aᵢ = ½(a_sire + a_dam) + mᵢ,   Var(mᵢ) = dᵢσ²_a
    Aᵢⱼ = ½(A_sire,j + A_dam,j)  for j before i,     Aᵢᵢ = 1 + Fᵢ = 1 + ½A_sire,dam
    dᵢ = ½ − ¼(F_sire + F_dam),  ¾ − ¼F_parent  or  1   with two parents known, one or none
    A⁻¹ = (I − P)ᵀ diag(1/d) (I − P),   P with ½ at the parents of each

F is the coefficient of inbreeding. A⁻¹ is sparse: Henderson's rules.

Source: Henderson (1976), Biometrics 32, 69–83; Quaas (1976), Biometrics 32, 949–953.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, eye_array

from henderson.arrays import Matrix, Vector
from henderson.design.factors import labels
from henderson.errors import DataError

_MOST = 20_000  # of them: A then takes 3.2 GB
_MISSING = {"", "nan", "NaN", "None", "NA", "<NA>"}


@dataclass(frozen=True, slots=True)
class RelationshipMatrix:
    """Numerator relationships of `names`, parents before offspring."""

    names: tuple[str, ...]
    matrix: Matrix = field(repr=False)  # A, (m, m)
    inverse: csr_array = field(repr=False)  # A⁻¹, (m, m), sparse

    @property
    def inbreeding(self) -> Vector:
        """F of each, (m,)."""
        return np.diag(self.matrix) - 1.0


def relationship_matrix(
    animal: Iterable[object], sire: Iterable[object], dam: Iterable[object]
) -> RelationshipMatrix:
    """Numerator relationships by a pedigree, inbreeding included.

    Parameters
    ----------
    animal, sire, dam
        The names of m individuals and of their parents, (m,) each, in any order: columns of a
        table, or lists. A parent that is missing, "" or 0 is not known (0 is, where it is the
        name of an individual). Parents that are not among the individuals are founders: not
        related, not inbred. An individual may be the sire of some and the dam of others, or
        both parents of one.

    Returns
    -------
    RelationshipMatrix
        `names`, `matrix` A (dense), `inverse` A⁻¹ (sparse) and `inbreeding`, with parents
        before offspring. Give it to `fit(..., matrices={"A": ...})`.

    Raises
    ------
    DataError
        For columns of different lengths, an individual without a name or with several pairs of
        parents, an individual among its own ancestors, and more than 20,000 individuals.

    Notes
    -----
    Source: Henderson (1976), Biometrics 32(1), 69–83.

    Examples
    --------
    >>> import henderson as hd
    >>> A = hd.relationship_matrix(
    ...     animal=["calf", "son"], sire=["bull", "bull"], dam=["cow", "calf"]
    ... )
    >>> A.names
    ('bull', 'cow', 'calf', 'son')
    >>> A.matrix[3].tolist(), A.inbreeding.tolist()
    ([0.75, 0.25, 0.75, 1.25], [0.0, 0.0, 0.0, 0.25])
    """
    columns = [_names(column) for column in (animal, sire, dam)]
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(str(len(column)) for column in columns)
        raise DataError(
            f"animal, sire and dam have {lengths} values. Give one of each for an individual."
        )
    parents = _parents(*columns)
    names = _in_order(parents)
    if len(names) > _MOST:
        raise DataError(
            f"The pedigree has {len(names)} individuals; their relationships are made for up "
            f"to {_MOST}. Leave out those that are no ancestors of any with records."
        )
    place = {name: i for i, name in enumerate(names)}
    at = np.array([[place.get(each, -1) for each in parents[name]] for name in names])
    A = _relationships(at)
    return RelationshipMatrix(names, A, _inverse(at, np.diag(A) - 1.0))


def _names(column: Iterable[object]) -> list[str]:
    """As levels print; "" where there is no name."""
    values = list(column)
    missing = [str(value).strip() in _MISSING for value in values]
    numbers = [v for v, none in zip(values, missing, strict=True) if not none]
    shown = iter(labels(np.asarray(numbers)) if numbers else ())
    return ["" if none else next(shown).strip() for none in missing]


def _parents(
    animal: Sequence[str], sire: Sequence[str], dam: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """The parents of each, "" where one is not known; founders that are only parents last."""
    unknown = {"", "0"} - set(animal)
    found: dict[str, tuple[str, str]] = {}
    for name, *both in zip(animal, sire, dam, strict=True):
        if not name:
            raise DataError(
                "An individual of the pedigree has no name. Give one, or leave the row out."
            )
        first, second = ("" if each in unknown else each for each in both)
        if found.setdefault(name, (first, second)) != (first, second):
            raise DataError(
                f"{name!r} is in the pedigree with the parents {found[name]} and with "
                f"{(first, second)}. An individual has one pair of parents; correct it."
            )
    for both in list(found.values()):
        for each in both:
            if each:
                found.setdefault(each, ("", ""))
    return found


def _in_order(parents: dict[str, tuple[str, str]]) -> tuple[str, ...]:
    """Parents before offspring, otherwise founders first and as given."""
    waiting = {name: {each for each in both if each} for name, both in parents.items()}
    offspring: dict[str, list[str]] = {name: [] for name in parents}
    for name, both in waiting.items():
        for each in both:
            offspring[each].append(name)
    ready = [name for name, both in waiting.items() if not both]
    for name in ready:  # grows
        for child in offspring[name]:
            waiting[child].discard(name)
            if not waiting[child]:
                ready.append(child)
    if len(ready) < len(parents):
        raise DataError(
            f"{_loop(waiting)} are their own ancestors: each is a parent of the one before it. "
            "Correct the pedigree."
        )
    return tuple(ready)


def _loop(waiting: dict[str, set[str]]) -> str:
    """Individuals that lead back to the first, by parents still waited for."""
    name = next(name for name, both in waiting.items() if both)
    path: list[str] = []
    while name not in path:
        path.append(name)
        name = min(waiting[name])
    return " → ".join(map(repr, [*path[path.index(name) :], name]))


def _relationships(parents: NDArray[np.integer]) -> Matrix:
    """A from the places of both parents of each, (m, 2), −1 where not known."""
    m = len(parents)
    A = np.zeros((m + 1, m + 1))  # the last row: an unknown parent
    for i, (sire, dam) in enumerate(parents):
        A[i, :i] = A[:i, i] = 0.5 * (A[sire, :i] + A[dam, :i])
        A[i, i] = 1.0 + 0.5 * A[sire, dam]
    return np.ascontiguousarray(A[:m, :m])


def _inverse(parents: NDArray[np.integer], inbreeding: Vector) -> csr_array:
    m = len(parents)
    known = parents >= 0
    lost = np.where(known, 0.25 * (1.0 + inbreeding[parents]), 0.0)
    d = 1.0 - lost.sum(axis=1)
    rows = np.repeat(np.arange(m), 2)[known.ravel()]
    half = np.full(len(rows), 0.5)
    P = csr_array((half, (rows, parents.ravel()[known.ravel()])), shape=(m, m))
    from_parents = csr_array(eye_array(m) - P)
    return csr_array(from_parents.T @ diags_array(1.0 / d) @ from_parents)
