"""The power of tests by simulation: how often they are significant where the model is true.

    power  =  P(p ≤ α),   estimated by the share of n responses drawn from the model

with the interval of Clopper and Pearson, exact, or Wilson's for a proportion:

    lower, upper  =  Beta quantiles of (s, n − s + 1) and (s + 1, n − s)

for s significant results. Each response is fitted with the design as it was analysed once.

Source: Clopper & Pearson (1934), Biometrika 26, 404–413; Wilson (1927), J. Am. Stat. Assoc. 22,
209–212; for mixed models, Green & MacLeod (2016), Methods Ecol. Evol. 7, 493–498.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy.special import betaincinv

from henderson.arrays import Matrix, Vector
from henderson.errors import FormulaError, ModelError, check_choice
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.inference.ddf.methods import degrees_of_freedom
from henderson.inference.intervals.parametric_bootstrap import FAILURES
from henderson.inference.linear_functions import joint_test
from henderson.inference.power.extended_design import extended
from henderson.inference.tests.term_hypotheses import TermHypotheses
from henderson.inference.tests.wald import wald_test
from henderson.quantiles import normal_quantile
from henderson.randomness import generator_of
from henderson.refits.progress import Progress
from henderson.refits.refitting import Refits
from henderson.refits.replicates import checked_count, replicates
from henderson.simulation import draw_response
from henderson.tables import NativeTable

Test: TypeAlias = str | Sequence[str] | Callable[[Any], float] | None
Extend: TypeAlias = Mapping[str, int | Sequence[int]]


@dataclass(frozen=True, slots=True)
class Power:
    """P-values of tests over responses drawn from a model, for one or several sizes."""

    tests: tuple[str, ...]
    sizes: tuple[Mapping[str, int], ...]  # levels of each group that was extended
    p_values: tuple[Matrix, ...]  # of each size, (n, number of tests); NaN where it failed
    alpha: float
    estimates: Estimates

    def table(
        self, *, level: float = 0.95, interval: Literal["exact", "wilson"] = "exact"
    ) -> NativeTable:
        """Power with its interval.

        Parameters
        ----------
        level
            Coverage of the interval, between 0 and 1.
        interval
            "exact" for Clopper and Pearson's, "wilson" for Wilson's, which is narrower.

        Returns
        -------
        table
            One row a size and test: a column for each group extended, then `test`, `power`,
            `lower`, `upper`, `significant`, `n` (fits that gave a p-value) and `failed`.
        """
        z = normal_quantile(level)
        check_choice("interval", interval, ("exact", "wilson"))
        names = list(self.sizes[0])
        columns: dict[str, list[Any]] = {
            name: []
            for name in (
                *names,
                "test",
                "power",
                "lower",
                "upper",
                "significant",
                "n",
                "failed",
            )
        }
        for size, p_values in zip(self.sizes, self.p_values, strict=True):
            for test, p in zip(self.tests, p_values.T, strict=True):
                known = p[np.isfinite(p)]
                s, n = int(np.sum(known <= self.alpha)), len(known)
                ends = _exact(s, n, level) if interval == "exact" else _wilson(s, n, z)
                share = s / n if n else np.nan
                row = (*size.values(), test, share, *ends, s, n, len(p) - n)
                for name, value in zip(columns, row, strict=True):
                    columns[name].append(value)
        return self.estimates.frame.table(columns)


def power(
    model: Fitted | Estimates,
    test: Test = None,
    *,
    n: int = 1000,
    extend: Extend | None = None,
    repeat: int = 1,
    alpha: float = 0.05,
    rng: np.random.Generator | int | None = None,
    workers: int = 1,
    progress: Progress = False,
) -> Power:
    """Power of tests by simulation from a fitted or stated model.

    Parameters
    ----------
    model
        A fitted model, or one stated by `stated_model`: what is taken as true.
    test
        A term ("Days"), tested as `anova` does, of type 2; a hypothesis in words ("Days = 5"),
        as in `wald_test`; several of these; or a function of a fitted model that gives a
        p-value. None: every term.
    n
        Responses drawn, for each size.
    extend
        Grouping factors and the number of levels they are to have: {"Subject": 40}, or several
        numbers for a curve, {"Subject": [10, 20, 40]}. New levels repeat the rows of those
        there are.
    repeat
        How often each row is observed.
    alpha
        A p-value no larger is significant.
    rng
        A generator or a seed; the same draws whatever the number of workers.
    workers
        Number of processes.
    progress
        True for a progress bar of each size on standard error; a function is called with the
        number of fits done, after each of a size.

    Returns
    -------
    Power
        `table()` has the power of each test with its interval; `p_values` what it is from.

    Raises
    ------
    DataError
        For an extension that names no grouping factor.
    FormulaError
        For a test that is neither a term nor a hypothesis.
    ModelError
        For numbers out of range.

    Notes
    -----
    The model's effects are taken as true. Those of a fitted model are estimates from data, and
    power at what happened to be estimated says little about the next experiment: state the
    smallest effect that matters by `stated_model`. Tests have the model's own method of degrees
    of freedom. A fit that fails is counted, not used.

    Examples
    --------
    >>> import henderson as hd
    >>> model = hd.fit("Reaction ~ Days + (Days | Subject)", hd.datasets.load("sleepstudy"))
    >>> found = power(model, "Days = 5", n=20, extend={"Subject": 9}, rng=1)
    >>> found.table().columns.tolist()[:3], len(found.p_values[0])
    (['Subject', 'test', 'power'], 20)
    """
    estimates = estimates_of(model)
    n = checked_count("n", n, 2)
    repeat = checked_count("repeat", repeat, 1)
    if not isinstance(alpha, float | int) or not 0.0 < alpha < 1.0:
        raise ModelError(f"alpha={alpha!r} is not an error rate. Give a number such as 0.05.")
    tests = _tests(estimates, test)
    generator = generator_of(rng)
    sizes = _sizes(extend)
    designs = [extended(estimates, size, repeat=repeat) for size in sizes]
    p_values = []
    for design in designs:
        prepare = _Prepare(model, design, tests, test if callable(test) else None)
        found = replicates(prepare, n, generator, workers=workers, progress=progress)
        p_values.append(np.array(found).reshape(n, len(tests)))
    return Power(tests, sizes, tuple(p_values), float(alpha), estimates)


@dataclass(frozen=True, slots=True)
class _Prepare:
    """Makes the task of one replicate: a response, a fit, its p-values."""

    model: Any
    estimates: Estimates
    tests: tuple[str, ...]
    function: Callable[[Any], float] | None

    def __call__(self) -> Callable[[np.random.Generator], Vector]:
        refits = Refits.of(self.estimates)

        def task(rng: np.random.Generator) -> Vector:
            try:
                again = refits.fit(draw_response(self.estimates, rng))
                if self.function is None:
                    return p_values_of(again, self.tests)
                given = again if isinstance(self.model, Estimates) else self._like(again)
                return np.array([float(self.function(given))])
            except FAILURES:
                return np.full(len(self.tests), np.nan)

        return task

    def _like(self, estimates: Estimates) -> Any:  # noqa: ANN401
        return replace(self.model, estimates=estimates)


def p_values_of(estimates: Estimates, tests: Sequence[str]) -> Vector:
    """P-values of terms by type 2 tests, and of hypotheses in words."""
    method = degrees_of_freedom(estimates)
    labels = estimates.location.fixed.recipe.terms.labels
    hypotheses = TermHypotheses.of(estimates, method.vcov) if set(labels) & set(tests) else None
    found = []
    for test in tests:
        if hypotheses is not None and test in labels:
            L = hypotheses.rows(labels.index(test), 2)
            found.append(joint_test(estimates, L, ddf=method).p_value)
        else:
            found.append(wald_test(estimates, test, ddf=method).joint.p_value)
    return np.array(found)


def _tests(estimates: Estimates, test: Test) -> tuple[str, ...]:
    if callable(test):
        return (getattr(test, "__name__", "test"),)
    labels = estimates.location.fixed.recipe.terms.labels
    if test is None:
        if not labels:
            raise ModelError('The model has no term to test. Give a test, such as "a = b".')
        return tuple(labels)
    tests = (test,) if isinstance(test, str) else tuple(test)
    for each in tests:
        if each in labels:
            continue
        try:
            wald_test(estimates, each, ddf="infinite")
        except FormulaError as problem:
            raise FormulaError(
                f"{each!r} is neither a term of the model ({', '.join(labels)}) nor a "
                f"hypothesis about its coefficients:\n{problem}"
            ) from None
    return tests


def _sizes(extend: Extend | None) -> tuple[dict[str, int], ...]:
    """Every combination of the sizes asked for."""
    if not extend:
        return ({},)
    choices = [
        list(each) if isinstance(each, Sequence | np.ndarray) else [each]
        for each in extend.values()
    ]
    return tuple(dict(zip(extend, chosen, strict=True)) for chosen in product(*choices))


def _exact(s: int, n: int, level: float) -> tuple[float, float]:
    tail = 0.5 * (1.0 - level)
    lower = float(betaincinv(s, n - s + 1, tail)) if s > 0 else 0.0
    upper = float(betaincinv(s + 1, n - s, 1.0 - tail)) if s < n else 1.0
    return lower, upper


def _wilson(s: int, n: int, z: float) -> tuple[float, float]:
    if not n:
        return 0.0, 1.0
    share, shrink = s / n, 1.0 + z**2 / n
    middle = (share + z**2 / (2.0 * n)) / shrink
    half = z * np.sqrt(share * (1.0 - share) / n + z**2 / (4.0 * n**2)) / shrink
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))
