// y ~ Conway-Maxwell-Poisson with mean mu and nu = 1 / phi, delta = log phi.
//
//   log f = y theta - nu log y! - log Z,   Z(theta, nu) = sum of e^(j theta) / j!^nu
//
// where theta is the number for which the mean is mu (Huang 2017, Statistical Modelling 17(6),
// 359-380). About m, the value of mu, with vartheta = theta - nu log m and
// g_j = log j! - log Gamma(m + 1) - (j - m) log m, which is of the size of (j - m)^2 / (2 m),
//
//   log f = (y - m) vartheta - nu g_y - Lambda,   Lambda = log sum of e^((j - m) vartheta - nu g_j)
//
// The derivatives of Lambda are the joint cumulants of j - m and -g_j. Those of vartheta follow
// from dLambda / dvartheta = mu - m, solved by Newton steps on jets, each exact to one order more.
#pragma once

#include "../lattice_sum.hpp"
#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct ConwayMaxwellPoisson {
    static constexpr const char* name = "compois";
    static constexpr int predictors = 2;
    using Links = LinkList<LogLink>;

    explicit ConwayMaxwellPoisson(const double*) {}

    template <class Link, class Eta, class Delta>
    Joint<Eta, Delta> log_density(double y, double, const Eta& eta, const Delta& delta) {
        using J = Joint<Eta, Delta>;
        const Eta log_mean = Link::log_mean(eta);
        const Delta nu = exp(-delta);
        about(log_mean.value, nu.value);
        double root;
        if (!solve(root)) return impossible<J>();
        Taylor2<Order + 1> lambda;
        sum(root, lambda);
        J theta(root);
        Taylor2<Order> value, slope;
        for (int a = 0; a <= Order; ++a)
            for (int b = 0; a + b <= Order; ++b) {
                value[a][b] = lambda[a][b];
                slope[a][b] = lambda[a + 1][b];
            }
        slope[0][0] = 0.0;  // at the root
        Eta target = m_ * exp(log_mean - log_m_);
        target.value = 0.0;  // mu - m
        for (int order = 1; order <= Order; ++order)
            theta = theta - (1.0 / slope_of(lambda)) * (compose(slope, theta, nu) - target);
        return (y - m_) * theta - nu * g(y) - compose(value, theta, nu);
    }

private:
    static double slope_of(const Taylor2<Order + 1>& lambda) {
        if constexpr (Order >= 1) return lambda[2][0];
        return 1.0;
    }

    void about(double log_m, double nu) {
        log_m_ = log_m;
        m_ = std::exp(log_m);
        nu_ = nu;
        remainder_ = stirling_remainder_taylor<0>(log_m, m_)[0];
        // log Gamma(m + 1) - m log m
        at_zero_ = 0.5 * log_m - m_ + half_log_two_pi + remainder_;
    }

    double g(double j) const {
        if (j == 0.0) return -at_zero_;
        if (m_ < 20.0) return log_factorial(j) - at_zero_ - j * log_m_;
        const double log_j = std::log(j);
        return m_ * relative_entropy((j - m_) / m_) + 0.5 * (log_j - log_m_) +
               stirling_remainder_taylor<0>(log_j, j)[0] - remainder_;
    }

    struct Term {
        double value, weight, x, y;
    };

    // Collect the terms at vartheta; false if there are too many.
    bool collect(double vartheta) {
        const double mode = std::floor(m_ * std::exp(vartheta / nu_));
        if (!(mode < 1e14)) return false;
        const double spread = std::sqrt((mode + 1.0) / nu_);
        terms_.clear();
        largest_ = -HUGE_VAL;
        step_ = lattice_step(mode, spread);
        double latest = 0.0;
        return visit_lattice(
            0.0, mode, step_,
            [&](double j) {
                latest = g(j);
                return (j - m_) * vartheta - nu_ * latest;
            },
            [&](double j, double t) {
                largest_ = std::fmax(largest_, t);
                terms_.push_back({t, 0.0, j - m_, -latest});
            });
    }

    // vartheta where the mean is m. Newton steps on log(mean) or, where Z is nearly a geometric
    // series, log(mean / (1 + mean)), kept in a bracket.
    bool solve(double& vartheta) {
        if (!(m_ < 1e12) || !(m_ > 0.0) || !(nu_ < 1e12) || !(nu_ > 1e-12)) return false;
        const double shifted = 1.0 + (nu_ - 1.0) / (2.0 * nu_ * m_);
        const double geometric = log_m_ - std::log1p(m_) - nu_ * log_m_;
        vartheta = shifted > 0.5 && m_ > 1.0 ? nu_ * std::log(shifted)
                   : nu_ < 1.0               ? geometric + nu_ * std::log1p(m_)
                                             : (1.0 - nu_) * log_m_;
        double low = -HUGE_VAL, high = HUGE_VAL;
        for (int step = 0; step < 200; ++step) {
            double excess, slope;  // of the mean: relative to m, and its derivative
            if (collect(vartheta)) {
                double sum = 0.0, x = 0.0, xx = 0.0;
                for (const Term& term : terms_) {
                    const double weight = std::exp(term.value - largest_);
                    sum += weight;
                    x += weight * term.x;
                    xx += weight * term.x * term.x;
                }
                excess = x / sum;
                slope = xx / sum - excess * excess;
            } else {
                excess = HUGE_VAL;
                slope = 0.0;
            }
            (excess > 0.0 ? high : low) = vartheta;
            const double mean = m_ + excess;
            double change = nu_ < 1.0 ? -mean * (1.0 + mean) / slope *
                                            (std::log1p(excess / m_) - std::log1p(excess / (1.0 + m_)))
                                      : -mean / slope * std::log1p(excess / m_);
            if (std::abs(change) <= 1e-15 * std::fmax(std::abs(vartheta), 1e-3 * nu_)) return true;
            double next = vartheta + change;
            if (!(next > low && next < high)) {
                if (low == -HUGE_VAL) next = vartheta - std::fmax(1.0, std::abs(vartheta));
                else if (high == HUGE_VAL) next = vartheta + std::fmax(1.0, std::abs(vartheta));
                else next = 0.5 * (low + high);
                if (next == vartheta || next == low || next == high) return excess < HUGE_VAL;
            }
            vartheta = next;
        }
        return false;
    }

    // Lambda at vartheta and its derivatives: joint cumulants k_ab of j - m and -g_j.
    void sum(double vartheta, Taylor2<Order + 1>& k) {
        collect(vartheta);
        double total = 0.0, x = 0.0, y = 0.0;
        for (Term& term : terms_) {
            total += term.weight = std::exp(term.value - largest_);
            x += term.weight * term.x;
            y += term.weight * term.y;
        }
        k = {};
        k[0][0] = largest_ + std::log(step_ * total);
        k[1][0] = x /= total;
        k[0][1] = y /= total;
        if constexpr (Order >= 1) {
            double m[5][5] = {};  // central moments
            for (const Term& term : terms_) {
                const double dx = term.x - x, dy = term.y - y;
                double power = term.weight / total;
                for (int a = 0; a <= Order + 1; ++a, power *= dx) {
                    double both = power;
                    for (int b = 0; a + b <= Order + 1; ++b, both *= dy) m[a][b] += both;
                }
            }
            for (int a = 0; a <= Order + 1; ++a)
                for (int b = 0; a + b <= Order + 1; ++b)
                    if (a + b >= 2) k[a][b] = m[a][b];
            if constexpr (Order >= 3) {
                k[4][0] -= 3.0 * m[2][0] * m[2][0];
                k[3][1] -= 3.0 * m[2][0] * m[1][1];
                k[2][2] -= m[2][0] * m[0][2] + 2.0 * m[1][1] * m[1][1];
                k[1][3] -= 3.0 * m[0][2] * m[1][1];
                k[0][4] -= 3.0 * m[0][2] * m[0][2];
            }
        }
    }

    double m_ = 0.0, log_m_ = 0.0, nu_ = 0.0, remainder_ = 0.0, at_zero_ = 0.0;
    double largest_ = 0.0, step_ = 1.0;
    std::vector<Term> terms_;
};

}  // namespace henderson
