import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import henderson as hd
from henderson.inference.variance_explained import variance_explained

LATENT = {
    "logit": stats.logistic(),
    "probit": stats.norm(),
    "cloglog": stats.gumbel_r(),
}


@pytest.mark.parametrize("link", LATENT)
def test_the_residual_variance_of_a_yes_or_no_is_that_of_its_latent_variable(link: str) -> None:
    rng = np.random.default_rng(4)
    x, g = rng.normal(size=200), np.repeat(np.arange(20), 10)
    success = 0.5 * x + rng.normal(size=20)[g] + LATENT[link].rvs(200, random_state=rng) > 0.0
    data = pd.DataFrame({"x": x, "g": g, "y": success.astype(int)})
    model = hd.fit("y ~ x + (1 | g)", data, family="binomial", link=link)
    parts = variance_explained(model)
    assert_allclose(parts.residual, LATENT[link].var(), rtol=1e-12)
    among = model.estimates.location.terms[0].covariance[0, 0]
    assert_allclose(parts.icc, among / (among + LATENT[link].var()), rtol=1e-12)
