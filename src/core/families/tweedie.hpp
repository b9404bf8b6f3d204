// y ~ Tweedie with mean mu and Var(y) = phi mu^p, 1 < p < 2: a Poisson number of gamma variables.
// delta = log phi, and the third predictor is psi = logit(p - 1).
//
// With a = (2 - p) / (p - 1) = e^-psi the shape of the gamma variables, lambda the Poisson mean
// and tau = y over the gamma scale,
//
//   lambda = mu^(2 - p) / (phi (2 - p)),   tau = y mu^(1 - p) / (phi (p - 1))
//   P(0) = e^-lambda
//   f(y) = 1 / y  sum over j = 1, 2, ... of  Poisson(j; lambda) tau^(j a) e^-tau / Gamma(j a)
//
// Dunn & Smyth (2005), Statistics and Computing 15, 267-280, have the series. Here it is taken
// about a number j0 near its largest term: with E(x) = e^x - 1 - x, D(x) = x log x - x + 1 and S
// what Stirling's formula leaves of log Gamma,
//
//   log f = log a / 2 - log(2 pi y) - j0 E(log(lambda / j0)) - a j0 E(log(tau / (a j0)))
//         + log sum e^T_j,   T_j = (j - j0) w - (1 + a) j0 D(j / j0) - S(j) - S(j a)
//   w = log(lambda / j0) + a log(tau / (a j0)), in which mu cancels
//
// where no term is a difference of large numbers, and neither are the derivatives of the sum in
// w and log a, which are cumulants of those of T_j.
#pragma once

#include "../lattice_sum.hpp"
#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct Tweedie {
    static constexpr const char* name = "tweedie";
    static constexpr int predictors = 3;
    using Links = LinkList<LogLink>;

    explicit Tweedie(const double*) {}

    template <class Link, class Eta, class Delta, class Psi>
    Joint<Eta, Delta, Psi> log_density(double y, double, const Eta& eta, const Delta& delta,
                                       const Psi& psi) {
        const auto log_mean = Link::log_mean(eta);
        const Psi two_minus_p = exp(-softplus(psi));  // and log of it, and of p - 1
        const Psi log_two_minus_p = -softplus(psi), log_p_minus_one = -softplus(-psi);
        const auto log_lambda = two_minus_p * log_mean - delta - log_two_minus_p;
        if (y <= 0.0) return -exp(log_lambda);
        const double log_y = std::log(y);
        const Psi log_a = -psi, a = exp(log_a);
        // j0 is the maximum of the terms without S, where w = 0
        const auto log_middle = two_minus_p * log_y - delta - log_two_minus_p;
        const double log_j0 = std::fmax(log_middle.value, 0.0), j0 = std::exp(log_j0);
        if (!(j0 < 1e13)) return impossible<Joint<Eta, Delta, Psi>>();
        const auto log_tau = log_y - exp(log_p_minus_one) * log_mean - delta - log_p_minus_one;
        const auto w = (1.0 + a) * (log_middle - log_j0);
        const auto series = log_series(j0, w.value, log_a.value, a.value);
        return compose(series, w, log_a) + 0.5 * log_a - j0 * expm1_minus(log_lambda - log_j0) -
               j0 * (a * expm1_minus(log_tau - log_a - log_j0)) - (2.0 * half_log_two_pi + log_y);
    }

private:
    // log sum e^T_j as a function of w and log a
    Taylor2<Order> log_series(double j0, double w, double log_a, double a) {
        const double spread = std::sqrt(j0 / (1.0 + a));
        const double step = lattice_step(j0, spread);
        terms_.clear();
        const auto term = [&](double j) {
            const double log_j = std::log(j), entropy = j0 * relative_entropy((j - j0) / j0);
            latest_.remainder = stirling_remainder_taylor<Order>(log_j + log_a, j * a);
            latest_.entropy = entropy;
            return (j - j0) * w - (1.0 + a) * entropy - latest_.remainder[0] -
                   stirling_remainder_taylor<0>(log_j, j)[0];
        };
        double largest = -HUGE_VAL;
        const bool complete = visit_lattice(1.0, std::round(j0), step, term,
                                            [&](double j, double t) {
                                                latest_.value = t;
                                                latest_.x = j - j0;
                                                largest = std::fmax(largest, t);
                                                terms_.push_back(latest_);
                                            });
        Taylor2<Order> f{};
        if (!complete) {
            f[0][0] = -HUGE_VAL;
            return f;
        }
        // first, second and third derivative of T_j: in w only j - j0, in log a -a j0 D - S^(k)
        double sum = 0.0, x = 0.0, y[4] = {};
        for (Term& term : terms_) {
            sum += term.weight = std::exp(term.value - largest);
            x += term.weight * term.x;
            for (int k = 1; k <= Order; ++k) {
                term.remainder[k] = -a * term.entropy - term.remainder[k];
                y[k] += term.weight * term.remainder[k];
            }
        }
        f[0][0] = largest + std::log(step * sum);
        if constexpr (Order >= 1) {
            f[1][0] = x /= sum;
            f[0][1] = y[1] /= sum;
        }
        if constexpr (Order >= 2) {
            const double first = y[1], second = y[2] / sum;
            double xx = 0.0, xy = 0.0, yy = 0.0, xxx = 0.0, xxy = 0.0, xyy = 0.0, yyy = 0.0;
            double xz = 0.0, yz = 0.0;
            for (const Term& term : terms_) {
                const double dx = term.x - x, dy = term.remainder[1] - first;
                const double wx = term.weight * dx, wy = term.weight * dy;
                const double z = term.remainder[2] - second;
                xx += wx * dx;
                xy += wx * dy;
                yy += wy * dy;
                xxx += wx * dx * dx;
                xxy += wx * dx * dy;
                xyy += wx * dy * dy;
                yyy += wy * dy * dy;
                xz += wx * z;
                yz += wy * z;
            }
            f[2][0] = xx / sum;
            f[1][1] = xy / sum;
            f[0][2] = yy / sum + second;
            if constexpr (Order >= 3) {
                f[3][0] = xxx / sum;
                f[2][1] = xxy / sum;
                f[1][2] = (xyy + xz) / sum;
                f[0][3] = (yyy + 3.0 * yz + y[3]) / sum;
            }
        }
        return f;
    }

    struct Term {
        double value, weight, x, entropy;
        Taylor<Order> remainder;
    };
    Term latest_{};
    std::vector<Term> terms_;
};

}  // namespace henderson
