"""Student's t distribution, shifted and scaled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError
from henderson.families.base import Family
from henderson.families.response import Response
from henderson.families.support import require_finite
from henderson.links import Link

_NORMAL = 9.0  # log df beyond which nothing tells it from the normal distribution


@final
@dataclass(frozen=True, slots=True, init=False)
class StudentT(Family):
    """y = μ + σT, T with df degrees of freedom: measurements with outliers.

    E(y) = μ for df > 1, Var(y) = σ² df / (df − 2) for df > 2 and infinite for less.
    σ is a scale, not the standard deviation; dispersion predictor log σ. Any real y.
    Links: identity (default), log, inverse, sqrt.

    Parameters
    ----------
    df : float, optional
        Degrees of freedom, above 0. Estimated if not given: a third predictor, "shape",
        is log df.
    link : str
        Link of the location.

    Notes
    -----
    Lange, Little & Taylor (1989), J. Am. Stat. Assoc. 84(408), 881–896.

    Examples
    --------
    >>> StudentT().predictors
    ('location', 'dispersion', 'shape')
    >>> StudentT(df=4).predictors
    ('location', 'dispersion')
    """

    name = "t"
    links = ("identity", "log", "inverse", "sqrt")
    dispersion_label = "scale σ"
    further_labels = (("shape", "degrees of freedom"),)

    df: float | None

    def __init__(self, df: float | None = None, link: str | Link | None = None) -> None:
        Family.__init__(self, link)
        if df is not None and not 0.0 < df < np.inf:
            raise ModelError(
                f"The degrees of freedom of the t family are {df!r}. Give a number above 0, or "
                'none to estimate them; for infinitely many choose family="gaussian".'
            )
        object.__setattr__(self, "df", None if df is None else float(df))

    @property
    def predictors(self) -> tuple[str, ...]:
        free = ("location", "dispersion", "shape")
        return free if self.df is None else free[:2]

    @property
    def core_name(self) -> str:
        return "t" if self.df is None else "t_given_df"

    @property
    def constants(self) -> Vector:
        return np.zeros(0) if self.df is None else np.array([self.df])

    @property
    def scales_with_response(self) -> bool:
        return self.link.name == "identity"

    def degrees_of_freedom(self, eta: Matrix) -> Vector:
        """Of each row, shape (n,)."""
        return np.exp(eta[:, 2]) if self.df is None else np.full(eta.shape[0], self.df)

    def limit_of(self, predictor: str, value: float) -> str | None:
        return "the normal distribution" if predictor == "shape" and value > _NORMAL else None

    def variance(self, eta: Matrix, size: Vector) -> Vector:
        df = self.degrees_of_freedom(eta)
        finite = df > 2.0
        return np.where(
            finite, self.dispersion(eta) ** 2 * df / np.where(finite, df - 2.0, 1.0), np.inf
        )

    def cdf(self, y: Vector, size: Vector, eta: Matrix) -> Vector:
        z = (y - self.mean(eta)) / self.dispersion(eta)
        return special.stdtr(self.degrees_of_freedom(eta), z)

    def quantile(self, probability: Vector, size: Vector, eta: Matrix) -> Vector:
        z = special.stdtrit(self.degrees_of_freedom(eta), probability)
        return self.mean(eta) + self.dispersion(eta) * z

    def simulate(self, size: Vector, eta: Matrix, rng: np.random.Generator) -> Vector:
        z = rng.standard_t(self.degrees_of_freedom(eta))
        return self.mean(eta) + self.dispersion(eta) * z

    def unit_deviance(self, response: Response, eta: Matrix) -> Vector:
        """(df + 1) log(1 + z² / df), z = (y − μ) / σ."""
        df = self.degrees_of_freedom(eta)
        z = (response.y - self.mean(eta)) / self.dispersion(eta)
        return (df + 1.0) * np.log1p(z * z / df)

    def check_response(self, response: Response, name: str, rows: Vector | None = None) -> None:
        require_finite(response.y, name, rows)

    def initial_mean(self, response: Response) -> Vector:
        if self.link.name == "identity":
            return response.y
        middle = abs(float(np.median(response.y))) or 1.0
        return np.where(response.y > 0.1 * middle, response.y, 0.1 * middle)

    def initial_dispersion(self, response: Response) -> Vector:
        middle = np.median(response.y)
        spread = 1.4826 * float(np.median(np.abs(response.y - middle)))
        spread = spread or float(np.std(response.y)) or 1.0
        return np.array([np.log(spread), np.log(5.0)][: len(self.predictors) - 1])

    def other_starts(self, response: Response) -> tuple[Mapping[str, float], ...]:
        """Tails that are far heavier, and nearly normal ones: outliers may be either's."""
        return () if self.df is not None else tuple({"shape": np.log(df)} for df in (1.5, 30.0))
