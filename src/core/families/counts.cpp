// Families of counts.
#include "bell.hpp"
#include "compois.hpp"
#include "genpois.hpp"
#include "nbinom1.hpp"
#include "nbinom12.hpp"
#include "nbinom2.hpp"
#include "poisson.hpp"
#include "kernel.hpp"

namespace henderson {

void add_counts(std::vector<FamilyKernels>& all) {
    add_families<Poisson, NegativeBinomial1, NegativeBinomial2, NegativeBinomial12,
                 GeneralizedPoisson, ConwayMaxwellPoisson, Bell>(all);
}

}  // namespace henderson
