// A family of counts f without its zeros, and the same with zeros of their own.
//
//   truncated:  log f(y) - log(1 - f(0)),   y = 1, 2, ...
//   hurdle:     P(0) = pi,   P(y) = (1 - pi) f(y) / (1 - f(0)),   zeta = logit pi
#pragma once

#include "../links.hpp"
#include "joined_name.hpp"
#include "registry.hpp"

namespace henderson {

template <template <int> class Base>
struct Truncated {
    struct Prefix {
        static constexpr const char* text = "truncated_";
    };

    template <int Order>
    struct Family {
        static constexpr const char* name = JoinedName<Prefix, Base<Order>>::text;
        static constexpr int predictors = Base<Order>::predictors;
        using Links = typename Base<Order>::Links;

        explicit Family(const double* constants) : base_(constants) {}

        template <class Link, class Eta, class... Others>
        HENDERSON_INLINE Joint<Eta, Others...> log_density(double y, double size, const Eta& eta,
                                                           const Others&... others) {
            if (y == 0.0 || !Link::positive(eta.value)) return impossible<Joint<Eta, Others...>>();
            const auto zero = base_.template log_density<Link>(0.0, size, eta, others...);
            return base_.template log_density<Link>(y, size, eta, others...) -
                   log_one_minus_exp(-zero);
        }

    private:
        Base<Order> base_;
    };
};

template <template <int> class Base>
struct Hurdle {
    struct Prefix {
        static constexpr const char* text = "hurdle_";
    };

    template <int Order>
    struct Family {
        static constexpr const char* name = JoinedName<Prefix, Base<Order>>::text;
        static constexpr int predictors = Base<Order>::predictors + 1;
        using Links = typename Base<Order>::Links;

        explicit Family(const double* constants) : positive_(constants) {}

        template <class Link, class Eta, class Zeta>
        HENDERSON_INLINE Joint<Eta, Zeta> log_density(double y, double size, const Eta& eta,
                                                      const Zeta& zeta) {
            if (!Link::positive(eta.value)) return impossible<Joint<Eta, Zeta>>();
            if (y == 0.0) return -softplus(-zeta);
            return positive_.template log_density<Link>(y, size, eta) - softplus(zeta);
        }

        template <class Link, class Eta, class Delta, class Zeta>
        HENDERSON_INLINE Joint<Eta, Delta, Zeta> log_density(double y, double size, const Eta& eta,
                                                             const Delta& delta,
                                                             const Zeta& zeta) {
            if (!Link::positive(eta.value)) return impossible<Joint<Eta, Delta, Zeta>>();
            if (y == 0.0) return -softplus(-zeta);
            return positive_.template log_density<Link>(y, size, eta, delta) - softplus(zeta);
        }

    private:
        typename Truncated<Base>::template Family<Order> positive_;
    };
};

}  // namespace henderson
