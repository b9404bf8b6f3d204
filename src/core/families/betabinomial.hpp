// y ~ beta-binomial: y successes in n trials, whose probability varies as Beta(mu phi, (1 - mu) phi),
// delta = log phi.
//
//   log f = log (n over y) + y log mu + (n - y) log(1 - mu)
//         + R(y, mu phi) + R(n - y, (1 - mu) phi) - R(n, phi)
//
// with R(y, a) = log[a (a + 1) ... (a + y - 1) / a^y], which goes to 0 as a grows: the sum goes to
// the binomial log density.
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct BetaBinomial {
    static constexpr const char* name = "betabinomial";
    static constexpr int predictors = 2;
    using Links = LinkList<LogitLink, ProbitLink, CloglogLink, LoglogLink, CauchitLink>;

    explicit BetaBinomial(const double*) {}

    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE Joint<Eta, Delta> log_density(
        double y, double size, const Eta& eta, const Delta& delta) {
        const double rest = size - y;
        Joint<Eta, Delta> f = Link::bernoulli(y, size, eta) + log_choose(size, y);
        if (size <= 1.0) return f;
        f = f - log_rising(size, delta);
        if (y > 0.0) f = f + log_rising(y, Link::log_mean(eta) + delta);
        if (rest > 0.0) f = f + log_rising(rest, Link::log_complement(eta) + delta);
        return f;
    }
};

}  // namespace henderson
