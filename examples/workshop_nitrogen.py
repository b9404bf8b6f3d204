"""A dose response at five site-years: what a random intercept changes."""

import henderson as hd


def analyse() -> dict[str, object]:
    """Fit a parabola with and without site-years, and find the dose of the highest yield."""
    nitrogen = hd.datasets.load("nitrogen")
    parabola = "Yield_SY ~ Total_N + I(Total_N^2)"
    plain = hd.fit(parabola, nitrogen)
    mixed = hd.fit(f"{parabola} + (1 | sy)", nitrogen)
    _, slope, curvature = mixed.params.values()
    best = -slope / (2.0 * curvature)
    between, within = mixed.variance_components()["variance"]
    share = between / (between + within)
    noise = plain.variance_components()["sd"].iloc[-1]
    return {
        "models": {"nitrogen_lm": plain, "nitrogen_quadratic": mixed},
        "anova": mixed.anova(),
        "conclusion": f"Yield is highest at {best:.0f} lb/ac of nitrogen. {share:.0%} of the "
        "variance around it is between site-years, which the plain model takes for noise: "
        f"its residual deviation is {noise:.0f} kg/ha, against {within**0.5:.0f}.",
    }


if __name__ == "__main__":
    for name, found in analyse().items():
        print(f"{name}\n{found}\n")
