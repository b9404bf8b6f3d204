"""Power and softplus links in fits, beside R's glm."""

import pickle

import pytest

import henderson as hd
from henderson.errors import ModelError
from henderson.families import family_named
from henderson.links import LINKS, Power, link_named


@pytest.mark.parametrize(
    ("family", "link", "expected"),
    [
        ("gamma", "power(1/3)", [2.59449537985, 0.02633829115]),
        ("gamma", "power(0.5)", [4.16153893881, 0.06704419932]),
        ("inverse_gaussian", "1/mu^2", [2.801634680e-03, -9.538303987e-05]),
    ],
)
def test_power_links_give_the_coefficients_of_r(
    family: str, link: str, expected: list[float]
) -> None:
    data = hd.datasets.load("orthodont")
    model = hd.fit("distance ~ age", data, family=family, link=link)
    assert list(model.params.values()) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("link", "expected", "log_likelihood"),
    [
        (
            "power(1/3)",
            [1.17221047774, 0.02198916182, -0.46837958196, -0.47571488655, -0.67275707029],
            -94.70157236,
        ),
        (
            "softplus",
            [1.8894912541, 0.1101389891, -2.8259461391, -2.8098786017, -3.8133698268],
            -95.72924904,
        ),
    ],
)
def test_counts_with_these_links_give_the_coefficients_of_r(
    link: str, expected: list[float], log_likelihood: float
) -> None:
    data = hd.datasets.load("cbpp")
    model = hd.fit("incidence ~ size + factor(period)", data, family="poisson", link=link)
    assert list(model.params.values()) == pytest.approx(expected, abs=1e-6)
    assert model.llf == pytest.approx(log_likelihood, abs=1e-6)


@pytest.mark.parametrize(
    ("power", "plain"), [("power(1)", "identity"), ("power(-1)", "inverse")]
)
def test_powers_of_one_are_the_links_with_names(power: str, plain: str) -> None:
    data = hd.datasets.load("orthodont")
    fits = [
        hd.fit("distance ~ age + (1 | Subject)", data, family="gamma", link=link)
        for link in (power, plain)
    ]
    assert fits[0].llf == pytest.approx(fits[1].llf, abs=1e-8)
    means = [list(fit.emmeans("age", scale="response").estimate) for fit in fits]
    assert means[0] == pytest.approx(means[1], rel=1e-7)


def test_the_exponent_is_kept_in_names_copies_and_threads() -> None:
    link = link_named("power(lambda = 1/3)")
    assert (link.name, link.kind, Power(0.4).name) == ("power(1/3)", "power", "power(0.4)")
    assert link_named(link.name) == pickle.loads(pickle.dumps(link)) == LINKS["power"]
    assert family_named("Gamma(link = 'power(0.5)')").link == Power(0.5)
    assert family_named('inverse.gaussian(link = "1/mu^2")').link == Power(-2.0)
    data, formula = hd.datasets.load("orthodont"), "distance ~ age + (1 | Subject)"
    for exponent in (0.5, -0.5):
        one, two = (
            hd.fit(
                formula,
                data,
                family="gamma",
                link=Power(exponent),
                control=hd.FitControl(threads=threads),
            )
            for threads in (1, 2)
        )
        assert one.llf == pytest.approx(two.llf, abs=1e-8)
    assert "power(-0.5) link" in str(one.summary())


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("power(0)", 'limit at 0 is the link "log"'),
        ("power(x)", "no number as its exponent"),
        ("power(1/0)", "divides by 0"),
        ("powr", "Did you mean 'power'"),
        ("logit", "no link 'logit'"),
    ],
)
def test_links_that_do_not_exist_are_refused(link: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        family_named("gamma", link)
