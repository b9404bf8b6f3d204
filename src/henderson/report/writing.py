"""A report of a fitted model, written to a file."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from henderson.errors import ModelError
from henderson.estimation.estimates import Estimates
from henderson.estimation.fitted import Fitted, estimates_of
from henderson.optional import need
from henderson.report.document import document
from henderson.report.page import page
from henderson.report.parts import Wish, contents

KINDS = {".html": ("jinja2", "great_tables"), ".docx": ("docx",)}  # and what they need


def write_report(
    model: Fitted | Estimates,
    path: str | Path,
    *,
    means: str | Sequence[str] | None = None,
    title: str | None = None,
    source: str | None = None,
    n: int = 250,
    rng: int = 1,
) -> Path:
    """Write all there is to say of a fit to one file.

    The model in words and as an equation, the diagram of the design, the data with what is
    missing, estimates, variance components, tests, marginal means with letters, diagnostics in
    plain words, a paragraph on methods with references and versions, and the code to run it
    again.

    Parameters
    ----------
    model
        A fitted model.
    path
        Where to write: ".html", one page that needs no other file and no network and prints
        well, or ".docx", a Word document.
    means
        Marginal means to show, such as "gen | nitro". None: of every factor of the fixed
        effects, and of pairs of factors that interact. Behind a link they are on the scale of
        the response.
    title
        Of the report; "Report on" the response unless given.
    source
        The file of the data, for the code at the end.
    n
        Draws for the simulated residuals.
    rng
        A seed for these: the same file every time, as long as the versions are the same.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ModelError
        For another kind of file, a folder that does not exist, or fewer than 2 draws.
    MissingDependencyError
        Without Jinja2, great_tables, Matplotlib or, for Word, python-docx: the extra `report`.
    """
    if not isinstance(path, str | PathLike):
        raise ModelError(f"path={path!r} is not a path. Give one such as 'report.html'.")
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise ModelError(
            f"A report cannot be written as {path.name!r}. Give a name that ends in .html, for "
            "a page, or .docx, for a Word document."
        )
    if not path.parent.is_dir():
        raise ModelError(
            f"The folder {str(path.parent)!r} of the report does not exist. Make it first."
        )
    for package in ("matplotlib", *KINDS[kind]):
        need(package, extra="report", purpose="A report")
    listed = (means,) if isinstance(means, str) else means
    wish = Wish(title, listed, source, draws=n, seed=rng, png=kind == ".docx")
    found = contents(estimates_of(model), wish)
    if kind == ".docx":
        path.write_bytes(document(found))
    else:
        path.write_text(page(found), encoding="utf-8")
    return path
