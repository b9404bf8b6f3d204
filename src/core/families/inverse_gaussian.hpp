// y ~ inverse Gaussian with mean mu and Var(y) = phi mu^3, delta = log phi.
//
//   log f = -(y / mu - 1)^2 / (2 phi y) - (delta + 3 log y + log(2 pi)) / 2
#pragma once

#include <type_traits>

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct InverseGaussian {
    static constexpr const char* name = "inverse_gaussian";
    static constexpr int predictors = 2;
    using Links = LinkList<LogLink, InverseLink, IdentityLink, SqrtLink, SoftplusLink,
                           PowerLink>;

    explicit InverseGaussian(const double*) {}

    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE Joint<Eta, Delta> log_density(
        double y, double, const Eta& eta, const Delta& delta) {
        if (!Link::positive(eta.value)) return impossible<Joint<Eta, Delta>>();
        const double log_y = std::log(y);
        const Eta ratio = relative_error<Link>(y, log_y, eta);
        return -0.5 * (square(ratio) * exp(-(delta + log_y)) + delta) -
               (1.5 * log_y + half_log_two_pi);
    }

private:
    // y / mu - 1
    template <class Link, class Eta>
    HENDERSON_INLINE static Eta relative_error(double y, double log_y, const Eta& eta) {
        if constexpr (std::is_same_v<Link, InverseLink>) return y * eta - 1.0;
        return expm1(log_y - Link::log_mean(eta));
    }
};

}  // namespace henderson
