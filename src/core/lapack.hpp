// BLAS and LAPACK by the function pointers SciPy exports, so that nothing is linked or bundled.
#pragma once
#include <nanobind/nanobind.h>

namespace henderson::lapack {

using Potrf = void(char*, int*, double*, int*, int*);
using Potri = void(char*, int*, double*, int*, int*);
using Trsm = void(char*, char*, char*, char*, int*, int*, double*, double*, int*, double*, int*);
using Syrk = void(char*, char*, int*, int*, double*, double*, int*, double*, double*, int*);
using Symm = void(char*, char*, int*, int*, double*, double*, int*, double*, int*, double*, double*,
                  int*);
using Gemm = void(char*, char*, int*, int*, int*, double*, double*, int*, double*, int*, double*,
                  double*, int*);

extern Potrf* dpotrf;
extern Potri* dpotri;
extern Trsm* dtrsm;
extern Syrk* dsyrk;
extern Symm* dsymm;
extern Gemm* dgemm;

// Called once, with the capsules of scipy.linalg.cython_blas and cython_lapack.
void load(nanobind::dict capsules);

constexpr int big_block = 12;  // from here on LAPACK's overhead pays

// C (rows x columns) = keep C + scale A B, all column-major; `a_transposed`: A is stored
// (inner x rows).
inline void multiply_add(bool a_transposed, bool b_transposed, int rows, int columns, int inner,
                         double scale, const double* a, int lda, const double* b, int ldb,
                         double* c, int ldc, double keep = 1.0) {
    char ta = a_transposed ? 'T' : 'N', tb = b_transposed ? 'T' : 'N';
    dgemm(&ta, &tb, &rows, &columns, &inner, &scale, const_cast<double*>(a), &lda,
          const_cast<double*>(b), &ldb, &keep, c, &ldc);
}

// B := L^-1 B or L^-T B (`left`), B L^-1 or B L^-T; L lower, all column-major, B (rows x columns).
inline void solve_triangular(bool left, bool transposed, const double* l, int k, double* b,
                             int rows, int columns) {
    char side = left ? 'L' : 'R', lower = 'L', form = transposed ? 'T' : 'N', diagonal = 'N';
    double one = 1.0;
    dtrsm(&side, &lower, &form, &diagonal, &rows, &columns, &one, const_cast<double*>(l), &k, b,
          &rows);
}

}  // namespace henderson::lapack
