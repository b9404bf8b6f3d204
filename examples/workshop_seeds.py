"""Germination of seeds, a number out of a number: a factorial on the logit scale."""

import henderson as hd


def analyse() -> dict[str, object]:
    """Test the interaction, and compare root extracts for each genotype."""
    seeds = hd.datasets.load("seeds")
    model = hd.fit("cbind(germ, n - germ) ~ extract * gen", seeds, family="binomial")
    found = model.simulate_residuals(rng=1)
    test = model.anova(type=2, test="Chisq")
    means = model.emmeans(["extract", "gen"], scale="response").letters(adjust="sidak")
    ratios = model.emmeans("extract | gen", scale="response").contrasts("pairwise").table()
    return {
        "models": {"seeds_binomial": model},
        "anova": test,
        "residual_tests": [found.dispersion(kind="pearson"), found.uniformity()],
        "means": {"cells": means},
        "conclusion": f"The extract matters more for one genotype (interaction: p = "
        f"{test['p_value'].iloc[-1]:.3f}): the odds of germination with bean are "
        + " and ".join(f"{r:.2f}" for r in ratios["odds_ratio"])
        + f" times those with cucumber for {' and '.join(ratios['gen'].astype(str))}.",
    }


if __name__ == "__main__":
    for name, found in analyse().items():
        print(f"{name}\n{found}\n")
