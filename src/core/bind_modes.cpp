// Python's view of the search for conditional modes.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "conditional_modes.hpp"
#include "row_density.hpp"

namespace nb = nanobind;

namespace henderson {

namespace {

using Out = nb::ndarray<double, nb::c_contig, nb::device::cpu>;

double* writable(nb::handle array, int64_t size) {
    auto out = nb::cast<Out>(array);
    if (int64_t(out.size()) != size) throw nb::value_error("an array of the wrong size.");
    return out.data();
}

// (found, h, log det C, steps); see conditional_modes.hpp. A part is (equations, density, x, eta,
// u, value, d1, d2, border).
nb::tuple find_modes(nb::list given, int predictors, const std::vector<int>& random,
                     const DoubleArray& templates, Out beta, Out half, Out tail_factor) {
    const int p = int(beta.size()), K = predictors;
    std::vector<ModePart> parts;
    std::vector<std::unique_ptr<PythonDensity>> functions;
    for (nb::handle item : given) {
        auto fields = nb::cast<nb::tuple>(item);
        auto& equations = nb::cast<Equations&>(fields[0]);
        const int64_t n = equations.n;
        const RowDensity* density;
        if (nb::isinstance<CompiledDensity>(fields[1])) {
            density = &nb::cast<const CompiledDensity&>(fields[1]);
        } else {
            functions.push_back(std::make_unique<PythonDensity>(nb::object(fields[1]), n, K));
            density = functions.back().get();
        }
        auto x = nb::cast<DoubleArray>(fields[2]);
        if (int64_t(x.size()) != n * p) throw nb::value_error("x must be (n, p).");
        parts.push_back({&equations, density, x.data(), writable(fields[3], n * K),
                         writable(fields[4], equations.q), writable(fields[5], n),
                         writable(fields[6], n * K), writable(fields[7], n * K * (K + 1) / 2),
                         writable(fields[8], int64_t(equations.q) * (p + 1))});
    }
    const int64_t tail = parts.at(0).equations->tail();
    writable(nb::cast(half), int64_t(p) * p);
    writable(nb::cast(tail_factor), tail * tail);
    Modes modes;
    {
        nb::gil_scoped_release release;
        modes = ModeSearch(std::move(parts), predictors, random, templates.data(), p, beta.data(),
                           half.data(), tail_factor.data())
                    .find();
    }
    return nb::make_tuple(modes.found, modes.joint, modes.log_determinant, modes.steps);
}

}  // namespace

void bind_modes(nb::module_& m) {
    nb::class_<CompiledDensity>(m, "CompiledDensity")
        .def(nb::init<const char*, const char*, DoubleArray, DoubleArray, DoubleArray,
                      DoubleArray>());
    m.def("find_modes", &find_modes);
}

}  // namespace henderson
