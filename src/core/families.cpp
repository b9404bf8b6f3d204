// The list of families, their kernels, and the binding of log_density.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string_view.h>

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "families/beta.hpp"
#include "families/betabinomial.hpp"
#include "families/binomial.hpp"
#include "families/gamma.hpp"
#include "families/gaussian.hpp"
#include "families/inverse_gaussian.hpp"
#include "families/lognormal.hpp"
#include "families/nbinom1.hpp"
#include "families/nbinom2.hpp"
#include "families/poisson.hpp"
#include "families/registry.hpp"
#include "families/student_t.hpp"
#include "families/truncated.hpp"
#include "families/zero_inflated.hpp"

namespace nb = nanobind;

namespace henderson {
namespace {

template <template <int> class... Families>
struct FamilyList {};

// To add a family, include its header above and name it here.
using AllFamilies = FamilyList<Gaussian, Binomial, Poisson, NegativeBinomial1, NegativeBinomial2,
                               Gamma, Beta, StudentT, StudentTGivenDf, BetaBinomial, LogNormal,
                               InverseGaussian,
                               ZeroInflated<Poisson>::Family,
                               ZeroInflated<NegativeBinomial1>::Family,
                               ZeroInflated<NegativeBinomial2>::Family,
                               Truncated<Poisson>::Family, Truncated<NegativeBinomial1>::Family,
                               Truncated<NegativeBinomial2>::Family, Hurdle<Poisson>::Family,
                               Hurdle<NegativeBinomial1>::Family,
                               Hurdle<NegativeBinomial2>::Family>;

template <std::size_t Size>
void store(const std::array<double, Size>& from, double weight, double* to) {
    for (std::size_t j = 0; j < Size; ++j) to[j] = weight * from[j];
}

template <template <int> class Family, class Link, int Order>
void kernel(const double* constants, const double* y, const double* size, const double* weight,
            const double* eta, std::size_t n, double* value, double* d1, double* d2, double* d3) {
    constexpr int K = Family<Order>::predictors;
    using Full = Jet<(1u << K) - 1, Order>;
    Family<Order> family(constants);
    for (std::size_t i = 0; i < n; ++i) {
        const double w = weight[i];
        const auto evaluate = [&]<int... I>(std::integer_sequence<int, I...>) -> Full {
            return family.template log_density<Link>(y[i], size[i],
                                                     variable<I, Order>(eta[i * K + I])...);
        };
        const Full density =
            w == 0.0 ? Full(0.0) : evaluate(std::make_integer_sequence<int, K>());
        value[i] = w * density.value;
        if constexpr (Order >= 1) store(density.d1, w, d1 + i * Full::n);
        if constexpr (Order >= 2) store(density.d2, w, d2 + i * count(Full::n, 2));
        if constexpr (Order >= 3) store(density.d3, w, d3 + i * count(Full::n, 3));
    }
}

struct Entry {
    std::string_view family, link;
    KernelSet kernels;
};

template <template <int> class Family, class... Links>
void add_family(std::vector<Entry>& entries, LinkList<Links...>) {
    (entries.push_back({Family<0>::name, Links::name,
                        {Family<0>::predictors,
                         {kernel<Family, Links, 0>, kernel<Family, Links, 1>,
                          kernel<Family, Links, 2>, kernel<Family, Links, 3>}}}),
     ...);
}

template <template <int> class... Families>
std::vector<Entry> all_entries(FamilyList<Families...>) {
    std::vector<Entry> entries;
    (add_family<Families>(entries, typename Families<0>::Links{}), ...);
    return entries;
}

const std::vector<Entry>& entries() {
    static const std::vector<Entry> all = all_entries(AllFamilies{});
    return all;
}

}  // namespace

const KernelSet* find_kernels(std::string_view family, std::string_view link) {
    for (const Entry& entry : entries())
        if (entry.family == family && entry.link == link) return &entry.kernels;
    return nullptr;
}

const std::vector<FamilyLink>& family_links() {
    static const std::vector<FamilyLink> pairs = [] {
        std::vector<FamilyLink> all;
        for (const Entry& e : entries())
            all.push_back({e.family.data(), e.link.data(), e.kernels.predictors});
        return all;
    }();
    return pairs;
}

namespace {

using Input1 = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Input2 = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Output1 = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Output2 = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

void check_shape(bool fits, const char* what) {
    if (!fits) throw nb::value_error(what);
}

void log_density(std::string_view family, std::string_view link, const Input1& constants,
                 const Input1& y, const Input1& size, const Input1& weight, const Input2& eta,
                 int order, const Output1& value, const std::optional<Output2>& d1,
                 const std::optional<Output2>& d2, const std::optional<Output2>& d3) {
    const KernelSet* kernels = find_kernels(family, link);
    if (kernels == nullptr) {
        const std::string message = "There is no family '" + std::string(family) +
                                    "' with the link '" + std::string(link) + "' in the core.";
        throw nb::value_error(message.c_str());
    }
    check_shape(order >= 0 && order <= 3, "order must be 0, 1, 2 or 3.");
    const std::size_t n = y.shape(0), K = static_cast<std::size_t>(kernels->predictors);
    check_shape(size.shape(0) == n && weight.shape(0) == n && eta.shape(0) == n &&
                    eta.shape(1) == K && value.shape(0) == n,
                "y, size, weight, value must have n entries, and eta n rows of K.");
    double* derivatives[3] = {nullptr, nullptr, nullptr};
    const std::optional<Output2>* outputs[3] = {&d1, &d2, &d3};
    for (int degree = 1; degree <= order; ++degree) {
        const auto& output = *outputs[degree - 1];
        const auto columns = static_cast<std::size_t>(count(kernels->predictors, degree));
        check_shape(output && output->shape(0) == n && output->shape(1) == columns,
                    "d1, d2, d3 must be given up to order, with n rows of packed derivatives.");
        derivatives[degree - 1] = output->data();
    }
    nb::gil_scoped_release release;
    kernels->of_order[order](constants.data(), y.data(), size.data(), weight.data(), eta.data(), n,
                             value.data(), derivatives[0], derivatives[1], derivatives[2]);
}

}  // namespace

void bind_families(nb::module_& m) {
    m.def("log_density", &log_density, nb::arg("family"), nb::arg("link"), nb::arg("constants"),
          nb::arg("y"), nb::arg("size"), nb::arg("weight"), nb::arg("eta"), nb::arg("order"),
          nb::arg("value").noconvert(), nb::arg("d1").none() = nb::none(),
          nb::arg("d2").none() = nb::none(), nb::arg("d3").none() = nb::none(),
          "Fill value (n,), d1 (n, K), d2 (n, K(K+1)/2), d3 (n, K(K+1)(K+2)/6), as far as order "
          "goes, with weighted log densities and their derivatives in eta (n, K).");
    m.def("family_names", [] {
        nb::list names;
        for (const FamilyLink& pair : family_links())
            names.append(nb::make_tuple(pair.family, pair.link, pair.predictors));
        return names;
    }, "All (family, link, number of predictors) of the core.");
}

}  // namespace henderson
