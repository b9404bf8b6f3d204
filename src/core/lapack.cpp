#include "lapack.hpp"

namespace henderson::lapack {

Potrf* dpotrf = nullptr;
Potri* dpotri = nullptr;
Trsm* dtrsm = nullptr;
Syrk* dsyrk = nullptr;
Symm* dsymm = nullptr;
Gemm* dgemm = nullptr;

namespace {
void* pointer(nanobind::dict capsules, const char* name) {
    PyObject* capsule = nanobind::object(capsules[name]).ptr();
    return PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule));
}
}  // namespace

void load(nanobind::dict capsules) {
    dpotrf = reinterpret_cast<Potrf*>(pointer(capsules, "dpotrf"));
    dpotri = reinterpret_cast<Potri*>(pointer(capsules, "dpotri"));
    dtrsm = reinterpret_cast<Trsm*>(pointer(capsules, "dtrsm"));
    dsyrk = reinterpret_cast<Syrk*>(pointer(capsules, "dsyrk"));
    dsymm = reinterpret_cast<Symm*>(pointer(capsules, "dsymm"));
    dgemm = reinterpret_cast<Gemm*>(pointer(capsules, "dgemm"));
}

}  // namespace henderson::lapack
