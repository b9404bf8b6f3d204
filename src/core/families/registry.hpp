// Families by name: a kernel evaluates one family with one link over a range of rows.
//
// A family is a class template over the order of the derivatives, in a header of its own:
//   name, predictors (K), Links, a constructor from its constants (numbers that are not
//   estimated), and log_density<Link>(y, size, eta_0, ..., eta_K-1) on jets.
// It is made for one pass over rows and may remember what it computed. To add one, name it in
// the file of its kind: counts.cpp, measurements.cpp or proportions.cpp.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace henderson {

template <class... L>
struct LinkList {};

// Rows i = 0 ... n - 1: y[i], size[i], weight[i] and eta[i * K + k]. Writes the log density times
// weight[i] to value[i], and its derivatives, packed as in jets.hpp, to d1[i * K ...],
// d2[i * K(K+1)/2 ...] and d3[i * K(K+1)(K+2)/6 ...]. Those beyond the kernel's order are not
// touched and may be null.
using Kernel = void (*)(const double* constants, const double* y, const double* size,
                        const double* weight, const double* eta, std::size_t n, double* value,
                        double* d1, double* d2, double* d3);

struct FamilyKernels {
    const char* family;
    const char* link;
    int predictors;
    Kernel of_order[4];
};

// The files of families, each compiled on its own.
void add_counts(std::vector<FamilyKernels>& all);
void add_measurements(std::vector<FamilyKernels>& all);
void add_proportions(std::vector<FamilyKernels>& all);

// The same rows for a family made from another, by name: see zeros.hpp.
using WrapperKernel = void (*)(Kernel base, const double* constants, const double* y,
                               const double* size, const double* weight, const double* eta,
                               std::size_t n, double* value, double* d1, double* d2, double* d3);

inline constexpr int most_wrapped_predictors = 3;

struct WrapperKernels {
    const char* prefix;
    int further_predictors;
    WrapperKernel of[most_wrapped_predictors][4];  // by predictors of the base - 1, and order
};

void add_wrappers(std::vector<WrapperKernels>& all);

// A family with a link, or a wrapper of one, as a kernel of any order.
struct FamilyDensity {
    const FamilyKernels* base = nullptr;
    const WrapperKernels* wrapper = nullptr;

    int predictors() const {
        return base->predictors + (wrapper == nullptr ? 0 : wrapper->further_predictors);
    }
    void evaluate(int order, const double* constants, const double* y, const double* size,
                  const double* weight, const double* eta, std::size_t n, double* value, double* d1,
                  double* d2, double* d3) const;
};

// By names such as "poisson" and "zero_inflated_poisson". Raises where there is none.
FamilyDensity find_density(std::string_view named, std::string_view link);

}  // namespace henderson
