"""Time henderson and its peers: ``python -m benchmarks [PROBLEM ...] [--peers ...]``."""

import argparse
import json
import os
import platform
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS, Effort, Peer, interpreter_of
from benchmarks.problems import PROBLEMS, Problem
from benchmarks.startup import startup_table
from benchmarks.tables import markdown

RESULTS = Path(__file__).parent / "results"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("problems", nargs="*", default=["*"], help='names or patterns, "three_levels_*"')
    add("--peers", default=",".join(p.name for p in PEERS), help="comma-separated")
    add(
        "--peer-python",
        default=os.environ.get("HENDERSON_PEER_PYTHON", sys.executable),
        help="interpreter that has the Python peers (or HENDERSON_PEER_PYTHON)",
    )
    add("--limit", type=float, default=Effort().limit, help="seconds a process may take")
    add("--repeats", type=int, default=Effort().repeats, help="most warm fits")
    add("--seconds", type=float, default=Effort().seconds, help="of warm fits")
    add("--cache", type=Path, default=Path(tempfile.gettempdir()) / "henderson-benchmarks")
    add("--output", type=Path, default=RESULTS / "latest", help="path without suffix")
    add("--startup", action="store_true", help="also time whole processes on a small CSV")
    add("--clock", choices=["wall", "cpu"], default="wall", help="cpu: for a busy machine")
    add("--list", action="store_true", help="print the problems and stop")
    return parser.parse_args()


def main() -> None:
    """Run what was asked for; earlier results of other pairs in the output file are kept."""
    given = arguments()
    chosen = [
        p for p in PROBLEMS if any(fnmatch(p.name, pattern) for pattern in given.problems)
    ]
    if given.list:
        for problem in chosen:
            print(f"{problem.name:<20} {problem.about}\n{'':<20} {problem.formula}")
        return
    peers = [p for p in PEERS if p.name in given.peers.split(",")]
    effort = Effort(repeats=given.repeats, seconds=given.seconds, limit=given.limit)
    store = given.output.with_suffix(".json")
    found: dict[str, Any] = json.loads(store.read_text()) if store.exists() else {}
    found["machine"] = machine()
    timings = found.setdefault("timings", {})
    for peer, problem in pairs(peers, chosen, given.peer_python):
        result = peer.time(
            problem, given.cache, interpreter_of(peer, given.peer_python), effort
        )
        timings.setdefault(problem.name, {})[peer.name] = result
        print(f"{problem.name:<20} {peer.name:<12} {spoken(result)}", flush=True)
        save(store, found)
    if given.startup:
        found["startup"] = startup_table(given.cache)
        save(store, found)
    clock = "cpu" if given.clock == "cpu" else "seconds"
    store.with_suffix(".md").write_text(markdown(found, clock), encoding="utf-8")
    print("\n" + markdown(found, clock))


def pairs(
    peers: list[Peer], problems: list[Problem], interpreter: str
) -> list[tuple[Peer, Problem]]:
    """Every problem with every peer that is installed; a missing one is announced."""
    present = []
    for peer in peers:
        reason = peer.missing(interpreter_of(peer, interpreter))
        if reason:
            print(f"skipped: {reason}")
        else:
            present.append(peer)
    return [(peer, problem) for problem in problems for peer in present]


def spoken(result: dict[str, Any]) -> str:
    """One result as a line."""
    if "skipped" in result:
        return f"- {result['skipped']}"
    return (
        f"{result['seconds']:.5f} s (first {result['first']:.3f}, {result['fits']} fits) "
        f"{result['megabytes']:.0f} MB, log L {result['log_likelihood']:.6f}, "
        f"{result['evaluations']} evaluations {result['remark']}"
    )


def save(store: Path, found: dict[str, Any]) -> None:
    """Write the JSON and, beside it, the table."""
    store.parent.mkdir(parents=True, exist_ok=True)
    store.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    store.with_suffix(".md").write_text(markdown(found), encoding="utf-8")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def processor() -> str:
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
