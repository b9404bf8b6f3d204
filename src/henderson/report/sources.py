"""What a report cites."""

from collections.abc import Mapping

SOURCES: Mapping[str, str] = {
    "reml": "Patterson, H. D. & Thompson, R. (1971). Recovery of inter-block information when "
    "block sizes are unequal. Biometrika 58(3), 545–554.",
    "residual structures": "Jennrich, R. I. & Schluchter, M. D. (1986). Unbalanced "
    "repeated-measures models with structured covariance matrices. Biometrics 42(4), 805–820.",
    "laplace": "Breslow, N. E. & Clayton, D. G. (1993). Approximate inference in generalized "
    "linear mixed models. Journal of the American Statistical Association 88(421), 9–25.",
    "henderson": "Henderson, C. R. (1975). Best linear unbiased estimation and prediction "
    "under a selection model. Biometrics 31(2), 423–447.",
    "kenward-roger": "Kenward, M. G. & Roger, J. H. (1997). Small sample inference for fixed "
    "effects from restricted maximum likelihood. Biometrics 53(3), 983–997.",
    "satterthwaite": "Satterthwaite, F. E. (1946). An approximate distribution of estimates "
    "of variance components. Biometrics Bulletin 2(6), 110–114.",
    "means": "Searle, S. R., Speed, F. M. & Milliken, G. A. (1980). Population marginal means "
    "in the linear model. The American Statistician 34(4), 216–221.",
    "letters": "Piepho, H.-P. (2004). An algorithm for a letter-based representation of "
    "all-pairwise comparisons. Journal of Computational and Graphical Statistics 13(2), "
    "456–466.",
    "residuals": "Dunn, P. K. & Smyth, G. K. (1996). Randomized quantile residuals. Journal "
    "of Computational and Graphical Statistics 5(3), 236–244.",
}
