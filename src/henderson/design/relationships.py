"""Relationships of animals or plants by their pedigree, as matrices that a model is given."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from henderson.arrays import Matrix, Vector
from henderson.design.pedigrees import Pedigree
from henderson.errors import DataError

_MOST = 20_000  # of them: A then takes 3.2 GB


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
    pedigree = Pedigree.read(animal, sire, dam)
    if len(pedigree.names) > _MOST:
        raise DataError(
            f"The pedigree has {len(pedigree.names)} individuals; their relationships are made "
            f"for up to {_MOST}. Leave out those that are no ancestors of any with records."
        )
    return RelationshipMatrix(pedigree.names, pedigree.relationships(), pedigree.inverse())
