// y ~ Gamma with mean mu and sd / mean = phi, delta = log phi: shape nu = 1 / phi^2.
//
//   log f = -nu (e^d - 1 - d) - log(2 pi) / 2 + log(nu) / 2 - S(nu) - log y,   d = log(y / mu)
//
// with S what Stirling's formula leaves of log Gamma.
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct Gamma {
    static constexpr const char* name = "gamma";
    static constexpr int predictors = 2;
    using Links = LinkList<LogLink, InverseLink, IdentityLink, SqrtLink, SoftplusLink,
                           PowerLink>;

    explicit Gamma(const double*) {}

    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE Joint<Eta, Delta> log_density(
        double y, double, const Eta& eta, const Delta& delta) {
        if (!Link::positive(eta.value)) return impossible<Joint<Eta, Delta>>();
        const double log_y = std::log(y);
        const Delta log_shape = -2.0 * delta;
        const Delta shape = exp(log_shape);
        const Taylor<Order>& remainder = remainder_(log_shape.value, [&](double x) {
            return stirling_remainder_taylor<Order>(x, shape.value);
        });
        return -shape * expm1_minus(log_y - Link::log_mean(eta)) - delta -
               compose(remainder, log_shape) - (half_log_two_pi + log_y);
    }

private:
    Remembered<Order> remainder_;
};

}  // namespace henderson
