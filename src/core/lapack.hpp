// BLAS and LAPACK by the function pointers SciPy exports, so that nothing is linked or bundled.
#pragma once
#include <nanobind/nanobind.h>

namespace henderson::lapack {

using Potrf = void(char*, int*, double*, int*, int*);
using Potri = void(char*, int*, double*, int*, int*);
using Trsm = void(char*, char*, char*, char*, int*, int*, double*, double*, int*, double*, int*);
using Gemm = void(char*, char*, int*, int*, int*, double*, double*, int*, double*, int*, double*,
                  double*, int*);

extern Potrf* dpotrf;
extern Potri* dpotri;
extern Trsm* dtrsm;
extern Gemm* dgemm;

// Called once, with the capsules of scipy.linalg.cython_blas and cython_lapack.
void load(nanobind::dict capsules);

// C (rows x columns) += scale A B, all column-major; `a_transposed`: A is stored (inner x rows).
inline void multiply_add(bool a_transposed, bool b_transposed, int rows, int columns, int inner,
                         double scale, const double* a, int lda, const double* b, int ldb,
                         double* c, int ldc) {
    char ta = a_transposed ? 'T' : 'N', tb = b_transposed ? 'T' : 'N';
    double one = 1.0;
    dgemm(&ta, &tb, &rows, &columns, &inner, &scale, const_cast<double*>(a), &lda,
          const_cast<double*>(b), &ldb, &one, c, &ldc);
}

}  // namespace henderson::lapack
