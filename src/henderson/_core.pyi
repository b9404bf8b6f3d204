"""The compiled core: families as log densities on jets, and the mixed model equations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from henderson.arrays import Matrix, Vector

def load_lapack(capsules: dict[str, Any]) -> None: ...
def plan_elimination(terms: list[tuple]) -> tuple[int, list[float]]: ...
def profile(gram: Matrix, half: Matrix, beta: Vector) -> tuple[float, float]: ...
def tail_cholesky(s: Matrix, q: int) -> float: ...
def tail_forward(u: Matrix, q: int, border: Matrix, gram: Matrix) -> None: ...
def tail_backward(u: Matrix, q: int, x: Matrix) -> None: ...
def tail_inverse(u: Matrix, q: int) -> bool: ...
def family_names() -> list[tuple[str, str, int]]: ...
def log_density(
    family: str,
    link: str,
    constants: Vector,
    y: Vector,
    size: Vector,
    weight: Vector,
    eta: Matrix,
    order: int,
    value: Vector,
    d1: Matrix | None = None,
    d2: Matrix | None = None,
    d3: Matrix | None = None,
) -> None: ...
def find_modes(
    parts: list[tuple],
    predictors: int,
    random: tuple[int, ...],
    templates: Vector,
    beta: Vector,
    half: Matrix,
    tail_factor: Matrix,
    tolerance: float,
) -> tuple[bool, float, float, int]: ...
def differentiate_laplace(
    at_modes: tuple,
    quadrature: tuple | None,
    which: NDArray[np.int32],
    matrices: Vector,
    XWX: Matrix,
    by_template: Vector,
    by_beta: Vector,
    gram: Matrix,
) -> None: ...
def predict_modes(
    at_modes: tuple,
    change: Vector,
    coefficients: Vector,
    XWX: Matrix,
    u: list[Matrix],
    integrated: Vector,
) -> None: ...

class CompiledDensity:
    """The log densities of rows, for the search of modes."""

    def __init__(
        self, family: str, link: str, constants: Vector, y: Vector, size: Vector, weight: Vector
    ) -> None: ...

class Equations:
    """The mixed model equations of one part of the rows."""

    n: int
    q: int
    q_leaf: int
    def __init__(
        self, n: int, predictors: int, terms: list[tuple], leaf_terms: int
    ) -> None: ...
    def trees(self) -> list[int]: ...
    def cross_products(self, w: Matrix) -> None: ...
    def z_transpose_times(self, v: NDArray[np.floating], out: Matrix) -> None: ...
    def data_sums(self, X: Matrix, y: Vector, w: Vector | None, out: Matrix) -> None: ...
    def z_times(self, b: Matrix, out: Matrix) -> None: ...
    def leverages(self, templates: Vector, out: Matrix) -> None: ...
    def set_values(self, term: int, values: Matrix) -> None: ...
    def block_leverages(
        self,
        templates: Vector,
        rows: NDArray[np.int32],
        starts: NDArray[np.int64],
        out: Vector,
    ) -> None: ...
    def eliminate(
        self, templates: Vector, tail: Matrix, border: Matrix, gram: Matrix
    ) -> float: ...
    def one_factor(self) -> bool: ...
    def factor_one(
        self, templates: Vector, right: Matrix, border: Matrix, gram: Matrix
    ) -> float: ...
    def differentiate_one(
        self,
        templates: Vector,
        right: Matrix,
        border: Matrix,
        combine: Matrix,
        weight: Vector,
        changes: Vector,
        x: Matrix,
        by_template: Vector,
        information: Matrix,
        across: Matrix,
        K: NDArray[np.floating],
        F: Matrix,
        FF: NDArray[np.floating],
    ) -> None: ...
    def forward(self, border: Matrix, gram: Matrix) -> None: ...
    def backward(self, x: Matrix) -> None: ...
    def multiply(self, d: Matrix, out: Matrix) -> None: ...
    def selected_inverse(self, tail_inverse: Matrix) -> None: ...
    def template_traces(self, templates: Vector, out: Vector) -> None: ...
    def moment_system(self, widest: int, out: Matrix) -> None: ...
    def apply_templates(
        self, templates: Vector, x: Matrix, transposed: bool, out: Matrix
    ) -> None: ...
    def outer_sums(self, x: Matrix, y: Matrix, out: Vector) -> None: ...
    def directions(
        self, which: NDArray[np.int32], matrices: Vector, z: Vector, out: Matrix
    ) -> None: ...
    def cross_product_blocks(self, term: int, out: NDArray[np.floating]) -> None: ...
    def projected_blocks(self, templates: Vector, out: NDArray[np.floating]) -> None: ...
    def inverse_blocks(self, term: int, out: NDArray[np.floating]) -> None: ...
