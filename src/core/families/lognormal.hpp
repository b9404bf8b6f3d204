// log y ~ normal with variance sigma^2 and a mean that gives E(y) = mu, delta = log sigma.
//
//   log f = -z^2 / 2 - delta - log y - log(2 pi) / 2,   z = (log y - log mu) / sigma + sigma / 2
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct LogNormal {
    static constexpr const char* name = "lognormal";
    static constexpr int predictors = 2;
    using Links = LinkList<LogLink, IdentityLink, InverseLink, SqrtLink, SoftplusLink,
                           PowerLink>;

    explicit LogNormal(const double*) {}

    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE Joint<Eta, Delta> log_density(
        double y, double, const Eta& eta, const Delta& delta) {
        if (!Link::positive(eta.value)) return impossible<Joint<Eta, Delta>>();
        const double log_y = std::log(y);
        const auto z = (log_y - Link::log_mean(eta)) * exp(-delta) + 0.5 * exp(delta);
        return -0.5 * square(z) - delta - (log_y + half_log_two_pi);
    }
};

}  // namespace henderson
