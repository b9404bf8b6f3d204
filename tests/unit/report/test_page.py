"""The report of a fit: what stands in it, and that it stands there the same way every time."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import narwhals as nw
import numpy as np
import pytest
from numpy.testing import assert_allclose

import henderson as hd
from henderson.datasets.catalogue import describe
from henderson.report.contents import Contents, Picture, Table
from henderson.report.document import WIDEST, column_widths
from henderson.report.model_in_words import code, equation
from henderson.report.parts import Wish, contents

PLAIN = Wish(title=None, means=None, source=None, draws=50, seed=1, png=False)


class Outline(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def oats() -> hd.FittedModel:
    table = hd.datasets.load("oats")
    return hd.fit("yield ~ Variety * factor(nitro) + (1 | Block/Variety)", table)


@pytest.fixture(scope="module")
def page(oats: hd.FittedModel, tmp_path_factory: pytest.TempPathFactory) -> Outline:
    path = oats.report(tmp_path_factory.mktemp("report") / "oats.html", n=50)
    return Outline(path.read_text(encoding="utf-8"))


def tables(found: Contents) -> dict[str, Table]:
    blocks = (block for part in found.parts for block in part.blocks)
    return {block.name: block for block in blocks if isinstance(block, Table)}


PARTS = (
    "Model",
    "Design",
    "Data",
    "Estimates",
    "Variance components",
    "Tests",
    "Marginal means",
    "Diagnostics",
    "Methods",
    "Code",
)


def test_the_page_has_all_parts_in_order(page: Outline) -> None:
    headings = [i for i, (tag, _) in enumerate(page.tags) if tag == "h2"]
    assert len(headings) == len(PARTS)
    places = [page.text.index(f" {part} ") for part in PARTS]
    assert places == sorted(places)


def test_the_page_shows_the_numbers_of_the_model(oats: hd.FittedModel, page: Outline) -> None:
    for number in ("214.5", "106.1", "177.1", "37.69", "2.46e-12"):
        assert number in page.text
    assert "Kenward" in page.text


def test_the_page_needs_nothing_but_itself(
    oats: hd.FittedModel, page: Outline, tmp_path: Path
) -> None:
    sources = [
        value or ""
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "data", "action"}
    ]
    assert sources
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert not page.all("script")
    text = oats.report(tmp_path / "a.html", n=50).read_text(encoding="utf-8")
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert styles
    assert not any("url(" in style or "@import" in style for style in styles)


def test_what_cannot_be_seen_is_said(page: Outline) -> None:
    (root,) = page.all("html")
    assert root["lang"] == "en"
    images = page.all("img")
    assert len(images) == 6
    assert all(len(image["alt"] or "") > 20 for image in images)
    cells = page.all("th")
    assert cells
    assert all(cell.get("scope") for cell in cells)
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    targets = [link["href"] or "" for link in page.all("a")]
    assert all(target[1:] in identifiers for target in targets)


def test_a_report_is_the_same_every_time(oats: hd.FittedModel, tmp_path: Path) -> None:
    first, second = (oats.report(tmp_path / name, n=50) for name in ("a.html", "b.html"))
    other = oats.report(tmp_path / "c.html", n=50, rng=2)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != other.read_bytes()


def test_a_report_leaves_the_settings_of_matplotlib_alone(
    oats: hd.FittedModel, tmp_path: Path
) -> None:
    import matplotlib as mpl  # noqa: PLC0415

    with mpl.rc_context({"axes.facecolor": "black", "svg.hashsalt": "mine"}):
        marked = oats.report(tmp_path / "a.html", n=50).read_bytes()
        assert mpl.rcParams["svg.hashsalt"] == "mine"
    assert marked == oats.report(tmp_path / "b.html", n=50).read_bytes()


def test_rows_left_out_are_counted_with_the_reason() -> None:
    table = hd.datasets.load("oats").astype({"yield": float})
    table.loc[[3, 5, 9], "yield"] = np.nan
    found = contents(hd.fit("yield ~ nitro + (1 | Block)", table).estimates, PLAIN)
    text = str(next(part for part in found.parts if part.name == "data"))
    assert "69 of 72 rows are used; 3 are left out (3 missing yield)" in text
    assert tables(found)["data"].grid.rows[0][-1] == "3"


def test_means_are_those_of_factors_and_of_pairs_that_interact(oats: hd.FittedModel) -> None:
    found = tables(contents(oats.estimates, PLAIN))
    captions = [table.caption for name, table in found.items() if name.startswith("means")]
    assert captions == ["Means of Variety", "Means of nitro", "Means of Variety within nitro"]
    letters = nw.from_native(oats.emmeans("nitro").letters())["letters"].to_list()
    grid = found["means-2"].grid
    assert [row[-1] for row in grid.rows] == letters
    assert [row[0] for row in grid.rows] == ["0", "0.2", "0.4", "0.6"]


def test_means_can_be_asked_for(oats: hd.FittedModel, tmp_path: Path) -> None:
    path = oats.report(tmp_path / "a.html", n=50, means="Variety", title="Oats of 1935")
    text = Outline(path.read_text(encoding="utf-8")).text
    assert "Means of Variety" in text
    assert "Means of nitro" not in text
    assert "Oats of 1935" in text
    with pytest.raises(hd.DataError, match="'Varieti'"):
        oats.report(tmp_path / "b.html", n=50, means="Varieti")
    assert not (tmp_path / "b.html").exists()


MODELS: dict[str, dict[str, Any]] = {
    "oats": {},
    "severity": {"family": "beta"},
    "cbpp": {"family": "binomial", "quadrature": 5},
    "sleepstudy": {"method": "ML"},
    "owls": {"family": "nbinom2", "zero_inflation": "~ FoodTreatment"},
    "pastes": {},
    "seeds": {"family": "binomial"},
    "orthodont": {"family": hd.families.StudentT(df=6)},
}


@pytest.mark.parametrize("name", MODELS)
def test_the_code_of_a_report_fits_the_same_model(name: str) -> None:
    table = hd.datasets.load(name)
    model = hd.fit(describe(name).example, table, **MODELS[name])
    lines = code(model.estimates, (), source=None).replace("data = ...", "data = given")
    namespace: dict[str, object] = {"given": table, "print": str}
    exec(lines, namespace)
    again = namespace["model"]
    assert isinstance(again, hd.FittedModel)
    assert again.llf == pytest.approx(model.llf, abs=1e-8)
    assert again.params == pytest.approx(model.params, rel=1e-6, abs=1e-8)


def test_the_equation_has_a_line_for_every_random_term(oats: hd.FittedModel) -> None:
    assert equation(oats.estimates).text() == [
        "yield = η + e",
        "η = β₀ + Variety + factor(nitro) + Variety:factor(nitro) + b[Block] + "
        "b[Block:Variety]",
        "b[Block] ~ N (0, 214.5)",
        "b[Block:Variety] ~ N (0, 106.1)",
        "e ~ N (0, 177.1)",
    ]


def test_behind_a_link_the_equation_has_it() -> None:
    table = hd.datasets.load("severity")
    model = hd.fit("severity ~ fungicide + (1 | block)", table, family="beta")
    assert equation(model.estimates).text()[:2] == ["severity | b ~ beta(μ, φ)", "logit(μ) = η"]


def test_every_linear_predictor_with_a_formula_has_its_line() -> None:
    model = hd.fit(
        "count ~ spp + (1 | site)",
        hd.datasets.load("salamanders"),
        family="nbinom2",
        zero_inflation="~ mined",
    )
    assert equation(model.estimates).text()[:4] == [
        "count | b ~ zero inflated nbinom2(μ, φ)",
        "log(μ) = η",
        "η = β₀ + spp + b[site]",
        "logit(zero inflation) = β₀ + mined",
    ]


def test_a_model_without_factors_has_no_means() -> None:
    model = hd.fit("Yield ~ 1 + (1 | Batch)", hd.datasets.load("dyestuff"))
    names = [part.name for part in contents(model.estimates, PLAIN).parts]
    assert "means" not in names
    assert "tests" not in names


def test_a_model_without_random_effects_has_a_report(tmp_path: Path) -> None:
    model = hd.fit("yield ~ Variety", hd.datasets.load("oats"))
    text = Outline(model.report(tmp_path / "a.html", n=50).read_text(encoding="utf-8")).text
    assert "Linear model fitted by REML" in text


def test_figures_are_drawn_once_for_each_kind_of_file(oats: hd.FittedModel) -> None:
    found = contents(oats.estimates, PLAIN)
    pictures = [b for part in found.parts for b in part.blocks if isinstance(b, Picture)]
    assert all(b.svg.startswith(b"<?xml") and not b.png for b in pictures)


def test_word_gets_headings_tables_and_pictures(oats: hd.FittedModel, tmp_path: Path) -> None:
    from docx import Document  # noqa: PLC0415

    path = oats.report(tmp_path / "oats.docx", n=50)
    made = Document(str(path))
    styles = [paragraph.style.name for paragraph in made.paragraphs if paragraph.style]
    assert styles.count("Heading 1") == len(PARTS)
    assert len(made.tables) == 8
    assert len(made.inline_shapes) == 6
    assert "descr=" in ZipFile(path).read("word/document.xml").decode()


def test_columns_of_a_word_table_break_no_word_and_fit_the_page() -> None:
    short = column_widths([["Term", "p"], ["(Intercept)", "0.04"]])
    assert short[0] > 11 * 0.07
    assert sum(short) < WIDEST / 2.0
    long = column_widths([["Values", "n"], ["word " * 60, "1234567"]])
    assert_allclose(sum(long), WIDEST)
    assert long[1] > 7 * 0.07


def test_what_is_not_installed_is_said_before_anything_is_computed(
    oats: hd.FittedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("henderson.optional.find_spec", lambda name: None)
    with pytest.raises(hd.MissingDependencyError, match=r"henderson\[report\]"):
        oats.report(tmp_path / "report.html")
    with pytest.raises(hd.MissingDependencyError, match="great_tables"):
        hd.to_latex(oats.anova())


def test_another_kind_of_file_is_refused(oats: hd.FittedModel, tmp_path: Path) -> None:
    with pytest.raises(hd.ModelError, match=r"'report\.pdf'.*\.html"):
        oats.report(tmp_path / "report.pdf")


# ---- tables for papers -----------------------------------------------------------------------


def test_markdown_shows_sensible_digits(oats: hd.FittedModel) -> None:
    lines = hd.to_markdown(oats.anova()).splitlines()
    assert lines[0] == "| Term | df1 | df2 | Statistic | p | ddf |"
    assert lines[1] == "|:--|--:|--:|--:|--:|:--|"
    assert lines[3] == "| factor(nitro) | 3 | 45 | 37.69 | 2.46e-12 | kenward-roger |"


def test_markdown_of_means_has_their_letters(oats: hd.FittedModel) -> None:
    lines = hd.to_markdown(oats.emmeans("nitro").letters()).splitlines()
    assert lines[0].endswith("| Letters |")
    assert lines[2] == "| 0 | 79.39 | 7.17 | 6.8 | 62.32 | 96.46 | a |"


def test_markdown_of_a_summary_has_its_tables(oats: hd.FittedModel) -> None:
    text = hd.to_markdown(oats.summary())
    assert "**Random effects**" in text
    assert "**Fixed effects**" in text
    assert "| Block:Variety | (Intercept) | 106.1 | 10.30 |" in text


def test_latex_escapes_what_it_has_to(oats: hd.FittedModel) -> None:
    table = {"name": ["a_b", "50 %"], "estimate": [1.0, 2.0]}
    text = hd.to_latex(oats.estimates.frame.table(table))
    assert r"a\_b" in text
    assert r"50 \%" in text
    assert r"\toprule" in text


def test_bars_in_labels_do_not_end_a_cell_of_markdown(oats: hd.FittedModel) -> None:
    table = oats.estimates.frame.table({"name": ["a|b"], "estimate": [1.0]})
    assert r"a\|b" in hd.to_markdown(table)
