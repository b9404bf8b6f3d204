"""Recovery of known parameters: ``python -m tests.recovery.study [PATTERN ...] [--write]``.

Draws, fits again, and prints for each scenario bias and coverage of 95 % intervals; with
``--write`` the tables in docs/explanation/recovery.md are replaced.
"""

import argparse
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from henderson.estimation.estimates import Estimates
from tests.recovery.scenarios import Scenario, covariance_entries, scenarios

SLOW = "compois"  # an eighth of the draws
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "recovery.md"
Z = 1.959963984540054


@dataclass(frozen=True)
class Recovery:
    """Estimates of one scenario: rows of `estimates` and `errors` are draws."""

    name: str
    names: list[str]
    truth: np.ndarray
    estimates: np.ndarray
    errors: np.ndarray  # standard errors, of standard deviations on the log scale; or NaN
    converged: float  # share
    seconds: float  # a fit

    @property
    def bias(self) -> np.ndarray:
        """The median of the estimates less the truth."""
        return np.nanmedian(self.estimates, axis=0) - self.truth

    @property
    def spread(self) -> np.ndarray:
        """A standard deviation of the estimates that limits do not disturb.

        By quartiles; at least what standard errors say, for few draws may lie close by chance.
        """
        low, high = np.nanquantile(self.estimates, [0.25, 0.75], axis=0)
        said = np.median(np.where(np.isfinite(self.errors), self.errors, 0.0), axis=0)
        said *= np.where(self.of_sds, self.truth, 1.0)
        return np.maximum((high - low) / 1.349, said)

    @property
    def of_sds(self) -> np.ndarray:
        """Which are standard deviations."""
        return np.array([": sd " in name for name in self.names])

    @property
    def monte_carlo_error(self) -> np.ndarray:
        """Of the bias: the standard error of a median."""
        return 1.2533 * self.spread / np.sqrt(len(self.estimates))

    @property
    def coverage(self) -> np.ndarray:
        """Share of 95 % intervals with the truth inside; NaN where there is no interval."""
        estimates, truth = self.estimates, self.truth
        log = self.of_sds
        with np.errstate(divide="ignore"):
            estimates = np.where(log, np.log(np.where(log, estimates, 1.0)), estimates)
            truth = np.where(log, np.log(np.where(log, truth, 1.0)), truth)
        inside = np.abs(estimates - truth) <= Z * self.errors
        known = np.isfinite(self.errors)
        counted = known.sum(axis=0)
        return np.where(
            counted > 0.5 * len(known),
            (inside & known).sum(axis=0) / np.maximum(counted, 1),
            np.nan,
        )


def study(scenario: Scenario, draws: int, seed: int = 0) -> Recovery:
    """Draw, fit and collect."""
    names = list(scenario.truth)
    rows, errors, converged = [], [], 0
    started = time.perf_counter()
    for draw in range(draws):
        model = scenario.fit(np.random.default_rng([seed, draw]))
        found = estimated(model.estimates)
        converged += model.converged
        rows.append([found[name][0] for name in names])
        errors.append([found[name][1] for name in names])
    return Recovery(
        scenario.name,
        names,
        np.array(list(scenario.truth.values())),
        np.array(rows),
        np.array(errors),
        converged / draws,
        (time.perf_counter() - started) / draws,
    )


def estimated(estimates: Estimates) -> dict[str, tuple[float, float]]:
    """Estimates and standard errors by name; of a standard deviation that of its logarithm."""
    out: dict[str, tuple[float, float]] = {}
    errors = np.sqrt(np.diag(estimates.vcov_all))
    place = 0
    for name, predictor in estimates.predictors.items():
        for coefficient, value in zip(predictor.fixed.names, predictor.beta, strict=True):
            out[f"{name}: {coefficient}"] = (float(value), float(errors[place]))
            place += 1
    linear = estimates.errors is None and estimates.family.is_quadratic
    for name, predictor in estimates.predictors.items():
        for term in predictor.terms:
            T = term.structure.factor(term.theta, len(term.covariance))
            dT = term.structure.factor_derivatives(term.theta, len(T))
            size = slice(place, place + len(term.theta))
            out |= _entries(estimates, name, term.covariance, T, dT, size, linear=linear)
            place = size.stop
    if estimates.errors is not None:
        (structure,), (R,) = estimates.errors.structures, estimates.errors.covariances
        (theta,) = estimates.errors.thetas
        T, dT = structure.factor(theta, len(R)), structure.factor_derivatives(theta, len(R))
        out |= _entries(
            estimates, "location", R, T, dT, slice(place, place + len(theta)), linear=False
        )
    return out


def _entries(
    estimates: Estimates,
    predictor: str,
    G: np.ndarray,
    T: np.ndarray,
    dT: np.ndarray,
    at: slice,
    *,
    linear: bool,
) -> dict[str, tuple[float, float]]:
    """Entries of a covariance; θ of a linear model is relative to σ, whose log is before it."""
    slopes = np.einsum("pij,ij->ip", dT, T) / np.sum(T**2, axis=1)[:, None]  # ∂ log sd / ∂θ
    vcov = estimates.vcov_all
    index = np.arange(at.start, at.stop)
    if linear:
        of_sigma = len(estimates.predictors["location"].beta)
        index, slopes = np.append(of_sigma, index), np.hstack([np.ones((len(T), 1)), slopes])
    kept = np.isfinite(np.diag(vcov)[index])
    variances = np.einsum(
        "ip,pq,iq->i", slopes[:, kept], vcov[np.ix_(index[kept], index[kept])], slopes[:, kept]
    )
    if not kept.all():
        variances[:] = np.nan
    errors = np.sqrt(variances)
    out = {}
    for name, value in covariance_entries(predictor, G).items():
        sd = ": sd " in name
        out[name] = (value, float(errors[int(name.split()[-1]) - 1]) if sd else np.nan)
    return out


# ---- the tables ------------------------------------------------------------------------------

HEADER = (
    "| | slope | | | other coefficients | | standard deviations | | correlations | |\n"
    "|---|---|---|---|---|---|---|---|---|---|\n"
    "| | bias | in Monte-Carlo errors | coverage | largest bias | coverage | largest bias "
    "| coverage | largest bias | converged |\n"
)


def line(found: Recovery) -> str:
    """A row of the table."""
    kinds = {
        "slope": [n == "location: x" for n in found.names],
        "sd": [": sd " in n for n in found.names],
        "correlation": [": correlation " in n for n in found.names],
    }
    kinds["other"] = ~np.any(list(kinds.values()), axis=0)
    slope, other, sd, r = (
        np.asarray(kinds[k]) for k in ("slope", "other", "sd", "correlation")
    )
    in_errors = found.bias / found.monte_carlo_error
    cells = [
        f"`{found.name}`",
        f"{found.bias[slope][0]:+.3f}",
        f"{in_errors[slope][0]:+.1f}",
        share(found.coverage[slope]),
        largest(found.bias[other]),
        share(found.coverage[other]),
        largest(found.bias[sd] / found.truth[sd], percent=True),
        share(found.coverage[sd]),
        largest(found.bias[r]),
        f"{100 * found.converged:.0f} %",
    ]
    return f"| {' | '.join(cells)} |"


def share(values: np.ndarray) -> str:
    """The mean of shares that there are, in percent."""
    known = values[np.isfinite(values)]
    return f"{100 * known.mean():.1f} %" if len(known) else "–"


def largest(values: np.ndarray, *, percent: bool = False) -> str:
    """The value largest in size."""
    known = values[np.isfinite(values)]
    if not len(known):
        return "–"
    value = known[np.argmax(np.abs(known))]
    return f"{100 * value:+.1f} %" if percent else f"{value:+.3f}"


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patterns", nargs="*", default=["*"], help="of scenarios, 'residual*'")
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--write", action="store_true", help="replace the tables of the page")
    arguments = parser.parse_args()
    lines: dict[str, list[str]] = {"families": [], "structures": [], "residuals": []}
    for name, make in scenarios().items():
        if not any(fnmatch(name, pattern) for pattern in arguments.patterns):
            continue
        found = study(make(), draws_of(name, arguments.draws))
        print(line(found), f"{1000 * found.seconds:.0f} ms", flush=True)
        kind = "residuals" if name.startswith("residual") else "families"
        lines["structures" if name.endswith(")") and kind == "families" else kind].append(
            line(found)
        )
    if arguments.write:
        write(lines, arguments.draws)


def draws_of(name: str, draws: int) -> int:
    """Fewer for families whose density is a long sum."""
    return draws // 8 if SLOW in name else draws


def write(lines: dict[str, list[str]], draws: int) -> None:
    """The tables put between their marks in the page."""
    text = PAGE.read_text(encoding="utf-8")
    for kind, rows in lines.items():
        start, end = f"<!-- {kind} -->\n", f"<!-- end of {kind} -->"
        before, _, rest = text.partition(start)
        said = f"{draws} draws each, {draws_of(SLOW, draws)} of `compois`."
        table = HEADER + "\n".join(rows)
        text = f"{before}{start}\n{said}\n\n{table}\n\n{end}{rest.partition(end)[2]}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
