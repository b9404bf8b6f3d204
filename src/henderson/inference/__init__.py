"""Tests and intervals: linear functions of the fixed effects with honest degrees of freedom."""

from henderson.inference.intervals.coefficient_profiles import profile_intervals
from henderson.inference.intervals.parametric_bootstrap import Bootstrap, bootstrap
from henderson.inference.intervals.variance_intervals import variance_intervals
from henderson.inference.intervals.variance_profiles import profile_variances
from henderson.inference.linear_functions import (
    JointTest,
    LinearEstimates,
    joint_test,
    linear_estimates,
)
from henderson.inference.power.simulated_power import Power, power
from henderson.inference.robust.sandwich import RobustCovariance, robust_vcov
from henderson.inference.tests.anova_tables import anova
from henderson.inference.tests.likelihood_ratio import compare, drop1
from henderson.inference.tests.wald import WaldTest, wald_test
from henderson.inference.variance_explained import VarianceExplained, variance_explained

__all__ = [
    "Bootstrap",
    "JointTest",
    "LinearEstimates",
    "Power",
    "RobustCovariance",
    "VarianceExplained",
    "WaldTest",
    "anova",
    "bootstrap",
    "compare",
    "drop1",
    "joint_test",
    "linear_estimates",
    "power",
    "profile_intervals",
    "profile_variances",
    "robust_vcov",
    "variance_explained",
    "variance_intervals",
    "wald_test",
]
