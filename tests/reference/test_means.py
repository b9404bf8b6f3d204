"""Marginal means, pairs, letters and slopes agree with R's emmeans on the stored models."""

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from henderson.fitted_model import FittedModel
from henderson.marginal_means import MarginalMeans, emmeans, emtrends
from tests.reference.compare import fit
from tests.reference.corpus import HERE, cases

STORED: dict[str, list[dict[str, Any]]] = json.loads(
    (HERE / "means.json").read_text(encoding="utf-8")
)
NUMERICAL = {
    "grouseticks_3re": 1e-4,
    "carrot_binomial": 3e-5,
    "epil_poisson": 3e-5,
    "orthodont_disp_sex": 3e-5,
    "sal_zip": 3e-5,
    "owls_zip": 1e-4,
    "beta_disp": 1e-4,
    "wine_clmm": 1e-4,
}
# R's standard errors of these come from numerical second derivatives.
FORWARD = {"nitrogen_quadratic": 2e-3, "contraception_int": 5e-2}
# R's slopes of a parabola are forward differences over a thousandth of the range.

TUKEY_OF_R = {"oats_missingcell", "beets_splitplot-~ block-satterthwaite"}
# emmeans rounds the degrees of freedom to whole numbers where a pair cannot be estimated;
# ptukey has no value for fewer than two.


def identity(entry: dict[str, Any]) -> str:
    return f"{entry['case']}-{entry['spec']}-{entry['ddf']}"


WITHOUT_OFFSET = {("owls_zip", "~ FoodTreatment"): 0.0}
# emmeans loses the offset of a glmmTMB fit where it averages over a factor.

OTHER_ORIGIN = {"wine_clmm"}
# The latent scale has no origin: emmeans counts from the mean threshold, we from the first.

MEANS = pytest.mark.parametrize(
    "entry", [e for e in STORED["means"] if e["case"] not in OTHER_ORIGIN], ids=identity
)


@cache
def model(case: str) -> FittedModel:
    return fit(cases()[case], cases()[case].table())


def means(entry: dict[str, Any], scale: Any = "link") -> MarginalMeans:  # noqa: ANN401
    return emmeans(
        model(entry["case"]),
        entry["spec"],
        at=entry["at"],
        ddf=entry["ddf"],
        scale=scale,
        offset=WITHOUT_OFFSET.get((entry["case"], entry["spec"])),
    )


def numbers(values: list[Any]) -> np.ndarray:
    return np.array([np.nan if v is None else float(v) for v in values])


def assert_close(
    ours: Any,  # noqa: ANN401
    stored: list[Any],
    relative: float,
    absolute: Any = 0.0,  # noqa: ANN401
) -> None:
    r, ours = numbers(stored), np.asarray(ours, dtype=float)
    finite = np.isfinite(r)
    np.testing.assert_array_equal(ours[~finite], r[~finite])
    extra = np.broadcast_to(absolute, r.shape)[finite]
    difference = np.abs(ours[finite] - r[finite])
    assert (difference <= relative * np.abs(r[finite]) + extra).all(), (ours, r)


def allowed_se(entry: dict[str, Any]) -> float:
    return NUMERICAL.get(entry["case"], 1e-5)


def p_tolerance(statistic: Any, relative_se: float) -> Any:  # noqa: ANN401
    """Relative: 1e-4, and what the difference of standard errors makes of it far out."""
    return 1e-4 + np.nan_to_num(np.asarray(statistic, dtype=float) ** 2) * relative_se


@MEANS
def test_means_their_standard_errors_and_intervals(entry: dict[str, Any]) -> None:
    table, stored = means(entry).table(), entry["means"]
    se = numbers(stored["std_error"])
    assert_close(table["estimate"], stored["estimate"], 1e-5, 1e-5 * np.nan_to_num(se))
    assert_close(table["std_error"], stored["std_error"], allowed_se(entry))
    if entry["tested"]:
        assert_close(table["df"], stored["df"], 1e-3)
        assert_close(table["lower"], stored["lower"], 1e-5, 1e-4 * np.nan_to_num(se))


@pytest.mark.parametrize("entry", [e for e in STORED["means"] if "pairs" in e], ids=identity)
def test_pairs_and_every_adjustment(entry: dict[str, Any]) -> None:
    pairs, stored = means(entry).contrasts(), entry["pairs"]
    table = pairs.table()
    se = numbers(stored["std_error"])
    assert list(table["contrast"]) == stored["contrast"]
    assert_close(table["estimate"], stored["estimate"], 1e-5, 2e-5 * np.nan_to_num(se))
    assert_close(table["std_error"], stored["std_error"], allowed_se(entry))
    if not entry["tested"]:
        return
    relative = p_tolerance(table["statistic"], allowed_se(entry))
    for adjust in ("tukey", "sidak", "bonferroni", "holm"):
        if adjust == "tukey" and not TUKEY_OF_R.isdisjoint({entry["case"], identity(entry)}):
            continue
        adjusted = pairs.table(adjust=adjust)
        # R's ptukey is the less exact of the two at few degrees of freedom (see README.md).
        rough = 5e-7 if adjust == "tukey" else 1e-12
        stored_p = numbers(stored[f"p_{adjust}"])
        assert_close(
            adjusted["p_value"],
            stored[f"p_{adjust}"],
            0.0,
            np.nan_to_num(relative * stored_p) + rough,
        )
        if adjust != "holm":
            absolute = 1e-4 * np.nan_to_num(se)
            assert_close(adjusted["lower"], stored[f"lower_{adjust}"], 1e-4, absolute)


@pytest.mark.parametrize("entry", [e for e in STORED["means"] if "control" in e], ids=identity)
def test_comparisons_with_a_control(entry: dict[str, Any]) -> None:
    found, stored = means(entry), entry["control"]
    names = found.rows.names(found.rows.groups[0])
    reference = names[stored["reference"] - 1]
    table = found.contrasts("dunnett", adjust="dunnettx", reference=reference).table()
    assert list(table["contrast"]) == stored["contrast"]
    relative = p_tolerance(table["statistic"], 1e-5)
    absolute = np.nan_to_num(relative * numbers(stored["p"])) + 5e-7
    assert_close(table["p_value"], stored["p"], 0.0, absolute)


@pytest.mark.parametrize("entry", [e for e in STORED["means"] if "letters" in e], ids=identity)
def test_letters(entry: dict[str, Any]) -> None:
    for adjust, stored in entry["letters"].items():
        assert list(means(entry).letters(adjust=adjust)["letters"]) == stored


@pytest.mark.parametrize("entry", [e for e in STORED["means"] if "response" in e], ids=identity)
def test_means_of_the_response_and_ratios(entry: dict[str, Any]) -> None:
    found = means(entry, "response")
    table = found.table()
    assert_close(table["estimate"], entry["response"]["estimate"], 2e-5)
    assert_close(table["std_error"], entry["response"]["std_error"], allowed_se(entry) * 3)
    if entry["tested"]:
        assert_ends_close(table, entry["response"], allowed_se(entry))
    if "ratios" in entry:
        pairs, stored = found.contrasts().table(), entry["ratios"]
        name = "odds_ratio" if cases()[entry["case"]].link == "logit" else "ratio"
        assert_close(pairs[name], stored["estimate"], 5e-5)
        assert_close(pairs["std_error"], stored["std_error"], 1e-4)
        if entry["tested"]:
            assert_ends_close(pairs, stored, allowed_se(entry))
            relative = p_tolerance(pairs["statistic"], allowed_se(entry))
            assert_close(
                pairs["p_value"], stored["p"], 0.0, relative * numbers(stored["p"]) + 5e-7
            )


def assert_ends_close(
    table: Any,  # noqa: ANN401
    stored: dict[str, list[Any]],
    relative_se: float,
) -> None:
    """Ends of intervals, to the error that those of the estimate and its error make."""
    for end in ("lower", "upper"):
        absolute = 4.0 * relative_se * np.nan_to_num(numbers(stored["std_error"]))
        assert_close(table[end], stored[end], 5e-5, absolute)


@pytest.mark.parametrize("entry", STORED["trends"], ids=identity)
def test_slopes(entry: dict[str, Any]) -> None:
    found = emtrends(model(entry["case"]), entry["spec"], entry["var"], ddf=entry["ddf"])
    rough = FORWARD.get(entry["case"], 1e-5)
    table = found.table()
    assert_close(table["estimate"], entry["estimate"], rough)
    se = max(rough, NUMERICAL.get(entry["case"], 1e-5))
    assert_close(table["std_error"], entry["std_error"], se)
    if entry["df"] is not None:
        assert_close(table["df"], entry["df"], 1e-3)
    if "pairs" in entry:
        pairs, stored = found.contrasts().table(), entry["pairs"]
        assert list(pairs["contrast"]) == stored["contrast"]
        absolute = rough * np.abs(numbers(entry["estimate"])).max()
        assert_close(pairs["estimate"], stored["estimate"], rough, absolute)
        assert_close(pairs["std_error"], stored["std_error"], se)
        if stored["df"] is not None:
            assert_close(pairs["df"], stored["df"], 1e-3)
