"""Residuals that vary together: gls and lme of nlme 3.1-162, glmmTMB 1.1.5, in R 4.2.2.

`error_structures.json` has a fit a line, with the call in R (`r`). Standard errors of gls by
maximum likelihood are without its factor N/(N − p). Those of unstructured covariances are where
nlme stopped: its estimates agree among themselves to some 1e-4 of a standard error. glmmTMB
has a residual variance of 1.5e-8 beside such residuals, and standard errors of another kind.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import henderson as hd
from henderson.covariance import RESIDUAL_STRUCTURES
from tests.reference.corpus import read

STORED = json.loads(
    (Path(__file__).parent / "error_structures.json").read_text(encoding="utf-8")
)
CASES = {case["id"]: case for case in STORED}
CASES = {
    name: case
    for name, case in CASES.items()
    if case["residual"].split("(")[0] in RESIDUAL_STRUCTURES
}


def table_of(case: dict[str, Any]) -> pd.DataFrame:
    table = read(case["data"])
    for name in table.columns:
        levels = case["columns"].get(name)
        if levels:
            table[name] = pd.Categorical(table[name], categories=levels)
            continue
        numbers = pd.Series(pd.to_numeric(table[name], errors="coerce"))
        table[name] = table[name] if numbers.isna().any() else numbers
    return table


@pytest.mark.parametrize("name", CASES)
def test_residual_structures_agree_with_r(name: str) -> None:
    case = CASES[name]
    model = hd.fit(
        case["formula"],
        table_of(case),
        residual=case["residual"],
        dispersion=case.get("dispersion"),
        method=case["method"],
    )
    assert model.converged, model.outcome
    assert model.llf >= case["log_likelihood"] - 1e-5
    assert model.llf == pytest.approx(case["log_likelihood"], abs=1e-6)
    se = np.sqrt(np.diag(model.vcov().values))
    if case["se"] is not None:
        np.testing.assert_allclose(se, case["se"], rtol=1e-4)
    if "log_scales" in case:
        beta = model.estimates.predictors["dispersion"].beta
        np.testing.assert_allclose(beta, case["log_scales"], rtol=1e-4)
    away = np.abs(np.array(list(model.params.values())) - case["fixed"]) / se
    assert away.max() < 1e-4
    components = model.variance_components()
    for term, sd in case["sd"].items():
        row = components[(components["group"] != "Residual") & (components["term"] == term)]
        assert row["sd"].iloc[0] == pytest.approx(sd, rel=1e-4)
    if case["correlation"] is not None and case["residual"].startswith(("ar1", "cs")):
        own = model.covariance_parameters()
        found = own[own["group"] == "Residual"].set_index("parameter")["estimate"]
        assert found["correlation"] == pytest.approx(case["correlation"], rel=1e-4)
        assert found["sd"] == pytest.approx(case["sigma"], rel=1e-4)
