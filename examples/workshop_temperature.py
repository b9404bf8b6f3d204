"""Repeated measures of pens: a correlation that fades, and differences hour by hour."""

import henderson as hd


def analyse() -> dict[str, object]:
    """Fit two kinds of autoregression, and compare treatments at each time.

    `ar1(1 + Time | Pen)` has effects of the first time and of the steps from it; the usual
    autoregression is `ar1(0 + Time | Pen)`.
    """
    pigs = hd.datasets.load("temperature")
    fixed = "Temperature_C ~ Treatment * Time"
    written = hd.fit(f"{fixed} + ar1(1 + Time | Pen)", pigs, method="ML")
    usual = hd.fit(f"{fixed} + ar1(0 + Time | Pen)", pigs, method="ML")
    test = written.anova(type=2, test="Chisq").set_index("term")["p_value"]
    letters = written.emmeans("Treatment | Time", ddf="residual").letters(adjust="sidak")
    return {
        "models": {"temperature_C_ar1_literal": written},
        "aic": {"written": written.aic, "usual": usual.aic},
        "anova": written.anova(type=2, test="Chisq"),
        "means": {"Treatment | Time": letters},
        "conclusion": f"Temperature changes in time (p = {test['Time']:.1e}) and does not "
        f"depend on the treatment (p = {test['Treatment']:.2f}), at no time more than at "
        f"another (p = {test['Treatment:Time']:.2f}).",
    }


if __name__ == "__main__":
    for name, found in analyse().items():
        print(f"{name}\n{found}\n")
