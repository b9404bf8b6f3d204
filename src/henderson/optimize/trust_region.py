"""Trust-region Newton with a model Hessian that learns: few evaluations, exact gradients.

The model Hessian that comes with each evaluation (average information, frozen weights) is close
to the truth but not equal to it. The difference is learned from the gradients by symmetric
updates of least change, so that the last steps converge superlinearly.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.cholesky import solve_positive
from henderson.likelihood.objective import Evaluation


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """When a search ends, and whom it tells how far it is."""

    tolerance: float = 1e-8  # predicted decrease of the deviance
    max_evaluations: int = 200
    report: Callable[[int, float], None] | None = None  # given evaluations and deviance

    def at_most(self, evaluations: int) -> "SearchLimits":
        """The same with no more evaluations than that."""
        return replace(self, max_evaluations=min(evaluations, self.max_evaluations))


@dataclass(frozen=True, slots=True)
class Search:
    """Where a search ended."""

    parameters: Vector
    evaluation: Evaluation
    hessian: Matrix  # the model with what was learned
    evaluations: int
    predicted: float  # decrease of the deviance the model still promises
    reason: str  # "converged", "stalled", "limit", "slow"
    radius: float


_HINDERED = 0.03  # of the decrease that the model alone promises
_FLAT = 1e-4  # a pivot of Cholesky's factor, unit diagonal, that is as good as zero
_PATIENCE = 2  # hindered steps in a row, after which what was learned is forgotten


def minimize(
    evaluate: Callable[[Vector], Evaluation],
    start: Vector,
    limits: SearchLimits = SearchLimits(),
    *,
    radius: float = 20.0,
    resumed: Search | None = None,
    patience: int | None = None,
) -> Search:
    """Minimize a deviance from `start`.

    A step minimizes the quadratic model within a ball in coordinates scaled by the root of the
    model's diagonal, where a unit is about one standard error. The search ends when the model
    promises a decrease below the tolerance, or when steps of that size no longer help.

    Parameters
    ----------
    evaluate
        Deviance, gradient and model Hessian at a point; a value of NaN or inf rejects it.
    start
        (m,) starting point.
    limits
        When to end, and whom to report to after each evaluation.
    radius
        First radius of the trust region, in about standard errors.
    resumed
        A search that ended at `start` with a larger tolerance, to go on with.
    patience
        Steps with a model Hessian that is not exact after which the search ends as slow.
    """
    x, learned = start, np.zeros((len(start), len(start)))
    if resumed is None:
        at, evaluations = evaluate(start), 1
    else:
        at, evaluations = resumed.evaluation, resumed.evaluations
        learned, radius = resumed.hessian - at.hessian, resumed.radius
    if not len(x) or not _finite(at):
        reason = "stalled" if len(x) else "converged"
        return Search(x, at, at.hessian, evaluations, 0.0, reason, radius)
    reason, hindered = "limit", 0
    predicted = np.inf
    while True:
        scale = _scale(at.hessian)
        step, predicted = _step(at, learned, scale, radius)
        hindered = hindered + 1 if _hinders(learned, predicted, at, scale, radius) else 0
        if hindered > _PATIENCE:
            learned = np.zeros_like(learned)
            continue
        if predicted < limits.tolerance:
            reason = "converged"
            break
        if evaluations >= limits.max_evaluations:
            break
        if patience is not None and at.exact is None:
            if patience == 0:
                reason = "slow"
                break
            patience -= 1
        trial = evaluate(x + step)
        evaluations += 1
        if limits.report is not None:
            limits.report(evaluations, trial.value)
        noise = 1e-13 * (abs(at.value) + 1.0)
        actual = at.value - trial.value
        good = _finite(trial)
        length = float(np.linalg.norm(step * scale))
        if good and at.exact is None:
            learned = _learn(learned, step, at, trial, scale)
        ratio = (actual + noise) / predicted if good else -1.0
        if good and predicted <= 100 * noise:
            # Below the resolution of the deviance the gradient decides.
            ratio = 1.0 if _norm(trial.gradient, scale) < _norm(at.gradient, scale) else -1.0
            if ratio < 0:
                reason = "converged"
                break
        if ratio > 0.75 and length > 0.8 * radius:
            radius *= 2.5
        elif ratio < 0.25:
            radius = 0.35 * length
        if ratio > 1e-4:
            x, at = x + step, trial
        elif radius < 1e-9:
            reason = "stalled"
            break
    return Search(x, at, _best_model(at, learned), evaluations, predicted, reason, radius)


def _finite(at: Evaluation) -> bool:
    return bool(np.isfinite(at.value + at.gradient.sum() + at.hessian.sum()))


def _hinders(
    learned: Matrix, predicted: float, at: Evaluation, scale: Vector, radius: float
) -> bool:
    """Whether what was learned takes nearly all from the decrease the model alone promises.

    What was learned far away keeps the search from directions it is wrong about, and so is
    never corrected.
    """
    if at.exact is not None or not learned.any():
        return False
    return predicted < _HINDERED * _step(at, np.zeros_like(learned), scale, radius)[1]


def _best_model(at: Evaluation, learned: Matrix) -> Matrix:
    if at.exact is None:
        return at.hessian + learned
    return at.exact if np.linalg.eigvalsh(at.exact)[0] > 0.0 else at.hessian


def _norm(gradient: Vector, scale: Vector) -> float:
    return float(np.linalg.norm(gradient / scale))


def _scale(hessian: Matrix) -> Vector:
    diagonal = np.abs(hessian.diagonal())
    return np.sqrt(np.maximum(diagonal, 1e-10 * max(float(diagonal.max()), 1e-300)))


def _learn(
    learned: Matrix, step: Vector, old: Evaluation, new: Evaluation, scale: Vector
) -> Matrix:
    """Powell's symmetric Broyden update of the difference between the Hessian and its model.

    The least change, in scaled coordinates, that explains the change of the gradient.
    """
    model = 0.5 * (old.hessian + new.hessian)
    r = (new.gradient - old.gradient - (model + learned) @ step) / scale
    s = step * scale
    length2 = float(s @ s)
    half = ((r - s * (0.5 * float(r @ s) / length2)) * scale)[:, None] * (s * (scale / length2))
    return learned + half + half.T


def _step(
    at: Evaluation, learned: Matrix, scale: Vector, radius: float
) -> tuple[Vector, float]:
    """The minimizer of gᵀs + ½sᵀHs in the ball |Ds| ≤ radius, and the decrease it promises.

    H is the exact Hessian where there is one and it is positive, else the model.
    """
    gradient, square = at.gradient / scale, scale[:, None] * scale
    model = (at.hessian + learned if at.exact is None else at.exact) / square
    if not np.isfinite(model).all():
        return np.zeros_like(gradient), 0.0
    solved = solve_positive(model, gradient)
    if solved is not None:
        s, root = solved
        if root.diagonal().min() > _FLAT and s @ s <= radius**2:
            return -s / scale, 0.5 * float(gradient @ s)
    values, vectors = np.linalg.eigh(model)
    if at.exact is not None and not values[0] > 0.0:
        values, vectors = np.linalg.eigh(at.hessian / square)
    g = vectors.T @ gradient
    floor = 1e-10 * max(float(np.abs(values).max()), 1e-300)
    lowest = float(values[0])
    shift = 0.0 if lowest > floor else floor - lowest
    s = -g / (values + shift)
    if np.linalg.norm(s) > radius:
        low, high = shift, shift + float(np.linalg.norm(g)) / radius + floor
        for _ in range(100):
            shift = 0.5 * (low + high)
            s = -g / (values + shift)
            length = np.linalg.norm(s)
            if abs(length - radius) < 1e-3 * radius:
                break
            low, high = (shift, high) if length > radius else (low, shift)
    predicted = -float(g @ s + 0.5 * s @ (values * s))
    return vectors @ s / scale, predicted
