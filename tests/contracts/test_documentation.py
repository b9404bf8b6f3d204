"""The examples of the documentation run, file by file, and print what the pages show.

In a page, ```python blocks run one after another in one namespace, and ```sh blocks are command
lines of henderson, run in an empty folder; a ```text block right after one is its output.
"""

import io
import re
import shlex
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from henderson import cli
from henderson.covariance import RESIDUAL_STRUCTURES, STRUCTURES
from henderson.families import FAMILIES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ALL_PAGES = [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
# What depends on the last digits of a sum, and so on the machine.
DECIMAL = re.compile(r"-?\d+\.\d*")
ROUNDING = re.compile(r"[\d.]+e-\d+|eigenvalue \S+|\d+ evaluations")


@dataclass(frozen=True, slots=True)
class Example:
    """A block to run and the output that the page shows, if it does."""

    language: str
    code: str
    output: str | None


def examples(page: Path) -> list[Example]:
    text = page.read_text(encoding="utf-8")
    found = []
    for block in BLOCK.finditer(text):
        following = BLOCK.match(text[block.end() :].lstrip("\n"))
        output = following[2] if following and following[1] == "text" else None
        if block[1] in {"python", "sh"}:
            found.append(Example(block[1], block[2], output))
    return found


def run(example: Example, namespace: dict[str, object]) -> str:
    printed = io.StringIO()
    with redirect_stdout(printed):
        if example.language == "python":
            exec(example.code, namespace)
        else:
            for line in example.code.replace("\\\n", " ").splitlines():
                run_command(shlex.split(line, comments=True))
    return printed.getvalue()


def run_command(words: list[str]) -> None:
    if not words:
        return
    assert words[0] == "henderson", words
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert not ended.value.code


def words_and_numbers(output: str) -> tuple[list[str], list[str]]:
    """What stands around the numbers with decimals, spacing aside, and these numbers."""
    text = ROUNDING.sub("#", output)
    return DECIMAL.sub(" # ", text).split(), DECIMAL.findall(text)


def shows_the_same(printed: str, shown: str) -> bool:
    """Equal but for one unit in the last place of a number with decimals."""
    (words, numbers), (shown_words, shown_numbers) = map(words_and_numbers, (printed, shown))
    return words == shown_words and all(
        abs(float(a) - float(b)) < 1.5 * 10.0 ** -len(b.partition(".")[2])
        for a, b in zip(numbers, shown_numbers, strict=True)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run_and_print_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    namespace: dict[str, object] = {"__name__": page.stem}
    for example in examples(page):
        printed = run(example, namespace)
        if example.output is not None:
            assert shows_the_same(printed, example.output), f"{example.code}\n{printed}"


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


# ---- every family and structure has its section ----------------------------------------------

PEERS = re.compile("glmmTMB|lme4|nlme|SAS|ordinal|survival")


def rows_of(page: str, column: str) -> dict[str, list[str]]:
    """The rows of the table of a page that has a column, by each name in the first cell."""
    lines = iter((ROOT / "docs" / "how-to" / page).read_text().splitlines())
    assert any(line.startswith("|") and column in line for line in lines)
    found = {}
    for line in lines:
        if not line.startswith("|"):
            break
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        for name in re.findall(r"[(`]([a-z0-9_]+)", cells[0]):
            found[name] = cells
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_described_with_its_peers(name: str) -> None:
    assert name in rows_of("choose_a_family.md", "dispersion parameter")
    text = (ROOT / "docs" / "how-to" / "choose_a_family.md").read_text()
    paragraphs = [p for p in text.split("\n\n") if re.match(rf"\*\*[^*]*\b{name}\b", p)]
    assert len(paragraphs) == 1
    assert PEERS.search(paragraphs[0])
    assert re.search(r"\bFor |For$", paragraphs[0])


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_of_effects_is_described_with_its_peers(name: str) -> None:
    cells = rows_of("structure_random_effects.md", "in SAS")[name]
    assert all(cells)
    assert any(cell != "–" for cell in cells[3:6])


@pytest.mark.parametrize("name", RESIDUAL_STRUCTURES)
def test_every_structure_of_residuals_is_described_with_its_peers(name: str) -> None:
    cells = rows_of("model_repeated_measures.md", "in SAS")[name]
    assert all(cells)
    assert any(cell != "–" for cell in cells[3:5])
