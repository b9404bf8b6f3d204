"""Which likelihood a design is maximized by."""

from henderson.estimation.centred_terms import (
    CentredObjective,
    bases_of,
    in_better_columns,
)
from henderson.estimation.control import FitControl
from henderson.estimation.model_design import ModelDesign
from henderson.estimation.objectives.correlated_errors import CorrelatedErrorsObjective
from henderson.estimation.objectives.gaussian import GaussianObjective
from henderson.estimation.objectives.laplace import LaplaceObjective
from henderson.estimation.objectives.objective import Objective
from henderson.estimation.response_units import RescaledObjective, better_unit, in_units
from henderson.estimation.specification import Specification


def route(specification: Specification, design: ModelDesign, control: FitControl) -> Objective:
    """The objective of a design.

    Residuals that vary together are whitened by subject. In the linear model β and σ² have
    closed forms, and only cross-products are left of the rows. Everything else is integrated by
    the Laplace approximation, or by quadrature. Random terms are centred where that is the same
    model and their columns are far from 0, and responses are in units of their spread where it
    is very small or large.
    """
    bases = bases_of(design)
    if any(A is not None for own in bases for A in own):
        inner = _route(specification, in_better_columns(design, bases), control)
        return CentredObjective(design, inner, bases)
    return _route(specification, design, control)


def _route(specification: Specification, design: ModelDesign, control: FitControl) -> Objective:
    restricted = specification.method == "REML"
    if design.is_linear:
        return GaussianObjective.of(design, restricted, control)
    c = better_unit(design)
    if c != 1.0:
        inner = _route(specification, in_units(design, c), control)
        return RescaledObjective(design, inner, c, restricted)
    if design.errors is not None:
        return CorrelatedErrorsObjective.of(design, restricted)
    return LaplaceObjective.of(design, restricted, specification.quadrature, control)
