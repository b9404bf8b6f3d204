"""The stored results as Markdown tables."""

from typing import Any

ORDER = ("henderson", "lme4", "glmmTMB", "glmm", "mixedlm", "gpboost", "statsmodels")


def markdown(found: dict[str, Any]) -> str:
    """All tables: seconds and ratios, agreement, skipped pairs, whole processes."""
    where = found["machine"]
    timings = found.get("timings", {})
    peers = [p for p in ORDER if any(p in row for row in timings.values())]
    lines = [
        "# Benchmarks",
        "",
        f"{where['processor']}, {where['cores']} cores, Python {where['python']}. "
        "One BLAS thread; median of warm fits, from formula to standard errors.",
        "",
        *seconds_table(timings, peers),
        *agreement_table(timings, peers),
        *skipped_list(timings),
        *startup_list(found.get("startup", {})),
    ]
    return "\n".join(lines) + "\n"


def row(cells: list[str]) -> str:
    """One line of a table."""
    return "| " + " | ".join(cells) + " |"


def seconds_table(timings: dict[str, Any], peers: list[str]) -> list[str]:
    """Milliseconds of each peer, and in brackets how many times henderson's."""
    lines = ["## Milliseconds (times henderson's)", "", row(["problem", *peers])]
    lines.append(row(["---", *["---:"] * len(peers)]))
    for problem, results in timings.items():
        own = results.get("henderson", {}).get("seconds")
        lines.append(row([problem, *(seconds_cell(results.get(p, {}), own) for p in peers)]))
    return [*lines, ""]


def seconds_cell(result: dict[str, Any], own: float | None) -> str:
    """Milliseconds with three digits, and the ratio to henderson."""
    if "seconds" not in result:
        return "–"
    text = (
        f"{result['seconds'] * 1000:.3g}"
        if result["seconds"] < 1
        else (f"{result['seconds'] * 1000:,.0f}")
    )
    if own is None or result["seconds"] == own:
        return text
    return f"{text} ({result['seconds'] / own:.3g}×)"


def agreement_table(timings: dict[str, Any], peers: list[str]) -> list[str]:
    """Log-likelihood: the best, and what the others lack; evaluations; memory."""
    lines = [
        "## Log-likelihood (difference from the best; evaluations; peak MB)",
        "",
        row(["problem", "best", *peers]),
        row(["---", "---:", *["---:"] * len(peers)]),
    ]
    for problem, results in timings.items():
        values = [r["log_likelihood"] for r in results.values() if "log_likelihood" in r]
        if not values:
            continue
        best = max(values)
        cells = [agreement_cell(results.get(p, {}), best) for p in peers]
        lines.append(row([problem, f"{best:.4f}", *cells]))
    return [*lines, ""]


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


def startup_list(startup: dict[str, float | None]) -> list[str]:
    """Seconds of whole processes."""
    if not startup:
        return []
    lines = ["## Whole processes on the sleepstudy CSV", ""]
    lines += [
        f"- {name}: " + ("not run" if seconds is None else f"{seconds:.2f} s")
        for name, seconds in startup.items()
    ]
    return [*lines, ""]
