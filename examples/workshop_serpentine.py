"""107 wheat varieties in three replicates: is there a difference to select for?"""

import henderson as hd


def analyse() -> dict[str, object]:
    """Fit replicates as random; test varieties; name those of the highest yield."""
    field = hd.datasets.load("serpentine")
    model = hd.fit("yield ~ 1 + gen + (1 | rep)", field, method="ML")
    test = model.anova(type=2, test="Chisq")
    means = model.emmeans("gen").table().sort_values("estimate", ascending=False)
    return {
        "models": {"gilmour_random_tmb": model},
        "anova": test,
        "means": {"gen": means},
        "conclusion": f"Varieties differ (chi-square {test['statistic'].iloc[0]:.1f} on "
        f"{test['df1'].iloc[0]:.0f} df, p = {test['p_value'].iloc[0]:.1e}); "
        f"{', '.join(means['gen'].head(3))} yield most.",
    }


if __name__ == "__main__":
    for name, found in analyse().items():
        print(f"{name}\n{found}\n")
