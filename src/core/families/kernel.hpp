// Kernels: a family with a link over a range of rows, for each order of derivatives.
#pragma once

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "../jets.hpp"
#include "registry.hpp"

namespace henderson {

// Write a jet of all K predictors, times the weight, to row i of the outputs.
template <unsigned Active, int Order>
HENDERSON_INLINE void store(const Jet<Active, Order>& density, double weight, std::size_t i,
                            double* value, double* d1, double* d2, double* d3) {
    const auto times = [weight](const auto& from, double* to) HENDERSON_INLINED {
        for (std::size_t j = 0; j < from.size(); ++j) to[j] = weight * from[j];
    };
    value[i] = weight * density.value;
    if constexpr (Order >= 1) times(density.d1, d1 + i * density.d1.size());
    if constexpr (Order >= 2) times(density.d2, d2 + i * density.d2.size());
    if constexpr (Order >= 3) times(density.d3, d3 + i * density.d3.size());
}

template <template <int> class Family, class Link, int Order>
void kernel(const double* constants, const double* y, const double* size, const double* weight,
            const double* eta, std::size_t n, double* value, double* d1, double* d2, double* d3) {
    constexpr int K = Family<Order>::predictors;
    using Full = Jet<(1u << K) - 1, Order>;
    if constexpr (requires { Link::given(constants); }) constants = Link::given(constants);
    Family<Order> family(constants);
    for (std::size_t i = 0; i < n; ++i) {
        const auto evaluate = [&]<int... I>(std::integer_sequence<int, I...>) -> Full {
            return family.template log_density<Link>(y[i], size[i],
                                                     variable<I, Order>(eta[i * K + I])...);
        };
        const Full density =
            weight[i] == 0.0 ? Full(0.0) : evaluate(std::make_integer_sequence<int, K>());
        store(density, weight[i], i, value, d1, d2, d3);
    }
}

template <template <int> class Family, class... Links>
void add_links(std::vector<FamilyKernels>& all, LinkList<Links...>) {
    (all.push_back({Family<0>::name, Links::name, Family<0>::predictors,
                    {kernel<Family, Links, 0>, kernel<Family, Links, 1>,
                     kernel<Family, Links, 2>, kernel<Family, Links, 3>}}),
     ...);
}

// Add the kernels of these families with all their links.
template <template <int> class... Families>
void add_families(std::vector<FamilyKernels>& all) {
    (add_links<Families>(all, typename Families<0>::Links{}), ...);
}

}  // namespace henderson
