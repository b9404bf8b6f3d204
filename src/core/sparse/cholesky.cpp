#include "cholesky.hpp"

#include <algorithm>
#include <cmath>

#include "../lapack.hpp"

namespace henderson::sparse {

namespace {

// Below these sizes a call of LAPACK costs more than the loops.
constexpr int small_panel = 8;      // columns
constexpr int64_t small_work = 600; // multiplications

// The trapezoid a (height x k) with leading dimension `height`, of which the upper k x k triangle
// is not read; false at column `failed`.
bool factor_small(double* a, int height, int k, int& failed) {
    for (int j = 0; j < k; ++j) {
        double* column = a + int64_t(j) * height;
        if (!(column[j] > 0)) {
            failed = j;
            return false;
        }
        double root = std::sqrt(column[j]), inverse = 1 / root;
        column[j] = root;
        for (int i = j + 1; i < height; ++i) column[i] *= inverse;
        for (int c = j + 1; c < k; ++c) {
            double* later = a + int64_t(c) * height;
            double factor = column[c];
            for (int i = c; i < height; ++i) later[i] -= factor * column[i];
        }
    }
    return true;
}

bool factor_panel(double* a, int height, int k, int& failed) {
    int below = height - k;
    if (k <= small_panel && int64_t(k) * k * height <= 4 * small_work)
        return factor_small(a, height, k, failed);
    char lower = 'L', right = 'R', transposed = 'T', plain = 'N';
    int info = 0;
    double one = 1;
    lapack::dpotrf(&lower, &k, a, &height, &info);
    if (info != 0) {
        failed = info - 1;
        return false;
    }
    if (below)
        lapack::dtrsm(&right, &lower, &transposed, &plain, &below, &k, &one, a, &height, a + k,
                      &height);
    return true;
}

// u (r x r), lower, -= B B', B (r x k); instead of -= where not `keep`
void update_of(const double* b, int ldb, int r, int k, double* u, bool keep) {
    if (int64_t(k) * r * r > small_work) {
        char lower = 'L', plain = 'N';
        double minus = -1, kept = keep ? 1 : 0;
        lapack::dsyrk(&lower, &plain, &r, &k, &minus, const_cast<double*>(b), &ldb, &kept, u, &r);
        return;
    }
    for (int j = 0; j < r; ++j) {
        double* column = u + int64_t(j) * r;
        if (!keep) std::fill_n(column + j, r - j, 0.0);
        for (int c = 0; c < k; ++c) {
            const double* of = b + int64_t(c) * ldb;
            double factor = of[j];
            for (int i = j; i < r; ++i) column[i] -= factor * of[i];
        }
    }
}

// Calls add(place of row 0, j) with the column of the parent that row j of the child is: in its
// trapezoid, or in its update matrix.
template <class Add>
void each_column(const Supernode& child, const int32_t* to, const Supernode& parent, double* block,
                 double* update, Add add) {
    int k = parent.columns, j = 0;
    for (; j < child.below && to[j] < k; ++j) add(block + int64_t(to[j]) * parent.height(), j);
    for (; j < child.below; ++j) add(update + int64_t(to[j] - k) * parent.below - k, j);
}

}  // namespace

Cholesky::Cholesky(Symbolic given) : symbolic(std::move(given)) {
    values_.assign(symbolic.size, 0.0);
    stack_.resize(symbolic.stack);
    update_.resize(int64_t(symbolic.largest_below) * symbolic.largest_below);
    diagonal_.assign(symbolic.size, 0);
    for (const Supernode& node : symbolic.nodes)
        for (int j = 0; j < node.columns; ++j) diagonal_[node.block + int64_t(j) * node.height() + j] = 1;
}

void Cholesky::clear() {
    std::fill(values_.begin(), values_.end(), 0.0);
    state_ = State::values;
}

void Cholesky::add(const int64_t* positions, const double* values, int64_t count, int repeat) {
    for (int64_t e = 0; e < count; ++e)
        for (int r = 0; r < repeat; ++r) values_[*positions++] += values[e];
}

void Cholesky::add_rows(const int64_t* start, const int64_t* positions, const double* z,
                        const double* w, int64_t rows) {
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t a = start[i]; a < start[i + 1]; ++a) {
            double left = w ? w[i] * z[a] : z[a];
            for (int64_t b = a; b < start[i + 1]; ++b) values_[*positions++] += left * z[b];
        }
}

double* Cholesky::open_update(const Supernode& node, int64_t& top) {
    double* update = stack_.data() + top;
    for (int j = 0; j < node.below; ++j)
        std::fill_n(update + int64_t(j) * node.below + j, node.below - j, 0.0);
    top += int64_t(node.below) * node.below;
    return update;
}

void Cholesky::add_update(const Supernode& child, const double* update, double* parent_update) {
    const Supernode& parent = symbolic.nodes[child.parent];
    const int32_t* to = symbolic.to_parent.data() + child.rows;
    int r = child.below;
    each_column(child, to, parent, values_.data() + parent.block, parent_update, [&](double* column, int j) {
        const double* from = update + int64_t(j) * r;
        for (int i = j; i < r; ++i) column[to[i]] += from[i];
    });
}

// The same for a child of one column that has no update matrix of its own.
void Cholesky::add_outer_product(const Supernode& child, double* parent_update) {
    const Supernode& parent = symbolic.nodes[child.parent];
    const int32_t* to = symbolic.to_parent.data() + child.rows;
    const double* below = values_.data() + child.block + 1;
    each_column(child, to, parent, values_.data() + parent.block, parent_update, [&](double* column, int j) {
        for (int i = j; i < child.below; ++i) column[to[i]] -= below[j] * below[i];
    });
}

bool Cholesky::factor(double& log_determinant) {
    log_determinant = 0;
    failed = -1;
    state_ = State::failed;
    int64_t top = 0;
    for (int s = 0; s < int(symbolic.nodes.size()); ++s) {
        const Supernode& node = symbolic.nodes[s];
        int k = node.columns, r = node.below, height = node.height();
        double* block = values_.data() + node.block;
        if (!factor_panel(block, height, k, failed)) {
            failed = symbolic.order[node.first + failed];
            return false;
        }
        for (int j = 0; j < k; ++j) log_determinant += 2 * std::log(block[int64_t(j) * height + j]);
        if (node.parent < 0) continue;
        const Supernode& parent = symbolic.nodes[node.parent];
        bool is_first = parent.first_child == s, is_leaf = node.first_child < 0;
        int64_t size = int64_t(r) * r, parent_size = int64_t(parent.below) * parent.below;
        double* update = update_.data();
        if (!is_leaf) {
            top -= size;
            update_of(block + k, height, r, k, stack_.data() + top, true);
            if (is_first)  // the parent's takes its place
                std::copy_n(stack_.data() + top, size, update);
            else
                update = stack_.data() + top;
        } else if (k > 1) {
            update_of(block + k, height, r, k, update, false);
        }
        double* parents = is_first ? open_update(parent, top) : stack_.data() + top - parent_size;
        if (is_leaf && k == 1)
            add_outer_product(node, parents);
        else
            add_update(node, update, parents);
    }
    state_ = State::factor;
    return true;
}

void Cholesky::permute(const double* from, int m, double* to, bool into_order) const {
    for (int i = 0; i < symbolic.n; ++i) {
        int64_t given = int64_t(symbolic.order[i]) * m, here = int64_t(i) * m;
        std::copy_n(from + (into_order ? given : here), m, to + (into_order ? here : given));
    }
}

// Row-major (k x m) is column-major (m x k), so that L^-1 X is X' L^-T.
void Cholesky::forward(double* x, int m) const {
    std::vector<double> below(int64_t(symbolic.largest_below) * m);
    char right = 'R', lower = 'L', transposed = 'T', plain = 'N';
    double one = 1;
    for (const Supernode& node : symbolic.nodes) {
        int k = node.columns, r = node.below, height = node.height();
        const double* block = values_.data() + node.block;
        const int32_t* rows = symbolic.rows.data() + node.rows;
        double* own = x + int64_t(node.first) * m;
        if (m == 1 || int64_t(m) * k * height <= small_work) {
            std::fill_n(below.data(), int64_t(r) * m, 0.0);
            for (int j = 0; j < k; ++j) {
                const double* column = block + int64_t(j) * height;
                double* xj = own + int64_t(j) * m;
                double inverse = 1 / column[j];
                for (int c = 0; c < m; ++c) xj[c] *= inverse;
                for (int i = j + 1; i < k; ++i)
                    for (int c = 0; c < m; ++c) own[int64_t(i) * m + c] -= column[i] * xj[c];
                for (int i = 0; i < r; ++i)
                    for (int c = 0; c < m; ++c) below[int64_t(i) * m + c] += column[k + i] * xj[c];
            }
        } else {
            lapack::dtrsm(&right, &lower, &transposed, &plain, &m, const_cast<int*>(&k), &one,
                          const_cast<double*>(block), &height, own, &m);
            lapack::multiply_add(false, true, m, r, k, 1.0, own, m, block + k, height, below.data(), m, 0.0);
        }
        for (int i = 0; i < r; ++i)
            for (int c = 0; c < m; ++c) x[int64_t(rows[i]) * m + c] -= below[int64_t(i) * m + c];
    }
}

void Cholesky::backward(double* x, int m) const {
    std::vector<double> below(int64_t(symbolic.largest_below) * m);
    char right = 'R', lower = 'L', plain = 'N';
    double one = 1;
    for (int s = int(symbolic.nodes.size()) - 1; s >= 0; --s) {
        const Supernode& node = symbolic.nodes[s];
        int k = node.columns, r = node.below, height = node.height();
        const double* block = values_.data() + node.block;
        const int32_t* rows = symbolic.rows.data() + node.rows;
        double* own = x + int64_t(node.first) * m;
        for (int i = 0; i < r; ++i) std::copy_n(x + int64_t(rows[i]) * m, m, below.data() + int64_t(i) * m);
        if (m == 1 || int64_t(m) * k * height <= small_work) {
            for (int j = k - 1; j >= 0; --j) {
                const double* column = block + int64_t(j) * height;
                double* xj = own + int64_t(j) * m;
                for (int i = 0; i < r; ++i)
                    for (int c = 0; c < m; ++c) xj[c] -= column[k + i] * below[int64_t(i) * m + c];
                for (int i = j + 1; i < k; ++i)
                    for (int c = 0; c < m; ++c) xj[c] -= column[i] * own[int64_t(i) * m + c];
                double inverse = 1 / column[j];
                for (int c = 0; c < m; ++c) xj[c] *= inverse;
            }
            continue;
        }
        lapack::multiply_add(false, false, m, k, r, -1.0, below.data(), m, block + k, height, own, m);
        lapack::dtrsm(&right, &lower, &plain, &plain, &m, const_cast<int*>(&k), &one,
                      const_cast<double*>(block), &height, own, &m);
    }
}

void Cholesky::half_solve(const double* x, int m, double* out) const {
    permute(x, m, out, true);
    forward(out, m);
}

void Cholesky::back_solve(const double* x, int m, double* out) const {
    std::vector<double> work(x, x + int64_t(symbolic.n) * m);
    backward(work.data(), m);
    permute(work.data(), m, out, false);
}

void Cholesky::solve(double* x, int m) const {
    std::vector<double> work(int64_t(symbolic.n) * m);
    permute(x, m, work.data(), true);
    forward(work.data(), m);
    backward(work.data(), m);
    permute(work.data(), m, x, false);
}

}  // namespace henderson::sparse
