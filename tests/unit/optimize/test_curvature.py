"""The exact Hessian does not depend on the scale of the model that gives its steps."""

import numpy as np
import pytest

from henderson.optimize.curvature import exact_hessian


@pytest.mark.parametrize("diagonal", [(4.0, 100.0, 1e6), (-1.0, 100.0, 1e6), (4.0, 1e-9, 0.0)])
def test_steps_do_not_follow_a_model_hessian_that_is_not_positive(
    diagonal: tuple[float, ...],
) -> None:
    """∂²/∂ψ² Σ hᵢ exp(ψᵢ) is diag(hᵢ) at 0; steps of 0.1 would be 5 % off."""
    h = np.array([4.0, 100.0, 1e6])
    at = np.zeros(3)
    found = exact_hessian(
        lambda psi: h * np.exp(psi), at, h, np.diag(diagonal), np.ones(3, dtype=bool)
    )
    assert np.diag(found) == pytest.approx(h, rel=1e-4)


def test_the_hessian_of_no_free_parameters_is_empty() -> None:
    none = np.zeros(2, dtype=bool)
    found = exact_hessian(lambda psi: psi, np.zeros(2), np.zeros(2), np.eye(2), none)
    assert found.shape == (0, 0)
