// y ~ negative binomial with mean mu and Var(y) = mu (1 + phi), delta = log phi.
//
// It is the other parametrisation with k = mu / phi in place of phi:
//   log f = y log mu - log y! + log[k (k + 1) ... (k + y - 1) / k^y] - (y + k) log(1 + phi)
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct NegativeBinomial1 {
    static constexpr const char* name = "nbinom1";
    static constexpr int predictors = 2;
    using Links = LinkList<LogLink, SqrtLink, IdentityLink, InverseLink, SoftplusLink,
                           PowerLink>;

    explicit NegativeBinomial1(const double*) {}

    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE Joint<Eta, Delta> log_density(
        double y, double, const Eta& eta, const Delta& delta) {
        if (!Link::positive(eta.value)) return impossible<Joint<Eta, Delta>>();
        const auto tail = log_tail<Link>(y, eta, delta);
        if (y == 0.0) return tail;
        const Eta log_mean = Link::log_mean(eta);
        return y * log_mean + log_rising(y, log_mean - delta) + tail - log_factorial(y);
    }

private:
    // -(y + mu / phi) log(1 + phi)
    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE static Joint<Eta, Delta> log_tail(double y, const Eta& eta,
                                                       const Delta& delta) {
        const Eta mean = Link::mean(eta);
        if (delta.value <= 0.0) {
            const auto phi = exp(delta);
            return -(y * phi + mean) * log1p_ratio(phi);
        }
        return -(y + mean * exp(-delta)) * softplus(delta);
    }
};

}  // namespace henderson
