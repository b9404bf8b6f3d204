"""How the search is run: the few numbers a user may change, with their defaults."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class FitControl:
    """Settings of a fit.

    Parameters
    ----------
    tolerance
        The search stops when the model promises a decrease of −2 log L below this.
    max_evaluations
        Limit on evaluations of the likelihood and its gradient in one search.
    threads
        Parts of the data worked on side by side. One is best below about 10⁵ rows.
    hessian
        "exact": the exact Hessian at the end, by differences of the exact gradient.
        "auto": exact unless the model is Gaussian and large, where the average information,
        which costs nothing, stands in; standard errors of fixed effects do not need it there.
        "model": always that of the search, where weights are frozen; for many fits of which
        only the estimates count.
    report
        Called with the number of evaluations and −2 log L after each evaluation.
    """

    tolerance: float = 1e-8
    max_evaluations: int = 300
    threads: int = 1
    hessian: Literal["auto", "exact", "model"] = "auto"
    report: Callable[[int, float], None] | None = None
