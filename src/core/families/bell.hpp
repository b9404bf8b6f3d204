// y ~ Bell with mean mu = theta e^theta.
//
//   log f = y log theta + 1 - e^theta + log B_y - log y!
//
// B_y are the Bell numbers, by Dobinski's formula B_y = sum of k^y / k! over k, divided by e.
#pragma once

#include "../links.hpp"
#include "../lattice_sum.hpp"
#include "registry.hpp"

namespace henderson {

inline double log_bell_number(double y) {
    if (y < 2.0) return 0.0;
    double mode = y / std::log(y + 1.0);  // k log k = y
    for (int step = 0; step < 50; ++step) mode = (mode + y) / (1.0 + std::log(mode));
    const double spread = 1.0 / std::sqrt(y / (mode * mode) + 1.0 / mode);
    return log_lattice_sum(1.0, std::round(mode), lattice_step(mode, spread),
                           [y](double k) { return y * std::log(k) - log_factorial(k); }) -
           1.0;
}

template <int Order>
struct Bell {
    static constexpr const char* name = "bell";
    static constexpr int predictors = 1;
    using Links = LinkList<LogLink>;

    explicit Bell(const double*) {}

    template <class Link, class Eta>
    HENDERSON_INLINE Eta log_density(double y, double, const Eta& eta) {
        const Eta log_theta = log_lambert(Link::log_mean(eta));
        return y * log_theta - expm1(exp(log_theta)) + constant(y);
    }

private:
    // log theta where theta e^theta = e^x. With r = 1 / (1 + theta): f' = r, f'' = -theta r^3,
    // f''' = theta r^4 (3 theta r - 1).
    template <class J>
    HENDERSON_INLINE static J log_lambert(const J& x) {
        double f = x.value < 1.0 ? x.value : std::log(x.value);
        for (int step = 0; step < 40; ++step) {
            const double theta = std::exp(f), change = (f + theta - x.value) / (1.0 + theta);
            f -= change;
            if (std::abs(change) <= 1e-15 * (1.0 + std::abs(f))) break;
        }
        Taylor<Order> taylor;
        taylor[0] = f;
        const double theta = std::exp(f), r = 1.0 / (1.0 + theta);
        if constexpr (Order >= 1) taylor[1] = r;
        if constexpr (Order >= 2) taylor[2] = -theta * r * r * r;
        if constexpr (Order >= 3) taylor[3] = theta * r * r * r * r * (3.0 * theta * r - 1.0);
        return compose(taylor, x);
    }

    // log B_y - log y!
    static double constant(double y) {
        static const std::array<double, 256> table = [] {
            std::array<double, 256> t{};
            for (int k = 0; k < 256; ++k) t[k] = log_bell_number(k) - log_factorial(k);
            return t;
        }();
        if (in_table(y, 256.0)) return table[static_cast<int>(y)];
        return log_bell_number(y) - log_factorial(y);
    }
};

}  // namespace henderson
