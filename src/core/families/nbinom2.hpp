// y ~ negative binomial with mean mu and Var(y) = mu + mu^2 / phi, delta = log phi.
//
//   log f = y log mu - log y! + log[phi (phi + 1) ... (phi + y - 1) / phi^y] - (y + phi) log(1 + r),
//   r = mu / phi
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
    using Links = LinkList<LogLink, SqrtLink, IdentityLink, InverseLink>;

    explicit NegativeBinomial2(const double*) {}

    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE Joint<Eta, Delta> log_density(double y, double, const Eta& eta, const Delta& delta) {
        if (!Link::positive(eta.value)) return impossible<Joint<Eta, Delta>>();
        const auto tail = log_tail<Link>(y, eta, delta);
        if (y == 0.0) return tail;
        return y * Link::log_mean(eta) + rising(y, delta) + tail - log_factorial(y);
    }

private:
    // -(y + phi) log(1 + mu / phi)
    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE static Joint<Eta, Delta> log_tail(double y, const Eta& eta, const Delta& delta) {
        const Eta mean = Link::mean(eta);
        const auto r = mean * exp(-delta);
        if (r.value <= 1.0) return -(y * r + mean) * log1p_ratio(r);
        return -(y + exp(delta)) * softplus(Link::log_mean(eta) - delta);
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
