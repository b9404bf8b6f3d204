// Families of proportions.
#include "beta.hpp"
#include "betabinomial.hpp"
#include "binomial.hpp"
#include "cumulative.hpp"
#include "kernel.hpp"
#include "ordbeta.hpp"

namespace henderson {

void add_proportions(std::vector<FamilyKernels>& all) {
    add_families<Binomial, Beta, BetaBinomial, OrderedBeta, Cumulative>(all);
}

}  // namespace henderson
