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
    if (k <= small_panel && int64_t(k) * k * height <= 4 * small_work) return factor_small(a, height, k, failed);
    char lower = 'L', right = 'R', transposed = 'T', plain = 'N';
    int info = 0;
    double one = 1;
    lapack::dpotrf(&lower, &k, a, &height, &info);
    if (info != 0) {
        failed = info - 1;
        return false;
    }
    if (below) lapack::dtrsm(&right, &lower, &transposed, &plain, &below, &k, &one, a, &height, a + k, &height);
    return true;
}

// u (r x r) lower = -B B', B (r x k)
void update_of(const double* b, int ldb, int r, int k, double* u) {
    if (int64_t(k) * r * r <= small_work) {
        for (int j = 0; j < r; ++j) {
            double* column = u + int64_t(j) * r;
            double factor = b[j];
            for (int i = j; i < r; ++i) column[i] = -factor * b[i];
        }
        for (int c = 1; c < k; ++c) {
            const double* of = b + int64_t(c) * ldb;
            for (int j = 0; j < r; ++j) {
                double* column = u + int64_t(j) * r;
                double factor = of[j];
                for (int i = j; i < r; ++i) column[i] -= factor * of[i];
            }
        }
        return;
    }
    char lower = 'L', plain = 'N';
    double minus = -1, zero = 0;
    lapack::dsyrk(&lower, &plain, &r, &k, &minus, const_cast<double*>(b), &ldb, &zero, u, &r);
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

void Cholesky::add(const int64_t* positions, const double* values, int64_t count, int repeat,
                   double scale) {
    for (int64_t e = 0; e < count; ++e) {
        double v = scale * values[e];
        for (int r = 0; r < repeat; ++r) values_[*positions++] += v;
    }
}

void Cholesky::add_rows(const int64_t* start, const int64_t* positions, const double* z,
                        const double* w, int64_t rows) {
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t a = start[i]; a < start[i + 1]; ++a) {
            double left = w ? w[i] * z[a] : z[a];
            for (int64_t b = a; b < start[i + 1]; ++b) values_[*positions++] += left * z[b];
        }
}

// A child's update into the trapezoid of its parent and, past its columns, into `update_`.
void Cholesky::add_update(const Supernode& child, const double* update, const Supernode& parent) {
    const int32_t* to = symbolic.to_parent.data() + child.rows;
    int r = child.below, k = parent.columns, below = parent.below, height = parent.height();
    double* block = values_.data() + parent.block;
    int j = 0;
    for (; j < r && to[j] < k; ++j) {
        double* column = block + int64_t(to[j]) * height;
        const double* from = update + int64_t(j) * r;
        for (int i = j; i < r; ++i) column[to[i]] += from[i];
    }
    for (; j < r; ++j) {
        double* column = update_.data() + int64_t(to[j] - k) * below - k;
        const double* from = update + int64_t(j) * r;
        for (int i = j; i < r; ++i) column[to[i]] += from[i];
    }
}

bool Cholesky::factor(double& log_determinant) {
    log_determinant = 0;
    failed = -1;
    std::vector<int32_t> waiting;  // supernodes whose updates are on the stack
    int64_t top = 0;
    for (int s = 0; s < int(symbolic.nodes.size()); ++s) {
        const Supernode& node = symbolic.nodes[s];
        int k = node.columns, r = node.below, height = node.height();
        double* block = values_.data() + node.block;
        bool parent_of_some = !waiting.empty() && symbolic.nodes[waiting.back()].parent == s;
        if (parent_of_some)
            for (int j = 0; j < r; ++j) std::fill_n(update_.data() + int64_t(j) * r + j, r - j, 0.0);
        while (!waiting.empty() && symbolic.nodes[waiting.back()].parent == s) {
            const Supernode& child = symbolic.nodes[waiting.back()];
            waiting.pop_back();
            top -= int64_t(child.below) * child.below;
            add_update(child, stack_.data() + top, node);
        }
        if (!factor_panel(block, height, k, failed)) {
            failed = symbolic.order[node.first + failed];
            return false;
        }
        for (int j = 0; j < k; ++j) log_determinant += 2 * std::log(block[int64_t(j) * height + j]);
        if (node.parent < 0) continue;
        double* mine = stack_.data() + top;
        update_of(block + k, height, r, k, mine);
        if (parent_of_some)
            for (int j = 0; j < r; ++j)
                for (int64_t i = int64_t(j) * r + j; i < int64_t(j + 1) * r; ++i) mine[i] += update_[i];
        top += int64_t(r) * r;
        waiting.push_back(s);
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
