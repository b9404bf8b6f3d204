"""In a balanced design the moments the search starts from are already the REML estimates."""

import pytest

import henderson as hd

BALANCED = [
    ("dyestuff", "Yield ~ 1 + (1 | Batch)"),
    ("penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)"),
    ("pastes", "strength ~ 1 + (1 | batch/cask)"),
    ("oats", "yield ~ Variety * nitro + (1 | Block/Variety)"),
    ("sleepstudy", "Reaction ~ Days + (Days | Subject)"),
]


@pytest.mark.parametrize(("data", "formula"), BALANCED, ids=[b[0] for b in BALANCED])
def test_one_evaluation_confirms_the_estimates(data: str, formula: str) -> None:
    model = hd.fit(formula, hd.datasets.load(data))
    assert model.estimates.certificate.evaluations == 1
    assert model.converged
