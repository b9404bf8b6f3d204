"""Jets: arrays that carry their derivatives, so that NumPy formulas give theirs too.

A jet is the value of a function of K variables at n points with its partial derivatives to
third order. Arithmetic and the functions of NumPy and SciPy listed here apply the product and
the chain rule, Faà di Bruno's formula:

    ∂ᵢf(x) = f′ xᵢ,   ∂ᵢⱼ = f″ xᵢxⱼ + f′ xᵢⱼ,
    ∂ᵢⱼₖ = f‴ xᵢxⱼxₖ + f″ (xᵢxⱼₖ + xⱼxᵢₖ + xₖxᵢⱼ) + f′ xᵢⱼₖ
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, final

import numpy as np
from scipy import special

from henderson.arrays import Matrix, Vector
from henderson.errors import ModelError
from henderson.links import InverseLink

Taylor = tuple[Vector, ...]  # f, f′, f″, f‴ at the points


@final
class Jet:
    """`value` (n,) and `derivatives`: of order m an array (n, K, ..., K), m times K.

    It takes part in arithmetic, comparisons (of values), `np.where` and the functions below.
    """

    __slots__ = ("derivatives", "value")

    def __init__(self, value: Vector, derivatives: tuple[np.ndarray, ...]) -> None:
        self.value, self.derivatives = value, derivatives

    def compose(self, taylor: Taylor) -> "Jet":
        """f of this, by f and its derivatives at the values."""
        x = (self.value, *self.derivatives)
        order, out = len(self.derivatives), []
        if order >= 1:
            out.append(taylor[1][:, None] * x[1])
        if order >= 2:
            squares = x[1][:, :, None] * x[1][:, None, :]
            out.append(_times(taylor[2], squares) + _times(taylor[1], x[2]))
        if order >= 3:
            cubes = x[1][:, :, None, None] * x[1][:, None, :, None] * x[1][:, None, None, :]
            mixed = _symmetric(x[1], x[2])
            out.append(
                _times(taylor[3], cubes) + _times(taylor[2], mixed) + _times(taylor[1], x[3])
            )
        return Jet(taylor[0], tuple(out))

    def times(self, other: "Jet") -> "Jet":
        """The product."""
        a, b = (self.value, *self.derivatives), (other.value, *other.derivatives)
        order, out = len(self.derivatives), []
        if order >= 1:
            out.append(a[0][:, None] * b[1] + b[0][:, None] * a[1])
        if order >= 2:
            cross = a[1][:, :, None] * b[1][:, None, :]
            out.append(_times(a[0], b[2]) + _times(b[0], a[2]) + cross + cross.swapaxes(1, 2))
        if order >= 3:
            mixed = _symmetric(a[1], b[2]) + _symmetric(b[1], a[2])
            out.append(_times(a[0], b[3]) + _times(b[0], a[3]) + mixed)
        return Jet(a[0] * b[0], tuple(out))

    def plus(self, other: "Jet", sign: float = 1.0) -> "Jet":
        """The sum, or the difference by `sign` −1."""
        return Jet(
            self.value + sign * other.value,
            tuple(
                a + sign * b for a, b in zip(self.derivatives, other.derivatives, strict=True)
            ),
        )

    def constant(self, value: object) -> "Jet":
        """A number, or one a point, that depends on no variable."""
        full = np.broadcast_to(np.asarray(value, dtype=np.float64), self.value.shape)
        return Jet(full, tuple(np.zeros_like(d) for d in self.derivatives))

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, **options: object
    ) -> Any:  # noqa: ANN401
        """A function of NumPy or SciPy, of this and perhaps of another."""
        if method != "__call__" or options:
            return NotImplemented
        if ufunc in _COMPARISONS:
            return ufunc(*(i.value if isinstance(i, Jet) else i for i in inputs))
        if len(inputs) == 1 and ufunc in UNIVARIATE:
            with np.errstate(all="ignore"):
                return self.compose(UNIVARIATE[ufunc](self.value))
        if len(inputs) == 2 and ufunc in BIVARIATE:
            first, second = (i if isinstance(i, Jet) else self.constant(i) for i in inputs)
            with np.errstate(all="ignore"):
                return BIVARIATE[ufunc](first, second)
        known = ", ".join(sorted(f.__name__ for f in (*UNIVARIATE, *BIVARIATE)))
        raise ModelError(
            f"Derivatives of {ufunc.__name__} are not known. Write the log density with "
            f"arithmetic, np.where and these functions of NumPy and scipy.special: {known}."
        )

    def __array_function__(
        self, function: Callable, types: object, args: Sequence, kwargs: object
    ) -> Any:  # noqa: ANN401
        """np.where(condition, this, other)."""
        if function is not np.where or kwargs or len(args) != 3:
            return NotImplemented
        condition = np.broadcast_to(np.asarray(args[0], dtype=bool), self.value.shape)
        yes, no = (i if isinstance(i, Jet) else self.constant(i) for i in args[1:])
        return Jet(
            np.where(condition, yes.value, no.value),
            tuple(
                np.where(condition.reshape(-1, *[1] * (a.ndim - 1)), a, b)
                for a, b in zip(yes.derivatives, no.derivatives, strict=True)
            ),
        )

    def __add__(self, other: object) -> "Jet":
        return np.add(self, other)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def __sub__(self, other: object) -> "Jet":
        return np.subtract(self, other)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def __rsub__(self, other: object) -> "Jet":
        return np.subtract(other, self)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def __mul__(self, other: object) -> "Jet":
        return np.multiply(self, other)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def __truediv__(self, other: object) -> "Jet":
        return np.true_divide(self, other)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def __rtruediv__(self, other: object) -> "Jet":
        return np.true_divide(other, self)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def __pow__(self, other: object) -> "Jet":
        return np.power(self, other)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def __rpow__(self, other: object) -> "Jet":
        return np.power(other, self)  # pyright: ignore[reportCallIssue, reportArgumentType]

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> "Jet":
        return self.times(self.constant(-1.0))

    def __abs__(self) -> "Jet":
        return self.times(self.constant(np.sign(self.value)))

    def __lt__(self, other: object) -> np.ndarray:
        return np.less(self, other)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def __le__(self, other: object) -> np.ndarray:
        return np.less_equal(self, other)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def __gt__(self, other: object) -> np.ndarray:
        return np.greater(self, other)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def __ge__(self, other: object) -> np.ndarray:
        return np.greater_equal(self, other)  # pyright: ignore[reportCallIssue, reportArgumentType]


def variables(
    eta: Matrix, links: Sequence[Callable[[Vector], InverseLink]], order: int
) -> list[Jet]:
    """The columns of η (n, K) as jets, each through its inverse link."""
    n, K = eta.shape
    out = []
    for k, inverse in enumerate(links):
        derivatives = [np.zeros((n, *[K] * degree)) for degree in range(1, order + 1)]
        if order:
            derivatives[0][:, k] = 1.0
        at = inverse(np.ascontiguousarray(eta[:, k]))
        plain = Jet(np.ascontiguousarray(eta[:, k]), tuple(derivatives))
        out.append(plain.compose((at.mu, at.dmu, at.d2mu, at.d3mu)))
    return out


def packed(derivative: np.ndarray) -> Matrix:
    """The distinct entries of symmetric derivatives (n, K, ..., K), in lexicographic order."""
    degree = derivative.ndim - 1
    indices = itertools.combinations_with_replacement(range(derivative.shape[1]), degree)
    columns = [derivative[:, *index] for index in indices]
    return np.ascontiguousarray(np.stack(columns, axis=1))


def _times(factor: Vector, tensor: np.ndarray) -> np.ndarray:
    return factor.reshape(-1, *[1] * (tensor.ndim - 1)) * tensor


def _symmetric(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """xᵢyⱼₖ + xⱼyᵢₖ + xₖyᵢⱼ."""
    product = first[:, :, None, None] * second[:, None, :, :]
    return product + product.transpose(0, 2, 1, 3) + product.transpose(0, 2, 3, 1)


# ---- functions of one variable ---------------------------------------------------------------


def _exp(x: Vector) -> Taylor:
    e = np.exp(x)
    return e, e, e, e


def _expm1(x: Vector) -> Taylor:
    e = np.exp(x)
    return np.expm1(x), e, e, e


def _of_log(value: Vector, r: Vector) -> Taylor:
    return value, r, -(r**2), 2.0 * r**3


def _reciprocal(x: Vector) -> Taylor:
    r = 1.0 / x
    return r, -(r**2), 2.0 * r**3, -6.0 * r**4


def _power(x: Vector, p: Vector | float) -> Taylor:
    return (
        x**p,
        p * x ** (p - 1.0),
        p * (p - 1.0) * x ** (p - 2.0),
        p * (p - 1.0) * (p - 2.0) * x ** (p - 3.0),
    )


def _square(x: Vector) -> Taylor:
    return x**2, 2.0 * x, np.full_like(x, 2.0), np.zeros_like(x)


def _log_gamma(x: Vector) -> Taylor:
    return special.gammaln(x), *(special.polygamma(k, x) for k in range(3))


def _digamma(x: Vector) -> Taylor:
    return tuple(special.polygamma(k, x) for k in range(4))


def _expit(x: Vector) -> Taylor:
    p, q = special.expit(x), special.expit(-x)
    return p, p * q, p * q * (q - p), p * q * (1.0 - 6.0 * p * q)


def _log_expit(x: Vector) -> Taylor:
    p, q = special.expit(x), special.expit(-x)
    return special.log_expit(x), q, -p * q, -p * q * (q - p)


def _ndtr(x: Vector) -> Taylor:
    d = np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)
    return special.ndtr(x), d, -x * d, (x**2 - 1.0) * d


def _log_ndtr(x: Vector) -> Taylor:
    value = special.log_ndtr(x)
    m = np.exp(-0.5 * x**2 - 0.5 * np.log(2.0 * np.pi) - value)
    return value, m, -m * (x + m), m * ((x + m) * (x + 2.0 * m) - 1.0)


def _sin(x: Vector) -> Taylor:
    s, c = np.sin(x), np.cos(x)
    return s, c, -s, -c


def _cos(x: Vector) -> Taylor:
    s, c = np.sin(x), np.cos(x)
    return c, -s, -c, s


def _tanh(x: Vector) -> Taylor:
    t = np.tanh(x)
    d = 1.0 - t**2
    return t, d, -2.0 * t * d, d * (6.0 * t**2 - 2.0)


def _arctan(x: Vector) -> Taylor:
    s = 1.0 / (1.0 + x**2)
    return np.arctan(x), s, -2.0 * x * s**2, (6.0 * x**2 - 2.0) * s**3


def _abs(x: Vector) -> Taylor:
    zero = np.zeros_like(x)
    return np.abs(x), np.sign(x), zero, zero


def _negative(x: Vector) -> Taylor:
    zero = np.zeros_like(x)
    return -x, zero - 1.0, zero, zero


UNIVARIATE: Mapping[Any, Callable[[Vector], Taylor]] = MappingProxyType(
    {
        np.exp: _exp,
        np.expm1: _expm1,
        np.log: lambda x: _of_log(np.log(x), 1.0 / x),
        np.log1p: lambda x: _of_log(np.log1p(x), 1.0 / (1.0 + x)),
        np.sqrt: lambda x: _power(x, 0.5),
        np.square: _square,
        np.reciprocal: _reciprocal,
        np.negative: _negative,
        np.abs: _abs,
        np.sin: _sin,
        np.cos: _cos,
        np.tanh: _tanh,
        np.arctan: _arctan,
        special.gammaln: _log_gamma,
        special.digamma: _digamma,
        special.expit: _expit,
        special.log_expit: _log_expit,
        special.ndtr: _ndtr,
        special.log_ndtr: _log_ndtr,
    }
)

# ---- functions of two variables --------------------------------------------------------------


def _divide(a: Jet, b: Jet) -> Jet:
    return a.times(b.compose(_reciprocal(b.value)))


def _raise(a: Jet, b: Jet) -> Jet:
    if not any(np.any(d) for d in b.derivatives):
        return a.compose(_power(a.value, b.value))
    exponent = b.times(a.compose(_of_log(np.log(a.value), 1.0 / a.value)))
    return exponent.compose(_exp(exponent.value))


def _x_log(a: Jet, b: Jet) -> Jet:
    """a log b, and 0 where a is the constant 0."""
    none = a.value == 0.0
    b = Jet(np.where(none, 1.0, b.value), b.derivatives)
    return a.times(b.compose(_of_log(np.log(b.value), 1.0 / b.value)))


def _x_log1p(a: Jet, b: Jet) -> Jet:
    none = a.value == 0.0
    b = Jet(np.where(none, 0.0, b.value), b.derivatives)
    return a.times(b.compose(_of_log(np.log1p(b.value), 1.0 / (1.0 + b.value))))


def _log_add_exp(a: Jet, b: Jet) -> Jet:
    """b + log(1 + e^(a − b)), from the larger."""
    difference = a.plus(b, -1.0)
    p, q = special.expit(difference.value), special.expit(-difference.value)
    softplus = (np.logaddexp(difference.value, 0.0), p, p * q, p * q * (q - p))
    return b.plus(difference.compose(softplus))


BIVARIATE: Mapping[Any, Callable[[Jet, Jet], Jet]] = MappingProxyType(
    {
        np.add: Jet.plus,
        np.subtract: lambda a, b: a.plus(b, -1.0),
        np.multiply: Jet.times,
        np.true_divide: _divide,
        np.power: _raise,
        np.logaddexp: _log_add_exp,
        special.xlogy: _x_log,
        special.xlog1py: _x_log1p,
    }
)
_COMPARISONS = frozenset(
    {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}
)
