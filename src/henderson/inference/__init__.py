"""Tests and intervals: linear functions of the fixed effects with honest degrees of freedom."""

from henderson.inference.linear_functions import (
    JointTest,
    LinearEstimates,
    joint_test,
    linear_estimates,
)

__all__ = ["JointTest", "LinearEstimates", "joint_test", "linear_estimates"]
