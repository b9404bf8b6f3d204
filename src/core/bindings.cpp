// The compiled core of henderson. Each part binds itself; this file only lists them.
#include <nanobind/nanobind.h>

namespace henderson {
void bind_families(nanobind::module_& m);   // families.cpp: log densities and their derivatives
}

NB_MODULE(_core, m) {
    henderson::bind_families(m);
}
