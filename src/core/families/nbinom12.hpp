// y ~ negative binomial with mean mu and Var(y) = mu (1 + phi + mu / psi), delta = log phi and
// log psi the third predictor: nbinom2 with size k, 1 / k = phi / mu + 1 / psi.
#pragma once

#include "nbinom2.hpp"

namespace henderson {

template <int Order>
struct NegativeBinomial12 {
    static constexpr const char* name = "nbinom12";
    static constexpr int predictors = 3;
    using Links = LinkList<LogLink>;

    explicit NegativeBinomial12(const double* constants) : of_size_(constants) {}

    template <class Link, class Eta, class Delta, class LogPsi>
    HENDERSON_INLINE Joint<Eta, Delta, LogPsi> log_density(double y, double size, const Eta& eta,
                                                           const Delta& delta,
                                                           const LogPsi& log_psi) {
        // log k = log psi - log(1 + e^x), and at large x log(mu / phi) - log(1 + e^-x)
        const auto of_linear = Link::log_mean(eta) - delta;
        const auto x = log_psi - of_linear;
        const Joint<Eta, Delta, LogPsi> log_size =
            x.value < 0.0 ? log_psi - softplus(x) : of_linear - softplus(-x);
        return of_size_.template log_density<Link>(y, size, eta, log_size);
    }

private:
    NegativeBinomial2<Order> of_size_;
};

}  // namespace henderson
