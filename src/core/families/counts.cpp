// Families of counts.
#include "nbinom1.hpp"
#include "nbinom2.hpp"
#include "poisson.hpp"
#include "kernel.hpp"

namespace henderson {

void add_counts(std::vector<FamilyKernels>& all) {
    add_families<Poisson, NegativeBinomial1, NegativeBinomial2>(all);
}

}  // namespace henderson
