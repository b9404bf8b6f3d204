"""Make cases.json from the raw R output: ``python -m tests.reference.select_cases SOURCE``.

SOURCE is a folder with `cases.json` (one record a fitted model, everything R printed) and
`data/`. Kept are the models this package fits, and of each the numbers that are compared, in
the convention in which they are comparable:

- standard errors: (XᵀV⁻¹X)^-½ for a Gaussian response with the identity link (`se` of lmer,
  `se_given_theta` of glmmTMB), the inverse joint Hessian otherwise (`se` of glmer, glmmTMB);
- conditional standard deviations of the modes given all parameters (`condsd` of lme4,
  `condsd_inner` of glmmTMB; left out for a restricted glmmTMB fit, where they contain β);
- names of nested groups outermost first, as the formula says them;
- lm: σ and standard errors on the maximum likelihood scale, RSS/n instead of RSS/(n − p).
"""

import gzip
import json
import math
import re
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Record = dict[str, Any]

ENGINES = {"clmm", "lm", "lmer", "glmer", "glmmTMB", "own_laplace"}
FAMILIES = {"gaussian", "binomial", "poisson", "nbinom1", "nbinom2", "Gamma", "beta", "t"}
FAMILIES |= {"truncated_poisson", "truncated_nbinom1", "truncated_nbinom2"}
FAMILIES |= {"betabinomial", "inverse.gaussian"}
FAMILIES |= {"cumulative", "tweedie", "ordbeta", "compois", "genpois"}
WITHOUT_SCALE = {"cumulative", "binomial", "poisson", "truncated_poisson"}
LINKS = {"identity", "log", "logit", "probit", "cloglog", "inverse", "sqrt"}
PREDICTORS = {"cond": "location", "zi": "zero_inflation", "disp": "dispersion"}
KEPT_LEVELS = 3
COMPRESSED_BYTES = 200_000

SECOND_ENGINE = {
    "cbpp_cloglog": "lme4 takes the expected information in the Laplace determinant; the "
    "observed one, glmmTMB's, is compared.",
    "bacteria_probit": "lme4 takes the expected information in the Laplace determinant; the "
    "observed one, glmmTMB's, is compared.",
    "gamma_glmer_log": "lme4 does not maximize the marginal likelihood of a family with a "
    "scale parameter; glmmTMB's Laplace maximum is compared.",
}
REPEATED_ROWS = {
    "sleep_weights_tmb": "glmmTMB's weights multiply the log density of a row. Ours are "
    "precision weights for a Gaussian response, so each row is repeated w times instead.",
}
NOT_AT_THE_BOUNDARY = {
    "epil2_nb2_slope": "The likelihood rises to a correlation of -1, which glmmTMB reaches "
    "only at infinity; it stopped at -0.999. What depends on it is not compared.",
}
MEAN_OF_ALL = {
    "ordbeta": "glmmTMB's fitted values are the means of the values between 0 and 1. The mean "
    "of all values follows from them and the cutpoints.",
}
ROUNDED = {
    "wine_clmm": "clmm's Laplace approximation is 3.5e-6 higher than that of independent code "
    "at the same parameters; its quadrature agrees to 1e-9.",
}
NOTES = SECOND_ENGINE | REPEATED_ROWS | NOT_AT_THE_BOUNDARY | MEAN_OF_ALL | ROUNDED


def is_covered(case: Record) -> bool:
    """Whether the package fits this model."""
    return (
        case["engine"] in ENGINES
        and case["family"] in FAMILIES
        and case["link"] in LINKS
        and (case["dispformula"] or "").replace(" ", "") != "~0"
    )


def group_factors(label: str, formula: str) -> list[str]:
    """R's group label as factors, outermost first: "cask:batch" of batch/cask is reversed."""
    factors = re.sub(r"[()]", "", label).split(":")
    if re.search(re.escape("/".join(reversed(factors))), formula) and len(factors) > 1:
        return factors[::-1]
    return factors


def group_name(label: str, formula: str) -> str:
    """The group's name, outermost factor first, without lme4's ".1" for a second term."""
    return re.sub(r"\.\d+$", "", ":".join(group_factors(label, formula)))


def level_name(level: str, label: str, formula: str) -> str:
    """The level's name in the order of `group_name`."""
    stripped = re.sub(r"[()]", "", label).split(":")
    if len(stripped) > 1 and group_factors(label, formula) != stripped:
        return ":".join(reversed(level.split(":")))
    return level


def standard_errors(case: Record) -> Record:
    """Standard errors of the fixed effects in the convention of this package."""
    expected = case["expected"]
    if case["engine"] == "lm":
        scale = math.sqrt(expected["df_residual"] / expected["nobs"])
        return {name: se * scale for name, se in expected["se"].items()}
    linear = case["family"] == "gaussian" and case["link"] == "identity"
    if linear and not case["dispformula"]:
        return expected.get("se_given_theta", expected["se"])
    return {name: expected["se"][name] for name in expected["fixef"]}


def variance_parameters(case: Record) -> list[Record]:
    """Standard deviations and correlations of the random effects."""
    rows = []
    for row in case["expected"].get("varcorr") or []:
        if row["kind"] == "residual":
            continue
        rows.append(
            {
                "predictor": PREDICTORS[row.get("component", "cond")],
                "group": group_name(row["group"], case["formula"]),
                "effect": effect_name(row["term1"]),
                "with": row.get("term2") and effect_name(row["term2"]),
                "value": row["sdcor"],
            }
        )
    return rows


def conditional_modes(case: Record) -> list[Record]:
    """Modes and conditional standard deviations of the first levels of every term."""
    restricted_tmb = case["engine"] == "glmmTMB" and case["REML"]
    rows = []
    for term in case["expected"].get("ranef") or []:
        for level in term["levels"][:KEPT_LEVELS]:
            sd = level.get("condsd_inner") or level.get("condsd")
            rows.append(
                {
                    "predictor": PREDICTORS[term.get("component", "cond")],
                    "group": group_name(term["group"], case["formula"]),
                    "level": level_name(level["level"], term["group"], case["formula"]),
                    "mode": {effect_name(k): v for k, v in level["mode"].items()},
                    "sd": None
                    if restricted_tmb or sd is None
                    else {effect_name(k): v for k, v in sd.items()},
                }
            )
    return rows


def effect_name(written: str) -> str:
    """Without the package that R's users write before a function."""
    return written.replace("glmmTMB::", "")


def levels_of(described: Record) -> list[str] | None:
    """Levels of a factor, a single one too, which stands without a list; of a number none."""
    levels = described.get("levels")
    return [levels] if isinstance(levels, str) else levels


def other_predictors(case: Record) -> dict[str, Record]:
    """Coefficients of the zero inflation and of the dispersion, on this package's scale."""
    expected, found = case["expected"], {}
    if case["ziformula"]:
        found["zero_inflation"] = expected["fixef_zi"]
    for name, value in expected.get("thresholds", {}).items():
        found[name] = {"(Intercept)": value}
    if case["dispformula"]:
        # glmmTMB 1.1.5: log variance of a Gaussian response, log shape of a gamma one
        factor = {"gaussian": 0.5, "Gamma": -0.5}.get(case["family"], 1.0)
        found["dispersion"] = {k: factor * v for k, v in expected["fixef_disp"].items()}
    return found


def family_parameters(case: Record) -> dict[str, float]:
    """Parameters of the family besides the dispersion, by predictor, on their own scale."""
    given = case["expected"].get("family_params") or {}
    if case["family"] == "ordbeta":  # R prints the probabilities of the cutpoints
        lower, upper = (math.log(p / (1.0 - p)) for p in given.values())
        return {"lower_cutpoint": lower, "cutpoint_gap": upper - lower}
    return {"shape": next(iter(given.values()))} if given else {}


def is_singular(case: Record, parameters: list[Record]) -> bool:
    """A standard deviation of zero or a correlation of one in R's own estimates."""
    return bool(case["checks"].get("singular")) or any(
        abs(row["value"]) > 0.9999 if row["with"] else row["value"] < 1e-5 for row in parameters
    )


def own_numbers(case: Record) -> Record:
    """The numbers of the engine named in the case."""
    expected = case["expected"]
    sigma = expected.get("sigma")  # none where it varies
    if case["engine"] == "lm":
        sigma *= math.sqrt(expected["df_residual"] / expected["nobs"])
    stopped_short = case["id"] in NOT_AT_THE_BOUNDARY
    parameters = variance_parameters(case)
    return {
        "log_likelihood": expected["loglik"],
        "n_parameters": expected["df"],
        "n": expected["nobs"],
        "fixed": expected["fixef"],
        "se": standard_errors(case),
        "others": other_predictors(case),
        "dropped": expected.get("dropped_columns"),
        "singular": is_singular(case, parameters) or stopped_short,
        "random": [] if stopped_short else parameters,
        "scale": None if case["family"] in WITHOUT_SCALE or case["dispformula"] else sigma,
        "family_parameters": family_parameters(case),
        "modes": [] if stopped_short else conditional_modes(case),
        "fitted": fitted_values(case),
    }


def fitted_values(case: Record) -> Record | None:
    """Means and linear predictors of the first rows."""
    fitted = case["expected"].get("fitted")
    if not fitted or case["family"] == "cumulative":  # R: probability of what was observed
        return None
    link = fitted.get("link", fitted["response"])
    response = fitted["response"]
    if case["family"] == "ordbeta":
        cutpoints = case["expected"]["family_params"].values()
        response = [mean_of_ordered_beta(eta, *cutpoints) for eta in link]
    return {"rows": fitted["rows"], "response": response, "link": link}


def mean_of_ordered_beta(eta: float, lower: float, upper: float) -> float:
    """P(1) + (1 - P(0) - P(1)) m, where m is what glmmTMB calls the response."""

    def above(cutpoint: float) -> float:
        return 1.0 / (1.0 + cutpoint / (1.0 - cutpoint) * math.exp(-eta))

    m = 1.0 / (1.0 + math.exp(-eta))
    return above(upper) + (above(lower) - above(upper)) * m


def second_engine_numbers(case: Record) -> Record:
    """The numbers of the second engine, for a model the first one approximates otherwise."""
    other, expected = case["checks"]["alt"], case["expected"]
    parameters = [
        {
            "predictor": "location",
            "group": group,
            "effect": effect,
            "with": None,
            "value": sd,
        }
        for group, effects in other["sd_by_term"].items()
        for effect, sd in effects.items()
    ]
    return {
        "log_likelihood": other["loglik"],
        "n_parameters": expected["df"],
        "n": expected["nobs"],
        "fixed": other["fixef"],
        "se": other["se"],
        "others": {},
        "dropped": None,
        "singular": False,
        "random": parameters,
        "scale": None,
        "family_parameters": {},
        "modes": [],
        "fitted": None,
    }


def compact(case: Record) -> Record:
    """One case as it is stored here."""
    name = case["id"]
    numbers = second_engine_numbers(case) if name in SECOND_ENGINE else own_numbers(case)
    return {
        "id": name,
        "data": Path(case["data"]).stem,
        "formula": effect_name(case["formula"]),
        "family": case["family"].lower(),
        "link": case["link"],
        "method": "REML" if case["REML"] else "ML",
        "quadrature": case["nAGQ"] or 1,
        "weights": None if name in REPEATED_ROWS else case["weights"],
        "repeat": case["weights"] if name in REPEATED_ROWS else None,
        "zero_inflation": case["ziformula"],
        "dispersion": case["dispformula"],
        "offset": case.get("offset"),
        "contrasts": case["contrasts"]["unordered"].removeprefix("contr."),
        "columns": {
            column: levels_of(described)
            if described["type"] != "ordered"
            else {"ordered": described["levels"]}
            for column, described in case["column_types"].items()
        },
        "engine": case["checks"]["alt"]["engine"] if name in SECOND_ENGINE else case["engine"],
        "note": NOTES.get(name),
        "tags": case["tags"],
        "expected": numbers,
    }


def copy_data(source: Path, name: str) -> None:
    """Copy a table, compressed where it is large; the archive carries no time of making."""
    table = source / "data" / f"{name}.csv"
    if table.stat().st_size < COMPRESSED_BYTES:
        shutil.copyfile(table, HERE / "data" / table.name)
        return
    packed = gzip.compress(table.read_bytes(), mtime=0)
    (HERE / "data" / f"{name}.csv.gz").write_bytes(packed)


def main(source: Path) -> None:
    """Write cases.json and the data its cases need."""
    cases = [
        compact(c) for c in json.loads((source / "cases.json").read_text()) if is_covered(c)
    ]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    (HERE / "cases.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    (HERE / "data").mkdir(exist_ok=True)
    for name in sorted({case["data"] for case in cases}):
        copy_data(source, name)
    print(f"{len(cases)} cases, {len({case['data'] for case in cases})} data sets")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
