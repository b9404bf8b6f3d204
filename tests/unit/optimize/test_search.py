import numpy as np
import pytest
from numpy.testing import assert_allclose

from henderson.covariance import Diagonal, Unstructured
from henderson.equations import MixedModelEquations, RandomTermMatrix
from henderson.likelihood.objective import Evaluation
from henderson.likelihood.parameters import CovarianceParameters
from henderson.optimize import Outcome, SearchLimits, minimize
from henderson.optimize.boundary import boundary_in_words, settle
from henderson.optimize.certificate import certify
from henderson.optimize.curvature import (
    covariance_of,
    exact_hessian,
    smallest_scaled_eigenvalue,
)
from henderson.optimize.starting_values import Moments


def rosenbrock(x: np.ndarray) -> Evaluation:
    """With the Gauss–Newton Hessian as its model: the search has to learn the rest."""
    a, b = 1.0 - x[0], x[1] - x[0] ** 2
    gradient = np.array([-2 * a - 400 * x[0] * b, 200 * b])
    model = np.array([[2 + 800 * x[0] ** 2, -400 * x[0]], [-400 * x[0], 200.0]])
    return Evaluation(a * a + 100 * b * b, gradient, model)


def test_a_quadratic_is_minimized_in_one_step() -> None:
    H = np.array([[2.0, 0.5], [0.5, 1.0]])

    def evaluate(x: np.ndarray) -> Evaluation:
        return Evaluation(float(0.5 * x @ H @ x), H @ x, H)

    found = minimize(evaluate, np.array([3.0, -2.0]))
    assert found.evaluations == 2
    assert_allclose(found.parameters, 0.0, atol=1e-12)
    assert found.reason == "converged"


def test_a_curved_valley_is_followed_to_its_end() -> None:
    found = minimize(rosenbrock, np.array([-1.2, 1.0]))
    assert_allclose(found.parameters, 1.0, atol=1e-4)
    assert found.evaluations < 40


def test_a_wrong_model_hessian_is_corrected_by_what_is_learned() -> None:
    H = np.diag([1.0, 10.0, 3.0])

    def evaluate(x: np.ndarray) -> Evaluation:
        return Evaluation(float(0.5 * x @ H @ x), H @ x, np.diag([2.0, 6.0, 3.0]))

    found = minimize(evaluate, np.array([1.0, 1.0, 1.0]))
    assert found.evaluations <= 8
    assert_allclose(found.parameters, 0.0, atol=1e-4)


def test_a_saddle_is_left_along_negative_curvature() -> None:
    def evaluate(x: np.ndarray) -> Evaluation:
        value = x[0] ** 2 + x[1] ** 4 - 2 * x[1] ** 2
        gradient = np.array([2 * x[0], 4 * x[1] ** 3 - 4 * x[1]])
        return Evaluation(value, gradient, np.diag([2.0, 12 * x[1] ** 2 - 4.0]))

    found = minimize(evaluate, np.array([1.0, 1e-3]))
    assert_allclose(found.evaluation.value, -1.0, atol=1e-6)


def test_points_where_the_deviance_does_not_exist_are_stepped_back_from() -> None:
    def evaluate(x: np.ndarray) -> Evaluation:
        if x[0] <= 0:
            return Evaluation(np.inf, np.full(1, np.nan), np.eye(1))
        return Evaluation(x[0] - np.log(x[0]), np.array([1 - 1 / x[0]]), np.array([[0.05]]))

    found = minimize(evaluate, np.array([4.0]))
    assert_allclose(found.parameters, 1.0, atol=1e-3)


def test_the_limit_of_evaluations_is_kept_and_named() -> None:
    found = minimize(rosenbrock, np.array([-1.2, 1.0]), SearchLimits(max_evaluations=5))
    assert (found.evaluations, found.reason) == (5, "limit")
    judged = certify(found, found.evaluation.gradient, found.hessian, exact=True, terms=[])
    assert judged.outcome is Outcome.ITERATION_LIMIT
    assert not judged.converged


@pytest.mark.parametrize(
    ("hessian", "outcome"),
    [
        (np.diag([1.0, 1.0]), Outcome.CONVERGED),
        (np.diag([1.0, -1.0]), Outcome.SADDLE),
        (np.ones((2, 2)), Outcome.FLAT),
    ],
)
def test_the_certificate_judges_the_curvature(hessian: np.ndarray, outcome: Outcome) -> None:
    found = minimize(rosenbrock, np.array([1.0, 1.0]))
    judged = certify(found, np.zeros(2), hessian, exact=True, terms=[])
    assert judged.outcome is outcome


@pytest.mark.parametrize(
    ("smallest", "outcome"),
    [
        (3e-8, Outcome.CONVERGED),
        (3e-9, Outcome.FLAT),
        (-3e-7, Outcome.FLAT),  # rounding of a difference of gradients
        (-3e-6, Outcome.SADDLE),
    ],
)
def test_the_smallest_eigenvalue_tells_a_maximum_from_a_plain_and_a_saddle(
    smallest: float, outcome: Outcome
) -> None:
    found = minimize(rosenbrock, np.array([1.0, 1.0]))
    hessian = np.array([[1.0, 1.0 - smallest], [1.0 - smallest, 1.0]])
    judged = certify(found, np.zeros(2), hessian, exact=True, terms=[])
    assert_allclose(judged.smallest_eigenvalue, smallest, rtol=1e-6)
    assert judged.outcome is outcome


@pytest.mark.parametrize(("errors", "converged"), [(1e-3, True), (4e-3, False)])
def test_a_gradient_counts_in_standard_errors(errors: float, converged: bool) -> None:
    found = minimize(rosenbrock, np.array([1.0, 1.0]))
    for unit in (1e-6, 1.0, 1e6):  # the curvature of a parameter in other units
        gradient = np.array([0.0, errors / unit])
        hessian = np.diag([1.0, unit**-2])
        judged = certify(found, gradient, hessian, exact=True, terms=[])
        assert_allclose(judged.gradient, errors)
        assert judged.converged is converged


def test_small_scales_become_zero_where_the_deviance_allows_it() -> None:
    parameters = CovarianceParameters((Unstructured(), Diagonal()), (2, 1))
    smallest = [np.full(2, 1e-6), np.full(1, 1e-6)]
    theta = np.array([-0.5, 0.2, 1e-3, 1e-3])

    def deviance(t: np.ndarray) -> float:
        return t[2] ** 2 + 100.0 * (t[3] - 1e-3) ** 2

    settled = settle(parameters, theta, smallest, deviance)
    assert_allclose(settled, [0.5, -0.2, 0.0, 1e-3])
    assert parameters.free(settled).tolist() == [True, True, False, True]


def test_boundaries_are_put_in_plain_words() -> None:
    names = ("(Intercept)", "Days")
    zero = np.array([[0.0, 0.0], [0.0, 2.0]])
    assert boundary_in_words(zero, names, "block") == [
        "the variance of block is estimated as 0"
    ]
    perfect = np.array([[1.0, -2.0], [-2.0, 4.0]])
    assert boundary_in_words(perfect, names, "g") == [
        "the correlation of Days and (Intercept) in g is estimated as -1"
    ]
    root = np.array([[1.0, 0.0], [1.0, 1.0], [0.5, 2.0]])
    assert boundary_in_words(root @ root.T, ("a", "b", "c"), "g") == [
        "the covariance matrix of g is estimated with rank 2 of 3"
    ]
    assert boundary_in_words(np.eye(2), names, "g") == []


def test_a_correlation_near_one_is_none_at_a_boundary() -> None:
    near = np.array([[1.0, 1.0 - 1e-6], [1.0 - 1e-6, 1.0]])
    assert boundary_in_words(near, ("(Intercept)", "Days"), "g") == []


def test_a_parameter_without_curvature_has_the_eigenvalue_zero() -> None:
    assert smallest_scaled_eigenvalue(np.diag([1.0, 1e-20])) == 0.0


def test_differences_of_the_gradient_give_the_hessian_of_free_parameters() -> None:
    H = np.array([[3.0, 1.0, 0.5], [1.0, 2.0, 0.1], [0.5, 0.1, 1.0]])
    free = np.array([True, False, True])
    at = np.array([1.0, 2.0, 3.0])
    got = exact_hessian(lambda x: H @ x, at, H @ at, H, free)
    assert_allclose(got, H[np.ix_([0, 2], [0, 2])], rtol=1e-6)
    assert_allclose(covariance_of(got), 2 * np.linalg.inv(got), rtol=1e-10)
    assert np.isnan(covariance_of(-got)).all()


def test_moments_recover_the_covariances_they_start_from() -> None:
    """Nested terms: what the finer one explains is not counted for the coarser."""
    rng = np.random.default_rng(1)
    fine = np.repeat(np.arange(2000, dtype=np.int32), 6)
    coarse = (fine // 10).astype(np.int32)
    x = np.column_stack([np.ones(len(fine)), rng.normal(size=len(fine))])
    T = np.array([[1.0, 0.0], [0.4, 0.6]])
    b = rng.normal(size=(2000, 2)) @ T.T
    y = (x * b[fine]).sum(1) + 1.5 * rng.normal(size=200)[coarse] + rng.normal(size=len(fine))
    terms = [
        RandomTermMatrix(0, 1, 200, coarse, np.ones((len(fine), 1))),
        RandomTermMatrix(0, 2, 2000, fine, x),
    ]
    equations = MixedModelEquations(terms, len(fine), 1)
    equations.cross_products([np.ones((len(fine), 1))])
    scores = [
        s[:, :, 0] for s in equations.by_term(equations.z_transpose_times([y[:, None, None]]))
    ]
    moments = Moments.of(equations, scores)
    sigma2 = moments.residual_variance(float(y @ y), len(y) - 1)
    between, within = moments.covariances(sigma2)
    assert_allclose(sigma2, 1.0, rtol=0.1)
    assert_allclose(within, T @ T.T, atol=0.15)
    assert_allclose(between, [[2.25]], rtol=0.25)
