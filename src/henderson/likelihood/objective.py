"""What a search asks of a likelihood."""

from dataclasses import dataclass

from henderson.arrays import Matrix, Vector


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The deviance at a point: value, exact gradient (m,), model Hessian (m, m).

    `exact` is the exact Hessian, where it costs little.
    """

    value: float
    gradient: Vector
    hessian: Matrix
    exact: Matrix | None = None
