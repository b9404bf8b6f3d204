"""Which rows, or which groups, the coefficients depend on.

DFBETA   β̂ − β̂₋ᵢ
DFBETAS  (β̂ⱼ − β̂ⱼ₋ᵢ) / se(β̂ⱼ₋ᵢ)
Cook     (β̂ − β̂₋ᵢ)ᵀ Var(β̂)⁻¹ (β̂ − β̂₋ᵢ) / p
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector
from henderson.design import ModelFrame
from henderson.design.factors import Factor, factorize
from henderson.diagnostics.case_deletion import refitted, updated
from henderson.diagnostics.quantile_residuals import variable_of
from henderson.drawing.lines import draw_bars
from henderson.drawing.style import new_axes
from henderson.errors import DataError
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.estimation.prediction_error import coefficients_of
from henderson.tables import NativeTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Influence:
    """What m rows or groups do to the p coefficients of the location."""

    label: str  # "row", or the factor that groups the rows
    cases: NDArray[Any]  # (m,), rows of the user's table from 0, or levels
    names: tuple[str, ...]  # (p,)
    beta: Vector  # (p,), of all rows
    vcov: Matrix  # (p, p), of all rows
    deleted_beta: Matrix  # (m, p)
    deleted_std_error: Matrix  # (m, p)
    leverage: Vector  # (m,)
    refit: bool
    frame: ModelFrame

    @property
    def dfbeta(self) -> Matrix:
        """β̂ − β̂₋ᵢ, (m, p): what a case adds to each coefficient."""
        return self.beta - self.deleted_beta

    @property
    def dfbetas(self) -> Matrix:
        """`dfbeta` over the standard errors without the case, (m, p)."""
        return self.dfbeta / self.deleted_std_error

    @property
    def cooks_distance(self) -> Vector:
        """(m,): squared distance of the coefficients, in units of their covariance, over p."""
        moved = self.dfbeta
        return np.einsum("ij,ij->i", moved, np.linalg.solve(self.vcov, moved.T).T) / len(
            self.beta
        )

    @property
    def largest(self) -> int:
        """Position of the case with the largest distance, the first of equal ones."""
        distance = np.nan_to_num(self.cooks_distance, nan=-np.inf)
        return int(np.argmax(distance >= distance.max() * (1.0 - 1e-8)))

    @property
    def cook_limit(self) -> float:
        """4 / m, beyond which a distance is worth a look."""
        return 4.0 / len(self.cases)

    @property
    def dfbetas_limit(self) -> float:
        """2 / √m, beyond which a DFBETAS is worth a look."""
        return 2.0 / np.sqrt(len(self.cases))

    @property
    def influential(self) -> NDArray[Any]:
        """The cases with Cook's distance beyond `cook_limit`, the largest first."""
        distance = np.nan_to_num(self.cooks_distance)
        order = np.argsort(-distance, kind="stable")
        return self.cases[order[distance[order] > self.cook_limit]]

    def table(self) -> NativeTable:
        """One row a case.

        Returns
        -------
        table
            The case under `label`, `leverage`, `cooks_distance`, and `dfbetas_NAME` for each
            coefficient. Not a number where the other rows do not determine the coefficients.
        """
        dfbetas = self.dfbetas
        return self.frame.table(
            {
                self.label: self.cases,
                "leverage": self.leverage,
                "cooks_distance": self.cooks_distance,
                **{f"dfbetas_{name}": dfbetas[:, j] for j, name in enumerate(self.names)},
            }
        )

    def plot(self) -> "Figure":
        """Cook's distances, and DFBETAS of up to eight coefficients, by case.

        Returns
        -------
        matplotlib Figure
            Of `table`, drawn by `drawing.lines.draw_bars`. Dashed lines are the limits.
        """
        shown = [name for name in self.names if name != "(Intercept)"][:8] or list(self.names)
        figure, axes = new_axes(1 + len(shown), columns=3, size=(3.4, 2.8))
        columns = {self.label: self.cases, "cook": self.cooks_distance}
        draw_bars(
            columns,
            self.label,
            "cook",
            limits=(self.cook_limit,),
            ylabel="Cook's distance",
            title="All coefficients",
            ax=axes[0],
        )
        limit = self.dfbetas_limit
        for ax, name in zip(axes[1:], shown, strict=True):
            values = {self.label: self.cases, name: self.dfbetas[:, self.names.index(name)]}
            draw_bars(
                values,
                self.label,
                name,
                limits=(-limit, limit),
                ylabel="DFBETAS",
                title=name,
                ax=ax,
            )
        return figure

    def __repr__(self) -> str:
        distance, found = self.cooks_distance, self.influential
        how = "refitted" if self.refit else "variances as estimated from all rows"
        lines = [
            f"Influence of {len(self.cases)} cases ({self.label}) on {len(self.names)} "
            f"coefficients, {how}",
        ]
        if not np.any(np.isfinite(distance)):
            lines.append("Without any one of them, the other rows do not determine the model.")
            return "\n".join(lines)
        largest = self.largest
        lines += [
            f"Largest Cook's distance: {distance[largest]:.3g}, {self.cases[largest]}",
            f"Beyond {self.cook_limit:.3g}: {', '.join(map(str, found[:10])) or 'none'}"
            + (f" and {len(found) - 10} more" if len(found) > 10 else ""),
        ]
        return "\n".join(lines)


def influence(
    model: Fitted | Estimates, by: str | None = None, *, refit: bool = False
) -> Influence:
    """How the fixed effects change when a row, or a group of rows, is left out.

    Parameters
    ----------
    model
        A fitted model.
    by
        A variable of the model, all rows of a level of which are left out together, such as a
        grouping factor. None: single rows.
    refit
        Whether to estimate all parameters again without each case. If not, variances keep their
        estimates: exact for a Gaussian response with the identity link, one Newton step for
        other families. That takes one pass for single rows and one solution for each group.

    Returns
    -------
    Influence
        `table()`, `cooks_distance`, `dfbeta`, `dfbetas`, `leverage`, `influential`, `plot()`.

    Raises
    ------
    DataError
        For a `by` that is no variable of the model, or has fewer than two levels.

    Notes
    -----
    Leverage is w x̃ᵀH⁻¹x̃, how far a fitted value follows its observation, random effects
    included; of a group it is summed. DFBETAS have the sign of lm in R: positive where the case
    raises the coefficient. See `diagnostics.case_deletion` for the equations.

    Source: Cook (1977), Technometrics 19(1), 15–18; Belsley, Kuh & Welsch (1980), Regression
    Diagnostics, chapter 2.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> hd.influence(model, by="Subject")
    Influence of 18 cases (Subject) on 2 coefficients, variances as estimated from all rows
    Largest Cook's distance: 0.149, 309
    Beyond 0.222: none
    """
    estimates = estimates_of(model)
    n = estimates.frame.n
    if by is None:
        label, cases = "row", estimates.frame.rows.copy()
        rows = [np.array([i]) for i in range(n)] if refit else None
    else:
        label = by
        cases, rows = _groups(estimates, by)
    found = updated(estimates, rows)
    if refit:
        assert rows is not None
        found = refitted(estimates, rows, found.leverage)
    own = coefficients_of(estimates, "location")
    return Influence(
        label=label,
        cases=cases,
        names=estimates.location.fixed.names,
        beta=estimates.location.beta,
        vcov=estimates.vcov[own, own],
        deleted_beta=found.beta,
        deleted_std_error=found.std_error,
        leverage=found.leverage,
        refit=refit,
        frame=estimates.frame,
    )


def _groups(estimates: Estimates, by: str) -> tuple[NDArray[Any], list[NDArray[np.int64]]]:
    """The levels of a variable or of a random term, and the rows of each."""
    known = {
        t.design.group: (t.design.levels, t.design.codes) for t in estimates.location.terms
    }
    if estimates.errors is not None:
        design = estimates.errors.design
        known.setdefault(design.label, (design.subjects, design.subject))
    if by in known:
        levels, codes = np.array(known[by][0], dtype=object), known[by][1]
    else:
        found = variable_of(estimates.frame, by, "by", estimates.frame.n)
        factor = found if isinstance(found, Factor) else factorize(found)
        levels, codes = np.array(factor.levels, dtype=object), factor.codes
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(levels)))
    rows = np.split(order, ends[:-1])
    used = [i for i, each in enumerate(rows) if len(each)]
    if len(used) < 2:
        raise DataError(
            f"by={by!r} has {len(used)} level in the rows used. Leaving it out leaves nothing; "
            "give a variable with two levels or more."
        )
    return levels[used], [rows[i] for i in used]
