// Families and wrappers by name, and the binding of log_density.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string_view.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "families/registry.hpp"
#include "jets.hpp"

namespace nb = nanobind;

namespace henderson {
namespace {

const std::vector<FamilyKernels>& families() {
    static const std::vector<FamilyKernels> all = [] {
        std::vector<FamilyKernels> list;
        add_measurements(list);
        add_counts(list);
        add_proportions(list);
        return list;
    }();
    return all;
}

const std::vector<WrapperKernels>& wrappers() {
    static const std::vector<WrapperKernels> all = [] {
        std::vector<WrapperKernels> list;
        add_wrappers(list);
        return list;
    }();
    return all;
}

}  // namespace

FamilyDensity find_density(std::string_view named, std::string_view link) {
    FamilyDensity found;
    std::string_view family = named;
    for (const WrapperKernels& wrapper : wrappers())
        if (family.starts_with(wrapper.prefix)) {
            found.wrapper = &wrapper;
            family.remove_prefix(std::string_view(wrapper.prefix).size());
            break;
        }
    for (const FamilyKernels& base : families())
        if (base.family == family && base.link == link &&
            (found.wrapper == nullptr || base.predictors <= most_wrapped_predictors))
            found.base = &base;
    if (found.base == nullptr) {
        const std::string message = "There is no family '" + std::string(named) +
                                    "' with the link '" + std::string(link) + "' in the core.";
        throw nb::value_error(message.c_str());
    }
    return found;
}

void FamilyDensity::evaluate(int order, const double* constants, const double* y, const double* size,
                             const double* weight, const double* eta, std::size_t n, double* value,
                             double* d1, double* d2, double* d3) const {
    const Kernel kernel = base->of_order[order];
    if (wrapper == nullptr)
        kernel(constants, y, size, weight, eta, n, value, d1, d2, d3);
    else
        wrapper->of[base->predictors - 1][order](kernel, constants, y, size, weight, eta, n, value,
                                                 d1, d2, d3);
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
    const FamilyDensity density = find_density(family, link);
    check_shape(order >= 0 && order <= 3, "order must be 0, 1, 2 or 3.");
    const std::size_t n = y.shape(0), K = static_cast<std::size_t>(density.predictors());
    check_shape(size.shape(0) == n && weight.shape(0) == n && eta.shape(0) == n &&
                    eta.shape(1) == K && value.shape(0) == n,
                "y, size, weight, value must have n entries, and eta n rows of K.");
    double* derivatives[3] = {nullptr, nullptr, nullptr};
    const std::optional<Output2>* outputs[3] = {&d1, &d2, &d3};
    for (int degree = 1; degree <= order; ++degree) {
        const auto& output = *outputs[degree - 1];
        const auto columns = static_cast<std::size_t>(count(density.predictors(), degree));
        check_shape(output && output->shape(0) == n && output->shape(1) == columns,
                    "d1, d2, d3 must be given up to order, with n rows of packed derivatives.");
        derivatives[degree - 1] = output->data();
    }
    nb::gil_scoped_release release;
    density.evaluate(order, constants.data(), y.data(), size.data(), weight.data(), eta.data(), n,
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
        for (const FamilyKernels& each : families())
            names.append(nb::make_tuple(each.family, each.link, each.predictors));
        return names;
    }, "All (family, link, number of predictors) of the core, without what wrappers make of them.");
}

}  // namespace henderson
