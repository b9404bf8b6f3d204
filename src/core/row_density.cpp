#include "row_density.hpp"

#include <algorithm>
#include <vector>

namespace nb = nanobind;

namespace henderson {

CompiledDensity::CompiledDensity(const char* family, const char* link, DoubleArray constants,
                                 DoubleArray y, DoubleArray size, DoubleArray weight)
    : density_(find_density(family, link)), constants_(constants), y_(y), size_(size),
      weight_(weight) {
    if (y.size() != size.size() || y.size() != weight.size())
        throw nb::value_error("y, size and weight must have n entries.");
}

void CompiledDensity::evaluate(const double* eta, double* value, double* d1, double* d2) const {
    density_.evaluate(2, constants_.data(), y_.data(), size_.data(), weight_.data(), eta, y_.size(),
                      value, d1, d2, nullptr);
}

void CompiledDensity::third_derivatives(const double* eta, double* d3) const {
    const size_t n = y_.size(), K = density_.predictors();
    std::vector<double> value(n), d1(n * K), d2(n * K * (K + 1) / 2);
    density_.evaluate(3, constants_.data(), y_.data(), size_.data(), weight_.data(), eta, n,
                      value.data(), d1.data(), d2.data(), d3);
}

nb::object PythonDensity::at(const double* eta, int order) const {
    const size_t shape[2] = {size_t(n_), size_t(predictors_)};
    nb::object given = nb::cast(nb::ndarray<nb::numpy, const double>(eta, 2, shape, nb::handle()),
                                nb::rv_policy::copy);
    return function_(given, order);
}

void PythonDensity::copy(const nb::object& density, const char* name, int columns,
                         double* to) const {
    auto from = nb::cast<DoubleArray>(density.attr(name));
    if (int64_t(from.size()) != n_ * columns)
        throw nb::value_error("a log density has arrays of the wrong shape.");
    std::copy_n(from.data(), from.size(), to);
}

void PythonDensity::evaluate(const double* eta, double* value, double* d1, double* d2) const {
    nb::gil_scoped_acquire locked;
    nb::object density = at(eta, 2);
    copy(density, "value", 1, value);
    copy(density, "d1", predictors_, d1);
    copy(density, "d2", predictors_ * (predictors_ + 1) / 2, d2);
}

void PythonDensity::third_derivatives(const double* eta, double* d3) const {
    nb::gil_scoped_acquire locked;
    copy(at(eta, 3), "d3", predictors_ * (predictors_ + 1) * (predictors_ + 2) / 6, d3);
}

}  // namespace henderson
