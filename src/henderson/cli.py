"""The command line: fit a model to a file, report on it, list the bundled data sets.

Exit status: 0, fitted; 1, fitted but not converged (the estimates are written all the same);
2, the input cannot be used, said in one message on standard error.
"""

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from threading import Timer
from typing import Annotated, Any

import narwhals as nw
import typer
from rich.console import Console

from henderson import datasets
from henderson.errors import DataError, HendersonError, ModelError
from henderson.estimation import FitControl
from henderson.fitted_model import FittedModel
from henderson.fitting import fit
from henderson.optional import need
from henderson.report.machine_readable import machine_readable
from henderson.tables import NativeTable

MISSING = ["", "NA", "NaN", "nan"]
SEPARATORS = {".csv": ",", ".txt": ",", ".tsv": "\t"}
PATIENCE = 2.0  # seconds before a fit shows that it is at work

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Linear and generalized linear mixed models.",
)


def main() -> None:
    """Run the command line; bad input ends it with one message and status 2."""
    try:
        app()
    except (HendersonError, OSError) as problem:
        print(f"henderson: {problem}", file=sys.stderr)
        sys.exit(2)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(version("henderson"))
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


DataFile = Annotated[Path, typer.Argument(help="A table: .csv, .tsv (also .gz) or .parquet.")]
FormulaText = Annotated[str, typer.Argument(help='Such as "yield ~ nitro + (1 | block)".')]
FamilyName = Annotated[str, typer.Option(help="Distribution of the response.")]
LinkName = Annotated[str | None, typer.Option(help="Default: the family's own.")]
Restricted = Annotated[
    bool | None,
    typer.Option("--reml/--ml", help="Default: REML where the model is Gaussian."),
]
WeightColumn = Annotated[str | None, typer.Option(help="Column of weights or trials.")]
OffsetColumn = Annotated[str | None, typer.Option(help="Column or expression, eta scale.")]
ExposureColumn = Annotated[
    str | None, typer.Option(help="Column that the mean is proportional to; log link.")
]
Nodes = Annotated[int, typer.Option(help="Nodes of adaptive quadrature; 1 is Laplace.")]
Contrasts = Annotated[
    list[str] | None,
    typer.Option(help="treatment, sum, helmert or poly; or FACTOR=KIND, repeatedly."),
]
DispersionText = Annotated[
    str | None, typer.Option(help='Formula of the dispersion, such as "~ treatment".')
]
ZeroText = Annotated[
    str | None, typer.Option(help='Formula of more zeros than the counts have: "~ 1".')
]
ResidualText = Annotated[
    str | None, typer.Option(help='How residuals vary together: "us(visit | subject)".')
]
PriorTexts = Annotated[
    list[str] | None,
    typer.Option(
        "--prior", help='Such as "fixed=normal(0, 2.5)", "sd(herd)=gamma(2, 0)"; repeatedly.'
    ),
]
MeanSpecs = Annotated[
    list[str] | None,
    typer.Option(help='Marginal means with letters: "gen | nitro". May be repeated.'),
]


@app.command("fit")
def fit_command(  # noqa: PLR0917
    data: DataFile,
    formula: FormulaText,
    family: FamilyName = "gaussian",
    link: LinkName = None,
    reml: Restricted = None,
    weights: WeightColumn = None,
    offset: OffsetColumn = None,
    exposure: ExposureColumn = None,
    quadrature: Nodes = 1,
    contrasts: Contrasts = None,
    dispersion: DispersionText = None,
    zero_inflation: ZeroText = None,
    residual: ResidualText = None,
    prior: PriorTexts = None,
    means: MeanSpecs = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, not text.")] = False,
    output: Annotated[Path | None, typer.Option(help="A file to write to.")] = None,
) -> None:
    """Fit a model to the table in a file and print its summary."""
    model = fitted_to(
        data,
        formula,
        family=family,
        link=link,
        method=None if reml is None else ("REML" if reml else "ML"),
        weights=weights,
        offset=offset,
        exposure=exposure,
        dispersion=dispersion,
        zero_inflation=zero_inflation,
        residual=residual,
        quadrature=quadrature,
        contrasts=parse_contrasts(contrasts or []),
        priors=parse_priors(prior or []),
    )
    write(written(model, means or [], as_json=as_json), output)
    refuse_unless_converged(model)


@app.command("report")
def report_command(  # noqa: PLR0917
    data: DataFile,
    formula: FormulaText,
    family: FamilyName = "gaussian",
    link: LinkName = None,
    reml: Restricted = None,
    weights: WeightColumn = None,
    offset: OffsetColumn = None,
    exposure: ExposureColumn = None,
    quadrature: Nodes = 1,
    contrasts: Contrasts = None,
    dispersion: DispersionText = None,
    zero_inflation: ZeroText = None,
    residual: ResidualText = None,
    prior: PriorTexts = None,
    means: MeanSpecs = None,
    title: Annotated[str | None, typer.Option(help="Of the report.")] = None,
    seed: Annotated[int, typer.Option(help="For the simulated residuals.")] = 1,
    output: Annotated[Path, typer.Option(help="A file .html or .docx.")] = Path("report.html"),
) -> None:
    """Fit a model to the table in a file and write a report of everything."""
    model = fitted_to(
        data,
        formula,
        family=family,
        link=link,
        method=None if reml is None else ("REML" if reml else "ML"),
        weights=weights,
        offset=offset,
        exposure=exposure,
        dispersion=dispersion,
        zero_inflation=zero_inflation,
        residual=residual,
        quadrature=quadrature,
        contrasts=parse_contrasts(contrasts or []),
        priors=parse_priors(prior or []),
    )
    with shown_at_work("Writing"):
        path = model.report(output, means=means, title=title, source=str(data), rng=seed)
    print(f"Report written to {path}")
    refuse_unless_converged(model)


@app.command("data")
def data_command(
    name: Annotated[str | None, typer.Argument(help="A data set; none lists them.")] = None,
    output: Annotated[Path | None, typer.Option(help="A file to write to.")] = None,
) -> None:
    """List the bundled data sets, or write one as CSV."""
    if name is None:
        write(datasets.listing(), output)
    else:
        write(datasets.read_text(name), output)


def fitted_to(data: Path, formula: str, **options: Any) -> FittedModel:  # noqa: ANN401
    """The model of a table in a file, with the options of `fit`."""
    table = read_table(data)
    with shown_at_work("Fitting") as progress:
        return fit(formula, table, control=FitControl(report=progress), **options)


def refuse_unless_converged(model: FittedModel) -> None:
    """End with status 1, saying why, where the search did not converge."""
    if not model.converged:
        print(f"henderson: not converged. {model.outcome}", file=sys.stderr)
        raise typer.Exit(1)


def read_table(path: Path) -> NativeTable:
    """The table in a file, as a pandas data frame; missing values are empty or NA."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = next((s for s in reversed(suffixes) if s not in {".gz", ".bz2", ".xz", ".zip"}), "")
    if not path.is_file():
        raise DataError(
            f"There is no file {str(path)!r}. Give the path of a CSV or Parquet file."
        )
    if kind in {".parquet", ".pq"}:
        need("pyarrow", extra="parquet", purpose=f"Reading {path.name}")
        return _read(path, nw.read_parquet, backend="pandas")
    if kind in SEPARATORS:
        return _read(
            path,
            nw.read_csv,
            backend="pandas",
            separator=SEPARATORS[kind],
            na_values=MISSING,
            keep_default_na=False,
        )
    raise DataError(
        f"The kind of file of {path.name!r} is not known. "
        "Use .csv, .tsv (also compressed, .csv.gz) or .parquet."
    )


def _read(path: Path, reader: Callable[..., nw.DataFrame], **options: object) -> NativeTable:
    """What `reader` returns, as a native table; what it raises, with the file's name."""
    try:
        return reader(str(path), **options).to_native()
    except (OSError, ValueError) as problem:
        raise DataError(
            f"{path.name} cannot be read as a table: {str(problem).strip()}. Check that it has "
            "a header line and as many values as columns in every row."
        ) from problem


def parse_contrasts(options: list[str]) -> str | dict[str, str] | None:
    """``["sum"]`` as "sum", for all factors; ``["variety=sum"]`` as ``{"variety": "sum"}``."""
    if not options:
        return None
    if len(options) == 1 and "=" not in options[0]:
        return options[0]
    pairs = [option.partition("=") for option in options]
    for option, (factor, _, kind) in zip(options, pairs, strict=True):
        if not factor or not kind:
            raise ModelError(
                f"--contrasts {option} cannot be read. Write --contrasts KIND once for all "
                "factors, or --contrasts FACTOR=KIND, such as variety=sum, for each."
            )
    return {factor: kind for factor, _, kind in pairs}


def parse_priors(options: list[str]) -> dict[str, str] | None:
    """``["fixed=normal(0, 2.5)"]`` as ``{"fixed": "normal(0, 2.5)"}``."""
    found = {}
    for option in options:
        target, equals, prior = option.partition("=")
        if not equals or not target.strip() or not prior.strip():
            raise ModelError(
                f"--prior {option!r} cannot be read. Write --prior TARGET=PRIOR, such as "
                '--prior "fixed=normal(0, 2.5)", for each.'
            )
        if target.strip() in found:
            raise ModelError(f"--prior {target.strip()} is given twice. Give it once.")
        found[target.strip()] = prior.strip()
    return found or None


@contextmanager
def shown_at_work(what: str) -> Iterator[Callable[[int, float], None] | None]:
    """A spinner on standard error, if it is a terminal, once the body has run for a while.

    Gives a function to be told the evaluations so far and −2 log L.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    status = console.status(what)
    timer = Timer(PATIENCE, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda count, deviance: status.update(
            f"{what}: evaluation {count}, deviance {deviance:.4f}"
        )
    finally:
        timer.cancel()
        timer.join()
        status.stop()


def written(model: FittedModel, means: Sequence[str], *, as_json: bool) -> str:
    """The summary of a model and marginal means, for people or for programs."""
    found = {spec: model.emmeans(spec) for spec in means}
    if as_json:
        values = machine_readable(model.estimates)
        if found:
            values["means"] = {spec: as_columns(each.letters()) for spec, each in found.items()}
        return json.dumps(values, indent=2, allow_nan=False)
    tables = (
        f"Marginal means of {spec}\n{each.letters_text()}" for spec, each in found.items()
    )
    return "\n\n".join([str(model.summary()).rstrip("\n"), *tables])


def as_columns(table: NativeTable) -> dict[str, list]:
    """A table as lists for JSON, in which what is not a finite number is null."""
    columns = nw.from_native(table, eager_only=True).to_dict(as_series=False)
    return {
        name: [
            None if isinstance(value, float) and not math.isfinite(value) else value
            for value in values
        ]
        for name, values in columns.items()
    }


def write(text: str, output: Path | None) -> None:
    """Print, or write to a file."""
    text = text.rstrip("\n") + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")
