// Python's view of the conditional modes and of the Laplace approximation around them.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "conditional_modes.hpp"
#include "laplace.hpp"
#include "row_density.hpp"

namespace nb = nanobind;

namespace henderson {

namespace {

using Out = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using Integers = nb::ndarray<const int32_t, nb::c_contig, nb::device::cpu>;

double* writable(nb::handle array, int64_t size) {
    auto out = nb::cast<Out>(array, false);
    if (int64_t(out.size()) != size) throw nb::value_error("an array of the wrong size.");
    return out.data();
}

// The densities of rows, of the core or of Python; keeps those of Python alive.
class Densities {
  public:
    const RowDensity* of(nb::handle given, int64_t n, int predictors) {
        if (nb::isinstance<CompiledDensity>(given)) return &nb::cast<const CompiledDensity&>(given);
        functions_.push_back(
            std::make_unique<PythonDensity>(nb::borrow(given), n, predictors));
        return functions_.back().get();
    }

  private:
    std::vector<std::unique_ptr<PythonDensity>> functions_;
};

const double* readable(nb::handle array, int64_t size) {
    auto in = nb::cast<DoubleArray>(array, false);
    if (int64_t(in.size()) != size) throw nb::value_error("an array of the wrong size.");
    return in.data();
}

// (found, h, log det C, steps); see conditional_modes.hpp. A part is (equations, density, x, eta,
// u, value, d1, d2, border).
nb::tuple find_modes(nb::list given, int predictors, const std::vector<int>& random,
                     const DoubleArray& templates, Out beta, Out half, Out tail_factor,
                     double tolerance) {
    const int p = int(beta.size()), K = predictors;
    std::vector<ModePart> parts;
    Densities densities;
    for (nb::handle item : given) {
        auto fields = nb::cast<nb::tuple>(item);
        auto& equations = nb::cast<Equations&>(fields[0]);
        const int64_t n = equations.n;
        parts.push_back({&equations, densities.of(fields[1], n, K), readable(fields[2], n * p),
                         writable(fields[3], n * K), writable(fields[4], equations.q),
                         writable(fields[5], n), writable(fields[6], n * K),
                         writable(fields[7], n * K * (K + 1) / 2),
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
                    .find(tolerance);
    }
    return nb::make_tuple(modes.found, modes.joint, modes.log_determinant, modes.steps);
}

// What all functions below are given: the modes, with the equations factored there. A part is
// (equations, density, X of each predictor, eta, d1, d2, u, border, sums).
struct AtModes {
    AtModes(nb::tuple given) : half(nb::cast<DoubleArray>(given[4], false)) {
        auto coefficients = nb::cast<std::vector<int>>(given[1]);
        auto random = nb::cast<std::vector<int>>(given[2]);
        const int K = int(coefficients.size()), p = int(half.shape(0));
        for (int count : coefficients) P += count;
        std::vector<LaplacePart> parts;
        for (nb::handle item : nb::cast<nb::list>(given[0])) {
            auto fields = nb::cast<nb::tuple>(item);
            LaplacePart part{};
            part.equations = &nb::cast<Equations&>(fields[0]);
            const int64_t n = part.equations->n, q = part.equations->q;
            part.density = densities.of(fields[1], n, K);
            auto X = nb::cast<nb::tuple>(fields[2]);
            for (int a = 0; a < K; ++a) part.X.push_back(readable(X[a], n * coefficients[a]));
            part.eta = readable(fields[3], n * K);
            part.d1 = readable(fields[4], n * K);
            part.d2 = readable(fields[5], n * K * (K + 1) / 2);
            part.u = readable(fields[6], q);
            part.border = readable(fields[7], q * p);
            part.sums = writable(fields[8], q * (P + 1));
            sizes.push_back(q);
            parts.push_back(part);
        }
        const int64_t tail = parts.at(0).equations->tail();
        for (const Term& term : parts[0].equations->terms) templates += term.k * term.k;
        laplace = std::make_unique<Laplace>(std::move(parts), std::move(coefficients),
                                            std::move(random), readable(given[3], templates), p,
                                            half.data(), readable(given[5], tail * tail));
    }

    Densities densities;
    DoubleArray half;
    std::vector<int64_t> sizes;
    int P = 0, templates = 0;
    std::unique_ptr<Laplace> laplace;
};

// Fills XWX, by_template, by_beta and, unless it is empty, gram; see laplace.hpp. `quadrature` is
// None or (leverages, traces, mode_score, row_score).
void differentiate(nb::tuple at_modes, nb::object quadrature, Integers which, DoubleArray matrices,
                   Out XWX, Out by_template, Out by_beta, Out gram) {
    AtModes at(at_modes);
    const int P = at.P, count = int(which.size());
    writable(nb::cast(XWX), int64_t(P) * P);
    writable(nb::cast(by_template), at.templates);
    writable(nb::cast(by_beta), P);
    if (gram.size()) writable(nb::cast(gram), int64_t(P + count) * (P + count));
    QuadratureSums sums{};
    const bool given = !quadrature.is_none();
    if (given) {
        auto fields = nb::cast<nb::tuple>(quadrature);
        const double** to[] = {&sums.leverages, &sums.traces, &sums.mode_score, &sums.row_score};
        for (int i = 0; i < 4; ++i) *to[i] = nb::cast<DoubleArray>(fields[i], false).data();
    }
    nb::gil_scoped_release release;
    at.laplace->working_model(XWX.data());
    at.laplace->gradient(given ? &sums : nullptr, by_template.data(), by_beta.data());
    if (gram.size())
        at.laplace->information(which.data(), count, matrices.data(), XWX.data(), gram.data());
}

// Fills u of each part and the change of the integrated coefficients; see laplace.hpp.
void predict_modes(nb::tuple at_modes, DoubleArray change, DoubleArray coefficients,
                   DoubleArray XWX, nb::list u, Out integrated) {
    AtModes at(at_modes);
    if (int(change.size()) != at.templates || int(coefficients.size()) != at.P)
        throw nb::value_error("an array of the wrong size.");
    std::vector<double*> to;
    for (size_t i = 0; i < at.sizes.size(); ++i) to.push_back(writable(u[i], at.sizes[i]));
    nb::gil_scoped_release release;
    at.laplace->predict(change.data(), coefficients.data(), XWX.data(), to, integrated.data());
}

}  // namespace

void bind_modes(nb::module_& m) {
    nb::class_<CompiledDensity>(m, "CompiledDensity")
        .def(nb::init<const char*, const char*, DoubleArray, DoubleArray, DoubleArray,
                      DoubleArray>());
    m.def("find_modes", &find_modes);
    m.def("differentiate_laplace", &differentiate, nb::arg("at_modes"),
          nb::arg("quadrature").none(), nb::arg("which"), nb::arg("matrices"), nb::arg("XWX"),
          nb::arg("by_template"), nb::arg("by_beta"), nb::arg("gram"));
    m.def("predict_modes", &predict_modes);
}

}  // namespace henderson
