"""The design of a model without some of its rows."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from henderson.design import ErrorDesign, RandomDesign
from henderson.estimation.model_design import ModelDesign, PredictorDesign
from henderson.families import Response


def without_rows(design: ModelDesign, keep: NDArray[np.bool_]) -> ModelDesign:
    """The design with fewer rows."""
    response = design.response
    return replace(
        design,
        frame=replace(design.frame, rows=design.frame.rows[keep]),
        response=Response.of(response.y[keep], response.size[keep], response.weight[keep]),
        predictors=tuple(_fewer(each, keep) for each in design.predictors),
        errors=None if design.errors is None else _fewer_rows(design.errors, keep),
    )


def _fewer_rows(errors: ErrorDesign, keep: NDArray[np.bool_]) -> ErrorDesign:
    used, subject = np.unique(errors.subject[keep], return_inverse=True)
    return replace(
        errors,
        subjects=tuple(errors.subjects[i] for i in used),
        subject=subject.astype(np.int32),
        position=errors.position[keep],
        group=errors.group[keep],
    )


def _fewer(predictor: PredictorDesign, keep: NDArray[np.bool_]) -> PredictorDesign:
    matrix = np.ascontiguousarray(predictor.fixed.matrix[keep])
    return replace(
        predictor,
        fixed=replace(predictor.fixed, matrix=matrix),
        offset=predictor.offset[keep],
        random=tuple(_fewer_levels(term, keep) for term in predictor.random),
    )


def _fewer_levels(design: RandomDesign, keep: NDArray[np.bool_]) -> RandomDesign:
    used, codes = np.unique(design.codes[keep], return_inverse=True)
    grouping = replace(design.grouping, cells=design.grouping.cells[used])
    return replace(
        design,
        grouping=grouping,
        codes=codes.reshape(-1).astype(np.int32),
        values=np.ascontiguousarray(design.values[keep]),
        columns=None if design.columns is None else np.ascontiguousarray(design.columns[keep]),
    )
