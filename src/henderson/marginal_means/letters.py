"""Compact letter display: means that share a letter are not significantly different."""

from string import ascii_lowercase, ascii_uppercase

import numpy as np
from numpy.typing import NDArray

from henderson.errors import ModelError

_ALPHABET = ascii_lowercase + ascii_uppercase


def letters(different: NDArray[np.bool_], *, sweep: bool = False) -> tuple[str, ...]:
    """Letters such that two means share one exactly if they are not different.

    Insert and absorb: all means start in one column, a letter. For each pair that differs,
    every column with both is replaced by two, each without one of them; a column contained in
    another is absorbed. What is left are the largest sets of means that do not differ.

    Parameters
    ----------
    different : (r, r) array of truth values
        Symmetric: which means differ significantly. Means are in the order to be shown.
    sweep
        Whether a mean leaves a column where it shares other columns with all the others there:
        fewer letters, but a run of means no longer shares one.

    Returns
    -------
    tuple of str
        One text a mean, such as "a", "ab"; letters in the order in which they are first needed.
        From the 53rd letter on, letters are numbered: "(53)".

    Raises
    ------
    ModelError
        If the matrix is not square and symmetric.

    Notes
    -----
    Source: Piepho (2004), J. Comput. Graph. Stat. 13(2), 456–466. R's emmeans shows the
    letters before sweeping, multcomp those after it.

    Examples
    --------
    >>> letters(np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool))
    ('a', 'ab', 'b')
    """
    different = np.asarray(different, dtype=bool)
    if different.ndim != 2 or not np.array_equal(different, different.T):
        raise ModelError(
            f"Letters need a symmetric matrix of which means differ; its shape is "
            f"{different.shape}."
        )
    columns = _inserted(different)
    if sweep:
        columns = _swept(columns)
    order = sorted(range(len(columns)), key=lambda c: np.flatnonzero(columns[c]).tolist())
    names = [_letter(place) for place in range(len(order))]
    return tuple(
        "".join(name for name, c in zip(names, order, strict=True) if columns[c][mean])
        for mean in range(len(different))
    )


def _inserted(different: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Columns that separate every pair that differs, none contained in another."""
    columns = [np.ones(len(different), dtype=bool)]
    for i, j in zip(*np.nonzero(np.triu(different, 1)), strict=True):
        split = [column for column in columns if column[i] and column[j]]
        if not split:
            continue
        kept = [column for column in columns if not (column[i] and column[j])]
        for column in split:
            for leaves in (i, j):
                part = column.copy()
                part[leaves] = False
                kept.append(part)
        columns = _absorbed(kept)
    return columns


def _absorbed(columns: list[NDArray[np.bool_]]) -> list[NDArray[np.bool_]]:
    """The columns that no other contains; of equal ones the first."""
    table = np.array(columns)
    beyond = table[:, None, :] & ~table[None, :, :]
    inside = ~np.any(beyond, axis=2)  # row within column
    same = inside & inside.T
    earlier = np.tri(len(table), k=-1, dtype=bool)
    absorbed = (inside & ~same) | (same & earlier)
    return [columns[place] for place in np.flatnonzero(~np.any(absorbed, axis=1))]


def _swept(columns: list[NDArray[np.bool_]]) -> list[NDArray[np.bool_]]:
    """The columns without memberships that say nothing."""
    table = np.array(columns)
    for column in range(len(table)):
        for mean in np.flatnonzero(table[column]):
            others = np.delete(table, column, axis=0)
            shared = others[others[:, mean]]
            # Empty `shared` has no mean itself, so the mean stays.
            if np.all(np.any(shared, axis=0)[table[column]]):
                table[column, mean] = False
    return _absorbed([column for column in table if column.any()])


def _letter(place: int) -> str:
    return _ALPHABET[place] if place < len(_ALPHABET) else f"({place + 1})"
