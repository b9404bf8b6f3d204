// y in [0, 1], ends included: ordered beta with cutpoints c1 < c2 on the scale of eta.
//
//   P(y = 0) = 1 - F(eta - c1),   P(y = 1) = F(eta - c2),   F the logistic distribution
//   log f = log(F(eta - c1) - F(eta - c2)) + log Beta density of mean F(eta) and precision phi
//
// delta = log phi; the further predictors are c1 and log(c2 - c1).
#pragma once

#include "beta.hpp"

namespace henderson {

template <int Order>
struct OrderedBeta {
    static constexpr const char* name = "ordbeta";
    static constexpr int predictors = 4;
    using Links = LinkList<LogitLink>;

    explicit OrderedBeta(const double* constants) : inside_(constants) {}

    template <class Link, class Eta, class Delta, class Lower, class LogGap>
    HENDERSON_INLINE Joint<Eta, Delta, Lower, LogGap> log_density(
        double y, double size, const Eta& eta, const Delta& delta, const Lower& lower,
        const LogGap& log_gap) {
        const auto above_lower = eta - lower;
        if (y <= 0.0) return -softplus(above_lower);
        const auto gap = exp(log_gap);
        const auto above_upper = above_lower - gap;
        if (y >= 1.0) return -softplus(-above_upper);
        // F(a) - F(b) = (1 - e^-(a - b)) / (1 + e^-a) / (1 + e^b)
        return inside_.template log_density<Link>(y, size, eta, delta) + log_one_minus_exp(gap) -
               softplus(-above_lower) - softplus(above_upper);
    }

private:
    Beta<Order> inside_;
};

}  // namespace henderson
