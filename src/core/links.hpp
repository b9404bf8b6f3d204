// Inverse links as jets. A link gives the mean, and the logarithms of the mean and of its
// complement where those keep digits that the mean itself has lost.
//
//   mean(eta)            mu
//   log_mean(eta)        log mu, for positive means
//   log_complement(eta)  log(1 - mu), for means in (0, 1)
//   bernoulli(y, n, eta) y log mu + (n - y) log(1 - mu)
//   positive(eta)        is mu > 0?        proper(eta)   is 0 <= mu <= 1?
//
// A link with numbers of its own takes them from the start of the constants, by given(constants),
// and returns those that are left for the family.
#pragma once

#include <cmath>

#include "jets.hpp"
#include "special_functions.hpp"

namespace henderson {

// y log mu + (n - y) log(1 - mu), where 0 log 0 is 0.
template <class Link, class J>
HENDERSON_INLINE J bernoulli_from_logs(double y, double n, const J& eta) {
    if (n <= 0.0) return J(0.0);
    if (y <= 0.0) return n * Link::log_complement(eta);
    if (y >= n) return n * Link::log_mean(eta);
    return y * Link::log_mean(eta) + (n - y) * Link::log_complement(eta);
}

struct IdentityLink {
    static constexpr const char* name = "identity";
    static bool positive(double eta) { return eta > 0.0; }
    static bool proper(double eta) { return eta >= 0.0 && eta <= 1.0; }
    template <class J>
    HENDERSON_INLINE static J mean(const J& eta) { return eta; }
    template <class J>
    HENDERSON_INLINE static J log_mean(const J& eta) { return log(eta); }
    template <unsigned A, int O>
    HENDERSON_INLINE static Jet<A, O> log_complement(const Jet<A, O>& eta) {
        Jet<A, O> f = log(1.0 - eta);
        f.value = std::log1p(-eta.value);
        return f;
    }
    template <class J>
    HENDERSON_INLINE static J bernoulli(double y, double n, const J& eta) {
        return bernoulli_from_logs<IdentityLink>(y, n, eta);
    }
};

struct LogLink {
    static constexpr const char* name = "log";
    static bool positive(double) { return true; }
    static bool proper(double eta) { return eta <= 0.0; }
    template <class J>
    HENDERSON_INLINE static J mean(const J& eta) { return exp(eta); }
    template <class J>
    HENDERSON_INLINE static J log_mean(const J& eta) { return eta; }
    // With the odds o = mu / (1 - mu): f' = -o, and o' = o (1 + o).
    template <unsigned A, int O>
    HENDERSON_INLINE static Jet<A, O> log_complement(const Jet<A, O>& eta) {
        const double mu = std::exp(eta.value), complement = -std::expm1(eta.value);
        Taylor<O> f;
        f[0] = mu < 0.5 ? std::log1p(-mu) : std::log(complement);
        if constexpr (O >= 1) {
            const double o = mu / complement;
            f[1] = -o;
            if constexpr (O >= 2) f[2] = -o * (1.0 + o);
            if constexpr (O >= 3) f[3] = -o * (1.0 + o) * (1.0 + 2.0 * o);
        }
        return compose(f, eta);
    }
    template <class J>
    HENDERSON_INLINE static J bernoulli(double y, double n, const J& eta) {
        return bernoulli_from_logs<LogLink>(y, n, eta);
    }
};

// mu = eta^2 for eta of either sign.
struct SqrtLink {
    static constexpr const char* name = "sqrt";
    static bool positive(double) { return true; }
    template <class J>
    HENDERSON_INLINE static J mean(const J& eta) { return square(eta); }
    template <unsigned A, int O>
    HENDERSON_INLINE static Jet<A, O> log_mean(const Jet<A, O>& eta) {
        Taylor<O> f;
        const double r = 1.0 / eta.value;
        f[0] = 2.0 * std::log(std::abs(eta.value));
        if constexpr (O >= 1) f[1] = 2.0 * r;
        if constexpr (O >= 2) f[2] = -2.0 * r * r;
        if constexpr (O >= 3) f[3] = 4.0 * r * r * r;
        return compose(f, eta);
    }
};

struct InverseLink {
    static constexpr const char* name = "inverse";
    static bool positive(double eta) { return eta > 0.0; }
    template <class J>
    HENDERSON_INLINE static J mean(const J& eta) { return reciprocal(eta); }
    template <class J>
    HENDERSON_INLINE static J log_mean(const J& eta) { return -log(eta); }
};

// mu = log(1 + e^eta): exponential far below 0, a line far above.
struct SoftplusLink {
    static constexpr const char* name = "softplus";
    static bool positive(double) { return true; }
    template <class J>
    HENDERSON_INLINE static J mean(const J& eta) { return softplus(eta); }
    // With p = 1 - e^-mu = mu', r = p / mu and c = e^-mu - r: the derivatives are r, r c and
    // r (c^2 + p dc / dmu).
    template <unsigned A, int O>
    HENDERSON_INLINE static Jet<A, O> log_mean(const Jet<A, O>& eta) {
        const double x = eta.value, mu = softplus_taylor<0>(x)[0];
        const bool far_below = x < -40.0;  // where mu = e^x to all digits
        Taylor<O> f;
        f[0] = far_below ? x : std::log(mu);
        if constexpr (O >= 1) {
            const double p = -std::expm1(-mu), r = far_below ? 1.0 : p / mu;
            f[1] = r;
            if constexpr (O >= 2) {
                double c, slope;
                if (mu < 1.0) {
                    bend_series(mu, c, slope);
                } else {
                    const double decay = std::exp(-mu);
                    c = decay - r;
                    slope = -decay - c / mu;
                }
                f[2] = r * c;
                if constexpr (O >= 3) f[3] = r * (c * c + p * slope);
            }
        }
        return compose(f, eta);
    }

private:
    // c = sum over k >= 1 of (-1)^k k / (k + 1)! m^k, and its derivative, for m < 1.
    static void bend_series(double m, double& c, double& slope) {
        c = slope = 0.0;
        double coefficient = 0.5, power = 1.0;  // 1 / (k + 1)! and m^(k - 1)
        for (int k = 1; k <= 20; ++k) {
            const double term = (k % 2 == 0 ? k : -k) * coefficient * power;
            slope += k * term;
            c += term * m;
            power *= m;
            coefficient /= k + 2;
        }
    }
};

// mu = eta^(1 / lambda) for eta > 0: g(mu) = mu^lambda. The constant is of the rows at work, and
// so of the thread.
struct PowerLink {
    static constexpr const char* name = "power";
    static inline thread_local double inverse_exponent = 1.0;
    static const double* given(const double* constants) {
        inverse_exponent = 1.0 / constants[0];
        return constants + 1;
    }
    static bool positive(double eta) { return eta > 0.0; }
    template <class J>
    HENDERSON_INLINE static J mean(const J& eta) { return exp(log_mean(eta)); }
    template <class J>
    HENDERSON_INLINE static J log_mean(const J& eta) { return inverse_exponent * log(eta); }
};

struct LogitLink {
    static constexpr const char* name = "logit";
    static bool proper(double) { return true; }
    template <class J>
    HENDERSON_INLINE static J log_mean(const J& eta) { return -softplus(-eta); }
    template <class J>
    HENDERSON_INLINE static J log_complement(const J& eta) { return -softplus(eta); }
    // Written from the nearer end, so that nothing cancels where mu rounds to 0 or 1.
    template <unsigned A, int O>
    HENDERSON_INLINE static Jet<A, O> bernoulli(double y, double n, const Jet<A, O>& eta) {
        const double x = eta.value, e = std::exp(-std::abs(x));
        const double large = 1.0 / (1.0 + e);
        const double against = y - (x > 0.0 ? n : 0.0);  // weight of eta on the far side
        Taylor<O> f;
        f[0] = against * x - n * log1p_given(e, large);
        if constexpr (O >= 1) {
            const double small = e * large, sign = x > 0.0 ? 1.0 : -1.0;
            f[1] = against + sign * n * small;
            if constexpr (O >= 2) f[2] = -n * small * large;
            if constexpr (O >= 3) f[3] = f[2] * sign * (small - large);
        }
        return compose(f, eta);
    }
};

struct ProbitLink {
    static constexpr const char* name = "probit";
    static bool proper(double) { return true; }
    template <class J>
    HENDERSON_INLINE static J log_mean(const J& eta) { return log_normal_cdf(eta); }
    template <class J>
    HENDERSON_INLINE static J log_complement(const J& eta) { return log_normal_cdf(-eta); }
    template <class J>
    HENDERSON_INLINE static J bernoulli(double y, double n, const J& eta) {
        return bernoulli_from_logs<ProbitLink>(y, n, eta);
    }
};

struct CloglogLink {
    static constexpr const char* name = "cloglog";
    static bool proper(double) { return true; }
    // log(1 - e^-a), a = e^eta. With b = a / (e^a - 1) and c = 1 - a - b:
    // f' = b, b' = b c, c' = -(a + b c).
    template <unsigned A, int O>
    HENDERSON_INLINE static Jet<A, O> log_mean(const Jet<A, O>& eta) {
        const double a = std::exp(eta.value), expm1 = std::expm1(-a);
        Taylor<O> f;
        f[0] = a < 1e-8 ? eta.value - 0.5 * a
                        : a < log_two ? std::log(-expm1) : std::log1p(-std::exp(-a));
        if constexpr (O >= 1) {
            const double decay = std::exp(-a);
            const double b = a < 1e-8 ? 1.0 - 0.5 * a : decay == 0.0 ? 0.0 : a * decay / -expm1;
            f[1] = b;
            if constexpr (O >= 2) {
                const double c = a < 1.0 ? bernoulli_series(a) : 1.0 - a - b;
                f[2] = b * c;
                if constexpr (O >= 3) f[3] = b * c * c - b * (a + b * c);
            }
        }
        return compose(f, eta);
    }
    template <class J>
    HENDERSON_INLINE static J log_complement(const J& eta) { return -exp(eta); }
    template <class J>
    HENDERSON_INLINE static J bernoulli(double y, double n, const J& eta) {
        return bernoulli_from_logs<CloglogLink>(y, n, eta);
    }

private:
    // 1 - a - a / (e^a - 1) for a < 1, by the generating function of the Bernoulli numbers.
    static double bernoulli_series(double a) {
        static constexpr std::array<double, 9> c = {
            1.0 / 12.0,
            -1.0 / 720.0,
            1.0 / 30240.0,
            -1.0 / 1209600.0,
            1.0 / 47900160.0,
            -691.0 / 1307674368000.0,
            1.0 / 74724249600.0,
            -3617.0 / 10670622842880000.0,
            43867.0 / 5109094217170944000.0};
        const double w = a * a;
        double s = 0.0;
        for (int k = 8; k >= 0; --k) s = s * w + c[k];
        return -(0.5 * a + s * w);
    }
};

// mu = exp(-e^-eta): the complementary log-log link with success and failure exchanged.
struct LoglogLink {
    static constexpr const char* name = "loglog";
    static bool proper(double) { return true; }
    template <class J>
    HENDERSON_INLINE static J log_mean(const J& eta) { return CloglogLink::log_complement(-eta); }
    template <class J>
    HENDERSON_INLINE static J log_complement(const J& eta) { return CloglogLink::log_mean(-eta); }
    template <class J>
    HENDERSON_INLINE static J bernoulli(double y, double n, const J& eta) {
        return bernoulli_from_logs<LoglogLink>(y, n, eta);
    }
};

// mu = 1 / 2 + atan(eta) / pi, the angle of (-eta, 1) over pi.
struct CauchitLink {
    static constexpr const char* name = "cauchit";
    static bool proper(double) { return true; }
    // With s = 1 / (1 + eta^2) and m = mu' / mu, of which mu' = s / pi:
    // f' = m, f'' = -m (2 eta s + m), f''' = m (6 eta^2 s^2 - 2 s^2 + 6 eta s m + 2 m^2).
    template <unsigned A, int O>
    HENDERSON_INLINE static Jet<A, O> log_mean(const Jet<A, O>& eta) {
        const double x = eta.value, angle = std::atan2(1.0, -x);
        Taylor<O> f;
        f[0] = x > 0.0 ? std::log1p(-std::atan2(1.0, x) / M_PI) : std::log(angle / M_PI);
        if constexpr (O >= 1) {
            const double s = 1.0 / (1.0 + x * x), t = x * s, m = s / angle;
            f[1] = m;
            if constexpr (O >= 2) f[2] = -m * (2.0 * t + m);
            if constexpr (O >= 3)
                f[3] = m * (6.0 * t * t - 2.0 * s * s + m * (6.0 * t + 2.0 * m));
        }
        return compose(f, eta);
    }
    template <class J>
    HENDERSON_INLINE static J log_complement(const J& eta) { return log_mean(-eta); }
    template <class J>
    HENDERSON_INLINE static J bernoulli(double y, double n, const J& eta) {
        return bernoulli_from_logs<CauchitLink>(y, n, eta);
    }
};

}  // namespace henderson
