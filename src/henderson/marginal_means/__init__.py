"""Marginal means and slopes, their contrasts, and letters: the tables of applied papers."""

from henderson.marginal_means.contrasts import MeanContrasts
from henderson.marginal_means.means import MarginalMeans, emmeans
from henderson.marginal_means.term_tests import joint_tests
from henderson.marginal_means.trends import emtrends

__all__ = ["MarginalMeans", "MeanContrasts", "emmeans", "emtrends", "joint_tests"]
