"""Rows of L: means or slopes as linear functions of the fixed effects, and their estimates."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.estimation.estimates import Estimates
from henderson.inference.ddf.methods import DegreesOfFreedom, has_covariance
from henderson.links import Link
from henderson.marginal_means.reference_grid import is_estimable
from henderson.marginal_means.transformed_response import Transformation

Scale = Literal["link", "response"]


@dataclass(frozen=True, slots=True)
class Functions:
    """Linear functions of one predictor's coefficients.

    `estimate`, `std_error` and `df` are (r,), NaN where a function cannot be estimated.
    `factor` (r, p) has AAᵀ = the correlation of the estimates.
    """

    estimate: Vector
    std_error: Vector
    df: Vector
    factor: Matrix


@dataclass(frozen=True, slots=True)
class MeanRows:
    """r means (or slopes) as linear functions of coefficients β, and what they were made of.

    `coordinates` (r, P) are over the columns of the model matrix before any was dropped, NaN
    for a mean over no observation that was to be weighted by observations; `offset` (r,) is
    added; `free` (P, m) are the directions in which β is not determined. `columns` has the
    values of each variable in `factors` and `by`, for tables; `labels` names them within
    contrasts. `tau` (r,) is the standard deviation of the random effects' part. `link` is None
    where there is nothing to transform back.
    """

    estimates: Estimates
    beta: Vector
    reference: DegreesOfFreedom
    free: Matrix | None
    kept: NDArray[np.bool_]
    coordinates: Matrix
    offset: Vector
    factors: tuple[str, ...]
    by: tuple[str, ...]
    columns: Mapping[str, NDArray[Any]]
    labels: Mapping[str, tuple[str, ...]]
    averaged: tuple[str, ...]
    fixed_at: Mapping[str, str]
    weights: str
    level: float
    scale: Scale
    link: Link | None
    random: str
    tau: Vector
    slope_of: str | None = None

    @property
    def r(self) -> int:
        """Rows."""
        return len(self.coordinates)

    @property
    def transformation(self) -> Transformation | None:
        """What the formula did to the response, where `link` is that."""
        if self.link is None or self.beta is not self.estimates.location.beta:
            return None
        return Transformation.of_response(self.estimates)

    def functions(self, C: Matrix | None = None) -> Functions:
        """The means, or combinations C (c, r) of them."""
        coordinates = self.coordinates if C is None else _combined(C, self.coordinates)
        offset = self.offset if C is None else C @ self.offset
        known = is_estimable(coordinates, self.free)
        known[known] = has_covariance(self.reference, coordinates[known][:, self.kept])
        L = coordinates[known][:, self.kept]
        rows = L @ _root(self.reference.vcov)
        se = np.linalg.norm(rows, axis=1)
        of_all = np.full((4, len(coordinates)), np.nan)
        of_all[0, known] = L @ self.beta + offset[known]
        of_all[1, known] = se
        of_all[2, known] = self._df(L, se)
        factor = np.full((len(coordinates), L.shape[1]), np.nan)
        factor[known] = rows / np.where(se > 0.0, se, 1.0)[:, None]
        return Functions(of_all[0], of_all[1], of_all[2], factor)

    def _df(self, L: Matrix, se: Vector) -> Vector:
        """ν, infinite for a function that is zero for every β."""
        df = np.full(len(L), np.inf)
        some = se > 0.0
        if some.any():
            df[some] = self.reference.df(L[some])
        return df

    @property
    def groups(self) -> list[NDArray[np.int64]]:
        """The rows of each combination of the `by` variables, in order of appearance."""
        found: dict[tuple[str, ...], list[int]] = {}
        for row in range(self.r):
            key = tuple(self.labels[name][row] for name in self.by)
            found.setdefault(key, []).append(row)
        return [np.array(rows) for rows in found.values()]

    def names(self, rows: NDArray[np.int64]) -> tuple[str, ...]:
        """What contrasts call the means in `rows`: their levels outside `by`."""
        if not self.factors:
            return ("overall",) * len(rows)
        return tuple(" ".join(self.labels[n][i] for n in self.factors) for i in rows)

    def as_slopes(self, coordinates: Matrix, variable: str) -> "MeanRows":
        """The same rows with other coordinates: derivatives by a covariate."""
        return replace(
            self,
            coordinates=coordinates,
            offset=np.zeros(self.r),
            link=None,
            slope_of=variable,
            fixed_at={n: value for n, value in self.fixed_at.items() if n != variable},
        )


def link_of(estimates: Estimates, component: str) -> Link:
    """The link of the location, or of another linear predictor.

    That of a location with the identity link is what the formula did to the response.
    """
    link = estimates.family.link_of(component)
    if component != "location" or link.name != "identity":
        return link
    made = Transformation.of_response(estimates)
    return link if made is None else made.link


def contrast_labels(name: str, labels: tuple[str, ...]) -> tuple[str, ...]:
    """Levels as contrasts call them: with the variable's name where all are numbers."""
    return tuple(name + label for label in labels) if all(map(_is_number, labels)) else labels


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True


def _combined(C: Matrix, coordinates: Matrix) -> Matrix:
    """C coordinates, where a mean that does not exist spoils only what it takes part in."""
    missing = ~np.all(np.isfinite(coordinates), axis=1)
    found = C @ np.where(missing[:, None], 0.0, coordinates)
    found[np.any(C[:, missing] != 0.0, axis=1)] = np.nan
    return found


def _root(vcov: Matrix) -> Matrix:
    """A with AAᵀ = vcov; symmetric, so that a singular covariance has one, too.

    Coefficients without a covariance (NaN) have zeros.
    """
    values, vectors = np.linalg.eigh(np.nan_to_num(vcov))
    return vectors * np.sqrt(np.maximum(values, 0.0))
