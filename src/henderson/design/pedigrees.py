"""Pedigrees: who descends from whom, inbreeding, and the inverse of the relationships.

    aᵢ = ½(a_sire + a_dam) + mᵢ,   Var(mᵢ) = dᵢσ²_a,   Cov(a) = Aσ²_a
    dᵢ = ½ − ¼(F_sire + F_dam),  ¾ − ¼F_parent  or  1   with two parents known, one or none
    A⁻¹ = (I − P)ᵀ diag(1/d) (I − P),   log |A| = Σ log dᵢ,   P with ½ at the parents of each

F is the coefficient of inbreeding. A⁻¹ has a few entries an animal, and A is not needed for it.
Where unknown parents belong to genetic groups with means g, in columns after the individuals,

    aᵢ = ½(a_sire + a_dam) + mᵢ  with g for a parent that is not known,
    A*⁻¹ = (I − P, −P_g)ᵀ diag(1/d) (I − P, −P_g)

which is singular: the groups are fixed effects.

Source: Henderson (1976), Biometrics 32, 69–83; Quaas (1976), Biometrics 32, 949–953; F by
Meuwissen & Luo (1992), Genetics Selection Evolution 24, 305–313; groups: Quaas (1988), J. Dairy
Science 71, 1338–1345.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, eye_array

from henderson import _core
from henderson.arrays import Matrix, Vector
from henderson.design.factors import labels
from henderson.errors import DataError

_MISSING = {"", "nan", "NaN", "None", "NA", "<NA>"}


@dataclass(frozen=True, slots=True)
class Pedigree:
    """Individuals `names` with their parents, parents before offspring."""

    names: tuple[str, ...]
    # (m, 2): places of both; −1 not known, −2 − g not known and of group g
    parents: NDArray[np.int32] = field(repr=False)
    inbreeding: Vector = field(repr=False)  # F, (m,)
    groups: tuple[str, ...] = ()

    @classmethod
    def read(
        cls,
        animal: Iterable[object],
        sire: Iterable[object],
        dam: Iterable[object],
        *,
        groups: Iterable[object] = (),
    ) -> "Pedigree":
        """From the columns of a table; see `relationship_matrix` for what they may have.

        `groups` are names that stand for unknown parents: a breed, a year of birth.
        """
        columns = [_names(column) for column in (animal, sire, dam)]
        if len({len(column) for column in columns}) > 1:
            lengths = ", ".join(str(len(column)) for column in columns)
            raise DataError(
                f"animal, sire and dam have {lengths} values. Give one of each for an "
                "individual."
            )
        of_parents = tuple(dict.fromkeys(_names(groups)))
        given = _parents(columns[0], columns[1], columns[2], of_parents)
        names = _in_order(given, of_parents)
        place = {name: i for i, name in enumerate(names)}
        place |= {name: -2 - g for g, name in enumerate(of_parents)}
        at = [[place.get(each, -1) for each in given[name]] for name in names]
        return cls.of_places(names, np.array(at, dtype=np.int32).reshape(-1, 2), of_parents)

    @classmethod
    def of_places(
        cls, names: tuple[str, ...], parents: NDArray[np.int32], groups: tuple[str, ...] = ()
    ) -> "Pedigree":
        """From places of parents, (m, 2), each before its offspring, below 0 if not known."""
        F = np.empty(len(parents))
        _core.inbreeding(parents, F)
        return cls(names, parents, F, groups)

    @property
    def mendelian(self) -> Vector:
        """d, (m,): variances of what is not from the parents, in units of σ²_a."""
        lost = np.where(self.parents >= 0, 0.25 * (1.0 + self.inbreeding[self.parents]), 0.0)
        return 1.0 - lost.sum(axis=1)

    @property
    def log_determinant(self) -> float:
        """log |A|."""
        return float(np.sum(np.log(self.mendelian)))

    def inverse(self) -> csr_array:
        """A⁻¹, (m, m); of G groups A*⁻¹, (m + G, m + G)."""
        m, size = len(self.parents), len(self.parents) + len(self.groups)
        at = np.where(self.parents < -1, m - 2 - self.parents, self.parents)
        known = at >= 0
        rows = np.repeat(np.arange(m), 2)[known.ravel()]
        half = np.full(len(rows), 0.5)
        P = csr_array((half, (rows, at[known])), shape=(m, size))
        from_parents = csr_array(eye_array(m, size) - P)
        return csr_array(from_parents.T @ diags_array(1.0 / self.mendelian) @ from_parents)

    def multiply(self, x: Matrix) -> Matrix:
        """Ax, (m,) or (m, columns), without A: its columns where x has those of I."""
        out = np.array(x, dtype=float, order="C")
        if len(out) != len(self.parents):
            raise ValueError(f"{len(out)} rows do not fit {len(self.parents)} individuals.")
        _core.multiply_relationships(self.parents, self.mendelian, out)
        return out

    def relationships(self) -> Matrix:
        """A, (m, m), in full: Aᵢⱼ = ½(A_sire,j + A_dam,j) for j before i, Aᵢᵢ = 1 + Fᵢ."""
        m = len(self.parents)
        A = np.zeros((m + 1, m + 1))  # the last row: an unknown parent
        for i, (sire, dam) in enumerate(np.maximum(self.parents, -1)):
            A[i, :i] = A[:i, i] = 0.5 * (A[sire, :i] + A[dam, :i])
            A[i, i] = 1.0 + 0.5 * A[sire, dam]
        return np.ascontiguousarray(A[:m, :m])


def _names(column: Iterable[object]) -> list[str]:
    """As levels print; "" where there is no name."""
    values = list(column)
    missing = [str(value).strip() in _MISSING for value in values]
    numbers = [v for v, none in zip(values, missing, strict=True) if not none]
    shown = iter(labels(np.asarray(numbers)) if numbers else ())
    return ["" if none else next(shown).strip() for none in missing]


def _parents(
    animal: Sequence[str], sire: Sequence[str], dam: Sequence[str], groups: tuple[str, ...]
) -> dict[str, tuple[str, str]]:
    """The parents of each, "" where one is not known; founders that are only parents last."""
    unknown = {"", "0"} - set(animal)
    found: dict[str, tuple[str, str]] = {}
    for name, *both in zip(animal, sire, dam, strict=True):
        if not name:
            raise DataError(
                "An individual of the pedigree has no name. Give one, or leave the row out."
            )
        if name in groups:
            raise DataError(f"{name!r} is an individual and a group. Rename one of them.")
        first, second = ("" if each in unknown else each for each in both)
        if found.setdefault(name, (first, second)) != (first, second):
            raise DataError(
                f"{name!r} is in the pedigree with the parents {found[name]} and with "
                f"{(first, second)}. An individual has one pair of parents; correct it."
            )
    for both in list(found.values()):
        for each in both:
            if each and each not in groups:
                found.setdefault(each, ("", ""))
    return found


def _in_order(parents: dict[str, tuple[str, str]], groups: tuple[str, ...]) -> tuple[str, ...]:
    """Parents before offspring, otherwise founders first and as given."""
    none = {"", *groups}
    waiting = {name: set(both) - none for name, both in parents.items()}
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
