// y ~ Weibull with mean mu and shape k, delta = log k.
//
//   log f = x - e^x + log k - log y,   x = k (log(y / mu) + log Gamma(1 + 1 / k))
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct Weibull {
    static constexpr const char* name = "weibull";
    static constexpr int predictors = 2;
    using Links = LinkList<LogLink>;

    explicit Weibull(const double*) {}

    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE Joint<Eta, Delta> log_density(double y, double, const Eta& eta,
                                                   const Delta& delta) {
        const double log_y = std::log(y);
        const Taylor<Order>& log_ratio = log_ratio_(delta.value, [](double value) {
            return log_mean_of_unit(variable<0, Order>(value));
        });
        const auto x = exp(delta) * (log_y - Link::log_mean(eta) + compose(log_ratio, delta));
        return x - exp(x) + (delta - log_y);
    }

private:
    // log Gamma(1 + a), a = e^-delta
    static Taylor<Order> log_mean_of_unit(const Jet<bit(0), Order>& delta) {
        const auto log_a = -delta;
        const auto a = exp(log_a);
        const auto value = (a + 0.5) * log_a - a + half_log_two_pi +
                           stirling_remainder(log_a, a.value);
        Taylor<Order> f;
        f[0] = value.value;
        if constexpr (Order >= 1) f[1] = value.d1[0];
        if constexpr (Order >= 2) f[2] = value.d2[0];
        if constexpr (Order >= 3) f[3] = value.d3[0];
        return f;
    }

    Remembered<Order> log_ratio_;
};

}  // namespace henderson
