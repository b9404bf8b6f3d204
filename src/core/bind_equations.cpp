// Python's view of the mixed model equations. Arrays come in checked and contiguous; results are
// written into arrays the caller made, so that nothing is allocated in the hot path.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <optional>
#include <stdexcept>

#include "dense_tail.hpp"
#include "equations.hpp"
#include "lapack.hpp"

namespace nb = nanobind;

namespace henderson {

namespace {

using In = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using Out = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using Starts = nb::ndarray<const int64_t, nb::c_contig, nb::device::cpu>;
using Ints = nb::ndarray<const int32_t, nb::c_contig, nb::device::cpu>;

constexpr double not_positive_definite = std::numeric_limits<double>::quiet_NaN();

void need(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

template <class Array> int columns_of(const Array& array) {
    return array.ndim() == 2 ? int(array.shape(1)) : 1;
}

Term term_of(nb::tuple given) {
    Term term{};
    term.predictor = nb::cast<int>(given[0]);
    term.k = nb::cast<int>(given[1]);
    term.levels = nb::cast<int>(given[2]);
    auto codes = nb::cast<Ints>(given[3]);
    auto values = nb::cast<In>(given[4]);
    need(values.ndim() == 2 && values.shape(0) == codes.shape(0), "values must be (n, nonzeros)");
    term.nonzeros = int(values.shape(1));
    term.codes.assign(codes.data(), codes.data() + codes.size());
    term.values.assign(values.data(), values.data() + values.size());
    for (int32_t code : term.codes) need(code >= 0 && code < term.levels, "codes outside the levels");
    if (!given[5].is_none()) {
        auto columns = nb::cast<Ints>(given[5]);
        need(columns.size() == values.size(), "columns must have the shape of values");
        term.columns.assign(columns.data(), columns.data() + columns.size());
        for (int32_t column : term.columns) need(column >= 0 && column < term.k, "columns outside [0, k)");
    } else {
        need(term.nonzeros == term.k, "values must have k columns");
    }
    return term;
}

std::vector<Term> terms_of(nb::list given) {
    std::vector<Term> terms;
    for (nb::handle item : given) terms.push_back(term_of(nb::cast<nb::tuple>(item)));
    return terms;
}

}  // namespace

void bind_equations(nb::module_& m) {
    m.def("load_lapack", &lapack::load);
    m.def("plan_elimination", [](nb::list terms) {
        Plan plan = Equations::plan(terms_of(terms));
        return nb::make_tuple(plan.leaf_terms, plan.work);
    });

    nb::class_<Equations>(m, "Equations")
        .def("__init__",
             [](Equations* self, int64_t n, int predictors, nb::list terms, int leaf_terms) {
                 new (self) Equations(n, predictors, terms_of(terms), leaf_terms);
             })
        .def_ro("n", &Equations::n)
        .def_ro("q", &Equations::q)
        .def_ro("q_leaf", &Equations::q_leaf)
        .def("trees", [](const Equations& e) { return e.tree_of_nodes(); })
        .def("cross_products",
             [](Equations& e, In w) {
                 need(int64_t(w.size()) == e.n * e.predictors * (e.predictors + 1) / 2, "shape of w");
                 nb::gil_scoped_release release;
                 e.cross_products(w.data());
             })
        .def("z_transpose_times",
             [](const Equations& e, In v, Out out) {
                 int m = columns_of(out);
                 need(int64_t(v.size()) == e.n * e.predictors * m, "shape of v");
                 nb::gil_scoped_release release;
                 e.z_transpose_times(v.data(), m, out.data());
             })
        .def("data_sums",
             [](Equations& e, In X, In y, std::optional<In> w, Out out) {
                 int p = columns_of(out) - 1;
                 need(e.predictors == 1 && int64_t(X.size()) == e.n * p && int64_t(y.size()) == e.n, "shape");
                 need(!w || int64_t(w->size()) == e.n, "shape of w");
                 need(int(out.size()) == e.q * (p + 1), "shape");
                 const double* weights = w ? w->data() : nullptr;
                 nb::gil_scoped_release release;
                 e.cross_products(weights);
                 e.z_transpose_times_data(X.data(), p, y.data(), weights, out.data());
             },
             nb::arg("X"), nb::arg("y"), nb::arg("w").none(), nb::arg("out"))
        .def("z_times",
             [](const Equations& e, In b, Out out) {
                 need(int(b.size()) == e.q && int64_t(out.size()) == e.n * e.predictors, "shape");
                 nb::gil_scoped_release release;
                 e.z_times(b.data(), out.data());
             })
        .def("leverages",
             [](const Equations& e, In templates, Out out) {
                 need(int64_t(out.size()) == e.n * e.predictors * (e.predictors + 1) / 2, "shape");
                 nb::gil_scoped_release release;
                 e.leverages(templates.data(), out.data());
             })
        .def("set_values",
             [](Equations& e, int term, In values) {
                 const Term& which = e.terms.at(term);
                 need(which.columns.empty() && int64_t(values.size()) == e.n * which.k, "shape");
                 e.set_values(term, values.data());
             })
        .def("block_leverages",
             [](const Equations& e, In templates, Ints rows, Starts starts, Out out) {
                 need(e.predictors == 1 && starts.size() > 0, "shape");
                 nb::gil_scoped_release release;
                 e.block_leverages(templates.data(), rows.data(), starts.data(),
                                   int(starts.size()) - 1, out.data());
             })
        .def("eliminate",
             [](Equations& e, In templates, Out tail, Out border, Out gram) {
                 int m = columns_of(border);
                 need(int64_t(tail.size()) == int64_t(e.tail()) * e.tail(), "shape of the tail");
                 need(int(gram.size()) == m * m, "shape of gram");
                 nb::gil_scoped_release release;
                 double log_determinant;
                 bool good = e.eliminate(templates.data(), tail.data(), border.data(), m, gram.data(),
                                         log_determinant);
                 return good ? log_determinant : not_positive_definite;
             })
        .def("one_factor", &Equations::one_factor)
        .def("factor_one",
             [](Equations& e, In templates, In right, Out border, Out gram) {
                 int m = columns_of(right);
                 need(e.one_factor(), "only for one term without a tail");
                 need(border.size() == right.size() && int(gram.size()) == m * m, "shape");
                 nb::gil_scoped_release release;
                 double log_determinant;
                 bool good = e.factor_one(templates.data(), right.data(), border.data(), m,
                                          gram.data(), log_determinant);
                 return good ? log_determinant : not_positive_definite;
             })
        .def("differentiate_one",
             [](Equations& e, In templates, In right, In border, In combine, In weight, In changes,
                Out x, Out by_template, Out information, Out across, Out K, Out F, Out FF) {
                 int m = columns_of(right), k = e.terms.at(0).k, count = int(changes.size()) / (k * k);
                 need(e.one_factor(), "only for one term without a tail");
                 need(border.size() == right.size() && x.size() == right.size(), "shape");
                 need(int(combine.size()) == m * m && int(weight.size()) == m, "shape");
                 need(int(information.size()) == count * count && int(across.size()) == m * count, "shape");
                 need(!count || (int(K.size()) == e.q * k && FF.size() == K.size() &&
                                 int(F.size()) == e.q * (m - 1)), "shape");
                 nb::gil_scoped_release release;
                 e.differentiate_one(templates.data(), right.data(), border.data(), m, combine.data(),
                                     weight.data(), count, changes.data(),
                                     {x.data(), by_template.data(), information.data(), across.data(),
                                      K.data(), F.data(), FF.data()});
             })
        .def("forward",
             [](const Equations& e, Out border, Out gram) {
                 int m = columns_of(border);
                 need(int(gram.size()) == m * m, "shape of gram");
                 nb::gil_scoped_release release;
                 e.forward(border.data(), m, gram.data());
             })
        .def("backward",
             [](const Equations& e, Out x) {
                 nb::gil_scoped_release release;
                 e.backward(x.data(), columns_of(x));
             })
        .def("multiply",
             [](const Equations& e, In d, Out out) {
                 need(d.size() == out.size(), "shape");
                 nb::gil_scoped_release release;
                 e.multiply(d.data(), columns_of(d), out.data());
             })
        .def("selected_inverse",
             [](Equations& e, In tail_inverse) {
                 need(int64_t(tail_inverse.size()) == int64_t(e.tail()) * e.tail(), "shape");
                 nb::gil_scoped_release release;
                 e.selected_inverse(tail_inverse.data());
             })
        .def("template_traces",
             [](const Equations& e, In templates, Out out) {
                 need(templates.size() == out.size(), "shape");
                 nb::gil_scoped_release release;
                 e.template_traces(templates.data(), out.data());
             })
        .def("moment_system",
             [](const Equations& e, int widest, Out out) {
                 int size = e.moments(widest);
                 need(int64_t(out.size()) == int64_t(size) * size, "shape");
                 nb::gil_scoped_release release;
                 e.moment_system(widest, out.data());
             })
        .def("apply_templates",
             [](const Equations& e, In templates, In x, bool transposed, Out out) {
                 need(x.size() == out.size(), "shape");
                 nb::gil_scoped_release release;
                 e.apply_templates(templates.data(), x.data(), columns_of(x), transposed,
                                   out.data());
             })
        .def("outer_sums",
             [](const Equations& e, In x, In y, Out out) {
                 need(x.size() == y.size(), "shape");
                 nb::gil_scoped_release release;
                 e.outer_sums(x.data(), y.data(), columns_of(x), out.data());
             })
        .def("directions",
             [](const Equations& e, Ints which, In matrices, In z, Out out) {
                 need(int(z.size()) == e.q && out.size() == z.size() * which.size(), "shape");
                 nb::gil_scoped_release release;
                 e.directions(which.data(), int(which.size()), matrices.data(), z.data(), out.data());
             })
        .def("cross_product_blocks",
             [](const Equations& e, int term, Out out) {
                 const Term& which = e.terms.at(term);
                 need(int64_t(out.size()) == int64_t(which.levels) * which.k * which.k, "shape");
                 e.cross_product_blocks(term, out.data());
             })
        .def("projected_blocks",
             [](const Equations& e, In templates, Out out) {
                 need(e.terms.size() == 1 && e.tail() == 0, "only for one term without a tail");
                 need(int64_t(out.size()) == int64_t(e.q) * e.terms[0].k, "shape");
                 nb::gil_scoped_release release;
                 e.projected_blocks(templates.data(), out.data());
             })
        .def("inverse_blocks", [](const Equations& e, int term, Out out) {
            const Term& which = e.terms.at(term);
            need(int64_t(out.size()) == int64_t(which.levels) * which.k * which.k, "shape");
            e.inverse_blocks(term, out.data());
        });

    m.def("profile", [](In gram, Out half, Out beta) {
        int p = int(beta.size());
        need(int(gram.size()) == (p + 1) * (p + 1) && int(half.size()) == p * p, "shape");
        double r2, log_determinant;
        if (!profile(gram.data(), p, half.data(), beta.data(), r2, log_determinant))
            r2 = log_determinant = not_positive_definite;
        return nb::make_tuple(r2, log_determinant);
    });
    m.def("tail_cholesky", [](Out s, int q) {
        nb::gil_scoped_release release;
        double log_determinant;
        return tail_cholesky(s.data(), q, log_determinant) ? log_determinant : not_positive_definite;
    });
    m.def("tail_forward", [](In u, int q, Out border, Out gram) {
        nb::gil_scoped_release release;
        tail_forward(u.data(), q, border.data(), columns_of(border), gram.data());
    });
    m.def("tail_backward", [](In u, int q, Out x) {
        nb::gil_scoped_release release;
        tail_backward(u.data(), q, x.data(), columns_of(x));
    });
    m.def("tail_inverse", [](Out u, int q) {
        nb::gil_scoped_release release;
        return tail_inverse(u.data(), q);
    });
}

}  // namespace henderson
