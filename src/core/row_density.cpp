#include "row_density.hpp"

#include <algorithm>

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

void PythonDensity::evaluate(const double* eta, double* value, double* d1, double* d2) const {
    nb::gil_scoped_acquire locked;
    const size_t shape[2] = {size_t(n_), size_t(predictors_)};
    nb::object at = nb::cast(nb::ndarray<nb::numpy, const double>(eta, 2, shape, nb::handle()),
                             nb::rv_policy::copy);
    nb::object density = function_(at, 2);
    auto copy = [&](const char* name, int columns, double* to) {
        auto from = nb::cast<DoubleArray>(density.attr(name));
        if (int64_t(from.size()) != n_ * columns)
            throw nb::value_error("a log density has arrays of the wrong shape.");
        std::copy_n(from.data(), from.size(), to);
    };
    copy("value", 1, value);
    copy("d1", predictors_, d1);
    copy("d2", predictors_ * (predictors_ + 1) / 2, d2);
}

}  // namespace henderson
