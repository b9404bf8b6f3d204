"""Intervals: profiles of the likelihood, the bootstrap, the delta method."""
