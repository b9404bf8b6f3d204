"""Blocks fixed or random: the same differences, other errors of the means."""

import henderson as hd


def analyse() -> dict[str, object]:
    """Compare the lowest and the highest dose, by both models."""
    potash = hd.datasets.load("potash")
    fixed = hd.fit("yield ~ K2O_lbac + rep", potash)
    random = hd.fit("yield ~ K2O_lbac + (1 | rep)", potash)
    doses = {"fixed": fixed.emmeans("K2O_lbac"), "random": random.emmeans("K2O_lbac")}
    ends = {
        name: means.contrasts({"36 - 144": [1, 0, 0, 0, -1]}).table().iloc[0]
        for name, means in doses.items()
    }
    return {
        "models": {"kfert_random": random},
        "means": {name: means.table() for name, means in doses.items()},
        "ends": ends,
        "anova": random.anova(),
        "conclusion": f"The strength falls by {ends['random']['estimate']:.2f} from 36 to 144 "
        f"lb/ac (p = {ends['random']['p_value']:.3f}), with standard error "
        f"{ends['random']['std_error']:.3f} whether blocks are random or fixed "
        f"({ends['fixed']['std_error']:.3f}): they cancel in a difference. Not so in a mean: "
        f"{doses['random'].table()['std_error'].iloc[0]:.3f} with random blocks, for any "
        f"field, {doses['fixed'].table()['std_error'].iloc[0]:.3f} for these three.",
    }


if __name__ == "__main__":
    for name, found in analyse().items():
        print(f"{name}\n{found}\n")
