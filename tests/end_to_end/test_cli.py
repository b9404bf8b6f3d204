import json
import subprocess
import sys
from html import escape
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest

import henderson as hd
from henderson import cli

COMMAND = [sys.executable, "-W", "error", "-m", "henderson"]
SLEEP = "Reaction ~ Days + (Days | Subject)"


class Ran:
    """A command line run in this process: its status and what it wrote."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["henderson", *arguments])
            with pytest.raises(SystemExit) as ended:
                cli.main()
        self.status = ended.value.code or 0
        self.out, self.err = capsys.readouterr()


@pytest.fixture
def sleep_csv(tmp_path: Path) -> str:
    path = tmp_path / "sleep.csv"
    path.write_text(hd.datasets.read_text("sleepstudy"), encoding="utf-8")
    return str(path)


def test_the_command_fits_a_csv_and_prints_the_summary(sleep_csv: str) -> None:
    run = subprocess.run(
        [*COMMAND, "fit", sleep_csv, SLEEP],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    model = hd.fit(SLEEP, pd.read_csv(sleep_csv))
    assert run.stdout == f"{model.summary()}\n"


def test_json_has_the_estimates(sleep_csv: str, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "fit", sleep_csv, SLEEP, "--ml", "--json")
    record = json.loads(ran.out)
    assert (ran.status, ran.err) == (0, "")
    assert record["method"] == "ML"
    assert record["log_likelihood"] == pytest.approx(-875.969672, abs=1e-5)
    assert [row["term"] for row in record["coefficients"]][:2] == ["(Intercept)", "Days"]
    assert len(record["random_effects"]) == 36


def test_the_output_can_go_to_a_file(
    sleep_csv: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "fit.txt"
    ran = Ran(capsys, "fit", sleep_csv, SLEEP, "--output", str(target))
    assert (ran.status, ran.out) == (0, "")
    assert "Linear mixed model fitted by REML" in target.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["table.csv.gz", "table.tsv", "table.parquet"])
def test_other_kinds_of_files_give_the_same_fit(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, path = hd.datasets.load("dyestuff"), tmp_path / name
    if name.endswith(".parquet"):
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if name.endswith(".tsv") else ",")
    ran = Ran(capsys, "fit", str(path), "Yield ~ 1 + (1 | Batch)", "--json")
    assert ran.status == 0
    record = json.loads(ran.out)
    assert record["coefficients"][0]["estimate"] == pytest.approx(1527.5)


def test_options_reach_the_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "salamanders.csv"
    table = hd.datasets.load("salamanders").assign(effort=2.0)
    table.to_csv(path, index=False)
    options = ["--family", "nbinom2", "--offset", "log(effort)", "--contrasts", "mined=sum"]
    ran = Ran(capsys, "fit", str(path), "count ~ mined + (1 | site)", *options, "--json")
    assert ran.status == 0, ran.err
    record = json.loads(ran.out)
    model = hd.fit(
        "count ~ mined + (1 | site)",
        pd.read_csv(path),
        family="nbinom2",
        offset="log(effort)",
        contrasts={"mined": "sum"},
    )
    assert record["log_likelihood"] == pytest.approx(model.llf)
    assert [row["term"] for row in record["coefficients"]][1] == list(model.params)[1]
    assert record["coefficients"][0]["estimate"] == pytest.approx(model.params["(Intercept)"])


def test_weights_link_and_quadrature_reach_the_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cbpp.csv"
    table = hd.datasets.load("cbpp")
    table.assign(rate=table["incidence"] / table["size"]).to_csv(path, index=False)
    options = ["--family", "binomial", "--link", "probit", "--weights", "size"]
    ran = Ran(
        capsys, "fit", str(path), "rate ~ period + (1 | herd)", *options, "--quadrature", "5"
    )
    assert ran.status == 0, ran.err
    assert "binomial, probit link" in ran.out
    assert "5 nodes" in ran.out
    assert "Weights: size" in ran.out


def test_empty_cells_and_na_are_missing_and_other_words_are_levels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gaps.csv"
    values = ["1.0", "2.5", "NA", "3.0", "", "2.0", "4.0", "3.5", "1.5", "2.2"]
    groups = ["None", "a", "a", "None", "b", "b", "null", "null", "b", "NA"]
    rows = [f"{y},{g}" for y, g in zip(values, groups, strict=True)]
    path.write_text("\n".join(["y,g", *rows]) + "\n", encoding="utf-8")
    ran = Ran(capsys, "fit", str(path), "y ~ 1 + (1 | g)", "--json")
    assert ran.status == 0, ran.err
    record = json.loads(ran.out)
    assert record["rows_used"] == 7
    assert record["missing"] == {"y": 2, "g": 1}
    assert {row["level"] for row in record["random_effects"]} == {"None", "a", "b", "null"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fit", "SLEEP", "Reaction ~ Day + (1 | Subject)"], "Did you mean 'Days'"),
        (["fit", "SLEEP", "Reaction ~ Days + (1 | Subject"], "^"),
        (["fit", "SLEEP", SLEEP, "--family", "gausian"], "gausian"),
        (["fit", "SLEEP", SLEEP, "--link", "loggit"], "loggit"),
        (["fit", "SLEEP", SLEEP, "--contrasts", "=sum"], "FACTOR=KIND"),
        (["fit", "nowhere.csv", SLEEP], "nowhere.csv"),
        (["fit", "FOLDER/table.xlsx", SLEEP], ".xlsx"),
        (["fit", "FOLDER/empty.csv", SLEEP], "empty.csv"),
        (["fit", "FOLDER/broken.parquet", SLEEP], "broken.parquet"),
        (["fit", "SLEEP", SLEEP, "--output", "FOLDER/no/such/folder.txt"], "folder.txt"),
        (["data", "sleepstud"], "sleepstudy"),
    ],
)
def test_bad_input_ends_with_one_message_and_status_2(
    arguments: list[str],
    said: str,
    sleep_csv: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("empty.csv", "table.xlsx", "broken.parquet"):
        (tmp_path / name).write_text("", encoding="utf-8")
    given = [a.replace("SLEEP", sleep_csv).replace("FOLDER", str(tmp_path)) for a in arguments]
    ran = Ran(capsys, *given)
    assert ran.status == 2
    assert ran.out == ""
    assert said in ran.err
    assert ran.err.count("henderson: ") == 1
    assert "Traceback" not in ran.err


def test_an_unknown_option_ends_with_status_2(
    sleep_csv: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = Ran(capsys, "fit", sleep_csv, SLEEP, "--famly", "poisson")
    assert ran.status == 2
    assert "--famly" in ran.err


def test_a_search_cut_short_ends_with_status_1_and_the_estimates(
    sleep_csv: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def short_fit(*given: object, **options: object) -> hd.FittedModel:
        options["control"] = hd.FitControl(max_evaluations=1)
        return hd.fit(*given, **options)  # pyright: ignore[reportArgumentType, reportCallIssue]

    monkeypatch.setattr(cli, "fit", short_fit)
    ran = Ran(capsys, "fit", sleep_csv, SLEEP, "--ml")
    assert ran.status == 1
    assert "Fixed effects" in ran.out
    assert "not converged" in ran.err


def test_the_bundled_data_are_listed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = Ran(capsys, "data")
    assert listed.status == 0
    assert all(name in listed.out for name in hd.datasets.names())
    printed = Ran(capsys, "data", "dyestuff")
    assert printed.out == hd.datasets.read_text("dyestuff")
    target = tmp_path / "dyestuff.csv"
    assert Ran(capsys, "data", "dyestuff", "--output", str(target)).status == 0
    assert target.read_text(encoding="utf-8") == hd.datasets.read_text("dyestuff")


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "--version")
    assert ran.status == 0
    assert ran.out.strip() == version("henderson")


def test_a_spinner_shows_only_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with cli.shown_at_work("Fitting") as report:
        assert report is None
    assert capsys.readouterr() == ("", "")


def test_a_long_fit_shows_its_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(cli, "PATIENCE", 0.0)
    with cli.shown_at_work("Fitting") as report:
        assert report is not None
        report(3, 1743.6)
    assert "Fitting" in capsys.readouterr().err


def test_parquet_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "table.parquet").write_bytes(b"")
    monkeypatch.setattr("henderson.optional.find_spec", lambda package: None)
    ran = Ran(capsys, "fit", str(tmp_path / "table.parquet"), SLEEP)
    assert ran.status == 2
    assert "pip install 'henderson[parquet]'" in ran.err


def test_marginal_means_with_letters_follow_the_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "oats.csv"
    path.write_text(hd.datasets.read_text("oats"), encoding="utf-8")
    formula = "yield ~ Variety + factor(nitro) + (1 | Block/Variety)"
    model = hd.fit(formula, pd.read_csv(path))
    options = ("fit", str(path), formula, "--means", "nitro", "--means", "Variety")

    text = Ran(capsys, *options).out
    assert text.startswith(str(model.summary()).rstrip("\n"))
    for spec in ("nitro", "Variety"):
        assert f"Marginal means of {spec}\n{model.emmeans(spec).letters_text()}" in text

    record = json.loads(Ran(capsys, *options, "--json").out)
    assert list(record["means"]) == ["nitro", "Variety"]
    letters = model.emmeans("nitro").letters()
    assert record["means"]["nitro"]["letters"] == list(letters["letters"])
    assert record["means"]["nitro"]["estimate"] == pytest.approx(list(letters["estimate"]))


def test_a_mean_of_what_is_no_factor_of_the_model_ends_with_status_2(
    sleep_csv: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = Ran(capsys, "fit", sleep_csv, SLEEP, "--means", "Dose")
    assert ran.status == 2
    assert "Dose" in ran.err
    assert "Traceback" not in ran.err


def test_the_dispersion_formula_reaches_the_fit(
    sleep_csv: str, capsys: pytest.CaptureFixture[str]
) -> None:
    formula = "Reaction ~ Days + (1 | Subject)"
    ran = Ran(capsys, "fit", sleep_csv, formula, "--ml", "--dispersion", "~ Days", "--json")
    model = hd.fit(formula, pd.read_csv(sleep_csv), method="ML", dispersion="~ Days")
    assert json.loads(ran.out)["log_likelihood"] == pytest.approx(model.llf)


def test_a_report_is_written_without_a_warning(sleep_csv: str, tmp_path: Path) -> None:
    path = tmp_path / "sleep.html"
    options = ["--output", str(path), "--title", "Sleep", "--seed", "3"]
    run = subprocess.run(
        [*COMMAND, "report", sleep_csv, SLEEP, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == f"Report written to {path}\n"
    page = path.read_text(encoding="utf-8")
    assert "<h1>Sleep</h1>" in page
    assert f"pd.read_csv({escape(repr(sleep_csv))})" in page


def test_a_report_of_another_kind_ends_with_status_2(
    sleep_csv: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = Ran(capsys, "report", sleep_csv, SLEEP, "--output", "sleep.pdf")
    assert ran.status == 2
    assert "'sleep.pdf'" in ran.err


def test_priors_are_given_one_an_option(
    sleep_csv: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--prior", "Days = normal(0, 1)", "--prior", "sd=gamma(2, 0)"]
    record = json.loads(Ran(capsys, "fit", sleep_csv, SLEEP, *options, "--json").out)
    assert record["priors"] == {"Days": "normal(0, 1)", "sd": "gamma(2, 0)"}
    assert record["log_posterior"] != record["log_likelihood"]
    for bad, message in (
        (["--prior", "normal(0, 1)"], "Write --prior TARGET=PRIOR"),
        (["--prior", "sd=gamma", "--prior", "sd=gamma"], "given twice"),
    ):
        ran = Ran(capsys, "fit", sleep_csv, SLEEP, *bad)
        assert ran.status == 2
        assert message in ran.err
