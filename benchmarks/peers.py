"""The packages compared: how each is found, what it cannot fit, and how one job is run."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.problems import Problem

WORKERS = Path(__file__).parent / "workers"
ONE_THREAD = {
    name: "1"
    for name in (
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "RAYON_NUM_THREADS",
    )
}


@dataclass(frozen=True, slots=True)
class Effort:
    """How often a fit is repeated, and for how long."""

    repeats: int = 15
    seconds: float = 3.0  # warm fits stop after this long
    once_above: float = 10.0  # a first fit longer than this is the only one
    limit: float = 300.0  # of a whole process


@dataclass(frozen=True, slots=True)
class Peer:
    """One package. `refuses` gives the reason why it cannot fit a problem, or ''."""

    name: str
    language: str  # "python" or "R"
    refuses: Callable[[Problem], str] = lambda problem: ""

    def missing(self, interpreter: str) -> str:
        """Why it cannot be run here, or ''."""
        if self.language == "R":
            if shutil.which("Rscript") is None:
                return "Rscript is not installed"
            check = ["Rscript", "-e", f"quit(status = !requireNamespace('{self.name}'))"]
        else:
            check = [interpreter, "-c", f"import {self.name}"]
        run = subprocess.run(check, capture_output=True, check=False)
        return f"{self.name} is not installed" if run.returncode else ""

    def time(self, problem: Problem, cache: Path, interpreter: str, effort: Effort) -> dict:
        """Run one problem in a process of its own."""
        reason = problem.skip.get(self.name) or self.refuses(problem)
        if reason:
            return {"skipped": reason}
        table = problem.cached_table(cache)
        command, job = self.command(problem, table, interpreter, effort)
        try:
            run = subprocess.run(
                command,
                input=job,
                capture_output=True,
                text=True,
                timeout=effort.limit,
                check=False,
                env=os.environ | ONE_THREAD,
            )
        except subprocess.TimeoutExpired:
            return {"skipped": f"no result in {effort.limit:.0f} s"}
        return answer(run)

    def command(
        self, problem: Problem, table: Path, interpreter: str, effort: Effort
    ) -> tuple[list[str], str]:
        """The command line and what it reads from standard input."""
        if self.language == "python":
            job = {
                "table": str(table),
                "factors": list(problem.factors),
                "formula": problem.formula,
                "family": problem.family,
                "link": problem.link,
                "method": problem.method,
                "repeats": effort.repeats,
                "seconds": effort.seconds,
                "once_above": effort.once_above,
            }
            script = WORKERS / f"{self.name}_worker.py"
            return [interpreter, str(script)], json.dumps(job)
        values = [
            self.name,
            str(table),
            ",".join(problem.factors),
            problem.formula,
            problem.family,
            problem.method,
            str(effort.repeats),
            str(effort.seconds),
            str(effort.once_above),
        ]
        return ["Rscript", str(WORKERS / "r_worker.R"), *values], ""


def answer(run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The last line a worker printed, or the last line of its error."""
    lines = run.stdout.strip().splitlines()
    if run.returncode == 0 and lines:
        return json.loads(lines[-1])
    message = run.stderr.strip().splitlines() or ["no output"]
    return {"skipped": f"failed: {message[-1][:160]}"}


def not_by_lme4(problem: Problem) -> str:
    """lme4's glmer.nb is a search around glmer; glmmTMB is the comparison."""
    return "compared with glmmTMB" if problem.family == "nbinom2" else ""


def not_by_mixedlm(problem: Problem) -> str:
    """Its formulas have no cbind."""
    return "cbind not offered" if "cbind" in problem.formula else ""


def not_by_gpboost(problem: Problem) -> str:
    """No binomial counts with cbind, no factor slopes, no interactions in this worker."""
    if "cbind" in problem.formula or "offset" in problem.formula:
        return "response or offset not offered by formula"
    if problem.name in {"contraception_slope", "maximal"}:
        return "correlated slopes not offered"
    return ""


def not_by_statsmodels(problem: Problem) -> str:
    """MixedLM is Gaussian; crossed factors are one dense group."""
    if problem.family != "gaussian":
        return "only Gaussian"
    if problem.name in {"insteval", "crossed_1m", "maximal"}:
        return "crossed factors are dense: too large"
    return ""


PEERS: tuple[Peer, ...] = (
    Peer("henderson", "python"),
    Peer("lme4", "R", not_by_lme4),
    Peer("glmmTMB", "R"),
    Peer("glmm", "python"),
    Peer("mixedlm", "python", not_by_mixedlm),
    Peer("gpboost", "python", not_by_gpboost),
    Peer("statsmodels", "python", not_by_statsmodels),
)


def interpreter_of(peer: Peer, others: str) -> str:
    """henderson runs in this interpreter, its Python peers in `others`."""
    return sys.executable if peer.name == "henderson" else others
