// Pedigrees whose parents come before their offspring: inbreeding, and relationships at once.
#pragma once
#include <cstdint>

namespace henderson {

// F (m) from the places of both parents, (m, 2), below 0 where not known:
//
//     1 + F_i = sum over ancestors j of i, and i itself, of l_ij^2 d_j,   A = L D L',
//     d_j = 1 - (1 + F_sire) / 4 - (1 + F_dam) / 4, without the parents that are not known
//
// Meuwissen & Luo (1992), Genetics Selection Evolution 24, 305-313.
void inbreeding(const int32_t* parents, int m, double* F);

// x (m x columns, row-major) := Ax, by A = T D T', T = (I - P)^-1, P with 1/2 at the parents.
// Colleau (2002), Genetics Selection Evolution 34, 409-421.
void multiply_relationships(const int32_t* parents, const double* d, int m, int columns, double* x);

}  // namespace henderson
