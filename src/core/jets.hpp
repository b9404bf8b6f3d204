// Jets: truncated Taylor arithmetic in several variables, to third order.
//
// A jet is the value of a function together with all its partial derivatives up to `Order`.
// Arithmetic on jets applies the product and the chain rule, so that a log density written once
// gives its derivatives too. `Active` has one bit per variable the function depends on: the
// derivatives that are zero by construction are neither stored nor computed, and order 0 is
// ordinary arithmetic on doubles.
//
// Derivatives are packed in lexicographic order of non-decreasing indices: for two variables
// d2 = [00, 01, 11], d3 = [000, 001, 011, 111].
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <tuple>

// Jets live in registers only when everything that takes one is inlined.
#define HENDERSON_INLINE [[gnu::always_inline]] inline
#define HENDERSON_INLINED __attribute__((always_inline))

namespace henderson {

// f, f', f'', ... of a function of one variable at a point.
template <int Order>
using Taylor = std::array<double, Order + 1>;

constexpr unsigned bit(int variable) { return 1u << variable; }

// Are all of these variables among the active ones?
constexpr bool covers(unsigned active, unsigned variables) { return (variables & ~active) == 0; }

constexpr int count(int n, int degree) {
    return degree == 1 ? n : degree == 2 ? n * (n + 1) / 2 : n * (n + 1) * (n + 2) / 6;
}

template <unsigned Active, int Order>
struct Jet {
    static constexpr unsigned active = Active;
    static constexpr int order = Order;
    static constexpr int n = std::popcount(Active);

    double value;
    std::array<double, Order >= 1 ? count(n, 1) : 0> d1;
    std::array<double, Order >= 2 ? count(n, 2) : 0> d2;
    std::array<double, Order >= 3 ? count(n, 3) : 0> d3;

    Jet() = default;
    explicit Jet(double constant) : value(constant), d1{}, d2{}, d3{} {}

    // A function of fewer variables is a function of these.
    template <unsigned Fewer>
        requires(Fewer != Active && covers(Active, Fewer))
    Jet(const Jet<Fewer, Order>& f);

    static constexpr int rank(int variable) { return std::popcount(Active & (bit(variable) - 1)); }
    static constexpr int position(int i, int j) {
        const int a = rank(i), b = rank(j);
        return a * n - a * (a - 1) / 2 + (b - a);
    }
    static constexpr int position(int i, int j, int k) {
        const int a = rank(i), b = rank(j), c = rank(k);
        const int m = n - a;  // triples that begin with a are pairs of the m variables from a on
        return count(n, 3) - count(m, 3) + (b - a) * m - (b - a) * (b - a - 1) / 2 + (c - b);
    }

    template <int I>
    double& at() { return d1[rank(I)]; }
    template <int I, int J>
    double& at() { return d2[position(I, J)]; }
    template <int I, int J, int K>
    double& at() { return d3[position(I, J, K)]; }
    template <int I>
    double at() const { return d1[rank(I)]; }
    template <int I, int J>
    double at() const { return d2[position(I, J)]; }
    template <int I, int J, int K>
    double at() const { return d3[position(I, J, K)]; }
};

constexpr int max_variables = 4;

// Call f<i>() for each active variable, from `First` on.
template <unsigned Active, int First = 0, class F>
HENDERSON_INLINE void for_each(F&& f) {
    if constexpr (First < max_variables) {
        if constexpr (covers(Active, bit(First))) f.template operator()<First>();
        for_each<Active, First + 1>(f);
    }
}

// Call first<i>(), second<i, j>(), third<i, j, k>() for all i <= j <= k, as far as `Order` goes.
template <unsigned Active, int Order, class First, class Second, class Third>
HENDERSON_INLINE void for_each_derivative(First&& first, Second&& second,
                                                       Third&& third) {
    if constexpr (Order >= 1)
        for_each<Active>([&]<int I>() HENDERSON_INLINED {
            first.template operator()<I>();
            if constexpr (Order >= 2)
                for_each<Active, I>([&]<int J>() HENDERSON_INLINED {
                    second.template operator()<I, J>();
                    if constexpr (Order >= 3)
                        for_each<Active, J>([&]<int K>() HENDERSON_INLINED {
                            third.template operator()<I, J, K>();
                        });
                });
        });
}

template <unsigned Active, int Order>
template <unsigned Fewer>
    requires(Fewer != Active && covers(Active, Fewer))
HENDERSON_INLINE Jet<Active, Order>::Jet(const Jet<Fewer, Order>& f)
    : value(f.value), d1{}, d2{}, d3{} {
    for_each_derivative<Fewer, Order>(
        [&]<int I>() HENDERSON_INLINED { at<I>() = f.template at<I>(); },
        [&]<int I, int J>() HENDERSON_INLINED { at<I, J>() = f.template at<I, J>(); },
        [&]<int I, int J, int K>() HENDERSON_INLINED {
            at<I, J, K>() = f.template at<I, J, K>();
        });
}

// The independent variable number `I`.
template <int I, int Order>
HENDERSON_INLINE Jet<bit(I), Order> variable(double value) {
    Jet<bit(I), Order> x(value);
    if constexpr (Order >= 1) x.d1[0] = 1.0;
    return x;
}

// Something that depends on no variable.
template <int Order>
using Constant = Jet<0u, Order>;

// A function of all variables of these jets.
template <class... Jets>
using Joint = Jet<(Jets::active | ...), std::tuple_element_t<0, std::tuple<Jets...>>::order>;

// Where the density is zero: log density minus infinity, derivatives undefined.
template <class J>
J impossible() {
    J x(-std::numeric_limits<double>::infinity());
    x.d1.fill(std::numeric_limits<double>::quiet_NaN());
    x.d2.fill(std::numeric_limits<double>::quiet_NaN());
    x.d3.fill(std::numeric_limits<double>::quiet_NaN());
    return x;
}

// f(x), by Faa di Bruno's formula. Factors are multiplied in an order in which a zero derivative
// of f meets each derivative of x before those meet each other and overflow.
template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> compose(const Taylor<O>& f, const Jet<A, O>& x) {
    Jet<A, O> c;
    c.value = f[0];
    for_each_derivative<A, O>(
        [&]<int I>() HENDERSON_INLINED { c.template at<I>() = f[1] * x.template at<I>(); },
        [&]<int I, int J>() HENDERSON_INLINED {
            c.template at<I, J>() = f[2] * x.template at<I>() * x.template at<J>() +
                                    f[1] * x.template at<I, J>();
        },
        [&]<int I, int J, int K>() HENDERSON_INLINED {
            const double xi = x.template at<I>(), xj = x.template at<J>(), xk = x.template at<K>();
            c.template at<I, J, K>() =
                f[3] * xi * xj * xk +
                (f[2] * xi * x.template at<J, K>() + f[2] * xj * x.template at<I, K>() +
                 f[2] * xk * x.template at<I, J>()) +
                f[1] * x.template at<I, J, K>();
        });
    return c;
}

template <unsigned A, unsigned B, int O>
HENDERSON_INLINE Jet<(A | B), O> operator*(const Jet<A, O>& a, const Jet<B, O>& b) {
    Jet<(A | B), O> c;
    c.value = a.value * b.value;
    for_each_derivative<(A | B), O>(
        [&]<int I>() HENDERSON_INLINED {
            double s = 0.0;
            if constexpr (covers(A, bit(I))) s += a.template at<I>() * b.value;
            if constexpr (covers(B, bit(I))) s += a.value * b.template at<I>();
            c.template at<I>() = s;
        },
        [&]<int I, int J>() HENDERSON_INLINED {
            constexpr bool ai = covers(A, bit(I)), aj = covers(A, bit(J));
            constexpr bool bi = covers(B, bit(I)), bj = covers(B, bit(J));
            double s = 0.0;
            if constexpr (ai && aj) s += a.template at<I, J>() * b.value;
            if constexpr (ai && bj) s += a.template at<I>() * b.template at<J>();
            if constexpr (aj && bi) s += a.template at<J>() * b.template at<I>();
            if constexpr (bi && bj) s += a.value * b.template at<I, J>();
            c.template at<I, J>() = s;
        },
        [&]<int I, int J, int K>() HENDERSON_INLINED {
            constexpr bool ai = covers(A, bit(I)), aj = covers(A, bit(J)), ak = covers(A, bit(K));
            constexpr bool bi = covers(B, bit(I)), bj = covers(B, bit(J)), bk = covers(B, bit(K));
            double s = 0.0;
            if constexpr (ai && aj && ak) s += a.template at<I, J, K>() * b.value;
            if constexpr (ai && aj && bk) s += a.template at<I, J>() * b.template at<K>();
            if constexpr (ai && ak && bj) s += a.template at<I, K>() * b.template at<J>();
            if constexpr (aj && ak && bi) s += a.template at<J, K>() * b.template at<I>();
            if constexpr (ai && bj && bk) s += a.template at<I>() * b.template at<J, K>();
            if constexpr (aj && bi && bk) s += a.template at<J>() * b.template at<I, K>();
            if constexpr (ak && bi && bj) s += a.template at<K>() * b.template at<I, J>();
            if constexpr (bi && bj && bk) s += a.value * b.template at<I, J, K>();
            c.template at<I, J, K>() = s;
        });
    return c;
}

template <unsigned A, unsigned B, int O>
HENDERSON_INLINE Jet<(A | B), O> operator+(const Jet<A, O>& a, const Jet<B, O>& b) {
    Jet<(A | B), O> c = a;
    c.value += b.value;
    for_each_derivative<B, O>(
        [&]<int I>() HENDERSON_INLINED { c.template at<I>() += b.template at<I>(); },
        [&]<int I, int J>() HENDERSON_INLINED {
            c.template at<I, J>() += b.template at<I, J>();
        },
        [&]<int I, int J, int K>() HENDERSON_INLINED {
            c.template at<I, J, K>() += b.template at<I, J, K>();
        });
    return c;
}

template <unsigned A, unsigned B, int O>
HENDERSON_INLINE Jet<(A | B), O> operator-(const Jet<A, O>& a, const Jet<B, O>& b) {
    Jet<(A | B), O> c = a;
    c.value -= b.value;
    for_each_derivative<B, O>(
        [&]<int I>() HENDERSON_INLINED { c.template at<I>() -= b.template at<I>(); },
        [&]<int I, int J>() HENDERSON_INLINED {
            c.template at<I, J>() -= b.template at<I, J>();
        },
        [&]<int I, int J, int K>() HENDERSON_INLINED {
            c.template at<I, J, K>() -= b.template at<I, J, K>();
        });
    return c;
}

template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> operator*(double factor, Jet<A, O> x) {
    x.value *= factor;
    for (double& d : x.d1) d *= factor;
    for (double& d : x.d2) d *= factor;
    for (double& d : x.d3) d *= factor;
    return x;
}

template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> operator-(Jet<A, O> x) {
    x.value = -x.value;
    for (double& d : x.d1) d = -d;
    for (double& d : x.d2) d = -d;
    for (double& d : x.d3) d = -d;
    return x;
}

template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> operator+(Jet<A, O> x, double constant) {
    x.value += constant;
    return x;
}
template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> operator-(Jet<A, O> x, double constant) {
    x.value -= constant;
    return x;
}
template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> operator+(double constant, Jet<A, O> x) {
    return x + constant;
}
template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> operator-(double constant, Jet<A, O> x) {
    return -x + constant;
}
template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> operator*(Jet<A, O> x, double factor) {
    return factor * x;
}

// A function of two variables at a point: f[a][b] is its derivative a times in the first and b
// times in the second, for a + b up to the order.
template <int Order>
using Taylor2 = std::array<std::array<double, Order + 1>, Order + 1>;

// f(x, y), where f has been expanded at the values of x and y.
template <unsigned A, unsigned B, int O>
Jet<(A | B), O> compose(const Taylor2<O>& f, const Jet<A, O>& x, const Jet<B, O>& y) {
    using J = Jet<(A | B), O>;
    J c(f[0][0]);
    if constexpr (O >= 1) {
        J dx = x, dy = y;
        dx.value = dy.value = 0.0;
        c = c + f[1][0] * dx + f[0][1] * dy;
        if constexpr (O >= 2) {
            const J xx = dx * dx, xy = dx * dy, yy = dy * dy;
            c = c + 0.5 * f[2][0] * xx + f[1][1] * xy + 0.5 * f[0][2] * yy;
            if constexpr (O >= 3)
                c = c + (f[3][0] / 6.0 * xx + 0.5 * f[2][1] * xy) * dx +
                    (0.5 * f[1][2] * xy + f[0][3] / 6.0 * yy) * dy;
        }
    }
    return c;
}

template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> exp(const Jet<A, O>& x) {
    Taylor<O> f;
    f.fill(std::exp(x.value));
    return compose(f, x);
}

template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> log(const Jet<A, O>& x) {
    Taylor<O> f;
    f[0] = std::log(x.value);
    const double r = 1.0 / x.value;
    if constexpr (O >= 1) f[1] = r;
    if constexpr (O >= 2) f[2] = -r * r;
    if constexpr (O >= 3) f[3] = 2.0 * r * r * r;
    return compose(f, x);
}

template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> reciprocal(const Jet<A, O>& x) {
    Taylor<O> f;
    const double r = f[0] = 1.0 / x.value;
    if constexpr (O >= 1) f[1] = -r * r;
    if constexpr (O >= 2) f[2] = 2.0 * r * r * r;
    if constexpr (O >= 3) f[3] = -6.0 * r * r * r * r;
    return compose(f, x);
}

template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> square(const Jet<A, O>& x) {
    Taylor<O> f{};
    f[0] = x.value * x.value;
    if constexpr (O >= 1) f[1] = 2.0 * x.value;
    if constexpr (O >= 2) f[2] = 2.0;
    return compose(f, x);
}

template <unsigned A, int O>
HENDERSON_INLINE Jet<A, O> sqrt(const Jet<A, O>& x) {
    Taylor<O> f;
    f[0] = std::sqrt(x.value);
    const double r = 1.0 / x.value;
    if constexpr (O >= 1) f[1] = 0.5 * f[0] * r;
    if constexpr (O >= 2) f[2] = -0.5 * f[1] * r;
    if constexpr (O >= 3) f[3] = -1.5 * f[2] * r;
    return compose(f, x);
}

}  // namespace henderson
