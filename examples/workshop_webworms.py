"""Counts of webworms that vary more than a Poisson model allows."""

import henderson as hd


def analyse() -> dict[str, object]:
    """Check the Poisson model, take a negative binomial, and group the treatments."""
    worms = hd.datasets.load("webworms")
    formula = "y ~ trt + (1 | block)"
    poisson = hd.fit(formula, worms, family="poisson")
    nbinom1 = hd.fit(formula, worms, family="nbinom1")
    found = [m.simulate_residuals(rng=1) for m in (poisson, nbinom1)]
    test = nbinom1.anova(type=2, test="Chisq")
    letters = nbinom1.emmeans("trt", scale="response").letters(adjust="sidak")
    return {
        "models": {"webworms_poisson": poisson, "webworms_nb1": nbinom1},
        "anova": test,
        "residual_tests": [
            found[0].dispersion(kind="pearson"),
            found[1].dispersion(),
        ],
        "means": {"trt": letters},
        "conclusion": f"Counts are overdispersed (AIC {poisson.aic:.0f} by Poisson, "
        f"{nbinom1.aic:.0f} by negative binomial). Treatments differ (chi-square "
        f"{test['statistic'].iloc[0]:.1f}, p = {test['p_value'].iloc[0]:.1e}); "
        f"{letters['trt'].iloc[0]} leaves fewest, {letters['estimate'].iloc[0]:.2f} a plot, "
        f"{letters['trt'].iloc[-1]} the most, {letters['estimate'].iloc[-1]:.2f}.",
    }


if __name__ == "__main__":
    for name, found in analyse().items():
        print(f"{name}\n{found}\n")
