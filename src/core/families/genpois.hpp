// y ~ generalized Poisson with mean mu and Var(y) = mu phi, delta = log phi.
//
//   log f = log(mu / s) + (y - 1) log t - t - log y!,   t = y + (mu - y) / s,   s = sqrt(phi)
//
// Zero where t <= 0, which is so for large y when phi < 1: then f does not add up to 1 exactly.
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct GeneralizedPoisson {
    static constexpr const char* name = "genpois";
    static constexpr int predictors = 2;
    using Links = LinkList<LogLink>;

    explicit GeneralizedPoisson(const double*) {}

    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE Joint<Eta, Delta> log_density(double y, double, const Eta& eta,
                                                   const Delta& delta) {
        const auto log_rate = Link::log_mean(eta) - 0.5 * delta;
        const auto rate = exp(log_rate);
        if (y == 0.0) return -rate;
        const auto t = rate + y * -expm1(-0.5 * delta);
        if (!(t.value > 0.0)) return impossible<Joint<Eta, Delta>>();
        const auto log_t = log_of_small(t);
        return log_rate + ((y - 1.0) * (log_t - std::log(y)) - (t - y)) + constant(y);
    }

private:
    // (y - 1) log y - y - log y!
    static double constant(double y) {
        const double log_y = std::log(y);
        return -1.5 * log_y - half_log_two_pi - stirling_remainder_taylor<0>(log_y, y)[0];
    }
};

}  // namespace henderson
