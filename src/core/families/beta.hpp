// y ~ Beta(a, b), a = mu phi, b = (1 - mu) phi: Var(y) = mu (1 - mu) / (1 + phi), delta = log phi.
//
//   log f = a log(y / mu) + b log((1 - y) / (1 - mu)) - log y(1 - y)
//         + log(phi mu (1 - mu)) / 2 - log(2 pi) / 2 + S(phi) - S(a) - S(b)
//
// with S what Stirling's formula leaves of log Gamma: nothing large cancels for large phi.
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct Beta {
    static constexpr const char* name = "beta";
    static constexpr int predictors = 2;
    using Links = LinkList<LogitLink, ProbitLink, CloglogLink, LoglogLink, CauchitLink>;

    explicit Beta(const double*) {}

    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE Joint<Eta, Delta> log_density(
        double y, double, const Eta& eta, const Delta& delta) {
        const double log_y = std::log(y), log_rest = std::log1p(-y);
        const Eta log_mean = Link::log_mean(eta), log_complement = Link::log_complement(eta);
        const auto log_a = log_mean + delta, log_b = log_complement + delta;
        const auto a = exp(log_a), b = exp(log_b);
        const Taylor<Order>& remainder = remainder_(delta.value, [](double x) {
            return stirling_remainder_taylor<Order>(x, std::exp(x));
        });
        return a * (log_y - log_mean) + b * (log_rest - log_complement) +
               0.5 * (log_a + log_complement) + compose(remainder, delta) -
               stirling_remainder(log_a, a.value) - stirling_remainder(log_b, b.value) -
               (log_y + log_rest + half_log_two_pi);
    }

private:
    Remembered<Order> remainder_;
};

}  // namespace henderson
