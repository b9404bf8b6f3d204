"""Every link from the registry, against arbitrary precision."""

import numpy as np
import pytest
from mpmath import mpf
from numpy.testing import assert_allclose

from henderson.links import LINKS, Link
from tests.properties.textbook_densities import COMPLEMENTS, INVERSE_LINKS, mp

every_link = pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)


@every_link
def test_every_link_reports_its_own_derivatives(link: Link) -> None:
    etas = [0.02, 0.5, 3.0, 7.0, 30.0]
    if link.kind not in {"inverse", "sqrt", "power"}:
        etas += [-30.0, -7.0, -0.1, 0.0]
    inverse = INVERSE_LINKS[link.name]
    at = link.inverse(np.array(etas))
    with mp.workdps(300):
        for i, eta in enumerate(etas):
            complement = COMPLEMENTS.get(link.name, lambda e: 1 - inverse(e))
            assert_allclose(at.complement[i], float(complement(mpf(eta))), 1e-12)
            for order, name in enumerate(["mu", "dmu", "d2mu", "d3mu"]):
                want = float(mp.diff(inverse, mpf(eta), order))
                assert_allclose(
                    getattr(at, name)[i], want, 1e-11, 1e-250, err_msg=f"{name} at {eta}"
                )


@every_link
def test_every_link_inverts_its_inverse(link: Link) -> None:
    mu = np.array([1e-6, 0.2, 0.5, 0.93])
    assert_allclose(link.mean(link.link(mu)), mu, 1e-12)


@every_link
def test_no_link_warns_or_fails_at_the_ends(link: Link) -> None:
    eta = np.array([-1e308, -700.0, 0.0, 700.0, 1e308])
    if link.name in {"sqrt", "inverse"}:
        eta = eta[1:-1]
    if link.kind == "power":
        eta = eta[2:-1]
    at = link.inverse(eta)
    for values in (at.mu, at.dmu, at.complement):
        assert not np.isnan(values).any()
    if link.name in {"logit", "probit", "cloglog"}:
        assert np.array_equal(at.mu[[0, -1]], [0.0, 1.0])
        for values in (at.d2mu, at.d3mu):
            assert np.isfinite(values).all()
