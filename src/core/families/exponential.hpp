// y ~ exponential with mean mu: log f = -y / mu - log mu.
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct Exponential {
    static constexpr const char* name = "exponential";
    static constexpr int predictors = 1;
    using Links = LinkList<LogLink, InverseLink, IdentityLink, SoftplusLink, PowerLink>;

    explicit Exponential(const double*) {}

    template <class Link, class Eta>
    HENDERSON_INLINE Eta log_density(double y, double, const Eta& eta) {
        if (!Link::positive(eta.value)) return impossible<Eta>();
        const Eta log_mean = Link::log_mean(eta);
        return -exp(std::log(y) - log_mean) - log_mean;
    }
};

}  // namespace henderson
