// y one of ordered categories, P(y <= c) = F(threshold_c - eta); F is the inverse link.
//
// Each row has the thresholds on either side of its category, lower and upper; y says where it
// is: 0 in the first category (no lower threshold), 2 in the last (no upper one), 1 between.
//
//   log f = log(F(upper - eta) - F(lower - eta))
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct Cumulative {
    static constexpr const char* name = "cumulative";
    static constexpr int predictors = 3;
    using Links = LinkList<LogitLink, ProbitLink, CloglogLink, LoglogLink, CauchitLink>;

    explicit Cumulative(const double*) {}

    template <class Link, class Eta, class Lower, class Upper>
    HENDERSON_INLINE Joint<Eta, Lower, Upper> log_density(double y, double, const Eta& eta,
                                                          const Lower& lower,
                                                          const Upper& upper) {
        if (y == 0.0) return Link::log_mean(upper - eta);
        if (y == 2.0) return Link::log_complement(lower - eta);
        if (!(upper.value > lower.value)) return impossible<Joint<Eta, Lower, Upper>>();
        const auto u = upper - eta;
        const auto l = lower - eta;
        if constexpr (std::is_same_v<Link, LogitLink>)  // exact however near the thresholds are
            return log_one_minus_exp(upper - lower) - softplus(-u) - softplus(l);
        // from the side on which the probabilities are small
        if (l.value > 0.0) {
            const auto above = Link::log_complement(l);
            return above + log_one_minus_exp(above - Link::log_complement(u));
        }
        const auto below = Link::log_mean(u);
        return below + log_one_minus_exp(below - Link::log_mean(l));
    }
};

}  // namespace henderson
