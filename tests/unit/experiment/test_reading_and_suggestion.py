"""The structure of an experiment, its concerns, and the model it suggests."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

import henderson as hd
from henderson.datasets.catalogue import describe
from henderson.experiment import Experiment, Within
from henderson.experiment.partitions import Partition, coarsest_within, covers, refines, same
from tests.reference.corpus import Case, cases

Table = dict[str, np.ndarray]


def grid(**sizes: int) -> Table:
    """All combinations of 1..k, the first varying slowest."""
    axes = np.meshgrid(*(np.arange(1, k + 1) for k in sizes.values()), indexing="ij")
    return {name: axis.ravel() for name, axis in zip(sizes, axes, strict=True)}


def with_response(table: Table) -> Table:
    n = len(next(iter(table.values())))
    return table | {"y": np.random.default_rng(1).normal(size=n)}


def randomized(blocks: int, treatments: int) -> np.ndarray:
    """A treatment for each plot, in a random order in each block; (blocks * treatments,)."""
    rng = np.random.default_rng(3)
    return np.concatenate([rng.permutation(treatments) for _ in range(blocks)])


def kinds(found: Experiment) -> list[str]:
    return [concern.kind for concern in found.warnings]


def test_nesting_is_read_from_the_codes() -> None:
    pigs = hd.datasets.load("fecal_dm")
    found = hd.describe_design(pigs, units=["Pig", "Room", "Pen"], treatments=["Trt", "Day"])
    assert [unit.name for unit in found.units] == ["Room", "Pen", "Pig"]
    assert [unit.levels for unit in found.units] == [2, 60, 180]
    assert [unit.inside for unit in found.units] == [(), ("Room",), ("Pen",)]
    assert [unit.each for unit in found.units] == [(), ((30, 30),), ((3, 3),)]
    assert [unit.rows for unit in found.units] == [(270, 270), (9, 9), (3, 3)]
    assert not found.crossings
    assert found.balanced


def test_a_treatment_is_applied_to_the_largest_unit_within_which_it_is_constant() -> None:
    pigs = hd.datasets.load("fecal_dm")
    found = hd.describe_design(pigs, units="Room/Pen/Pig", treatments=["Trt", "Day"])
    trt, day = found.treatments
    assert trt.applied_to == ("Room:Pen",)
    assert trt.replicates == (10, 10)
    assert day.role == "time"
    assert day.applied_to == ("row",)


def test_repeated_measures_and_subsamples_are_told_apart() -> None:
    pigs = hd.datasets.load("fecal_dm")
    units, treatments = ["Room", "Pen", "Pig"], ["Trt", "Day"]
    repeated = hd.describe_design(pigs, units=units, treatments=treatments)
    assert repeated.repeated == Within("Pig", (3, 3))
    assert repeated.subsampled is None
    table = grid(pot=12, leaf=4)
    table["trt"] = table["pot"] % 3
    sampled = hd.describe_design(table, units="pot", treatments="trt")
    assert sampled.repeated is None
    assert sampled.subsampled == Within("pot", (4, 4))
    blocks = hd.describe_design(hd.datasets.load("oats"), units="Block", treatments="Variety")
    assert blocks.subsampled is None


def test_crossed_units_are_counted_by_their_combinations() -> None:
    table = with_response(grid(subject=20, item=14))
    keep = np.arange(280) % 11 != 3
    some = {name: values[keep] for name, values in table.items()}
    (all_of,) = hd.describe_design(table, units=["subject", "item"]).crossings
    (part,) = hd.describe_design(some, units=["subject", "item"]).crossings
    assert all_of.complete
    assert all_of.cells == 280
    assert not part.complete
    assert part.cells == int(keep.sum())


def test_two_names_of_the_same_groups_are_one_unit() -> None:
    pastes = hd.datasets.load("pastes")
    found = hd.describe_design(pastes, units=["batch/cask", "sample"])
    assert [(u.name, u.others) for u in found.units] == [
        ("batch", ()),
        ("batch:cask", ("sample",)),
    ]


def test_rows_with_missing_values_are_left_out_and_counted() -> None:
    table = {"pen": ["a", "a", "b", "b", None], "trt": ["x", "x", "y", None, "y"]}
    found = hd.describe_design(table, units="pen", treatments="trt")
    assert found.rows == 3
    assert found.dropped == 2


def test_the_record_is_the_same_for_polars() -> None:
    pigs = hd.datasets.load("fecal_dm")
    other = pl.from_pandas(pigs)
    found, again = (
        hd.describe_design(table, units=["Room", "Pen", "Pig"], treatments=["Trt", "Day"])
        for table in (pigs, other)
    )
    assert found == again


def test_a_model_has_the_structure_of_its_formula() -> None:
    oats = hd.datasets.load("oats")
    formula = "yield ~ Variety * factor(nitro) + (1 | Block/Variety)"
    assert hd.fit(formula, oats).experiment() == hd.describe_design(oats, formula)


@pytest.mark.parametrize("name", hd.datasets.names())
def test_a_right_model_of_a_bundled_table_raises_no_warning(name: str) -> None:
    about = describe(name)
    table = hd.datasets.load(name)
    found = hd.describe_design(table, about.example, family=about.family or "gaussian")
    assert found.warnings == ()


@pytest.mark.parametrize("case", cases().values(), ids=cases())
def test_published_models_of_their_data_raise_no_warning(case: Case) -> None:
    found = hd.describe_design(case.table(), case.formula, family=case.family)
    assert found.warnings == ()


def test_a_slope_is_not_a_treatment_to_be_replicated() -> None:
    table = with_response(grid(tank=6, fish=5))
    table["dose"] = table["tank"] * 2.0
    slope = hd.describe_design(table, "y ~ dose + (1 | tank)")
    compared = hd.describe_design(table, "y ~ factor(dose) + (1 | tank)")
    assert slope.warnings == ()
    assert slope.treatments[0].role == "covariate"
    assert "unreplicated treatment" in kinds(compared)


def test_rows_without_a_response_are_left_out_whatever_its_kind() -> None:
    table = {"y": ["yes", "no", None, "yes"], "g": ["a", "a", "b", "b"]}
    found = hd.describe_design(table, "y ~ 1 + (1 | g)")
    assert (found.rows, found.dropped) == (3, 1)


def latin_square() -> Table:
    square = grid(row=6, column=6)
    return square | {"trt": (square["row"] + square["column"]) % 6}


def counterbalanced() -> Table:
    """Twelve subjects in three lists see twelve items, several rows each."""
    table = grid(subject=12, item=12, part=3)
    return table | {"condition": (table["subject"] + table["item"]) % 3}


def strip_plot() -> Table:
    return grid(block=5, a=3, b=4)


def alpha_like() -> Table:
    table = grid(rep=5, plot=6)
    return {"rep": table["rep"], "trt": randomized(5, 6)}


DESIGNS: dict[str, tuple[Callable[[], Table], dict[str, Any]]] = {
    "latin square": (latin_square, {"units": ["row", "column"], "treatments": "trt"}),
    "crossed": (
        counterbalanced,
        {"units": ["subject", "item"], "treatments": "condition"},
    ),
    "strip plot": (
        strip_plot,
        {"units": ["block", "block:a", "block:b"], "treatments": ["a", "b"]},
    ),
    "blocks": (alpha_like, {"units": "rep", "treatments": "trt"}),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_a_right_design_raises_no_warning(name: str) -> None:
    make, asked = DESIGNS[name]
    assert hd.describe_design(make(), **asked).warnings == ()


def test_a_treatment_in_one_pen_each_is_not_replicated_by_its_pigs() -> None:
    table = grid(pen=6, pig=8)
    found = hd.describe_design(
        table | {"trt": table["pen"] * 10}, units="pen", treatments="trt"
    )
    assert "unreplicated treatment" in kinds(found)
    assert "pen" in str(found.warnings[0])
    assert "pseudoreplication" in str(found.warnings[0])


def test_pens_that_the_model_leaves_out_make_replicates_of_their_pigs() -> None:
    table = with_response(grid(pen=12, pig=5))
    table["trt"] = table["pen"] % 3
    wrong = hd.describe_design(table, "y ~ trt", units="pen")
    right = hd.describe_design(table, "y ~ trt + (1 | pen)")
    assert kinds(wrong) == ["unit left out"]
    assert "(1 | pen)" in wrong.warnings[0].sentence
    assert right.warnings == ()


def test_repeated_measures_without_an_effect_of_the_animal_are_seen() -> None:
    pigs = hd.datasets.load("fecal_dm")
    formula = "dry_matter_perc ~ Trt * Day + (1 | Room/Pen)"
    found = hd.describe_design(pigs, formula, units="Pig")
    assert kinds(found) == ["repeated measures left out"]
    full = "dry_matter_perc ~ Trt * Day + (1 | Room/Pen/Pig)"
    assert hd.describe_design(pigs, full).warnings == ()


def test_plots_numbered_anew_in_every_block_are_seen_by_their_treatments() -> None:
    table = grid(block=4, plot=6, sample=3)
    table["trt"] = np.repeat(randomized(4, 6), 3)
    found = hd.describe_design(table, units=["block", "plot"], treatments="trt")
    assert kinds(found) == ["ids reused"]
    assert "block/plot" in found.warnings[0].sentence
    assert hd.describe_design(table, units="block/plot", treatments="trt").warnings == ()


def test_pens_numbered_anew_are_seen_by_their_different_numbers() -> None:
    room = np.repeat(np.arange(1, 7), [4, 5, 3, 4, 5, 4])
    pen = np.concatenate([np.arange(1, k + 1) for k in (4, 5, 3, 4, 5, 4)])
    table = {"room": np.repeat(room, 4), "pen": np.repeat(pen, 4)}
    assert "ids reused" in kinds(hd.describe_design(table, units=["room", "pen"]))
    assert kinds(hd.describe_design(table, units="room/pen")) == []


def test_labels_that_could_be_read_either_way_are_a_note() -> None:
    found = hd.describe_design(hd.datasets.load("penicillin"), units=["plate", "sample"])
    assert found.warnings == ()
    assert [note.kind for note in found.notes] == ["ids reused"]


def test_an_effect_of_each_row_is_the_residual_unless_the_family_has_none() -> None:
    ticks = hd.datasets.load("grouseticks")
    formula = "TICKS ~ YEAR + (1 | BROOD) + (1 | INDEX)"
    assert kinds(hd.describe_design(ticks, formula)) == ["confounded with the residual"]
    assert kinds(hd.describe_design(ticks, formula, family="poisson")) == []


def test_one_grouping_under_two_names_is_seen() -> None:
    pigs = hd.datasets.load("fecal_dm")
    found = hd.describe_design(pigs, "dry_matter_perc ~ Trt + (1 | Pen) + (1 | Room/Pen)")
    assert "same groups twice" in kinds(found)


def test_a_random_effect_of_a_fixed_factor_is_seen() -> None:
    oats = hd.datasets.load("oats")
    found = hd.describe_design(oats, "yield ~ Variety + (1 | Variety) + (1 | Block)")
    assert "confounded with a fixed effect" in kinds(found)


def test_few_units_matter_where_a_treatment_is_compared_between_them() -> None:
    table = grid(farm=4, cow=10)
    table["trt"] = table["farm"] % 2
    between = hd.describe_design(table, units="farm", treatments="trt")
    within = hd.describe_design(
        table | {"trt": table["cow"] % 2}, units="farm", treatments="trt"
    )
    assert kinds(between) == ["few levels"]
    assert within.warnings == ()
    assert [note.kind for note in within.notes] == ["few levels"]


def test_what_the_units_are_has_to_be_said() -> None:
    with pytest.raises(hd.ModelError, match="units="):
        hd.describe_design(hd.datasets.load("oats"))
    with pytest.raises(hd.DataError, match=r"'Blok'(?s:.*)Did you mean 'Block'"):
        hd.describe_design(hd.datasets.load("oats"), units="Blok")


# ---- the model it suggests -------------------------------------------------------------------


def suggested(table: Table, **asked: Any) -> tuple[str, str]:  # noqa: ANN401
    found = hd.suggest_model(with_response(table), "y", **asked)
    return found.formula, found.design


def test_a_completely_randomised_design_has_fixed_effects_only() -> None:
    table = grid(trt=4, rep=5)
    assert suggested(table | {"trt": table["trt"].astype(str)}, treatments="trt") == (
        "y ~ trt",
        "completely randomised",
    )


def test_blocks_have_a_random_effect() -> None:
    found = hd.suggest_model(
        hd.datasets.load("severity"), "severity", treatments="fungicide", units="block"
    )
    assert found.formula == "severity ~ fungicide + (1 | block)"
    assert found.design == "randomised complete blocks"


def test_blocks_without_all_treatments_are_incomplete() -> None:
    table = {"block": np.repeat(np.arange(10), 3), "trt": np.arange(30) * 7 % 10}
    assert suggested(table, treatments="trt", units="block") == (
        "y ~ factor(trt) + (1 | block)",
        "randomised incomplete blocks",
    )


def test_a_split_plot_has_an_effect_of_the_whole_plots() -> None:
    formula, design = suggested(
        grid(block=5, plot=3, b=4) | {"a": np.repeat(randomized(5, 3), 4).astype(str)},
        treatments=["a", "b"],
        units="block/plot",
    )
    assert formula == "y ~ a * factor(b) + (1 | block/plot)"
    assert design == "split plot in blocks"


def test_a_strip_plot_has_effects_of_both_strips() -> None:
    assert suggested(
        strip_plot(), treatments=["a", "b"], units=["block", "block:a", "block:b"]
    ) == (
        "y ~ factor(a) * factor(b) + (1 | block) + (1 | block:a) + (1 | block:b)",
        "strip plot in blocks",
    )


def test_repeated_measures_have_an_effect_of_the_animal_and_an_alternative() -> None:
    pigs = hd.datasets.load("fecal_dm")
    found = hd.suggest_model(
        pigs, "dry_matter_perc", treatments=["Trt", "Day"], units=["Room", "Pen", "Pig"]
    )
    assert found.formula == "dry_matter_perc ~ Trt * Day + (1 | Room/Pen/Pig)"
    assert found.design == "randomised complete blocks, repeated measures over Day"
    assert [str(each) for each in found.alternatives] == [
        "dry_matter_perc ~ Trt * Day + (1 | Room/Pen) + ou(0 + Day | Pig)",
        'dry_matter_perc ~ Trt * Day + (1 | Room/Pen), residual="us(Day | Pig)"',
    ]
    assert "not equally spaced" in found.alternatives[0].reason


@pytest.mark.parametrize(
    ("days", "effects", "residual"),
    [
        ([1, 2, 3], "ar1(0 + factor(day) | pig)", "us(day | pig)"),
        ([1, 2, 4], "ou(0 + day | pig)", "us(day | pig)"),
        (list(range(9)), "ar1(0 + factor(day) | pig)", "ar1(day | pig)"),
        ([0, 1, 2, 3, 5, 8, 13], "ou(0 + day | pig)", "ou(day | pig)"),
        (["early", "late", "mid"], "ar1(0 + day | pig)", "us(day | pig)"),
    ],
)
def test_structures_in_time_suit_the_spacing_and_fit(
    days: list[int] | list[str], effects: str, residual: str
) -> None:
    table = grid(pig=24, day=len(days))
    table["day"] = np.array(days)[table["day"] - table["day"].min()]
    table["trt"] = table["pig"] % 2
    table["y"] = np.random.default_rng(3).normal(size=len(table["pig"]))
    found = hd.suggest_model(table, "y", treatments="trt", units="pig", time="day")
    by_effects, by_residuals = found.alternatives
    assert by_effects.formula.endswith(f" + {effects}")
    assert by_residuals.residual == residual
    model = hd.fit(by_residuals.formula, table, residual=by_residuals.residual)
    assert model.estimates.errors is not None


def test_subsamples_are_the_residual_of_their_unit() -> None:
    table = grid(pot=12, leaf=4)
    table["trt"] = table["pot"] % 3
    assert suggested(table, treatments="trt", units="pot") == (
        "y ~ factor(trt) + (1 | pot)",
        "completely randomised, with subsampling",
    )


def test_plots_numbered_anew_are_nested_in_their_blocks() -> None:
    table = grid(block=4, plot=6, sample=3)
    table["trt"] = np.repeat(randomized(4, 6), 3)
    formula, design = suggested(table, treatments="trt", units=["block", "plot"])
    assert formula == "y ~ factor(trt) + (1 | block/plot)"
    assert design == "randomised complete blocks, with subsampling"


def test_a_unit_of_one_row_is_the_residual() -> None:
    found = hd.suggest_model(
        with_response(grid(block=4, plot=6) | {"trt": randomized(4, 6)}),
        "y",
        treatments="trt",
        units="block/plot",
    )
    assert found.formula == "y ~ factor(trt) + (1 | block)"
    assert any("residual" in reason and "block:plot" in reason for reason in found.reasons)


def test_crossed_units_have_an_effect_each() -> None:
    assert suggested(counterbalanced(), treatments="condition", units=["subject", "item"]) == (
        "y ~ factor(condition) + (1 | subject) + (1 | item)",
        "crossed units",
    )


def test_every_suggested_formula_can_be_fitted() -> None:
    oats = hd.datasets.load("oats")
    found = hd.suggest_model(
        oats, "yield", treatments=["Variety", "nitro"], units="Block/Variety"
    )
    assert hd.fit(found.formula, oats).converged


def test_the_response_is_no_treatment() -> None:
    with pytest.raises(hd.ModelError, match="'yield'"):
        hd.suggest_model(hd.datasets.load("oats"), "yield", treatments=["yield"])


# ---- the order of partitions -----------------------------------------------------------------


def of(*codes: int) -> Partition:
    return Partition(("p",), np.array(codes), max(codes) + 1)


def test_refinement_is_an_order() -> None:
    coarse, middle, fine = of(0, 0, 0, 0), of(0, 0, 1, 1), of(0, 1, 2, 2)
    other = of(0, 1, 0, 1)
    assert refines(fine, middle)
    assert refines(middle, coarse)
    assert refines(fine, coarse)
    assert not refines(middle, fine)
    assert not refines(middle, other)
    assert not refines(other, middle)
    assert same(middle, of(1, 1, 0, 0))


def test_covers_are_the_next_larger_units_only() -> None:
    coarse, middle, fine = of(0, 0, 0, 0), of(0, 0, 1, 1), of(0, 1, 2, 3)
    other = of(0, 1, 0, 1)
    assert covers([coarse, middle, fine], fine) == [middle]
    assert covers([coarse, middle, other, fine], fine) == [middle, other]
    assert coarsest_within([coarse, middle, fine], of(0, 0, 1, 1)) == [middle]
