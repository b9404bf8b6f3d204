// y ~ skew normal with mean mu, standard deviation sigma, delta = log sigma, and shape alpha.
//
//   log f = log 2 - log omega - z^2 / 2 - log(2 pi) / 2 + log Phi(alpha z)
//
// with b = sqrt(2 / pi) alpha / sqrt(1 + alpha^2), omega = sigma / sqrt(1 - b^2) and
// z = (y - mu) / omega + b.
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct SkewNormal {
    static constexpr const char* name = "skewnormal";
    static constexpr int predictors = 3;
    using Links = LinkList<IdentityLink, LogLink>;

    explicit SkewNormal(const double*) {}

    template <class Link, class Eta, class Delta, class Alpha>
    HENDERSON_INLINE Joint<Eta, Delta, Alpha> log_density(double y, double, const Eta& eta,
                                                          const Delta& delta,
                                                          const Alpha& alpha) {
        constexpr double mean_of_half_normal = 0.79788456080286535588;  // sqrt(2 / pi)
        const auto b = mean_of_half_normal * (alpha * reciprocal(sqrt(1.0 + square(alpha))));
        const auto variance = 1.0 - square(b);  // of a skew normal with omega = 1
        const auto z = (y - Link::mean(eta)) * exp(-delta) * sqrt(variance) + b;
        return 0.5 * log(variance) - delta - 0.5 * square(z) + log_normal_cdf(alpha * z) +
               (log_two - half_log_two_pi);
    }
};

}  // namespace henderson
