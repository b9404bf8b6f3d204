// Functions that families and links are written in, each with its derivatives to third order.
//
// They take the logarithm of a positive argument where the argument itself could overflow, and
// are arranged so that limits are reached smoothly: nothing here is a small difference of large
// numbers. Accuracy is a few units in the last place of the largest term of each derivative.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "jets.hpp"

namespace henderson {

inline constexpr double half_log_two_pi = 0.91893853320467274178;
inline constexpr double log_two = 0.69314718055994530942;

// log(1 + e) for e >= 0, with over = 1 / (1 + e): the logarithm of the rounded sum, plus what the
// sum lost. As accurate as std::log1p, in half its time.
HENDERSON_INLINE double log1p_given(double e, double over) {
    const double u = 1.0 + e;
    return std::log(u) + (e - (u - 1.0)) * over;
}

// log(1 + e^x)
template <int O>
HENDERSON_INLINE Taylor<O> softplus_taylor(double x) {
    Taylor<O> f;
    const double e = std::exp(-std::abs(x)), large = 1.0 / (1.0 + e);
    f[0] = std::max(x, 0.0) + log1p_given(e, large);
    if constexpr (O >= 1) {
        const double small = e * large;
        const double p = x > 0.0 ? large : small, q = x > 0.0 ? small : large;
        f[1] = p;
        if constexpr (O >= 2) f[2] = p * q;
        if constexpr (O >= 3) f[3] = p * q * (q - p);
    }
    return f;
}

template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> softplus(const Jet<A, O>& x) {
    return compose(softplus_taylor<O>(x.value), x);
}

// log(1 + r) / r for 0 <= r <= 1; its limit at r = 0 is 1.
template <int O>
Taylor<O> log1p_ratio_taylor(double r) {
    Taylor<O> f{};
    if (r < 0.03) {  // sum of (-r)^k / (k + 1), with derivatives by repeated synthetic division
        for (int k = 10; k >= 0; --k) {
            if constexpr (O >= 3) f[3] = f[3] * r + f[2];
            if constexpr (O >= 2) f[2] = f[2] * r + f[1];
            if constexpr (O >= 1) f[1] = f[1] * r + f[0];
            f[0] = f[0] * r + (k % 2 == 0 ? 1.0 : -1.0) / (k + 1);
        }
        if constexpr (O >= 2) f[2] *= 2.0;
        if constexpr (O >= 3) f[3] *= 6.0;
        return f;
    }
    const double s = 1.0 / (1.0 + r), over = 1.0 / r;
    f[0] = log1p_given(r, s) * over;
    if constexpr (O >= 1) {
        f[1] = (s - f[0]) * over;
        if constexpr (O >= 2) f[2] = -(s * s + 2.0 * f[1]) * over;
        if constexpr (O >= 3) f[3] = (2.0 * s * s * s - 3.0 * f[2]) * over;
    }
    return f;
}

template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> log1p_ratio(const Jet<A, O>& r) {
    return compose(log1p_ratio_taylor<O>(r.value), r);
}

// e^x - 1
template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> expm1(const Jet<A, O>& x) {
    Taylor<O> f;
    f.fill(std::exp(x.value));
    f[0] = std::expm1(x.value);
    return compose(f, x);
}

// log(1 + x), for x > -1
template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> log1p(const Jet<A, O>& x) {
    Taylor<O> f;
    f[0] = std::log1p(x.value);
    const double r = 1.0 / (1.0 + x.value);
    if constexpr (O >= 1) f[1] = r;
    if constexpr (O >= 2) f[2] = -r * r;
    if constexpr (O >= 3) f[3] = 2.0 * r * r * r;
    return compose(f, x);
}

// log x for positive x however small: with x in units of its value nothing overflows.
template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> log_of_small(const Jet<A, O>& x) {
    Jet<A, O> scaled = (1.0 / x.value) * x;
    scaled.value = 1.0;
    return log(scaled) + std::log(x.value);
}

// log((1 - e^-h) / h) for 0 <= h <= 1: -h / 2 and the sum of B_2k / (2k (2k)!) h^2k.
template <int O>
Taylor<O> log_one_minus_exp_ratio_taylor(double h) {
    static constexpr std::array<double, 8> c = {1.0 / 24.0,
                                                -1.0 / 2880.0,
                                                1.0 / 181440.0,
                                                -1.0 / 9676800.0,
                                                1.0 / 479001600.0,
                                                -691.0 / 15692092416000.0,
                                                1.0 / 1046139494400.0,
                                                -3617.0 / 170729965486080000.0};
    Taylor<O> f{};
    for (int k = 16; k >= 0; --k) {
        if constexpr (O >= 3) f[3] = f[3] * h + f[2];
        if constexpr (O >= 2) f[2] = f[2] * h + f[1];
        if constexpr (O >= 1) f[1] = f[1] * h + f[0];
        f[0] = f[0] * h + (k == 1 ? -0.5 : k % 2 == 0 && k > 0 ? c[k / 2 - 1] : 0.0);
    }
    if constexpr (O >= 2) f[2] *= 2.0;
    if constexpr (O >= 3) f[3] *= 6.0;
    return f;
}

// log(1 - e^-h), for h > 0. With u = 1 / (e^h - 1): f' = u, f'' = -u (1 + u),
// f''' = u (1 + u)(1 + 2u).
template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> log_one_minus_exp(const Jet<A, O>& h) {
    if (h.value < 1.0)
        return log_of_small(h) + compose(log_one_minus_exp_ratio_taylor<O>(h.value), h);
    Taylor<O> f;
    const double e = std::exp(-h.value);
    f[0] = std::log1p(-e);
    const double u = e / (1.0 - e);
    if constexpr (O >= 1) f[1] = u;
    if constexpr (O >= 2) f[2] = -u * (1.0 + u);
    if constexpr (O >= 3) f[3] = u * (1.0 + u) * (1.0 + 2.0 * u);
    return compose(f, h);
}

// e^x - 1 - x, without cancellation near 0.
template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> expm1_minus(const Jet<A, O>& x) {
    Taylor<O> f;
    const double v = x.value;
    const double e = v < -1.0 ? std::exp(v) : 0.0;
    const double expm1 = v < -1.0 ? e - 1.0 : std::expm1(v);
    if (std::abs(v) < 0.1) {
        double s = 0.0;
        for (int k = 11; k >= 2; --k) s = (s * v + 1.0) / k;
        f[0] = s * v * v;
    } else {
        f[0] = expm1 - v;
    }
    if constexpr (O >= 1) f[1] = expm1;
    if constexpr (O >= 2) f[2] = v < -1.0 ? e : expm1 + 1.0;
    if constexpr (O >= 3) f[3] = f[2];
    return compose(f, x);
}

// ---- the gamma function --------------------------------------------------------------------

// B_2k / (2k (2k - 1)): Stirling's series is the sum of these over a^(2k - 1).
inline constexpr std::array<double, 10> stirling_coefficients = {
    1.0 / 12.0,          -1.0 / 360.0,       1.0 / 1260.0,           -1.0 / 1680.0,
    1.0 / 1188.0,        -691.0 / 360360.0,  1.0 / 156.0,            -3617.0 / 122400.0,
    43867.0 / 244188.0,  -174611.0 / 125400.0};

// Above this argument the asymptotic series have full precision; below, the recurrence leads there.
inline constexpr double asymptotic_from = 10.0;

// Sum of c_k a^-(2k - 1), and its derivatives with respect to log a.
template <int O>
Taylor<O> odd_powers(const std::array<double, 10>& c, double a) {
    Taylor<O> f{};
    const double r = 1.0 / a, r2 = r * r;
    for (int k = a > 1e3 ? 3 : 9; k >= 0; --k) {
        const double power = 2.0 * k + 1.0;
        f[0] = f[0] * r2 + c[k];
        if constexpr (O >= 1) f[1] = f[1] * r2 - power * c[k];
        if constexpr (O >= 2) f[2] = f[2] * r2 + power * power * c[k];
        if constexpr (O >= 3) f[3] = f[3] * r2 - power * power * power * c[k];
    }
    for (double& v : f) v *= r;
    return f;
}

// log of a product of linear factors, with derivatives with respect to log a.
template <int O>
class LogProduct {
public:
    // Multiply by (c + s), where s = slope * a^(+-1), of which the derivative in log a is +-s.
    void multiply(double c, double s) {
        const double f = c + s;
        if constexpr (O >= 3) p_[3] = p_[3] * f + p_[2] * s;
        if constexpr (O >= 2) p_[2] = p_[2] * f + p_[1] * s;
        if constexpr (O >= 1) p_[1] = p_[1] * f + p_[0] * s;
        p_[0] *= f;
    }
    // `sign` is +1 where the factors contain a, -1 where they contain 1 / a.
    Taylor<O> logarithm(double sign) const {
        Taylor<O> f;
        f[0] = std::log(p_[0]);
        if constexpr (O >= 1) {
            // p_ holds the series of the product in e, where a^(+-1) becomes a^(+-1) (1 + e)
            const double over = 1.0 / p_[0], m1 = p_[1] * over;
            f[1] = sign * m1;
            if constexpr (O >= 2) {
                const double m2 = 2.0 * p_[2] * over - m1 * m1;
                f[2] = m1 + m2;
                if constexpr (O >= 3) {
                    const double m3 = 6.0 * p_[3] * over - m1 * (3.0 * m2 + m1 * m1);
                    f[3] = sign * (m1 + 3.0 * m2 + m3);
                }
            }
        }
        return f;
    }

private:
    Taylor<O> p_ = [] {
        Taylor<O> one{};
        one[0] = 1.0;
        return one;
    }();
};

// What Stirling's formula leaves: log Gamma(a) - (a - 1/2) log a + a - log(2 pi) / 2, as a
// function of x = log a. It is 1 / (12 a) for large a, and -log(a) / 2 for small.
template <int O>
Taylor<O> stirling_remainder_taylor(double x, double a) {
    if (a >= asymptotic_from) return odd_powers<O>(stirling_coefficients, a);
    // log Gamma(a) = log Gamma(b) - log(a (a + 1) ... (b - 1)), with b = a + m
    LogProduct<O> product;
    int m = 1;
    for (; a + m < asymptotic_from; ++m) product.multiply(m, a);
    const Taylor<O> log_product = product.logarithm(1.0);
    const double b = a + m, p = a / b;
    Taylor<O> f = odd_powers<O>(stirling_coefficients, b);
    const double log_b = std::log(b);
    // value: (b - 1/2) log b - m + remainder(b) - log_product - (a + 1/2) x
    f[0] += (b - 0.5) * log_b - m - log_product[0] - (a + 0.5) * x;
    if constexpr (O >= 1) {
        const double q = m / b;  // 1 - p; d p / d x = p q
        const double b1 = p, b2 = p * q, b3 = p * q * (q - p);  // derivatives of log b
        const double r1 = f[1], ax = a == 0.0 ? 0.0 : a * x;
        if constexpr (O >= 3)
            f[3] = f[3] * b1 * b1 * b1 + 3.0 * f[2] * b1 * b2 + r1 * b3 +
                   a * log_b + 3.0 * a * b1 + 3.0 * a * b2 + (b - 0.5) * b3 - log_product[3] -
                   (ax + 3.0 * a);
        if constexpr (O >= 2)
            f[2] = f[2] * b1 * b1 + r1 * b2 + a * log_b + 2.0 * a * b1 + (b - 0.5) * b2 -
                   log_product[2] - (ax + 2.0 * a);
        f[1] = r1 * b1 + a * log_b + (b - 0.5) * b1 - log_product[1] - (ax + a) - 0.5;
    }
    return f;
}

// The same for jets; `a` is exp(log_a.value), which the caller usually has.
template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> stirling_remainder(const Jet<A, O>& log_a, double a) {
    return compose(stirling_remainder_taylor<O>(log_a.value, a), log_a);
}

// log Gamma(a + 1/2) - log Gamma(a) - log(a) / 2 as a function of x = log a: it is -1 / (8 a) for
// large a.
template <int O>
Taylor<O> half_step_taylor(double x) {
    static constexpr std::array<double, 10> coefficients = [] {
        std::array<double, 10> c{};
        double power = 1.0;  // 2^(1 - 2k)
        for (int k = 0; k < 10; ++k) {
            power *= k == 0 ? 0.5 : 0.25;
            c[k] = stirling_coefficients[k] * (power - 2.0);
        }
        return c;
    }();
    const double a = std::exp(x);
    if (a >= asymptotic_from) return odd_powers<O>(coefficients, a);
    LogProduct<O> whole, half;
    int m = 1;
    half.multiply(0.5, a);
    for (; a + m < asymptotic_from; ++m) {
        whole.multiply(m, a);
        half.multiply(m + 0.5, a);
    }
    const Taylor<O> above = whole.logarithm(1.0), below = half.logarithm(1.0);
    const double b = a + m, p = a / b, q = m / b;
    Taylor<O> f = odd_powers<O>(coefficients, b);
    const Taylor<O> g = f;  // derivatives with respect to log b
    f[0] += 0.5 * std::log(b) + 0.5 * x + above[0] - below[0];
    if constexpr (O >= 1) f[1] = (g[1] + 0.5) * p + 0.5 + above[1] - below[1];
    if constexpr (O >= 2) f[2] = g[2] * p * p + (g[1] + 0.5) * p * q + above[2] - below[2];
    if constexpr (O >= 3)
        f[3] = g[3] * p * p * p + 3.0 * g[2] * p * p * q + (g[1] + 0.5) * p * q * (q - p) +
               above[3] - below[3];
    return f;
}

inline bool in_table(double y, double limit) { return y < limit && y == std::floor(y); }

// log y!, for y >= 0 (Gamma(y + 1) where y is not an integer).
inline double log_factorial(double y) {
    static const std::array<double, 1024> table = [] {
        std::array<double, 1024> t{};
        long double sum = 0.0L;
        for (int k = 2; k < 1024; ++k) t[k] = static_cast<double>(sum += std::log((long double)k));
        return t;
    }();
    if (in_table(y, 1024.0)) return table[static_cast<int>(y)];
    const double log_y = std::log(y);
    return (y + 0.5) * log_y - y + half_log_two_pi + stirling_remainder_taylor<0>(log_y, y)[0];
}

// log of the binomial coefficient (size over y), for 0 <= y <= size.
inline double log_choose(double size, double y) {
    const double rest = size - y;
    if (y <= 0.0 || rest <= 0.0) return 0.0;
    if (in_table(size, 1024.0) && in_table(y, 1024.0))
        return log_factorial(size) - log_factorial(y) - log_factorial(rest);
    const double log_size = std::log(size), log_y = std::log(y), log_rest = std::log(rest);
    return y * (log_size - log_y) + rest * (log_size - log_rest) +
           0.5 * (log_size - log_y - log_rest) - half_log_two_pi +
           stirling_remainder_taylor<0>(log_size, size)[0] -
           stirling_remainder_taylor<0>(log_y, y)[0] -
           stirling_remainder_taylor<0>(log_rest, rest)[0];
}

// x log x - x + 1 at x = 1 + e, e >= -1, without cancellation near e = 0.
inline double relative_entropy(double e) {
    if (e <= -1.0) return 1.0;
    if (std::abs(e) > 0.1) return (1.0 + e) * std::log1p(e) - e;
    double s = 0.0;  // sum of (-e)^k / ((k + 1)(k + 2))
    for (int k = 16; k >= 0; --k) s = 1.0 / ((k + 1.0) * (k + 2.0)) - e * s;
    return s * e * e;
}

// log of a (a + 1) ... (a + y - 1) / a^y = log Gamma(a + y) - log Gamma(a) - y log a for y > 0, as
// a function of x = log a. It goes to 0 like y (y - 1) / (2 a) for large a, where differences of
// log Gamma have no digits left: the distance of a negative binomial from a Poisson.
inline constexpr double rising_product_limit = 24.0;

template <int O>
Taylor<O> log_rising_taylor(double y, double x) {
    if (in_table(y, rising_product_limit)) {
        const int steps = static_cast<int>(y);
        LogProduct<O> product;
        if (x >= 0.0) {
            const double r = std::exp(-x);
            for (int i = 1; i < steps; ++i) product.multiply(1.0, i * r);
            return product.logarithm(-1.0);
        }
        const double a = std::exp(x);
        for (int i = 1; i < steps; ++i) product.multiply(i, a);
        Taylor<O> f = product.logarithm(1.0);
        f[0] -= (steps - 1) * x;
        if constexpr (O >= 1) f[1] -= steps - 1;
        return f;
    }
    // By Stirling's formula, with q = y / a and S the remainder,
    //   (y + a - 1/2) log(1 + q) - y + S(y + a) - S(a)
    const auto log_a = variable<0, O>(x);
    const double log_y = std::log(y);
    const auto t = log_y - log_a;
    const auto log1p_q = softplus(t);
    const auto log_total = log_a + log1p_q;
    const double a = std::exp(x);
    const auto remainders = stirling_remainder(log_total, y + a) - stirling_remainder(log_a, a);
    const auto total = [&] {
        if (t.value <= 0.0) {  // a log(1 + q) - y = y (log(1 + q) / q - 1)
            return y * (log1p_ratio(exp(t)) - 1.0) + (y - 0.5) * log1p_q + remainders;
        }
        return (exp(log_a) + (y - 0.5)) * log1p_q - y + remainders;
    }();
    Taylor<O> f;
    f[0] = total.value;
    if constexpr (O >= 1) f[1] = total.d1[0];
    if constexpr (O >= 2) f[2] = total.d2[0];
    if constexpr (O >= 3) f[3] = total.d3[0];
    return f;
}

template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> log_rising(double y, const Jet<A, O>& log_a) {
    return compose(log_rising_taylor<O>(y, log_a.value), log_a);
}

// ---- the normal distribution function ------------------------------------------------------

// log Phi(x). With m = phi / Phi: f' = m, f'' = -m (x + m), f''' = m ((x + m)(x + 2m) - 1).
template <int O>
Taylor<O> log_normal_cdf_taylor(double x) {
    Taylor<O> f;
    if (x > -4.0) {
        const double tail = 0.5 * std::erfc(std::abs(x) * M_SQRT1_2);
        const double cdf = x > 0.0 ? 1.0 - tail : tail;
        f[0] = x > 0.0 ? std::log1p(-tail) : std::log(tail);
        if constexpr (O >= 1) {
            const double m = std::exp(-0.5 * x * x - half_log_two_pi) / cdf;
            f[1] = m;
            if constexpr (O >= 2) f[2] = -m * (x + m);
            if constexpr (O >= 3) f[3] = m * ((x + m) * (x + 2.0 * m) - 1.0);
        }
        return f;
    }
    // Laplace's continued fraction for z = -x: m = z + e, e = 1 / (z + c), c = 2 / (z + 3 / ...),
    // by which f'' = -m e and f''' = m e (2 e - c) keep their digits.
    const double z = -x;
    if (z > 50.0) {  // the same by its series in v = 1 / z^2
        const double v = 1.0 / (z * z);
        const double a = 1.0 - v * (1.0 - v * (3.0 - v * (15.0 - v * (105.0 - v * 945.0))));
        f[0] = -0.5 * z * z - half_log_two_pi - std::log(z) + std::log(a);
        if constexpr (O >= 1) f[1] = z / a;
        if constexpr (O >= 2)
            f[2] = -1.0 + v * (1.0 - v * (6.0 - v * (50.0 - v * (518.0 - v * 6354.0))));
        if constexpr (O >= 3)
            f[3] = v / z * (2.0 - v * (24.0 - v * (300.0 - v * (4144.0 - v * 63540.0))));
        return f;
    }
    const int terms = z > 12.0 ? 12 : z > 7.0 ? 25 : 50;
    double c = z;
    for (int k = terms; k >= 3; --k) c = z + k / c;
    c = 2.0 / c;
    const double e = 1.0 / (z + c), m = z + e;
    f[0] = -0.5 * z * z - half_log_two_pi - std::log(m);
    if constexpr (O >= 1) f[1] = m;
    if constexpr (O >= 2) f[2] = -m * e;
    if constexpr (O >= 3) f[3] = m * e * (2.0 * e - c);
    return f;
}

template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> log_normal_cdf(const Jet<A, O>& x) {
    return compose(log_normal_cdf_taylor<O>(x.value), x);
}

// ---- memory --------------------------------------------------------------------------------

// The last value of a function of one argument: a dispersion is often the same in all rows.
template <int O>
class Remembered {
public:
    template <class F>
    const Taylor<O>& operator()(double x, F&& f) {
        if (!(x == x_)) {
            value_ = f(x);
            x_ = x;
        }
        return value_;
    }

private:
    double x_ = std::numeric_limits<double>::quiet_NaN();
    Taylor<O> value_{};
};

}  // namespace henderson
