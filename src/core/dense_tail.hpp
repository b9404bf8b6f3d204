// Cholesky factor, solutions and inverse of the dense tail of the mixed model equations.
#pragma once
#include <cstdint>

namespace henderson {

// s (q, q) row-major lower, factored in place; false where it is not positive definite.
bool tail_cholesky(double* s, int q, double& log_determinant);
// border (q, m) row-major becomes W = U^-T border, and gram (m, m) loses W'W.
void tail_forward(const double* u, int q, double* border, int m, double* gram);
// x := U^-1 x.
void tail_backward(const double* u, int q, double* x, int m);
// The factor becomes S^-1, in its row-major lower triangle.
bool tail_inverse(double* u, int q);

}  // namespace henderson
