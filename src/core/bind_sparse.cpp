// Python's view of sparse positive definite matrices, and of pedigrees, whose inverse is one.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <optional>
#include <stdexcept>

#include "pedigree.hpp"
#include "sparse/cholesky.hpp"

namespace nb = nanobind;

namespace henderson {

namespace {

using In = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using Out = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using Ints = nb::ndarray<const int32_t, nb::c_contig, nb::device::cpu>;
using Positions = nb::ndarray<const int64_t, nb::c_contig, nb::device::cpu>;
using PositionsOut = nb::ndarray<int64_t, nb::c_contig, nb::device::cpu>;
using sparse::Cholesky;

void need(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

int columns_of(const Cholesky& of, size_t size) {
    int n = of.symbolic.n;
    need(n == 0 || size % n == 0, "shape of the right-hand sides");
    return n == 0 ? 0 : int(size / n);
}

// Rows of Z: their positions are of all pairs of their values.
void need_rows(const Positions& start, const Positions& positions, const In& z) {
    need(start.size() > 0 && start.data()[0] == 0, "starts");
    int64_t pairs = 0;
    for (size_t i = 1; i < start.size(); ++i) {
        int64_t s = start.data()[i] - start.data()[i - 1];
        need(s >= 0, "starts");
        pairs += s * (s + 1) / 2;
    }
    need(int64_t(z.size()) == start.data()[start.size() - 1], "shape of z");
    need(int64_t(positions.size()) == pairs, "shape of positions");
}

// Values at `repeat` positions each.
int repeat_of(const Positions& positions, const In& values) {
    int repeat = values.size() ? int(positions.size() / values.size()) : 1;
    need(positions.size() == values.size() * repeat, "shape of values");
    return repeat;
}

void need_pedigree(const Ints& parents, int count) {
    need(int64_t(parents.size()) == 2 * int64_t(count), "parents must be (m, 2)");
    for (int64_t i = 0; i < 2 * int64_t(count); ++i)
        need(parents.data()[i] < i / 2, "parents come before");
}

}  // namespace

void bind_sparse(nb::module_& m) {
    m.def("inbreeding", [](Ints parents, Out F) {
        int count = int(F.size());
        need_pedigree(parents, count);
        nb::gil_scoped_release release;
        inbreeding(parents.data(), count, F.data());
    });
    m.def("multiply_relationships", [](Ints parents, In d, Out x) {
        int count = int(d.size());
        need_pedigree(parents, count);
        need(count == 0 || x.size() % count == 0, "shape of x");
        nb::gil_scoped_release release;
        multiply_relationships(parents.data(), d.data(), count,
                               count ? int(x.size() / count) : 0, x.data());
    });

    nb::class_<Cholesky>(m, "SparseCholesky")
        .def("__init__",
             [](Cholesky* self, int n, Positions starts, Ints rows, const std::string& ordering) {
                 need(int64_t(starts.size()) == n + 1 && int64_t(rows.size()) == starts.data()[n],
                      "shape of the pattern");
                 for (int64_t e = 0; e < int64_t(rows.size()); ++e)
                     need(rows.data()[e] >= 0 && rows.data()[e] < n, "rows outside the matrix");
                 nb::gil_scoped_release release;
                 sparse::Graph graph = sparse::graph_of(n, starts.data(), rows.data());
                 new (self) Cholesky(sparse::Symbolic(graph, ordering));
             })
        .def_prop_ro("n", [](const Cholesky& c) { return c.symbolic.n; })
        .def_prop_ro("ordering", [](const Cholesky& c) { return c.symbolic.ordering; })
        .def_prop_ro("tried", [](const Cholesky& c) { return c.symbolic.tried; })
        .def_prop_ro("flops", [](const Cholesky& c) { return c.symbolic.flops; })
        .def_prop_ro("entries", [](const Cholesky& c) { return c.symbolic.entries; })
        .def_prop_ro("seconds", [](const Cholesky& c) { return c.symbolic.seconds; })
        .def_prop_ro("stored", [](const Cholesky& c) { return c.symbolic.size; })
        .def_prop_ro("supernodes", [](const Cholesky& c) { return c.symbolic.nodes.size(); })
        .def_ro("failed", &Cholesky::failed)
        .def("order",
             [](const Cholesky& c, nb::ndarray<int32_t, nb::c_contig, nb::device::cpu> out) {
                 need(int64_t(out.size()) == c.symbolic.n, "shape");
                 std::copy(c.symbolic.order.begin(), c.symbolic.order.end(), out.data());
             })
        .def("positions",
             [](const Cholesky& c, Ints rows, Ints columns, PositionsOut out) {
                 need(rows.size() == columns.size() && out.size() == rows.size(), "shape");
                 int n = c.symbolic.n;
                 nb::gil_scoped_release release;
                 for (size_t e = 0; e < rows.size(); ++e) {
                     int32_t i = rows.data()[e], j = columns.data()[e];
                     need(i >= 0 && i < n && j >= 0 && j < n, "an entry outside the matrix");
                     out.data()[e] = c.symbolic.position(i, j);
                 }
             })
        .def("clear", &Cholesky::clear)
        .def("add",
             [](Cholesky& c, Positions positions, In values) {
                 int repeat = repeat_of(positions, values);
                 need(c.takes_values(), "clear first");
                 nb::gil_scoped_release release;
                 c.add(positions.data(), values.data(), int64_t(values.size()), repeat);
             })
        .def("add_rows",
             [](Cholesky& c, Positions start, Positions positions, In z, std::optional<In> w) {
                 need_rows(start, positions, z);
                 need(!w || w->size() + 1 == start.size(), "shape of w");
                 need(c.takes_values(), "clear first");
                 const double* weights = w ? w->data() : nullptr;
                 nb::gil_scoped_release release;
                 c.add_rows(start.data(), positions.data(), z.data(), weights,
                            int64_t(start.size()) - 1);
             },
             nb::arg("start"), nb::arg("positions"), nb::arg("z"), nb::arg("w").none())
        .def("factor",
             [](Cholesky& c) {
                 need(c.takes_values(), "clear first");
                 nb::gil_scoped_release release;
                 double log_determinant;
                 return c.factor(log_determinant) ? log_determinant
                                                  : std::numeric_limits<double>::quiet_NaN();
             })
        .def("solve",
             [](const Cholesky& c, Out x) {
                 int m = columns_of(c, x.size());
                 need(c.is_factored(), "factor first");
                 nb::gil_scoped_release release;
                 c.solve(x.data(), m);
             })
        .def("half_solve",
             [](const Cholesky& c, In x, Out out) {
                 need(x.size() == out.size(), "shape");
                 int m = columns_of(c, x.size());
                 need(c.is_factored(), "factor first");
                 nb::gil_scoped_release release;
                 c.half_solve(x.data(), m, out.data());
             })
        .def("back_solve",
             [](const Cholesky& c, In x, Out out) {
                 need(x.size() == out.size(), "shape");
                 int m = columns_of(c, x.size());
                 need(c.is_factored(), "factor first");
                 nb::gil_scoped_release release;
                 c.back_solve(x.data(), m, out.data());
             })
        .def("invert",
             [](Cholesky& c) {
                 need(c.is_factored(), "factor first");
                 nb::gil_scoped_release release;
                 c.invert();
             })
        .def("trace",
             [](const Cholesky& c, Positions positions, In values) {
                 int repeat = repeat_of(positions, values);
                 need(c.is_inverted(), "invert first");
                 nb::gil_scoped_release release;
                 return c.trace(positions.data(), values.data(), int64_t(values.size()), repeat);
             })
        .def("inverse_at",
             [](const Cholesky& c, Positions positions, Out out) {
                 need(positions.size() == out.size(), "shape");
                 need(c.is_inverted(), "invert first");
                 c.inverse_at(positions.data(), int64_t(out.size()), out.data());
             })
        .def("row_quadratics",
             [](const Cholesky& c, Positions start, Positions positions, In z, Out out) {
                 need_rows(start, positions, z);
                 need(out.size() + 1 == start.size(), "shape");
                 need(c.is_inverted(), "invert first");
                 nb::gil_scoped_release release;
                 c.row_quadratics(start.data(), positions.data(), z.data(), int64_t(out.size()),
                                  out.data());
             });
}

}  // namespace henderson
