// Families made from another f by doing something else with its zeros; zeta = logit pi.
//
//   zero_inflated_  P(y) = pi [y = 0] + (1 - pi) f(y)
//   truncated_      f(y) / (1 - f(0)),   y = 1, 2, ...
//   hurdle_         P(0) = pi,   P(y) = (1 - pi) f(y) / (1 - f(0)),   y = 1, 2, ...
//   zero_or_        P(0) = pi,   otherwise the density (1 - pi) f(y): f has no zeros
//
// zeta is the last predictor. The wrapped family is evaluated by its own kernel, so that what is
// here is compiled once for each number of predictors and not for each family and link.
#include <algorithm>
#include <array>
#include <cmath>

#include "../special_functions.hpp"
#include "kernel.hpp"

namespace henderson {
namespace {

// At y = 0 of zero inflation, with L = log f(0), in the form that keeps its digits:
//
//   log(1 + (1 - pi)(e^L - 1))                    L near 0
//   log(1 + e^(L - zeta)) - log(1 + e^-zeta)      L < zeta
//   L + log(1 + e^(zeta - L)) - log(1 + e^zeta)   zeta < L
template <class Zero, class Zeta>
HENDERSON_INLINE Joint<Zero, Zeta> log_zero_of_mixture(const Zero& log_zero, const Zeta& zeta) {
    if (log_zero.value > -0.5) return log1p(expm1(log_zero) * exp(-softplus(zeta)));
    if (log_zero.value < zeta.value) return softplus(log_zero - zeta) - softplus(-zeta);
    return log_zero + softplus(zeta - log_zero) - softplus(zeta);
}

struct ZeroInflated {
    static constexpr const char* prefix = "zero_inflated_";
    static constexpr bool asks_zero = false;
    template <class J, class Zeta>
    HENDERSON_INLINE static Joint<J, Zeta> log_density(double y, const J& f, const J&,
                                                       const Zeta& zeta) {
        if (!std::isfinite(f.value)) return impossible<Joint<J, Zeta>>();
        if (y == 0.0) return log_zero_of_mixture(f, zeta);
        return f - softplus(zeta);
    }
};

struct Truncated {
    static constexpr const char* prefix = "truncated_";
    static constexpr bool asks_zero = true;
    template <class J>
    HENDERSON_INLINE static J log_density(double y, const J& f, const J& zero) {
        if (y == 0.0 || !std::isfinite(f.value)) return impossible<J>();
        return f - log_one_minus_exp(-zero);
    }
};

struct Hurdle {
    static constexpr const char* prefix = "hurdle_";
    static constexpr bool asks_zero = true;
    template <class J, class Zeta>
    HENDERSON_INLINE static Joint<J, Zeta> log_density(double y, const J& f, const J& zero,
                                                       const Zeta& zeta) {
        if (!std::isfinite(f.value)) return impossible<Joint<J, Zeta>>();
        if (y == 0.0) return -softplus(-zeta);
        return f - log_one_minus_exp(-zero) - softplus(zeta);
    }
};

struct ZeroOr {
    static constexpr const char* prefix = "zero_or_";
    static constexpr bool asks_zero = false;
    template <class J, class Zeta>
    HENDERSON_INLINE static Joint<J, Zeta> log_density(double y, const J& f, const J&,
                                                       const Zeta& zeta) {
        if (y == 0.0) return -softplus(-zeta);
        return f - softplus(zeta);
    }
};

constexpr std::size_t block = 128;
constexpr std::array<double, block> ones = [] {
    std::array<double, block> a{};
    a.fill(1.0);
    return a;
}();
constexpr std::array<double, block> zeros{};

// The wrapped family at up to `block` rows, as jets.
template <int K, int Order>
class Evaluated {
public:
    using J = Jet<(1u << K) - 1, Order>;

    void operator()(Kernel base, const double* constants, const double* y, const double* size,
                    const double* eta, std::size_t n) {
        base(constants, y, size, ones.data(), eta, n, value_.data(), d1_.data(), d2_.data(),
             d3_.data());
    }
    J at(std::size_t i) const {
        J f(value_[i]);
        const auto load = [i](const auto& from, auto& to) {
            std::copy_n(from.data() + i * to.size(), to.size(), to.data());
        };
        load(d1_, f.d1);
        load(d2_, f.d2);
        load(d3_, f.d3);
        return f;
    }

private:
    std::array<double, block> value_;
    std::array<double, block * (Order >= 1 ? count(K, 1) : 0)> d1_;
    std::array<double, block * (Order >= 2 ? count(K, 2) : 0)> d2_;
    std::array<double, block * (Order >= 3 ? count(K, 3) : 0)> d3_;
};

template <class Wrapper>
constexpr int further_predictors = std::is_same_v<Wrapper, Truncated> ? 0 : 1;

template <class Wrapper, int K, int Order>
void wrapper_kernel(Kernel base, const double* constants, const double* y, const double* size,
                    const double* weight, const double* eta, std::size_t n, double* value,
                    double* d1, double* d2, double* d3) {
    constexpr int all = K + further_predictors<Wrapper>;
    using Full = Jet<(1u << all) - 1, Order>;
    Evaluated<K, Order> at_y, at_zero;
    std::array<double, block * K> of_base;
    for (std::size_t start = 0; start < n; start += block) {
        const std::size_t rows = std::min(block, n - start);
        for (std::size_t i = 0; i < rows; ++i)
            std::copy_n(eta + (start + i) * all, K, of_base.data() + i * K);
        at_y(base, constants, y + start, size + start, of_base.data(), rows);
        if constexpr (Wrapper::asks_zero)
            at_zero(base, constants, zeros.data(), size + start, of_base.data(), rows);
        for (std::size_t i = 0; i < rows; ++i) {
            const std::size_t row = start + i;
            const auto evaluate = [&]() -> Full {
                const auto f = at_y.at(i), zero = Wrapper::asks_zero ? at_zero.at(i) : f;
                if constexpr (all == K)
                    return Wrapper::log_density(y[row], f, zero);
                else
                    return Wrapper::log_density(y[row], f, zero,
                                                variable<K, Order>(eta[row * all + K]));
            };
            store(weight[row] == 0.0 ? Full(0.0) : evaluate(), weight[row], row, value, d1, d2, d3);
        }
    }
}

template <class Wrapper>
WrapperKernels kernels() {
    WrapperKernels all{Wrapper::prefix, further_predictors<Wrapper>, {}};
    const auto of_predictors = [&]<int K>() {
        WrapperKernel* of = all.of[K - 1];
        of[0] = wrapper_kernel<Wrapper, K, 0>;
        of[1] = wrapper_kernel<Wrapper, K, 1>;
        of[2] = wrapper_kernel<Wrapper, K, 2>;
        of[3] = wrapper_kernel<Wrapper, K, 3>;
    };
    of_predictors.template operator()<1>();
    of_predictors.template operator()<2>();
    of_predictors.template operator()<3>();
    return all;
}

}  // namespace

void add_wrappers(std::vector<WrapperKernels>& all) {
    all.insert(all.end(), {kernels<ZeroInflated>(), kernels<Truncated>(), kernels<Hurdle>(),
                           kernels<ZeroOr>()});
}

}  // namespace henderson
