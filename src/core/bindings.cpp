// The compiled core of henderson. Each part binds itself; this file only lists them.
#include <nanobind/nanobind.h>

namespace henderson {
void bind_equations(nanobind::module_& m);  // mixed model equations: elimination, selected inverse
void bind_modes(nanobind::module_& m);      // the search for conditional modes
void bind_families(nanobind::module_& m);   // log densities and their derivatives
void bind_sparse(nanobind::module_& m);     // sparse positive definite matrices
}

NB_MODULE(_core, m) {
    henderson::bind_equations(m);
    henderson::bind_modes(m);
    henderson::bind_families(m);
    henderson::bind_sparse(m);
}
