"""Tests of terms and hypotheses: Wald, likelihood ratio, analysis of variance."""
