"""The model over the data, before any fitting: response, X and Z of each linear predictor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from henderson.arrays import Matrix, Vector
from henderson.covariance import (
    HOLD_A_CONSTANT,
    CovarianceStructure,
    error_structure_named,
)
from henderson.design import (
    ErrorDesign,
    FixedDesign,
    KnownMatrix,
    ModelFrame,
    RandomDesign,
    at_times,
    completed,
    error_design,
    fixed_design,
    model_frame,
    over_levels_of_times,
    random_design,
    structured_term,
)
from henderson.design.factors import differing_row
from henderson.design.model_frame import PerRow
from henderson.equations import RandomTermMatrix
from henderson.errors import DataError
from henderson.estimation.specification import Specification
from henderson.estimation.stated_priors import penalty_of
from henderson.estimation.term_matrices import term_matrix
from henderson.families import Family, Response
from henderson.formula import ErrorTerm, Formula, RandomTerm
from henderson.likelihood.parameters import CovarianceParameters
from henderson.likelihood.penalty import Penalty

_A_FEW_ROWS = 1000
_MOST_CROSSING = 5000  # random effects


@dataclass(frozen=True, slots=True)
class PredictorDesign:
    """η = Xβ + Zb + offset of one linear predictor."""

    name: str
    fixed: FixedDesign
    offset: Vector  # (n,)
    random: tuple[RandomDesign, ...]
    structures: tuple[CovarianceStructure, ...]


@dataclass(frozen=True, slots=True)
class ModelDesign:
    """All that the likelihood is made of."""

    frame: ModelFrame
    family: Family
    response: Response
    predictors: tuple[PredictorDesign, ...]
    errors: ErrorDesign | None = None
    error_structures: tuple[CovarianceStructure, ...] = ()  # one a group of subjects
    penalty: Penalty | None = None  # the priors

    @property
    def n(self) -> int:
        """Rows used."""
        return self.frame.n

    @property
    def label(self) -> str:
        """The response, as the user calls it."""
        return "" if self.frame.response is None else self.frame.response.label

    @property
    def is_linear(self) -> bool:
        """Gaussian with identity link and one residual variance: β and σ² have closed forms."""
        return (
            self.errors is None
            and (self.penalty is None or not self.penalty.coefficients)
            and self.family.is_quadratic
            and all(
                p.fixed.names == ("(Intercept)",) and not p.random and not p.offset.any()
                for p in self.predictors[1:]
            )
        )

    def with_predictor(
        self,
        name: str,
        *,
        fixed: FixedDesign | None = None,
        offset: Vector | None = None,
        random: tuple[RandomDesign, ...] | None = None,
        structures: tuple[CovarianceStructure, ...] | None = None,
    ) -> Self:
        """The design with parts of one linear predictor exchanged."""
        parts = {"fixed": fixed, "offset": offset, "random": random, "structures": structures}
        given = {part: value for part, value in parts.items() if value is not None}
        predictors = (replace(p, **given) if p.name == name else p for p in self.predictors)
        return replace(self, predictors=tuple(predictors))

    @property
    def random_predictors(self) -> tuple[int, ...]:
        """Indices of the predictors that may have random effects: the location, and others."""
        others = (i for i, p in enumerate(self.predictors) if i and p.random)
        return (0, *others)

    def term_matrices(self) -> list[RandomTermMatrix]:
        """The columns of Z of all terms, predictor by predictor."""
        return [
            term_matrix(term, position)
            for position, index in enumerate(self.random_predictors)
            for term in self.predictors[index].random
        ]

    def covariance_parameters(self) -> CovarianceParameters:
        """θ of all terms, in the order of `term_matrices`, then that of the residuals."""
        ordered = [self.predictors[i] for i in self.random_predictors]
        of_residuals = () if self.errors is None else (len(self.errors.positions),)
        return CovarianceParameters(
            (*(s for p in ordered for s in p.structures), *self.error_structures),
            (
                *(t.n_effects for p in ordered for t in p.random),
                *of_residuals * len(self.error_structures),
            ),
        )


def design_model(
    specification: Specification,
    data: object,
    *,
    weights: PerRow = None,
    frequency_weights: PerRow = None,
    offset: PerRow = None,
) -> ModelDesign:
    """Read the data for a specification, checking all that can be known before fitting.

    Raises
    ------
    DataError
        For data that cannot answer: see `model_frame`; a response outside the family's support
        or constant; a grouping factor with as many levels as rows in a linear model.
    FormulaError
        For a structure that does not exist.
    """
    family, formula = specification.family, specification.formula
    formulas = specification.formulas
    structured = [
        [structured_term(term, each.text) for term in each.random] for each in formulas
    ]
    asked = specification.residual
    frame = model_frame(
        formulas,
        data,
        weights=weights,
        frequency_weights=frequency_weights,
        offset=offset,
        contrasts=specification.contrasts or None,
        binary=family.counts_trials,
        ordered=family.categories if family.observes_categories else None,
        also=() if asked is None else (asked.formula,),
    )
    observed = frame.response
    assert observed is not None
    if observed.categories:
        family = family.of_categories(observed.categories)
        formulas = replace(specification, family=family).formulas
        thresholds = [np.zeros(frame.n)] * (len(formulas) - 1)
        frame = replace(frame, formulas=formulas, offsets=(frame.offsets[0], *thresholds))
        structured = [structured[0], *[[]] * (len(formulas) - 1)]
    response = family.response(observed.y, observed.trials, observed.weights)
    family.check_response(response, observed.label, frame.rows.astype(np.float64))
    _refuse_constant(response, observed.label)
    own_scale = None if asked is None else "dispersion"  # which the residuals' variances hold
    predictors = tuple(
        _predictor(
            name,
            frame,
            each,
            added,
            chosen,
            specification.matrices,
            absorbed=name == ("location" if family.observes_categories else own_scale),
        )
        for name, each, added, chosen in zip(
            family.predictors, formulas, frame.offsets, structured, strict=True
        )
    )
    location = predictors[0]
    if location.fixed.matrix.shape[1] >= frame.n:
        richest = int(np.bincount(location.fixed.assign).argmax())
        raise DataError(
            f"There are {len(location.fixed.names)} fixed effects and only {frame.n} rows. "
            f"Most are of {location.fixed.terms[richest]!r}. Leave out terms, or use more data."
        )
    _refuse_absorbed(location)
    penalty = penalty_of(specification.priors, predictors)
    if asked is not None:
        _refuse_random_spread(predictors[1])
        errors, structure = _residual(frame, asked, location)
        structures = (structure,) * len(errors.groups)
        return ModelDesign(frame, family, response, predictors, errors, structures, penalty)
    model = ModelDesign(frame, family, response, predictors)
    if model.is_linear:
        _refuse_confounding(location, response, observed.label, formula)
    return replace(model, penalty=penalty)


def _predictor(
    name: str,
    frame: ModelFrame,
    formula: Formula,
    offset: Vector,
    structured: Sequence[tuple[RandomTerm, CovarianceStructure]],
    matrices: Mapping[str, KnownMatrix],
    *,
    absorbed: bool,
) -> PredictorDesign:
    terms = (over_levels_of_times(frame, formula, *each) for each in structured)
    random = tuple(random_design(frame, formula, term) for term in terms)
    structures = tuple(
        completed(structure, design, formula.text, matrices)
        for (_, structure), design in zip(structured, random, strict=True)
    )
    fixed = fixed_design(frame, formula, absorbed=absorbed)
    return PredictorDesign(name, fixed, offset, random, structures)


def _residual(
    frame: ModelFrame, asked: ErrorTerm, location: PredictorDesign
) -> tuple[ErrorDesign, CovarianceStructure]:
    """The subjects and positions of the rows, and the structure over them."""
    structure = error_structure_named(asked.structure, asked.formula.text, asked.term.start)
    timed = structure.coordinates is not None
    errors = error_design(
        frame,
        asked,
        timed=timed,
        every_pair=asked.structure == "us",
        in_order=structure.in_order,
    )
    crossing = 0
    for term in location.random:
        if differing_row(term.codes, errors.subject, len(errors.subjects)) is not None:
            crossing += term.n_levels * term.n_effects
        same = term.n_levels == len(errors.subjects) and term.effects == ("(Intercept)",)
        if same and asked.structure in HOLD_A_CONSTANT:
            raise DataError(
                f"{term.term.text} and residual={asked.text!r} describe the same covariance: "
                f"rows of a subject vary together through both. Leave {term.term.text} out, or "
                "choose a residual structure whose correlations fade, such as ar1."
            )
    if crossing > _MOST_CROSSING:
        raise DataError(
            f"{crossing} random effects cross the subjects of residual={asked.text!r}, which "
            f"is there for up to {_MOST_CROSSING}: they need a square matrix. Write the "
            "covariance of a subject as a random term, too, such as "
            f"{asked.structure}(0 + {asked.positions} | {errors.label})."
        )
    if errors.points is None:
        return errors, structure
    text = f"residual={asked.text!r}"
    return errors, at_times(structure, errors.points, text, asked.positions, errors.label)


def _refuse_random_spread(dispersion: PredictorDesign) -> None:
    if dispersion.random:
        raise DataError(
            f"The dispersion has the random term {dispersion.random[0].term.text}, which is "
            "not there beside residuals that vary together. Leave it out, or residual=."
        )


def _refuse_constant(response: Response, label: str) -> None:
    proportion: Matrix = response.y / response.size
    if len(response.y) == 1:
        raise DataError(f"The response {label!r} has only one row. A model needs more.")
    if np.all(response.y == response.y[0]) and np.all(proportion == proportion[0]):
        raise DataError(
            f"The response {label!r} is constant: every value is {response.y[0]:g}. "
            "There is nothing to explain; check that this is the right column."
        )
    if np.all(proportion == 0) or (np.all(proportion == 1) and not np.all(response.size == 1)):
        raise DataError(
            f"The response {label!r} is constant: every value is {proportion[0]:g}. "
            "There is nothing to explain; check that this is the right column."
        )


def _refuse_absorbed(location: PredictorDesign) -> None:
    """Effects whose every column is a combination of fixed ones have nothing left to vary."""
    X = location.fixed.matrix
    for term in location.random:
        g = term.n_levels
        if term.effects != ("(Intercept)",) or g > X.shape[1]:
            continue
        Q = np.linalg.qr(X)[0]
        within = np.column_stack([np.bincount(term.codes, q, g) for q in Q.T])  # ZᵀQ
        if np.all(np.sum(within**2, axis=1) > (1.0 - 1e-10) * np.bincount(term.codes, None, g)):
            raise DataError(
                f"The levels of {term.group!r} are fixed effects too, so that {term.term.text} "
                "has nothing left to vary. Leave one of the two out."
            )


def _constant_within(y: Vector, term: RandomDesign) -> bool:
    if term.n_levels >= len(y) or term.effects[0] != "(Intercept)":
        return False
    few = slice(_A_FEW_ROWS)  # most often these show that it is not
    return all(
        differing_row(y[rows], term.codes[rows], term.n_levels) is None
        for rows in (few, slice(None))
    )


def _refuse_confounding(
    location: PredictorDesign, response: Response, label: str, formula: Formula
) -> None:
    """The residual is one effect a row: terms as rich are confounded with it."""
    n = len(response.y)
    for term in location.random:
        if _constant_within(response.y - location.offset, term):
            raise DataError(
                f"The response {label!r} is constant within every level of {term.group!r}: "
                f"{term.term.text} fits it exactly and leaves no residual variance. Use one "
                "row a level without this term, or check the response."
            )
        if term.n_levels >= n:
            raise DataError(
                f"The grouping factor {term.group!r} of {term.term.text} has {term.n_levels} "
                f"levels and there are {n} rows: its variance cannot be told from the "
                f"residual's. Remove the term from {formula.text!r}, or use a coarser factor."
            )
        if term.term.structure == "us" and term.n_levels * term.n_effects >= n:
            raise DataError(
                f"The random term {term.term.text} has {term.n_levels * term.n_effects} "
                f"effects ({term.n_effects} for each of {term.n_levels} levels of "
                f"{term.group!r}) and "
                f"there are {n} rows: its variances cannot be told from the residual's. "
                f"Write fewer effects, such as (1 | {term.group})."
            )
