// y ~ N(mu, sigma^2 / size), delta = log sigma.
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct Gaussian {
    static constexpr const char* name = "gaussian";
    static constexpr int predictors = 2;
    using Links = LinkList<IdentityLink, LogLink, InverseLink, SqrtLink, SoftplusLink>;

    explicit Gaussian(const double*) {}

    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE Joint<Eta, Delta> log_density(
        double y, double size, const Eta& eta, const Delta& delta) {
        const auto z = (y - Link::mean(eta)) * exp(-delta);
        const double precision = size == 1.0 ? 0.0 : 0.5 * std::log(size);
        return (-0.5 * size) * square(z) - delta + (precision - half_log_two_pi);
    }
};

}  // namespace henderson
