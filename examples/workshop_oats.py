"""A split plot: varieties on whole plots, nitrogen on their parts."""

import henderson as hd


def analyse() -> dict[str, object]:
    """Test both factors against their own errors, and group the means of nitrogen."""
    oats = hd.datasets.load("oats")
    formula = "yield ~ Variety * factor(nitro) + (1 | Block/Variety)"
    model = hd.fit(formula, oats, method="ML")
    test = model.anova(type=2, test="Chisq").set_index("term")["p_value"]
    letters = model.emmeans("nitro", ddf="residual").letters(adjust="sidak")
    cells = model.emmeans(["Variety", "nitro"], ddf="residual").letters(adjust="sidak")
    return {
        "models": {"yates_splitplot_tmb": model},
        "anova": model.anova(type=2, test="Chisq"),
        "means": {"nitro": letters, "cells": cells},
        "conclusion": f"Nitrogen raises the yield from {letters['estimate'].iloc[0]:.0f} to "
        f"{letters['estimate'].iloc[-1]:.0f} (p = {test['factor(nitro)']:.1e}), for all "
        f"varieties alike (interaction: p = {test['Variety:factor(nitro)']:.2f}), which do not "
        f"differ (p = {test['Variety']:.2f}).",
    }


if __name__ == "__main__":
    for name, found in analyse().items():
        print(f"{name}\n{found}\n")
