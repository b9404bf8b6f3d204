"""Every family with every link from the registry: derivatives, support, moments, simulation."""

import copy
import itertools
import pickle
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf
from numpy.testing import assert_allclose

from henderson import _core
from henderson.arrays import Matrix, Vector
from henderson.families import (
    FAMILIES,
    Family,
    Hurdle,
    Response,
    StudentT,
    Truncated,
    ZeroInflated,
    ZeroOrPositive,
    family_named,
)
from henderson.families.from_counts import FromCounts
from henderson.families.registry import WRAPPERS
from tests.properties.textbook_densities import log_density, mp

MEMBERS = [family_named(name, link) for name, kind in FAMILIES.items() for link in kind.links]
MEMBERS = [
    family.of_categories(tuple("abcd")) if family.observes_categories else family
    for family in MEMBERS
]
MEMBERS += [StudentT(df=3.5), StudentT(df=0.7, link="log")]
MEMBERS += [
    wrapper(family_named(name))
    for wrapper in WRAPPERS.values()
    for name in ("poisson", "nbinom1", "nbinom2", "nbinom12")
]
MEMBERS += [family_named(f"zero_inflated_{name}") for name in ("gamma", "beta", "exponential")]
MEMBERS += [ZeroInflated(family_named("poisson", "sqrt"))]
MEMBERS += [ZeroInflated(family_named("poisson", "softplus"))]
MEMBERS += [
    family_named("inverse_gaussian", "1/mu^2"),
    family_named("gamma", "power(0.4)"),
    Truncated(family_named("nbinom2", "power(-1.5)")),
]
DEFAULTS = [family for family in MEMBERS if family.link.name == family.links[0]]


def label(family: Family) -> str:
    return f"{family.core_name}-{family.link.name}"


def is_dear(family: Family) -> bool:
    """Whether its density takes seconds in high precision."""
    return family.link.name == "probit" or family.core_name in {
        "tweedie",
        "cumulative",
        "compois",
        "zero_inflated_nbinom12",
        "hurdle_nbinom12",
    }


every_member = pytest.mark.parametrize("family", MEMBERS, ids=label)
every_family = pytest.mark.parametrize("family", DEFAULTS, ids=label)

# ---- where to look ---------------------------------------------------------------------------

OBSERVATIONS = {  # (y, size), the edges of the support first
    "gaussian": [(0.0, 1.0), (-2.5, 1.0), (0.7, 2.5)],
    "binomial": [(0.0, 1.0), (1.0, 1.0), (0.0, 40.0), (40.0, 40.0), (3.0, 7.0), (1234.0, 3e3)],
    "poisson": [(0.0, 1.0), (1.0, 1.0), (7.0, 1.0), (20000.0, 1.0)],
    "nbinom1": [(0.0, 1.0), (1.0, 1.0), (23.0, 1.0), (24.0, 1.0), (20000.0, 1.0)],
    "nbinom2": [(0.0, 1.0), (1.0, 1.0), (23.0, 1.0), (24.0, 1.0), (20000.0, 1.0)],
    "gamma": [(1e-8, 1.0), (0.3, 1.0), (50.0, 1.0)],
    "beta": [(1e-10, 1.0), (0.3, 1.0), (1.0 - 1e-9, 1.0)],
    "t": [(0.0, 1.0), (-2.5, 1.0), (0.7, 1.0)],
    "betabinomial": [(0.0, 1.0), (1.0, 1.0), (0.0, 40.0), (3.0, 7.0), (1234.0, 3e3)],
    "lognormal": [(1e-8, 1.0), (0.3, 1.0), (50.0, 1.0)],
    "inverse_gaussian": [(1e-4, 1.0), (0.3, 1.0), (50.0, 1.0)],
    "nbinom12": [(0.0, 1.0), (1.0, 1.0), (24.0, 1.0), (20000.0, 1.0)],
    "genpois": [(0.0, 1.0), (1.0, 1.0), (23.0, 1.0), (20000.0, 1.0)],
    "compois": [(0.0, 1.0), (30.0, 1.0)],
    "bell": [(0.0, 1.0), (1.0, 1.0), (23.0, 1.0), (300.0, 1.0)],
    "exponential": [(1e-8, 1.0), (0.3, 1.0), (50.0, 1.0)],
    "weibull": [(1e-8, 1.0), (0.3, 1.0), (50.0, 1.0)],
    "skewnormal": [(0.0, 1.0), (-2.5, 1.0), (0.7, 1.0)],
    "tweedie": [(0.0, 1.0), (1e-4, 1.0), (0.3, 1.0), (50.0, 1.0)],
    "ordbeta": [(0.0, 1.0), (0.3, 1.0), (1.0, 1.0)],
    "cumulative": [(1.0, 1.0), (2.0, 1.0), (4.0, 1.0)],
}
OF_WRAPPED = [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (24.0, 1.0)]
LOCATIONS_OF = {  # of families whose textbook form takes long, or has no digits further out
    "compois": [-3.0, 1.5],
    "tweedie": [-5.0, 2.0],
    "cumulative": [-5.0, 0.0, 3.0],
    "bell": [-30.0, -5.0, 0.0, 2.0, 12.0],
}
SUMS = {"compois", "tweedie"}  # whose textbook form is a sum to the last digit
FURTHER_OF: dict[str, list[tuple[float, ...]]] = {
    "compois": [(-1.5,), (0.6,)],
    "genpois": [(0.0,), (0.6,), (20.0,)],
    "weibull": [(-1.0,), (0.6,), (3.0,)],
    "skewnormal": [(-0.5, -2.0), (0.6, 0.0), (0.6, 5.0)],
    "tweedie": [(-3.0, -2.0), (0.6, 1.0), (0.6, -0.5)],
    "cumulative": [(-1.0, 0.5, 1.7), (0.3, 0.3001, 0.4)],
    "ordbeta": [(0.6, -1.0, 0.5), (3.0, -2.0, 2.0), (0.6, 0.5, -9.0)],
}
ZERO_INFLATION = (-3.0, 0.6, 20.0)
LOCATIONS = {  # by link; 30 is as far as they go wherever the link allows it
    "identity": [0.02, 0.6, 30.0],
    "inverse": [1e-3, 0.4, 30.0],
    "sqrt": [1e-3, -0.4, 30.0],
    "power": [0.02, 0.6, 30.0],
}
FURTHER: dict[int, list[tuple[float, ...]]] = {  # the other predictors, by number of them
    0: [()],
    1: [(-8.0,), (0.6,), (20.0,)],
    2: [(-3.0, -2.0), (0.6, 1.0), (0.6, 23.0)],
}


def locations(family: Family) -> list[float]:
    if family.name == "binomial" and family.link.name == "log":
        return [-30.0, -3.0, -0.2]
    if family.name == "binomial" and family.link.name == "identity":
        return [0.02, 0.6, 0.97]
    if family.name in LOCATIONS_OF:
        return LOCATIONS_OF[family.name]
    return LOCATIONS.get(family.link.kind, [-30.0, -5.0, 0.0, 2.0, 30.0])


def observations(family: Family) -> list[tuple[float, float]]:
    if isinstance(family, ZeroOrPositive):
        return [(0.0, 1.0), *observations(family.base)]
    if isinstance(family, FromCounts):
        return OF_WRAPPED[isinstance(family, Truncated) :]
    return OBSERVATIONS[family.name]


def further(family: Family) -> list[tuple[float, ...]]:
    """The predictors after the location."""
    if isinstance(family, FromCounts) and "zero_inflation" in family.predictors:
        return [
            (*others, zero)
            for others in further(family.base)
            for zero in (ZERO_INFLATION if family.base.name == "poisson" else (0.6,))
        ]
    if isinstance(family, FromCounts):
        return further(family.base)
    return FURTHER_OF.get(family.name, FURTHER.get(len(family.predictors) - 1, []))


def points(family: Family) -> Iterator[tuple[float, float, tuple[float, ...]]]:
    for y, size in observations(family):
        for location in locations(family):
            for others in further(family):
                yield y, size, (location, *others)


def derivative_orders(n_predictors: int, order: int) -> list[tuple[int, ...]]:
    """How often each predictor is differentiated, in the order the core packs them."""
    chosen = itertools.combinations_with_replacement(range(n_predictors), order)
    return [tuple(c.count(i) for i in range(n_predictors)) for c in chosen]


def exact_derivatives(
    family: Family, y: float, size: float, eta: tuple[float, ...], digits: int
) -> list[list[float]]:
    with mp.workdps(digits):
        at = tuple(mpf(x) for x in eta)
        return [
            [
                float(mp.diff(lambda *e: log_density(family, y, size, e), at, orders))
                for orders in derivative_orders(len(eta), order)
            ]
            for order in range(4)
        ]


def assert_derivatives_agree(
    family: Family, y: float, size: float, eta: tuple[float, ...], digits: int
) -> None:
    got = family.log_density(Response.of([y], [size]), np.array([eta]), 3)
    want = exact_derivatives(family, y, size, eta, digits)
    for order, values in enumerate([got.value[:, None], got.d1, got.d2, got.d3]):
        assert values is not None
        # differences of rising products, of the size of `size`
        noise = 1e-12 if family.name == "betabinomial" else 1e-14
        at_zero = noise * max(1.0, np.max(np.abs(want[order])))  # where terms cancel exactly
        assert_allclose(
            values[0], want[order], 1e-8, at_zero, err_msg=f"order {order}, {y=} {size=} {eta=}"
        )


# ---- derivatives -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "family",
    [pytest.param(f, marks=pytest.mark.slow if is_dear(f) else ()) for f in MEMBERS],
    ids=label,
)
def test_derivatives_to_third_order_are_those_of_the_textbook_density(family: Family) -> None:
    for y, size, eta in points(family):
        far = family.name == "cumulative" or (
            family.name == "binomial" and abs(eta[0]) > 5.0
        )  # where 1 − Φ(η) is near 1e−200
        digits = 250 if far else 20 if family.name in SUMS else 40
        assert_derivatives_agree(family, y, size, eta, digits)


@pytest.mark.parametrize(
    ("name", "link", "y", "size", "eta"),
    [
        ("binomial", "logit", 0.0, 3.0, (700.0,)),
        ("binomial", "logit", 3.0, 3.0, (700.0,)),
        ("binomial", "logit", 3.0, 3.0, (-700.0,)),
        ("binomial", "cloglog", 0.0, 3.0, (700.0,)),
        ("binomial", "cloglog", 3.0, 3.0, (-700.0,)),
        ("binomial", "log", 0.0, 3.0, (-700.0,)),
        ("poisson", "log", 5.0, 1.0, (700.0,)),
        ("poisson", "log", 5.0, 1.0, (-700.0,)),
        ("gaussian", "log", 5.0, 1.0, (-700.0, 0.5)),
        pytest.param("nbinom1", "log", 3.0, 1.0, (-700.0, 1.0), marks=pytest.mark.slow),
        pytest.param("gamma", "log", 0.3, 1.0, (-700.0, 0.5), marks=pytest.mark.slow),
        pytest.param("nbinom2", "log", 3.0, 1.0, (700.0, 1.0), marks=pytest.mark.slow),
        pytest.param("nbinom2", "log", 3.0, 1.0, (-700.0, 1.0), marks=pytest.mark.slow),
    ],
)
def test_derivatives_hold_at_the_end_of_the_range(
    name: str, link: str, y: float, size: float, eta: tuple[float, ...]
) -> None:
    assert_derivatives_agree(family_named(name, link), y, size, eta, 350)


# Not where μ is η itself, its square or inverse, nor where (y − μ)² is beyond doubles.
@pytest.mark.parametrize(
    "family",
    [
        family
        for family in MEMBERS
        if family.link.name in {"log", "logit", "cloglog", "loglog", "cauchit", "probit"}
        and family.name
        not in {"gaussian", "t", "inverse_gaussian"}
        | {"cumulative", "compois", "genpois"}
        | {"weibull", "skewnormal"}
    ],
    ids=label,
)
def test_values_and_derivatives_are_finite_for_predictors_of_700(family: Family) -> None:
    ends = (
        [-700.0] if family.link.name == "log" and family.name == "binomial" else [-700.0, 700.0]
    )
    scales = [(scale,) * (len(family.predictors) - 1) for scale in (1.0, -1.0)]
    for (y, size), location, others in itertools.product(observations(family), ends, scales):
        at = family.log_density(Response.of([y], [size]), np.array([(location, *others)]), 3)
        assert at.d1 is not None
        assert at.d2 is not None
        assert at.d3 is not None
        for values in (at.value, at.d1, at.d2, at.d3):
            assert np.isfinite(values).all(), (y, size, location, others, values)


@every_member
def test_lower_orders_are_the_same_numbers(family: Family) -> None:
    cases = list(points(family))
    response = Response.of([c[0] for c in cases], [c[1] for c in cases])
    eta = np.array([c[2] for c in cases])
    full = family.log_density(response, eta, 3)
    rtol = 1e-13 if family.name in SUMS else 1e-14
    for order in range(3):
        fewer = family.log_density(response, eta, order)
        assert_allclose(fewer.value, full.value, rtol)
        for degree, name in enumerate(["d1", "d2", "d3"], start=1):
            if degree <= order:
                assert_allclose(getattr(fewer, name), getattr(full, name), 10.0 * rtol)
            else:
                assert getattr(fewer, name) is None


@every_member
def test_a_weight_multiplies_the_log_density_and_its_derivatives(family: Family) -> None:
    y, size, eta = next(points(family))
    plain = family.log_density(Response.of([y], [size]), np.array([eta]), 3)
    heavy = family.log_density(Response.of([y], [size], [2.5]), np.array([eta]), 3)
    none = family.log_density(Response.of([y], [size], [0.0]), np.array([eta]), 3)
    for name in ("value", "d1", "d2", "d3"):
        assert_allclose(getattr(heavy, name), 2.5 * getattr(plain, name), 1e-15)
        assert not np.any(getattr(none, name))


@pytest.mark.parametrize("family", [f for f in MEMBERS if f.is_log_concave], ids=label)
def test_a_log_density_called_concave_is_concave(family: Family) -> None:
    cases = list(points(family))
    at = family.log_density(
        Response.of([c[0] for c in cases], [c[1] for c in cases]),
        np.array([c[2] for c in cases]),
        2,
    )
    assert at.d2 is not None
    assert (at.d2[:, 0] <= 1e-12).all()


@every_member
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_predictor_crashes_the_log_density(family: Family, data: st.DataObject) -> None:
    reals = st.floats(allow_nan=True, allow_infinity=True)
    eta = np.array([[data.draw(reals) for _ in family.predictors]])
    y, size = data.draw(st.sampled_from(observations(family)))
    at = family.log_density(Response.of([y], [size]), eta, 3)
    assert at.value.shape == (1,)


def test_means_outside_the_support_have_density_zero() -> None:
    eta = np.array([[-0.5]])
    for link in ("identity", "inverse"):
        at = family_named("poisson", link).log_density(Response.of([2.0]), eta, 2)
        assert at.value == -np.inf
    binomial = family_named("binomial", "identity")
    assert binomial.log_density(Response.of([1.0]), eta + 2.0, 2).value == -np.inf


@pytest.mark.parametrize("log_phi", [25.0, 40.0, 300.0])
def test_negative_binomials_become_poisson(log_phi: float) -> None:
    y, eta = np.array([0.0, 3.0, 50.0]), np.array([[-1.0], [2.0], [3.5]])
    response = Response.of(y)
    poisson = family_named("poisson").log_density(response, eta, 3)
    assert poisson.d2 is not None
    for name, sign in [("nbinom1", -1.0), ("nbinom2", 1.0)]:
        both = np.hstack([eta, np.full_like(eta, sign * log_phi)])
        at = family_named(name).log_density(response, both, 3)
        assert at.d1 is not None
        assert at.d2 is not None
        assert_allclose(at.value, poisson.value, 1e-7)
        assert_allclose(at.d2[:, 0], poisson.d2[:, 0], 1e-7)
        # ∂/∂δ is of the size of 1/φ: no rounding error of larger terms remains
        assert (np.abs(at.d1[:, 1]) < 2e3 * np.exp(-log_phi)).all()


@pytest.mark.parametrize(
    ("y", "eta"), [(0.0, (1.0, -0.7)), (3.0, (1.0, -0.7)), (12.0, (2.5, -1.0))]
)
def test_underdispersed_generalized_poisson_has_the_textbook_derivatives(
    y: float, eta: tuple[float, float]
) -> None:
    assert_derivatives_agree(family_named("genpois"), y, 1.0, eta, 40)
    beyond = family_named("genpois").log_density(Response.of([40.0]), np.array([eta]), 1)
    assert beyond.value == -np.inf


def test_a_conway_maxwell_poisson_of_dispersion_one_is_poisson() -> None:
    response, eta = Response.of([0.0, 3.0, 70.0]), np.array([[-1.0], [1.0], [4.0]])
    poisson = family_named("poisson").log_density(response, eta, 3)
    at = family_named("compois").log_density(response, np.hstack([eta, 0.0 * eta]), 3)
    assert poisson.d3 is not None
    assert at.d3 is not None
    assert_allclose(at.value, poisson.value, 1e-12)
    assert_allclose(at.d3[:, 0], poisson.d3[:, 0], 1e-10)


@pytest.mark.parametrize("mean", [300.0, 1e6])
def test_wide_conway_maxwell_sums_taken_in_steps_are_the_full_sums(mean: float) -> None:
    family = family_named("compois")
    y = np.arange(mean - 14.0 * np.sqrt(mean), mean + 14.0 * np.sqrt(mean)).round()
    eta = np.tile([np.log(mean), np.log(0.6)], (y.size, 1))
    density = np.exp(family.log_density(Response.of(y), eta).value)
    assert_allclose(density.sum(), 1.0, 1e-9)
    assert_allclose(density @ y, mean, 1e-9)


@pytest.mark.parametrize("psi", [-6.0, 0.0, 6.0, 12.0])
def test_tweedie_densities_and_the_mass_at_zero_sum_to_one(psi: float) -> None:
    family = family_named("tweedie")
    # a mean of 3 and φ = 0.2: from a comb of narrow peaks (p near 1) to a gamma (p near 2)
    eta = np.array([[np.log(3.0), np.log(0.2), psi]])
    edges = np.concatenate([[1e-12], np.geomspace(1e-6, 30.0, 4000)])
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = 0.5 * np.diff(edges)[:, None]
    y = (edges[:-1, None] + half * (nodes + 1.0)).ravel()
    at = family.log_density(Response.of(y), np.tile(eta, (y.size, 1)))
    zero = np.exp(family.log_density(Response.of([0.0]), eta).value[0])
    total = zero + np.sum(half * np.exp(at.value).reshape(len(half), -1) @ weights[:, None])
    assert_allclose(total, 1.0, 1e-7)


def test_student_t_becomes_gaussian() -> None:
    response, eta = Response.of([0.3, -4.0]), np.array([[0.1, 0.2], [1.0, -0.5]])
    gaussian = family_named("gaussian").log_density(response, eta, 0).value
    many = (
        family_named("t").log_density(response, np.column_stack([eta, [30.0, 300.0]]), 0).value
    )
    assert_allclose(many, gaussian, 1e-9)


def test_the_core_and_the_package_have_the_same_families_and_links() -> None:
    of_core = {(name, link): n for name, link, n in _core.family_names()}
    plain = [f for f in MEMBERS if not isinstance(f, FromCounts) and not f.categories]
    of_core = {pair: n for pair, n in of_core.items() if pair[0] != "cumulative"}
    assert of_core == {
        (f.core_name, link): len(f.predictors) for f in plain for link in f.links
    }


# ---- the distribution ------------------------------------------------------------------------

ORDINARY = {  # a location on the scale of the mean, then the further predictors
    "gaussian": (1.3, 0.4),
    "binomial": (0.3,),
    "poisson": (2.6,),
    "nbinom1": (2.6, 0.5),
    "nbinom2": (2.6, 0.5),
    "gamma": (1.7, -0.6),
    "beta": (0.3, 1.2),
    "t": (1.3, 0.4, np.log(5.5)),
    "betabinomial": (0.3, 1.2),
    "lognormal": (1.7, -0.6),
    "inverse_gaussian": (1.7, -0.6),
    "nbinom12": (2.6, -0.5, 1.0),
    "genpois": (2.6, 0.5),
    "compois": (2.6, -0.7),
    "bell": (2.6,),
    "exponential": (1.7,),
    "weibull": (1.7, 0.4),
    "skewnormal": (1.3, 0.4, 3.0),
    "tweedie": (1.7, -0.3, 0.2),
    "ordbeta": (0.4, 1.2, -1.5, 1.2),
    "cumulative": (0.6, -1.0, 0.5, 1.2),
}


PROBABILITY = {"logit", "probit", "cloglog", "loglog", "cauchit"}


def atoms(family: Family) -> list[float]:
    """Values of positive probability of a distribution that is continuous elsewhere."""
    if family.name == "ordbeta":
        return [0.0, 1.0]
    return [0.0] if family.name == "tweedie" or isinstance(family, ZeroOrPositive) else []


def ordinary(family: Family) -> tuple[float, ...]:
    if isinstance(family, FromCounts):
        return (*ordinary(family.base), -0.4)[: len(family.predictors)]
    return ORDINARY[family.name][: len(family.predictors)]


def ordinary_eta(family: Family, n: int) -> Matrix:
    mean, *others = ordinary(family)
    location = family.link.link(np.array([mean]))[0]
    return np.tile([location, *others], (n, 1))


def trials(family: Family, n: int) -> Vector:
    return np.full(
        n, 12.0 if family.counts_trials else 2.0 if family.name == "gaussian" else 1.0
    )


def density(family: Family, y: Vector) -> Vector:
    response = Response(y, trials(family, y.size), np.ones(y.size))
    return np.exp(family.log_density(response, ordinary_eta(family, y.size), 0).value)


@every_member
def test_the_density_sums_to_the_distribution_function(family: Family) -> None:
    if family.discrete:
        first = isinstance(family, Truncated)
        y = np.arange(first, 13.0 if family.counts_trials else 400.0)
        y = np.arange(1.0, 5.0) if family.categories else y
        cdf = family.cdf(y, trials(family, y.size), ordinary_eta(family, y.size))
        assert_allclose(np.cumsum(density(family, y)), cdf, 1e-10)
        assert_allclose(cdf[-1], 1.0, 1e-10)
        return
    masses = density(family, np.array(atoms(family)))
    first = masses[0] if len(masses) else 0.0
    p = np.linspace(first + 0.02, 0.97 - masses[1:].sum(), 20)
    ends = family.quantile(p, trials(family, p.size), ordinary_eta(family, p.size))
    nodes, weights = np.polynomial.legendre.leggauss(40)
    half = 0.5 * np.diff(ends)[:, None]
    y = ends[:-1, None] + half * (nodes + 1.0)
    areas = (half * density(family, y.ravel()).reshape(y.shape)) @ weights
    assert_allclose(areas, np.diff(p), 1e-9)
    one = ordinary_eta(family, 1)
    for atom, mass in zip(atoms(family), masses, strict=True):
        at, beside = np.array([atom]), np.array([atom - 1e-14])
        jump = family.cdf(at, np.ones(1), one) - family.cdf(beside, np.ones(1), one)
        assert_allclose(jump, mass, 1e-8)


@every_member
def test_the_quantile_inverts_the_distribution_function(family: Family) -> None:
    p = np.array([1e-6, 0.01, 0.2, 0.5, 0.77, 0.99, 1.0 - 1e-6])
    eta, size = ordinary_eta(family, p.size), trials(family, p.size)
    y = family.quantile(p, size, eta)
    if family.discrete:
        assert (family.cdf(y, size, eta) >= p).all()
        assert (family.cdf(y - 1.0, size, eta)[y > 0.0] < p[y > 0.0]).all()
    else:
        inside = ~np.isin(y, atoms(family))
        assert_allclose(family.cdf(y, size, eta)[inside], p[inside], 1e-8)
        assert (family.cdf(y, size, eta) >= p - 1e-8).all()
        assert (family.cdf(y - 1e-9, size, eta)[~inside] <= p[~inside]).all()


@every_family
def test_simulated_values_have_the_mean_variance_and_distribution(family: Family) -> None:
    n = 40_000
    eta, size = ordinary_eta(family, n), trials(family, n)
    y = family.simulate(size, eta, np.random.default_rng(20))
    response = Response(y, size, np.ones(n))
    family.check_response(response, "y")
    observed = family.observed(response)
    mean, variance = family.mean(eta)[0], family.variance(eta, size)[0]
    if np.isfinite(variance):
        assert abs(observed.mean() - mean) < 4.5 * np.sqrt(variance / n)
        kurtosis = np.mean((observed - mean) ** 4) / variance**2
        assert abs(observed.var() / variance - 1.0) < 5.0 * np.sqrt(kurtosis / n)
    grid = np.unique(np.quantile(y, [0.05, 0.3, 0.5, 0.8, 0.95]))
    share = np.mean(y[:, None] <= grid, axis=0)
    expected = family.cdf(grid, size[: grid.size], eta[: grid.size])
    assert (np.abs(share - expected) < 4.5 * 0.5 / np.sqrt(n)).all()


@every_family
def test_simulation_repeats_with_its_generator(family: Family) -> None:
    eta, size = ordinary_eta(family, 20), trials(family, 20)
    first = family.simulate(size, eta, np.random.default_rng(3))
    assert np.array_equal(first, family.simulate(size, eta, np.random.default_rng(3)))


@every_member
def test_the_unit_deviance_is_zero_at_the_observation_and_positive_elsewhere(
    family: Family,
) -> None:
    y = np.array([3.0, 7.0]) / (10.0 if family.link.name in PROBABILITY else 1.0)
    y = np.array([3.0, 7.0]) if family.counts_trials else y
    y = np.array([2.0, 3.0]) if family.categories else y
    response = Response(y, trials(family, 2), np.ones(2))
    eta = ordinary_eta(family, 2)
    assert (family.unit_deviance(response, eta) > 0.0).all()
    # the densities of these are not largest where the mean is y
    elsewhere = {"beta", "betabinomial", "lognormal"}
    elsewhere |= {"genpois", "weibull", "skewnormal", "ordbeta", "cumulative"}
    if family.name not in elsewhere and not isinstance(family, FromCounts):
        eta[:, 0] = family.link.link(family.observed(response))
        assert_allclose(family.unit_deviance(response, eta), 0.0, atol=1e-12)


@pytest.mark.parametrize("link", FAMILIES["beta"].links)
def test_the_unit_deviance_of_beta_compares_with_the_best_mean(link: str) -> None:
    family = family_named("beta", link)
    near = 0.02 if link == "cauchit" else 0.001  # where the ascent below can go
    y = np.array([near, 0.2, 1.0 - near])
    eta = np.column_stack([np.linspace(-1.0, 1.0, 3), [0.3, 2.0, 4.0]])
    best = eta.copy()
    best[:, 0] = family.link.link(np.full(3, 0.5))
    for _ in range(100):  # plain gradient ascent with Newton steps where concave
        at = family.log_density(Response.of(y), best, 2)
        assert at.d1 is not None
        assert at.d2 is not None
        best[:, 0] += np.clip(at.d1[:, 0] / np.abs(at.d2[:, 0]), -0.3, 0.3)
    loss = family.log_density(Response.of(y), best, 0).value
    loss -= family.log_density(Response.of(y), eta, 0).value
    assert_allclose(family.unit_deviance(Response.of(y), eta), 2.0 * loss, 1e-9)


@pytest.mark.parametrize("base", ["poisson", "nbinom1", "nbinom2"])
def test_the_unit_deviance_of_truncated_counts_compares_with_the_best_mean(base: str) -> None:
    family = Truncated(family_named(base))
    y = np.array([1.0, 2.0, 9.0])
    eta = ordinary_eta(family, 3)
    grid = np.linspace(-30.0, 5.0, 3501)
    for i in range(3):
        at = np.tile(eta[i], (grid.size, 1))
        at[:, 0] = grid
        best = family.log_density(Response.of(np.full(grid.size, y[i])), at).value.max()
        gain = best - family.log_density(Response.of(y), eta).value[i]
        assert_allclose(family.unit_deviance(Response.of(y), eta)[i], 2.0 * gain, 1e-3, 1e-4)


@pytest.mark.parametrize("wrapper", [w for w in WRAPPERS if w != "truncated_"])
def test_the_unit_deviance_of_a_zero_is_minus_twice_its_log_probability(wrapper: str) -> None:
    family = family_named(wrapper + "poisson")
    eta = ordinary_eta(family, 1)
    zero = Response.of([0.0])
    assert_allclose(
        family.unit_deviance(zero, eta), -2.0 * family.log_density(zero, eta).value, 1e-12
    )


def test_without_structural_zeros_counts_are_plain() -> None:
    response, eta = Response.of([0.0, 3.0]), np.array([[0.3, -40.0], [1.0, -40.0]])
    plain = family_named("poisson").log_density(response, eta[:, :1]).value
    inflated = family_named("zero_inflated_poisson").log_density(response, eta).value
    assert_allclose(inflated, plain, 1e-14)


def test_a_hurdle_of_truncated_counts_is_the_hurdle_of_the_counts() -> None:
    poisson = family_named("poisson")
    assert Hurdle(Truncated(poisson)) == Hurdle(poisson)
    assert family_named("hurdle_poisson") == Hurdle(poisson)


# ---- starting values and identity ------------------------------------------------------------


@every_member
def test_starting_values_are_inside_the_support(family: Family) -> None:
    y, size = np.array(observations(family)).T
    response = Response.of(y, size)
    location = family.initial_location(response)
    further = family.initial_dispersion(response)
    assert further.shape == (len(family.predictors) - 1,)
    eta = np.column_stack([location, *(np.full(y.size, value) for value in further)])
    at = family.log_density(response, eta, 2)
    assert at.d1 is not None
    assert at.d2 is not None
    assert np.isfinite(at.value).all()
    assert np.isfinite(at.d1).all()
    assert np.isfinite(at.d2).all()


@every_member
def test_families_are_values(family: Family) -> None:
    assert pickle.loads(pickle.dumps(family)) == family
    assert copy.deepcopy(family) == family
    assert hash(family) == hash(copy.copy(family))
    assert sum(family == other for other in MEMBERS) == 1
    with pytest.raises(AttributeError):
        family.link = family.link  # pyright: ignore[reportAttributeAccessIssue]
