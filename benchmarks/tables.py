"""The stored results as Markdown tables."""

from typing import Any

ORDER = ("henderson", "lme4", "glmmTMB", "glmm", "mixedlm", "gpboost", "statsmodels")


def markdown(found: dict[str, Any], clock: str = "seconds") -> str:
    """All tables: seconds and ratios, agreement, skipped pairs, whole processes."""
    where = found["machine"]
    timings = found.get("timings", {})
    peers = [p for p in ORDER if any(p in row for row in timings.values())]
    lines = [
        "# Benchmarks",
        "",
        f"{where['processor']}, {where['cores']} cores, Python {where['python']}. "
        f"One BLAS thread; {CLOCKS[clock]}, from formula to standard errors.",
        "",
        *seconds_table(timings, peers, clock),
        *phases_table(timings),
        *agreement_table(timings, peers),
        *skipped_list(timings),
        *startup_list(found.get("startup", {})),
    ]
    return "\n".join(lines) + "\n"


CLOCKS = {"seconds": "median of warm fits", "cpu": "processor time, mean of warm fits"}


def row(cells: list[str]) -> str:
    """One line of a table."""
    return "| " + " | ".join(cells) + " |"


def seconds_table(timings: dict[str, Any], peers: list[str], clock: str) -> list[str]:
    """Milliseconds of each peer, and in brackets how many times henderson's."""
    lines = ["## Milliseconds (times henderson's)", "", row(["problem", *peers])]
    lines.append(row(["---", *["---:"] * len(peers)]))
    for problem, results in timings.items():
        spent = {peer: result.get(clock) for peer, result in results.items()}
        own = spent.get("henderson")
        lines.append(row([problem, *(seconds_cell(spent.get(p), own) for p in peers)]))
    return [*lines, ""]


def seconds_cell(spent: float | None, own: float | None) -> str:
    """Milliseconds with three digits, and the ratio to henderson."""
    if spent is None:
        return "–"
    text = f"{1000 * spent:.3g}" if spent < 1 else f"{1000 * spent:,.0f}"
    return text if own is None or spent == own else f"{text} ({spent / own:.3g}×)"


def phases_table(timings: dict[str, Any]) -> list[str]:
    """henderson's stages in the last warm fit, and its first fit."""
    own = {name: row["henderson"] for name, row in timings.items() if "henderson" in row}
    lines = [
        "## henderson's milliseconds by stage",
        "",
        row(["problem", "design", "search and standard errors", "whole", "first fit"]),
        row(["---", "---:", "---:", "---:", "---:"]),
    ]
    for problem, result in own.items():
        if "seconds" in result:
            stages = [result["phases"].get(stage, 0.0) for stage in ("design", "search")]
            seconds = [*stages, result["seconds"], result["first"]]
            lines.append(row([problem, *(f"{1000 * s:.3g}" for s in seconds)]))
    return [*lines, ""] if own else []


def agreement_table(timings: dict[str, Any], peers: list[str]) -> list[str]:
    """Log-likelihood: the best, and what the others lack; evaluations; memory."""
    lines = [
        "## Log-likelihood (difference from the best; evaluations; peak MB)",
        "",
        row(["problem", "best", *peers]),
        row(["---", "---:", *["---:"] * len(peers)]),
    ]
    for problem, results in timings.items():
        values = [r["log_likelihood"] for r in results.values() if is_comparable(r)]
        if not values:
            continue
        best = max(values)
        cells = [agreement_cell(results.get(p, {}), best) for p in peers]
        lines.append(row([problem, f"{best:.4f}", *cells]))
    return [*lines, ""]


def is_comparable(result: dict[str, Any]) -> bool:
    """Whether the log-likelihood is of the same kind: GPBoost's remark says that it is not."""
    return "log_likelihood" in result and "maximum likelihood" not in result["remark"]


def agreement_cell(result: dict[str, Any], best: float) -> str:
    """Difference, evaluations and memory of one fit."""
    if "log_likelihood" not in result:
        return "–"
    difference = result["log_likelihood"] - best
    evaluations = result["evaluations"] if result["evaluations"] is not None else "?"
    return f"{difference:.1e}; {evaluations}; {result['megabytes']:.0f}"


def skipped_list(timings: dict[str, Any]) -> list[str]:
    """What was not run, and why; remarks of what was."""
    lines = ["## Not run, and remarks", ""]
    for problem, results in timings.items():
        for peer, result in results.items():
            text = result.get("skipped") or result.get("remark")
            if text:
                lines.append(f"- {problem}, {peer}: {text}")
    return [*lines, ""]


def startup_list(startup: dict[str, dict[str, float] | None]) -> list[str]:
    """Seconds of whole processes."""
    if not startup:
        return []
    lines = ["## Whole processes on the sleepstudy CSV", ""]
    lines += [
        f"- {name}: "
        + (
            "not run"
            if whole is None
            else f"{whole['seconds']:.2f} s, cpu {whole['cpu']:.2f} s"
        )
        for name, whole in startup.items()
    ]
    return [*lines, ""]
