// y ~ Poisson(mu).
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct Poisson {
    static constexpr const char* name = "poisson";
    static constexpr int predictors = 1;
    using Links = LinkList<LogLink, SqrtLink, IdentityLink, InverseLink, SoftplusLink,
                           PowerLink>;

    explicit Poisson(const double*) {}

    template <class Link, class Eta>
    HENDERSON_INLINE Eta log_density(double y, double, const Eta& eta) {
        if (!Link::positive(eta.value)) return impossible<Eta>();
        const Eta mean = Link::mean(eta);
        if (y == 0.0) return -mean;
        return y * Link::log_mean(eta) - mean - log_factorial(y);
    }
};

}  // namespace henderson
