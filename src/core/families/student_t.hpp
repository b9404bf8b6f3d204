// y = mu + sigma T, T ~ Student's t with df degrees of freedom, delta = log sigma, and log df a
// third predictor or a constant.
//
//   log f = H(df / 2) - log(2 pi) / 2 - delta - (df + 1) / 2 log(1 + r),   r = z^2 / df
//
// with z = (y - mu) / sigma and H(a) = log Gamma(a + 1/2) - log Gamma(a) - log(a) / 2, which goes
// to 0 as df grows, where the density goes to the normal one.
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct StudentT {
    static constexpr const char* name = "t";
    static constexpr int predictors = 3;
    using Links = LinkList<IdentityLink, LogLink, InverseLink, SqrtLink>;

    explicit StudentT(const double*) {}

    template <class Link, class Eta, class Delta, class LogDf>
    HENDERSON_INLINE Joint<Eta, Delta, LogDf> log_density(
        double y, double, const Eta& eta, const Delta& delta, const LogDf& log_df) {
        const LogDf log_half = log_df - log_two;
        const Taylor<Order>& half_step =
            half_step_(log_half.value, [](double x) { return half_step_taylor<Order>(x); });
        return compose(half_step, log_half) - delta + tail(y - Link::mean(eta), delta, log_df) -
               half_log_two_pi;
    }

private:
    // -(df + 1) / 2 log(1 + z^2 / df)
    template <class Eta, class Delta, class LogDf>
    HENDERSON_INLINE static Joint<Eta, Delta, LogDf> tail(const Eta& error, const Delta& delta,
                                                          const LogDf& log_df) {
        const double z = error.value * std::exp(-delta.value);
        if (z * z <= std::exp(log_df.value)) {
            const auto squared = square(error * exp(-delta));
            const auto r = squared * exp(-log_df);
            return -0.5 * ((squared + r) * log1p_ratio(r));
        }
        const auto log_r = 2.0 * (log_magnitude(error) - delta) - log_df;
        return -0.5 * ((exp(log_df) + 1.0) * softplus(log_r));
    }

    // log |x|
    template <class J>
    HENDERSON_INLINE static J log_magnitude(const J& x) {
        return x.value < 0.0 ? log(-x) : log(x);
    }

    Remembered<Order> half_step_;
};

// The same with given degrees of freedom: constants = {df}.
template <int Order>
struct StudentTGivenDf {
    static constexpr const char* name = "t_given_df";
    static constexpr int predictors = 2;
    using Links = typename StudentT<Order>::Links;

    explicit StudentTGivenDf(const double* constants)
        : free_(constants), log_df_(std::log(constants[0])) {}

    template <class Link, class Eta, class Delta>
    HENDERSON_INLINE Joint<Eta, Delta> log_density(
        double y, double size, const Eta& eta, const Delta& delta) {
        return free_.template log_density<Link>(y, size, eta, delta, Constant<Order>(log_df_));
    }

private:
    StudentT<Order> free_;
    double log_df_;
};

}  // namespace henderson
