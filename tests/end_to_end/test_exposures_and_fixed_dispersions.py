"""Exposures, offsets and dispersions that nobody chose: from the call to the sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import henderson as hd
from henderson.cli import app
from henderson.errors import HendersonError, ModelError


@pytest.fixture(scope="module")
def counts() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"g": np.tile(np.arange(10), 20), "trt": np.repeat(["a", "b"], 100)})
    table["minutes"] = rng.integers(20, 60, 200)
    table["my minutes"] = table["minutes"]
    table["n"] = rng.poisson(table["minutes"] * 0.1 * np.exp(0.3 * (table["trt"] == "b")))
    return table


def test_an_exposure_is_an_offset_of_its_logarithm(counts: pd.DataFrame) -> None:
    formula = "n ~ trt + (1 | g)"
    by_hand = hd.fit(formula, counts, family="poisson", offset="log(minutes)")
    for exposure in ("minutes", "my minutes", "minutes * 1", counts["minutes"]):
        model = hd.fit(formula, counts, family="poisson", exposure=exposure)
        assert model.llf == pytest.approx(by_hand.llf, abs=1e-9)
    both = hd.fit(formula, counts, family="poisson", exposure="minutes", offset="log(10)")
    assert both.params["(Intercept)"] == pytest.approx(
        by_hand.params["(Intercept)"] - np.log(10), abs=1e-6
    )


def test_the_command_line_takes_an_exposure(counts: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    counts.to_csv(path, index=False)
    command = ["fit", str(path), "n ~ trt", "--family", "poisson", "--exposure", "minutes"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0
    assert "Offset:  log(minutes)" in result.output


@pytest.mark.parametrize(
    ("exposure", "family", "sentence"),
    [
        ("minutes", "gaussian", "needs the log link; here the link is identity"),
        ("zero", "poisson", "exposure='zero' has the value 0 in row 3"),
        ("hours", "poisson", "There is no column 'hours'"),
        ([0.0] * 200, "poisson", "Exposures are positive"),
    ],
)
def test_exposures_that_cannot_be_are_refused(
    counts: pd.DataFrame,
    exposure: Any,  # noqa: ANN401
    family: str,
    sentence: str,
) -> None:
    table = counts.assign(zero=np.where(np.arange(200) == 3, 0, counts["minutes"]))
    with pytest.raises(HendersonError, match=sentence):
        hd.fit("n ~ trt", table, family=family, exposure=exposure)


@pytest.mark.parametrize("formula", ["n ~ trt + offset(minutes)", "n ~ trt"])
def test_a_raw_exposure_as_offset_is_noted(counts: pd.DataFrame, formula: str) -> None:
    given = None if "offset" in formula else "minutes"
    model = hd.fit(formula, counts, family="poisson", offset=given)
    minutes = counts["minutes"].to_numpy()
    low, high = minutes.min(), minutes.max()
    said = f"offset minutes goes from {low} to {high}: with the log link it multiplies the mean"
    assert said in str(model.summary())
    assert "give it as exposure=" in str(model.summary())
    assert said in str(hd.check(model, n=0))
    fine = hd.fit("n ~ trt", counts, family="poisson", exposure="minutes")
    assert "exposure=" not in str(fine.summary())


def test_means_at_an_offset_are_headed_by_it(counts: pd.DataFrame) -> None:
    model = hd.fit("n ~ trt + (1 | g)", counts, family="poisson", exposure="minutes")
    hour = model.emmeans("trt", offset=np.log(60), scale="response")
    assert "At offset = 4.09434." in str(hour)
    assert "minutes" not in str(hour)
    at = model.emmeans("trt", at={"minutes": 60}, scale="response")
    np.testing.assert_allclose(hour.table()["estimate"], at.table()["estimate"])
    assert "At minutes = 60." in str(at)


@pytest.mark.parametrize("text", ["~ 0", "~0", "~ -1"])
def test_a_dispersion_of_nothing_is_refused_with_both_remedies(
    counts: pd.DataFrame, text: str
) -> None:
    with pytest.raises(ModelError, match=r"units of the response.*us\(visit.*offset\(log\(s"):
        hd.fit("n ~ trt", counts, dispersion=text)


def test_a_known_dispersion_can_be_stated_and_zeros_of_one_half_are_refused(
    counts: pd.DataFrame,
) -> None:
    table = counts.assign(s=2.5)
    model = hd.fit("n ~ trt", table, dispersion="~ 0 + offset(log(s))", method="ML")
    mean = counts.groupby("trt")["n"].transform("mean")
    z = (counts["n"] - mean) / 2.5
    expected = -0.5 * np.sum(z.to_numpy() ** 2) - 200 * (np.log(2.5) + 0.5 * np.log(2 * np.pi))
    assert model.llf == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ModelError, match="further zeros at 1/2"):
        hd.fit("n ~ trt", counts, family="poisson", zero_inflation="~ 0")
