"""A randomised block trial of 18 sorghum genotypes, with letters."""

import henderson as hd


def analyse() -> dict[str, object]:
    """Check the residuals, test genotypes, and group their means."""
    sorghum = hd.datasets.load("sorghum")
    model = hd.fit("yield ~ gen + (1 | rep)", sorghum, method="ML")
    fixed = hd.fit("yield ~ gen + rep", sorghum, method="ML")
    restricted = hd.fit("yield ~ gen + (1 | rep)", sorghum)
    found = model.simulate_residuals(rng=1)
    test = model.anova(type=2, test="Chisq")
    letters = model.emmeans("gen", ddf="residual").letters(adjust="sidak")
    best = letters.iloc[-1]
    return {
        "models": {
            "omer_E3_tmb": model,
            "omer_E3_fixed_tmb": fixed,
            "omer_E3_reml": restricted,
        },
        "anova": test,
        "residual_tests": [found.uniformity(), found.dispersion(), found.outliers()],
        "means": {"gen": letters},
        "conclusion": f"Genotypes differ (chi-square {test['statistic'].iloc[0]:.1f}, p = "
        f"{test['p_value'].iloc[0]:.1e}). {best['gen']} yields most, {best['estimate']:.0f} "
        "kg/ha, and does not differ from "
        f"{sum(best['letters'][-1] in each for each in letters['letters']) - 1} others.",
    }


if __name__ == "__main__":
    for name, found in analyse().items():
        print(f"{name}\n{found}\n")
