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

// Least squares from cross-products: gram (p + 1, p + 1) of [X y]. `half` (p, p) becomes R^-T with
// RR' = X'X, `beta` (p,) the solution; r2 its residual sum of squares and the log determinant of
// X'X come back. False where X'X is not positive definite.
bool profile(const double* gram, int p, double* half, double* beta, double& r2,
             double& log_determinant);

}  // namespace henderson
