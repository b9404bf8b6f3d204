"""Numbers that compare whole fits."""

import numpy as np

from henderson.estimation.estimates import Estimates


def deviance(estimates: Estimates) -> float:
    """−2 log L; the REML criterion where the likelihood is restricted."""
    return -2.0 * estimates.log_likelihood


def log_posterior(estimates: Estimates) -> float:
    """log L + Σ log p: what the estimates maximize; log L where there are no priors.

    The constants of the densities are in it, but for those that are not proper.
    """
    return estimates.log_likelihood + estimates.log_prior


def aic(estimates: Estimates) -> float:
    """Akaike's criterion, −2 log L + 2 d, d the number of parameters of all kinds.

    With priors log L is at the posterior mode, below its maximum, and the criterion so a bit
    larger than without them; d counts every parameter in full.
    """
    return deviance(estimates) + 2.0 * estimates.n_parameters


def aicc(estimates: Estimates) -> float:
    """AIC corrected for small samples, AIC + 2 d (d + 1) / (n − d − 1); infinite for n ≤ d + 1.

    Source: Hurvich & Tsai (1989), Biometrika 76(2), 297–307.
    """
    d, n = estimates.n_parameters, estimates.response.y.size
    return aic(estimates) + (2.0 * d * (d + 1) / (n - d - 1) if n > d + 1 else np.inf)


def bic(estimates: Estimates) -> float:
    """Schwarz's criterion, −2 log L + d log n, n the number of rows used."""
    n = estimates.response.y.size
    return deviance(estimates) + float(np.log(n)) * estimates.n_parameters
