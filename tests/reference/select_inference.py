"""Make inference.json: ``python -m tests.reference.select_inference SOURCE``.

SOURCE is a folder with `inference.json`, everything R printed about tests, by case. Kept are,
of linear models fitted by lmer, standard errors and degrees of freedom of the coefficients by
Satterthwaite (lmerTest 3.1-3) and Kenward-Roger (pbkrtest 0.5.2), analysis of variance tables
of lmerTest and car 3.1-1, and likelihood ratio tests; of other models car's chi-squared tests
and the likelihood ratio; of all, profile likelihood intervals of the fixed effects and of
lme4's standard deviations and correlations, and R² and the intraclass correlation by
performance 0.10.2 where these can be trusted; and emmeans' joint tests as numerator degrees of
freedom and F, rounded by it to three decimals (its denominator's are another approximation with
several rows). A test is [F or chi-squared, numerator df,
denominator df, p].

Kept, too, are R's tests of coefficients and their normal intervals, the adjusted covariance of
pbkrtest, lmerTest's F-tests of single terms and likelihood ratios of random terms (ranova),
car's type III as coded, custom contrasts and predictions, also at new levels.

Left out: car's type III in a design with an empty cell (it depends on which column is dropped),
its F-tests of lm, and the likelihood ratio tests of two REML fits with the same fixed effects,
which R refits by ML and this package compares as they are.
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Record = dict[str, Any]

TABLES = {
    "lmerTest_anova_typeI_satterthwaite": "sas 1 satterthwaite",
    "lmerTest_anova_typeII_satterthwaite": "sas 2 satterthwaite",
    "lmerTest_anova_typeIII_satterthwaite": "sas 3 satterthwaite",
    "lmerTest_anova_typeI_kenward_roger": "sas 1 kenward-roger",
    "lmerTest_anova_typeII_kenward_roger": "sas 2 kenward-roger",
    "lmerTest_anova_typeIII_kenward_roger": "sas 3 kenward-roger",
    "car_anova_F_KR_type2": "car 2 kenward-roger",
    "car_anova_type2_chisq": "car 2 Chisq",
    "car_anova_type3_chisq_contr_sum": "car 3 Chisq",
    "car_anova_type2_chisq_zi": "car 2 Chisq zero_inflation",
}
LEFT_OUT = {("oats_missingcell", "car 3 Chisq"), ("kfert_fixed_lm", "car 2 Chisq")}
SAME_FIXED_EFFECTS = {"sleep_corr_reml"}
NO_SHARES = {"machines_us", "webworms_poisson"}  # performance loses contrasts, and gives 1
# emmeans gives a fit by ML the tests of REML, and does not scale Kenward and Roger's F.
NO_JOINT_TESTS = {"machines_us", "ergostool_ml", "exam_slope", "bond", "kfert_fixed_lm"}
NO_DROP1 = {"kfert_fixed_lm"}  # an F-test there
VARIANCES = ("sd_", "cor_", "sigma")
OTHERS = (*VARIANCES, "disp.", "zi.", "Std.Dev.", "Cor.")  # than coefficients of the location
STALE_MODES = {"cbpp_laplace"}  # there its predictions have modes that its ranef() has not


def main() -> None:
    """Write inference.json beside this file."""
    source = json.loads((Path(sys.argv[1]) / "inference.json").read_text(encoding="utf-8"))
    stored = {c["id"] for c in json.loads((HERE / "cases.json").read_text(encoding="utf-8"))}
    kept = {name: selected(name, raw) for name, raw in source.items() if name in stored}
    lines = [f"{json.dumps(name)}: {json.dumps(record)}" for name, record in kept.items()]
    (HERE / "inference.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def selected(name: str, raw: Record) -> Record:
    """The numbers of one case that are compared."""
    out: Record = {}
    for key, method in (
        ("summary_coef_satterthwaite", "satterthwaite"),
        ("summary_coef_kenward_roger", "kenward-roger"),
    ):
        if key in raw:
            matrix = raw[key]["matrix"]
            rows = matrix if isinstance(matrix[0], list) else [matrix]
            out.setdefault("coefficients", {})[method] = {
                "se": [shortened(row[1]) for row in rows],
                "df": [shortened(row[2]) for row in rows],
                "p": [shortened(row[4]) for row in rows],
            }
    out |= wald_tests(raw)
    out |= single_terms(name, raw)
    adjusted = labelled(raw.get("vcov_adjusted_KR", {}))
    if adjusted:
        out["adjusted_vcov"] = [[shortened(each) for each in row] for row in adjusted.values()]
    tables = {
        short: numbers(raw[key]["rows"])
        for key, short in TABLES.items()
        if "rows" in raw.get(key, {}) and (name, short) not in LEFT_OUT
    }
    if any(tables.values()):
        out["anova"] = {short: table for short, table in tables.items() if table}
    profile = raw.get("confint_profile", raw.get("confint_profile_beta", {}))
    if "matrix" in profile:
        out["profile"] = {
            term: [shortened(end) for end in ends]
            for term, ends in zip(profile["rownames"], profile["matrix"], strict=True)
            if not term.startswith(VARIANCES)
        }
        variances = {
            outer_first(term): [shortened(end) for end in ends]
            for term, ends in zip(profile["rownames"], profile["matrix"], strict=True)
            if term.startswith(VARIANCES)
        }
        if variances:
            out["profile_variances"] = variances
    shares = [
        (raw.get(table) or {}).get(key)
        for table, key in (
            ("r2_nakagawa", "R2_marginal"),
            ("r2_nakagawa", "R2_conditional"),
            ("icc", "ICC_adjusted"),
        )
    ]
    if raw.get("r2_icc_reliable") and None not in shares and name not in NO_SHARES:
        out["variance_explained"] = [shortened(share) for share in shares]
    joint = raw.get("joint_tests")
    if isinstance(joint, list) and name not in NO_JOINT_TESTS:
        out["joint_tests"] = {
            row["model term"]: [row["df1"], row["F.ratio"]]
            for row in joint
            if row["model term"] != "(confounded)"
        }
    dropped = [
        row
        for row in raw.get("drop1_chisq", {}).get("rows", [])
        if row.get("LRT", row.get("scaled dev.")) is not None
    ]
    if dropped and name not in NO_DROP1:
        out["drop1"] = {
            row["term"]: [shortened(row["LRT"]), row.get("npar", row.get("Df"))]
            for row in dropped
        }
    ratio = raw.get("lrt_vs", {})
    if "table" in ratio and name not in SAME_FIXED_EFFECTS:
        row = ratio["table"][-1]
        df = row.get("Chi Df", row.get("Df"))  # glmmTMB's Df counts all parameters
        out["likelihood_ratio"] = {
            "smaller": ratio["reduced_formula"],
            "test": [shortened(row["Chisq"]), df, shortened(row["Pr(>Chisq)"])],
        }
    elif "LR" in ratio:  # of ordinal's clmm
        out["likelihood_ratio"] = {
            "smaller": ratio["reduced_formula"],
            "test": [shortened(ratio["LR"]), ratio["df"], shortened(ratio["p"])],
        }
    return out


def wald_tests(raw: Record) -> Record:
    """Normal intervals of the fixed effects, and the tests of coefficients, by component."""
    out: Record = {}
    if raw["engine"] == "lm":
        return out
    table = labelled(raw.get("confint_wald", {}))
    table = {term.removeprefix("cond."): ends for term, ends in table.items()}
    found = {
        term: [shortened(end) for end in ends[:2]]
        for term, ends in table.items()
        if ends[0] is not None and not term.startswith(OTHERS)
    }
    if found:
        out["wald_intervals"] = found
    for key, component in (
        ("summary_coef", "location"),
        ("summary_coef_disp", "dispersion"),
        ("summary_coef_zi", "zero_inflation"),
    ):
        rows = labelled(raw.get(key, {}))
        if rows:
            out.setdefault("coefficient_tests", {})[component] = {
                name: [shortened(row[i]) for i in (0, 1, -1)]
                for name, row in rows.items()
                if row[-1] is not None
            }
    return out


def labelled(table: Record) -> dict[str, list[Any]]:
    """Rows of a matrix by their names; flat, a matrix has its columns one after another."""
    if "matrix" not in table:
        return {}
    rows, names = table["matrix"], table["rownames"]
    names = names if isinstance(names, list) else [names]
    if not isinstance(rows[0], list):
        rows = [rows[i :: len(names)] for i in range(len(names))]
    return dict(zip(names, rows, strict=True))


def single_terms(name: str, raw: Record) -> Record:
    """Tests of one term at a time, fixed and random, and R's other likelihood ratio."""
    out: Record = {}
    fixed = numbers(raw.get("drop1_F_satterthwaite", {}).get("rows", []))
    if fixed:
        out["drop1_F"] = fixed
    naive = numbers(raw.get("car_anova_type3_chisq_as_fitted_contrasts", {}).get("rows", []))
    if naive and (name, "car 3 Chisq") not in LEFT_OUT and raw["engine"] != "lm":
        out["as_coded"] = {term: [row[0], row[1], row[3]] for term, row in naive.items()}
    random = [row for row in raw.get("ranova", {}).get("rows", []) if row["LRT"] is not None]
    if random:
        out["random_terms"] = {
            row["term"]: [shortened(row["LRT"]), row["Df"], shortened(row["Pr(>Chisq)"])]
            for row in random
        }
    for key in ("predict", "predict_new_levels"):
        if key in raw and name not in STALE_MODES:
            skipped = ("without_allow_new_levels", "zprob_re_NULL")
            out[key] = {k: v for k, v in raw[key].items() if k not in skipped}
    if "custom_contrast" in raw and raw["engine"] != "lm":
        out["custom_contrast"] = raw["custom_contrast"]
    if "emmeans_zi" in raw:
        out["means_of_zeros"] = raw["emmeans_zi"]
    if "lrt2_vs" in raw:
        row = raw["lrt2_vs"]["table"][-1]
        out["second_likelihood_ratio"] = {
            "smaller": raw["lrt2_vs"]["reduced_formula"],
            "test": [shortened(row["Chisq"]), row["Df"], shortened(row["Pr(>Chisq)"])],
        }
    return out


def outer_first(term: str) -> str:
    """lme4's name of a variance parameter with the outer of nested factors first."""
    name, bar, group = term.partition("|")
    return name + bar + ":".join(reversed(group.split(":")))


def numbers(rows: list[Record]) -> dict[str, list[Any]]:
    """Term: [statistic, df1, df2 or null, p]."""
    found = {}
    for row in rows:
        statistic = next((row[k] for k in ("F value", "F", "Chisq") if k in row), None)
        p = next((row[k] for k in ("Pr(>F)", "Pr(>Chisq)") if k in row), None)
        if statistic is None or row["term"] == "(Intercept)":
            continue
        df1, df2 = row.get("NumDF", row.get("Df")), row.get("DenDF", row.get("Df.res"))
        found[row["term"]] = [shortened(statistic), df1, shortened(df2), shortened(p)]
    return found


def shortened(value: Any) -> float | None:  # noqa: ANN401
    """Nine significant digits."""
    return None if value is None else float(f"{value:.9g}")


if __name__ == "__main__":
    main()
