"""What importing the package loads, and who may import whom."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OPTIONAL = {
    "matplotlib",
    "dask",
    "jinja2",
    "great_tables",
    "polars",
    "pyarrow",
    "numba",
    "hypothesis",
    "pytest",
}
HEAVY = {"scipy.stats", "formulaic", "pandas", "typer", "rich"}


def modules_loaded_by(statement: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{statement}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


def test_importing_the_package_loads_nothing_optional() -> None:
    assert modules_loaded_by("import henderson").isdisjoint(OPTIONAL)


def test_importing_the_package_loads_nothing_heavy_before_it_is_used() -> None:
    assert modules_loaded_by("import henderson").isdisjoint(HEAVY)


def test_the_command_line_loads_nothing_optional() -> None:
    assert modules_loaded_by("import henderson.cli").isdisjoint(OPTIONAL)


def test_every_module_imports_only_from_the_layers_below_its_own() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [lint, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert run.returncode == 0, run.stdout + run.stderr
