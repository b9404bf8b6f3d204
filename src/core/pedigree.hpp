// Inbreeding in a pedigree whose parents come before their offspring.
#pragma once
#include <cstdint>

namespace henderson {

// F (m) from the places of both parents, (m, 2), -1 where not known:
//
//     1 + F_i = sum over ancestors j of i, and i itself, of l_ij^2 d_j,   A = L D L',
//     d_j = 1 - (1 + F_sire) / 4 - (1 + F_dam) / 4, without the parents that are not known
//
// Meuwissen & Luo (1992), Genetics Selection Evolution 24, 305-313.
void inbreeding(const int32_t* parents, int m, double* F);

}  // namespace henderson
