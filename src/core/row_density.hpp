// The log densities of the rows of one part: from a kernel of the core, or a function of Python.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>

#include "families/registry.hpp"

namespace henderson {

using DoubleArray = nanobind::ndarray<const double, nanobind::c_contig, nanobind::device::cpu>;

class RowDensity {
  public:
    virtual ~RowDensity() = default;
    // Of all rows at eta (n, K): value (n,), d1 (n, K), d2 (n, K(K+1)/2). Without the lock.
    virtual void evaluate(const double* eta, double* value, double* d1, double* d2) const = 0;
    // d3 (n, K(K+1)(K+2)/6)
    virtual void third_derivatives(const double* eta, double* d3) const = 0;
};

// Rows of a family and link of the core; holds the arrays it was made from.
class CompiledDensity final : public RowDensity {
  public:
    CompiledDensity(const char* family, const char* link, DoubleArray constants, DoubleArray y,
                    DoubleArray size, DoubleArray weight);
    void evaluate(const double* eta, double* value, double* d1, double* d2) const override;
    void third_derivatives(const double* eta, double* d3) const override;

  private:
    FamilyDensity density_;
    DoubleArray constants_, y_, size_, weight_;
};

// A function of Python of (eta, order) whose result has value, d1, d2 and d3.
class PythonDensity final : public RowDensity {
  public:
    PythonDensity(nanobind::object function, int64_t n, int predictors)
        : function_(std::move(function)), n_(n), predictors_(predictors) {}
    void evaluate(const double* eta, double* value, double* d1, double* d2) const override;
    void third_derivatives(const double* eta, double* d3) const override;

  private:
    nanobind::object at(const double* eta, int order) const;
    void copy(const nanobind::object& density, const char* name, int columns, double* to) const;

    nanobind::object function_;
    int64_t n_;
    int predictors_;
};

}  // namespace henderson
