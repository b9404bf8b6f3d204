"""Make means.json from the raw R output: ``python -m tests.reference.select_means SOURCE``.

SOURCE is a folder with `inference.json`: for each model the means, pairs, comparisons with a
control, letters and slopes that R's emmeans 1.8.4 gave. Kept are those of the models in
`cases.json`, as columns of numbers with ten digits. Left out, because R's convention differs:

- p-values, intervals and letters of glmmTMB 1.1.5 fits with n − p degrees of freedom, where
  those of the normal distribution are there, too, or the family is not Gaussian;
- standard errors of lm and of glmmTMB's REML fits (see `select_cases`).
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.reference.corpus import cases

HERE = Path(__file__).parent
Record = dict[str, Any]
METHODS = {"satterthwaite": "satterthwaite", "kenward-roger": "kenward-roger"}
MOST_PAIRS = 70
ADJUSTED = ("p_tukey", "p_sidak", "p_bonferroni", "p_holm")
LOWER = ("lower_tukey", "lower_sidak", "lower_bonferroni")


def number(value: Any) -> Any:  # noqa: ANN401
    """Ten significant digits."""
    return float(f"{value:.10g}") if isinstance(value, float) else value


def column(rows: list[Record], *names: str) -> list[Any] | None:
    """The first of these columns that the rows have."""
    for name in names:
        if rows and name in rows[0]:
            return [number(row.get(name)) for row in rows]
    return None


def compact(case: str, entry: Record) -> Record:
    """One call of emmeans and what followed from it."""
    method = entry["df_method"] or ""
    normal = method.startswith("asymptotic")
    of_engine = cases()[case].engine == "glmer"
    tested = method in METHODS or normal or of_engine
    means = entry["means_link"]
    made: Record = {
        "case": case,
        "spec": entry["spec"],
        "at": entry["at"],
        "ddf": METHODS.get(method, "infinite"),
        "tested": tested,
        "means": {
            "estimate": column(means, "emmean"),
            "std_error": column(means, "SE"),
            "df": column(means, "df") if tested else None,
            "lower": column(means, "lower.CL", "asymp.LCL") if tested else None,
        },
    }
    pairs = entry.get("pairs_link") or []
    if pairs and (len(pairs) <= MOST_PAIRS or method == "satterthwaite"):
        made["pairs"] = {
            "contrast": column(pairs, "contrast"),
            "estimate": column(pairs, "estimate"),
            "std_error": column(pairs, "SE"),
        }
        if tested:
            names = ("df", *ADJUSTED, *LOWER)
            made["pairs"] |= {name: column(pairs, name) for name in names}
    control = entry.get("trt_vs_ctrl_dunnettx")
    if isinstance(control, list) and tested:
        made["control"] = {
            "contrast": column(control, "contrast"),
            "p": column(control, "p.value"),
            "reference": entry["trt_vs_ctrl_ref"],
        }
    if tested and isinstance(entry.get("cld"), dict):
        made["letters"] = {
            adjust: [row[".group"].replace(" ", "") for row in rows]
            for adjust, rows in entry["cld"].items()
        }
    for part, name in (("means_response", "response"), ("pairs_response", "ratios")):
        rows = entry.get(part)
        if rows:
            wanted = ("response", "rate", "prob", "ratio", "odds.ratio", "estimate")
            made[name] = {
                "estimate": column(rows, *wanted),
                "std_error": column(rows, "SE"),
            }
            if tested:
                made[name] |= {
                    "lower": column(rows, "lower.CL", "asymp.LCL"),
                    "upper": column(rows, "upper.CL", "asymp.UCL"),
                }
            if tested and name == "ratios":
                made[name]["p"] = column(rows, "p.value")
    return made


def trend(case: str, entry: Record) -> Record:
    """One call of emtrends."""
    method = entry["df_method"] or ""
    rows, pairs = entry["trends"], entry.get("pairs") or []
    made: Record = {
        "case": case,
        "spec": entry["spec"],
        "var": entry["var"],
        "ddf": METHODS.get(method, "infinite"),
        "estimate": column(rows, f"{entry['var']}.trend"),
        "std_error": column(rows, "SE"),
        "df": column(rows, "df") if method in METHODS else None,
    }
    if pairs:
        made["pairs"] = {
            "contrast": column(pairs, "contrast"),
            "estimate": column(pairs, "estimate"),
            "std_error": column(pairs, "SE"),
            "df": column(pairs, "df") if method in METHODS else None,
        }
    return made


def main(source: Path) -> None:
    """Write means.json."""
    raw = json.loads((source / "inference.json").read_text())
    kept = {name: record for name, record in raw.items() if name in cases()}
    means = [
        compact(name, entry)
        for name, record in kept.items()
        for entry in record["emmeans"]
        if "error" not in entry and cases()[name].engine != "lm"
    ]
    trends = [
        trend(n, entry) for n, record in kept.items() for entry in record.get("emtrends", [])
    ]
    lines = {
        name: ",\n".join(json.dumps(each, ensure_ascii=False) for each in found)
        for name, found in (("means", means), ("trends", trends))
    }
    text = ",\n".join(f'"{name}": [\n{listed}\n]' for name, listed in lines.items())
    (HERE / "means.json").write_text(f"{{\n{text}\n}}\n", encoding="utf-8")
    print(f"{len(means)} sets of means, {len(trends)} of slopes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
