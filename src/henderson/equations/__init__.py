"""Henderson's mixed model equations: pattern, elimination, solution, selected inverse."""

from henderson.equations.executor import SERIAL, Executor, SerialExecutor, ThreadExecutor
from henderson.equations.mixed_model_equations import AtModes, LeastSquares, MixedModelEquations
from henderson.equations.terms import RandomTermMatrix

__all__ = [
    "SERIAL",
    "AtModes",
    "Executor",
    "LeastSquares",
    "MixedModelEquations",
    "RandomTermMatrix",
    "SerialExecutor",
    "ThreadExecutor",
]
