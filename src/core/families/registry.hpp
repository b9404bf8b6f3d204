// Families by name, for the rest of the core: a kernel evaluates one family with one link over
// a range of rows.
//
// A family is a class template over the order of the derivatives, in a header of its own:
//   name, predictors (K), Links, a constructor from its constants (numbers that are not
//   estimated), and log_density<Link>(y, size, eta_0, ..., eta_K-1) on jets.
// It is made for one pass over rows and may remember what it computed. To add one, list it in
// families.cpp.
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

struct KernelSet {
    int predictors;
    Kernel of_order[4];
};

// The kernels of a family with a link; null where there are none of these names.
const KernelSet* find_kernels(std::string_view family, std::string_view link);

// All pairs of names, in the order of the list in families.cpp.
struct FamilyLink {
    const char* family;
    const char* link;
    int predictors;
};
const std::vector<FamilyLink>& family_links();

}  // namespace henderson
