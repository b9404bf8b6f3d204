"""Rows in parts that share no leaf: the leaves of one part never meet those of another."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from henderson.equations.terms import RandomTermMatrix

Rows = slice | NDArray[np.intp]


def rows_of_parts(
    terms: Sequence[RandomTermMatrix], leaf_terms: int, n: int, parts: int
) -> list[Rows]:
    """Row numbers of each part, of about equal size; one slice where there is one part."""
    if parts <= 1 or not terms:
        return [slice(None)]
    tree = _tree_of_rows(terms[:leaf_terms])
    sizes = np.bincount(tree)
    part_of_tree = np.minimum(
        (np.cumsum(sizes) - sizes / 2) * parts // max(n, 1), parts - 1
    ).astype(np.intp)
    part = part_of_tree[tree]
    return [rows for p in range(parts) if len(rows := np.flatnonzero(part == p))]


def _tree_of_rows(leaf_terms: Sequence[RandomTermMatrix]) -> NDArray[np.intp]:
    """A number for each row: equal where leaves are linked, directly or through others."""
    tree = leaf_terms[0].codes.astype(np.intp)
    for term in leaf_terms[1:]:  # merge trees that meet in a level of this term
        lowest = np.full(term.levels, np.iinfo(np.intp).max)
        while True:
            np.minimum.at(lowest, term.codes, tree)
            merged = np.full(tree.max() + 1, np.iinfo(np.intp).max)
            np.minimum.at(merged, tree, lowest[term.codes])
            relabelled = merged[tree]
            if np.array_equal(relabelled, tree):
                break
            tree = relabelled
    return np.unique(tree, return_inverse=True)[1]


def split_levels(
    terms: Sequence[RandomTermMatrix], leaf_terms: int, rows: Rows
) -> tuple[list[RandomTermMatrix], list[NDArray[np.intp]]]:
    """The terms in some rows, leaf levels renumbered; and the levels that each term kept."""
    if isinstance(rows, slice):
        return list(terms), [np.arange(term.levels) for term in terms]
    pieces, kept = [], []
    for position, term in enumerate(terms):
        piece = term.rows(rows)
        levels = np.arange(term.levels)
        if position < leaf_terms:
            levels, codes = np.unique(piece.codes, return_inverse=True)
            piece = replace(piece, codes=codes.astype(np.int32), levels=len(levels))
        pieces.append(piece)
        kept.append(levels)
    return pieces, kept
