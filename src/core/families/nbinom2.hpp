// y ~ negative binomial with mean mu and Var(y) = mu + mu^2 / phi, delta = log phi.
//
//   log f = y log mu - log y! + log[phi (phi + 1) ... (phi + y - 1) / phi^y]
//         - (y + phi) log(1 + r),   r = mu / phi
//
// in which each term has a limit as phi grows, and the sum goes to the Poisson log density.
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct NegativeBinomial2 {
    static constexpr const char* name = "nbinom2";
    static constexpr int predictors = 2;
    using Links = LinkList<LogLink, SqrtLink, IdentityLink, InverseLink, SoftplusLink,
                           PowerLink>;

    explicit NegativeBinomial2(const double*) {}

    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE Joint<Eta, Delta> log_density(
        double y, double, const Eta& eta, const Delta& delta) {
        if (!Link::positive(eta.value)) return impossible<Joint<Eta, Delta>>();
        const auto mixed = log_mixed<Link>(y, eta, delta);
        return y == 0.0 ? mixed : mixed + rising(y, delta) - log_factorial(y);
    }

private:
    // y log mu - (y + phi) log(1 + r)
    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE static Joint<Eta, Delta> log_mixed(double y, const Eta& eta,
                                                        const Delta& delta) {
        const Eta mean = Link::mean(eta);
        const auto r = mean * exp(-delta);
        if (r.value <= 1.0) {
            const auto tail = -(y * r + mean) * log1p_ratio(r);
            return y == 0.0 ? tail : y * Link::log_mean(eta) + tail;
        }
        // log(1 + r) = t + log(1 + 1 / r), t = log r: the terms y log mu cancel here
        const auto t = Link::log_mean(eta) - delta;
        const auto phi = exp(delta);
        return y * delta - phi * t - (y + phi) * softplus(-t);
    }

    template <class Delta>
    HENDERSON_INLINE Delta rising(double y, const Delta& delta) {
        const auto taylor = [y](double x) { return log_rising_taylor<Order>(y, x); };
        if (!in_table(y, remembered_.size())) return compose(taylor(delta.value), delta);
        return compose(remembered_[static_cast<int>(y)](delta.value, taylor), delta);
    }

    std::array<Remembered<Order>, 32> remembered_;
};

}  // namespace henderson
