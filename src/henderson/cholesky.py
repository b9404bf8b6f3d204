"""Small positive definite systems, by LAPACK itself: NumPy's own checks cost more than that."""

import numpy as np
from scipy.linalg.lapack import dposv  # pyright: ignore[reportAttributeAccessIssue]

from henderson.arrays import Matrix, Vector


def solve_positive(A: Matrix, b: Matrix | Vector) -> tuple[Matrix, Matrix] | None:
    """A⁻¹b, and R with RᵀR = A; None where A is not positive definite to rounding."""
    if not np.size(b):
        return b, A
    root, x, failed = dposv(A, b)
    return None if failed else (x, root)
