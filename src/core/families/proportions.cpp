// Families of proportions.
#include "beta.hpp"
#include "betabinomial.hpp"
#include "binomial.hpp"
#include "kernel.hpp"

namespace henderson {

void add_proportions(std::vector<FamilyKernels>& all) {
    add_families<Binomial, Beta, BetaBinomial>(all);
}

}  // namespace henderson
