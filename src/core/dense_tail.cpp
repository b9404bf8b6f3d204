// The dense tail S = U'U, U upper in column-major order, which is row-major lower.
#include "dense_tail.hpp"

#include <cmath>
#include <vector>

#include "lapack.hpp"

namespace henderson {

namespace {
char upper = 'U', right = 'R', plain = 'N', transposed = 'T';
}

bool tail_cholesky(double* s, int q, double& log_determinant) {
    log_determinant = 0;
    if (q == 0) return true;
    int info = 0;
    lapack::dpotrf(&upper, &q, s, &q, &info);
    if (info != 0) return false;
    for (int i = 0; i < q; ++i) log_determinant += 2 * std::log(s[int64_t(i) * q + i]);
    return true;
}

// Row-major (q, m) is column-major (m, q): X U = B solves U'W = B, X U' = B solves U x = W.
static void solve(const double* u, int q, double* b, int m, char* transpose) {
    if (q == 0 || m == 0) return;
    double one = 1.0;
    lapack::dtrsm(&right, &upper, transpose, &plain, &m, &q, &one, const_cast<double*>(u), &q, b, &m);
}

void tail_forward(const double* u, int q, double* border, int m, double* gram) {
    if (q == 0 || m == 0) return;
    solve(u, q, border, m, &plain);
    lapack::multiply_add(false, true, m, m, q, -1.0, border, m, border, m, gram, m);
}

void tail_backward(const double* u, int q, double* x, int m) { solve(u, q, x, m, &transposed); }

bool tail_inverse(double* u, int q) {
    if (q == 0) return true;
    int info = 0;
    lapack::dpotri(&upper, &q, u, &q, &info);
    return info == 0;
}

bool profile(const double* gram, int p, double* half, double* beta, double& r2,
             double& log_determinant) {
    log_determinant = 0;
    int m = p + 1;
    r2 = gram[p * m + p];
    if (p == 0) return true;
    std::vector<double> factor(size_t(p) * p);  // U = R' in column-major upper
    for (int i = 0; i < p; ++i)
        for (int j = 0; j < p; ++j) factor[i * p + j] = gram[i * m + j];
    if (!tail_cholesky(factor.data(), p, log_determinant)) return false;
    // Row-major half = U^-1: solve X U' ... by columns, U half = I
    for (int i = 0; i < p * p; ++i) half[i] = 0;
    for (int i = 0; i < p; ++i) half[i * p + i] = 1;
    solve(factor.data(), p, half, p, &transposed);
    for (int i = 0; i < p; ++i) beta[i] = 0;
    for (int c = 0; c < p; ++c) {
        double projected = 0;
        for (int i = 0; i <= c; ++i) projected += gram[p * m + i] * half[i * p + c];
        r2 -= projected * projected;
        for (int i = 0; i <= c; ++i) beta[i] += half[i * p + c] * projected;
    }
    return true;
}

}  // namespace henderson
