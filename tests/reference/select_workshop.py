"""Make workshop.json from raw R output: ``python -m tests.reference.select_workshop SOURCE``.

SOURCE is a folder with `inference.json`. Of the models that the scripts in `examples` fit, kept
are the tests of type II (car::Anova), and by marginal means their estimates, standard errors
and letters by Šidák's adjustment (multcomp::cld), in R's order; contrasts of potash.

glmmTMB 1.1.5 takes n less all parameters as degrees of freedom; of families other than the
Gaussian the infinite ones are taken, as by later versions. Its standard errors count that
variances are estimated; in balanced designs that makes no difference.
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MEANS = {  # id: (specification, means on the response scale)
    "omer_E3_tmb": ("~ gen", False),
    "yates_splitplot_tmb": ("~ nf", False),
    "temperature_C_ar1_literal": ("~ Treatment | Time", False),
    "fecal_ar1_literal": ("~ Trt | Day", False),
    "severity_beta": ("~ fungicide", True),
    "seeds_binomial": ("~ extract * gen", True),
    "webworms_nb1": ("~ trt", True),
    "kfert_random": ("~ K2O_lbac", False),
    "kfert_fixed_lm": ("~ K2O_lbac", False),
}
TESTED = [*MEANS, "gilmour_random_tmb", "omer_E3_fixed_tmb"]


def tests_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    rows = found["car_anova_type2_chisq"]["rows"]
    return [
        {"term": r["term"], "chi2": r.get("Chisq"), "df": r["Df"], "p": r.get("Pr(>Chisq)")}
        for r in rows
    ]


def means_of(found: dict[str, Any], spec: str, response: bool) -> list[dict[str, Any]]:
    given = [each for each in found["emmeans"] if each["spec"] == spec and "cld" in each]
    last = given[-1] if response else given[0]  # the last has infinite degrees of freedom
    means = last["means_response" if response else "means_link"]
    value = (
        "emmean"
        if "emmean" in means[0]
        else next(k for k in ("response", "prob") if k in means[0])
    )
    at = [name for name in list(means[0]) if name not in _NUMBERS]
    letters = {tuple(r[a] for a in at): r[".group"] for r in last["cld"]["sidak"]}
    return [
        {
            "at": {a: r[a] for a in at},
            "estimate": r[value],
            "std_error": r["SE"],
            "letters": letters[tuple(r[a] for a in at)],
        }
        for r in means
    ]


_NUMBERS = {
    "emmean",
    "response",
    "prob",
    "SE",
    "df",
    "lower.CL",
    "upper.CL",
    "asymp.LCL",
    "asymp.UCL",
    "t.ratio",
    "z.ratio",
    "p.value",
    "null",
}


def main(source: Path) -> None:
    inference = json.loads((source / "inference.json").read_text(encoding="utf-8"))
    chosen = {
        name: {
            "anova": tests_of(inference[name]),
            "means": means_of(inference[name], *MEANS[name]) if name in MEANS else [],
        }
        for name in TESTED
    }
    for name in ("kfert_random", "kfert_fixed_lm"):
        contrast = inference[name]["custom_contrast"][0]["result"][0]
        chosen[name]["contrast"] = [contrast[k] for k in ("estimate", "SE", "df", "p.value")]
    lines = [f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in chosen.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (HERE / "workshop.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
