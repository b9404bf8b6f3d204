// A point mass at zero mixed with a family of counts f; zeta = logit pi is the last predictor.
//
//   P(y) = pi [y = 0] + (1 - pi) f(y),   log(1 - pi) = -log(1 + e^zeta)
//
// At y = 0, with L = log f(0), in the form that keeps its digits:
//
//   log(1 + (1 - pi)(e^L - 1))            L near 0
//   log(1 + e^(L - zeta)) - log(1 + e^-zeta)      L < zeta
//   L + log(1 + e^(zeta - L)) - log(1 + e^zeta)   zeta < L
#pragma once

#include "../links.hpp"
#include "joined_name.hpp"
#include "registry.hpp"

namespace henderson {

template <class Zero, class Zeta>
HENDERSON_INLINE Joint<Zero, Zeta> log_zero_of_mixture(const Zero& log_zero, const Zeta& zeta) {
    if (log_zero.value > -0.5) return log1p(expm1(log_zero) * exp(-softplus(zeta)));
    if (log_zero.value < zeta.value) return softplus(log_zero - zeta) - softplus(-zeta);
    return log_zero + softplus(zeta - log_zero) - softplus(zeta);
}

template <template <int> class Base>
struct ZeroInflated {
    struct Prefix {
        static constexpr const char* text = "zero_inflated_";
    };

    template <int Order>
    struct Family {
        static constexpr const char* name = JoinedName<Prefix, Base<Order>>::text;
        static constexpr int predictors = Base<Order>::predictors + 1;
        using Links = typename Base<Order>::Links;

        explicit Family(const double* constants) : base_(constants) {}

        template <class Link, class Eta, class Zeta>
        HENDERSON_INLINE Joint<Eta, Zeta> log_density(double y, double size, const Eta& eta,
                                                      const Zeta& zeta) {
            if (!Link::positive(eta.value)) return impossible<Joint<Eta, Zeta>>();
            return mixed(y, base_.template log_density<Link>(y, size, eta), zeta);
        }

        template <class Link, class Eta, class Delta, class Zeta>
        HENDERSON_INLINE Joint<Eta, Delta, Zeta> log_density(double y, double size, const Eta& eta,
                                                             const Delta& delta,
                                                             const Zeta& zeta) {
            if (!Link::positive(eta.value)) return impossible<Joint<Eta, Delta, Zeta>>();
            return mixed(y, base_.template log_density<Link>(y, size, eta, delta), zeta);
        }

    private:
        template <class Count, class Zeta>
        HENDERSON_INLINE static Joint<Count, Zeta> mixed(double y, const Count& count,
                                                         const Zeta& zeta) {
            if (y == 0.0) return log_zero_of_mixture(count, zeta);
            return count - softplus(zeta);
        }

        Base<Order> base_;
    };
};

}  // namespace henderson
