"""Degrees of freedom of tests of fixed effects."""
