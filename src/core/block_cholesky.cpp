// Elimination of the leaves: C_ll = LL', V = L^-1 C_lt, and what that leaves for the tail.
#include <algorithm>
#include <cmath>

#include "equations.hpp"
#include "lapack.hpp"

namespace henderson {

namespace {

using lapack::big_block;

// Lower Cholesky factor in place, column-major; false where a pivot is not positive.
bool factor_block(double* a, int k, double& log_determinant) {
    if (k == 1) {
        if (!(a[0] > 0)) return false;
        log_determinant += std::log(a[0]);
        a[0] = std::sqrt(a[0]);
        return true;
    }
    if (k >= big_block) {
        char lower = 'L';
        int info = 0;
        lapack::dpotrf(&lower, &k, a, &k, &info);
        if (info != 0) return false;
    } else {
        for (int j = 0; j < k; ++j) {
            double pivot = a[j * k + j];
            for (int i = 0; i < j; ++i) pivot -= a[i * k + j] * a[i * k + j];
            if (!(pivot > 0)) return false;
            double root = std::sqrt(pivot);
            a[j * k + j] = root;
            for (int r = j + 1; r < k; ++r) {
                double sum = a[j * k + r];
                for (int i = 0; i < j; ++i) sum -= a[i * k + r] * a[i * k + j];
                a[j * k + r] = sum / root;
            }
        }
    }
    for (int j = 0; j < k; ++j) log_determinant += 2 * std::log(a[j * k + j]);
    return true;
}

// B := L^-1 B, B (k, columns) column-major.
void solve_lower(const double* l, int k, double* b, int columns) {
    if (k >= big_block) {
        lapack::solve_triangular(true, false, l, k, b, k, columns);
        return;
    }
    if (k == 1) {
        double inverse = 1 / l[0];
        for (int c = 0; c < columns; ++c) b[c] *= inverse;
        return;
    }
    for (int c = 0; c < columns; ++c, b += k)
        for (int r = 0; r < k; ++r) {
            double sum = b[r];
            for (int i = 0; i < r; ++i) sum -= l[i * k + r] * b[i];
            b[r] = sum / l[r * k + r];
        }
}

// x := L^-1 x or L^-T x, x (k, m) row-major.
void solve_rows(const double* l, int k, double* x, int m, bool transposed) {
    if (k >= big_block) {  // x' is (m, k) column-major
        lapack::solve_triangular(false, !transposed, l, k, x, m, k);
        return;
    }
    auto subtract = [&](int r, int i, double factor) {
        for (int c = 0; c < m; ++c) x[r * m + c] -= factor * x[i * m + c];
    };
    auto divide = [&](int r) {
        double inverse = 1 / l[r * k + r];
        for (int c = 0; c < m; ++c) x[r * m + c] *= inverse;
    };
    if (!transposed) {
        for (int r = 0; r < k; ++r) {
            for (int i = 0; i < r; ++i) subtract(r, i, l[i * k + r]);
            divide(r);
        }
    } else {
        for (int r = k - 1; r >= 0; --r) {
            for (int i = r + 1; i < k; ++i) subtract(r, i, l[r * k + i]);
            divide(r);
        }
    }
}

// out (k, l) column-major = T' A S; T (k, k), S (l, l) row-major, A column-major.
void sandwich(const double* T, int k, const double* a, const double* S, int l, double* out,
              std::vector<double>& work) {
    if (k == 1 && l == 1) {
        out[0] = T[0] * a[0] * S[0];
        return;
    }
    if (k >= big_block || l >= big_block) {  // T and S are transposes of column-major ones
        work.resize(size_t(k) * l);
        lapack::multiply_add(false, true, k, l, l, 1.0, a, k, S, l, work.data(), k, 0.0);
        lapack::multiply_add(false, false, k, l, k, 1.0, T, k, work.data(), k, out, k, 0.0);
        return;
    }
    work.assign(size_t(k) * l, 0.0);
    for (int c = 0; c < l; ++c)  // work = A S
        for (int i = 0; i < l; ++i) {
            double s = S[i * l + c];
            if (s != 0)
                for (int r = 0; r < k; ++r) work[c * k + r] += a[i * k + r] * s;
        }
    for (int c = 0; c < l; ++c)
        for (int r = 0; r < k; ++r) {
            double sum = 0;
            for (int i = 0; i < k; ++i) sum += T[i * k + r] * work[c * k + i];
            out[c * k + r] = sum;
        }
}

}  // namespace

void Equations::scale_blocks(const double* templates, double* tail_matrix) {
    std::vector<double> work, block;
    int64_t q_tail = tail();
    for (size_t index = 0; index < nodes_.size(); ++index) {
        const Node& node = nodes_[index];
        const double* T = template_of(templates, node.term);
        int k = node.k;
        bool leaf = int(index) < leaves_;
        if (leaf) {
            sandwich(T, k, a_.data() + node.diagonal, T, k, l_.data() + node.diagonal, work);
            for (int i = 0; i < k; ++i) l_[node.diagonal + i * k + i] += 1.0;
            for (int e = node.first; e < node.last; ++e) {
                const Node& met = nodes_[boundary_[e].node];
                int64_t at = node.off + int64_t(boundary_[e].offset) * k;
                sandwich(T, k, a_.data() + at, template_of(templates, met.term), met.k, l_.data() + at, work);
            }
            continue;
        }
        // tail: row-major lower, so the later node gives the row
        int64_t row0 = node.column - q_leaf;
        block.resize(size_t(k) * k);
        sandwich(T, k, a_.data() + node.diagonal, T, k, block.data(), work);
        for (int c = 0; c < k; ++c)
            for (int r = c; r < k; ++r) tail_matrix[(row0 + r) * q_tail + row0 + c] += block[c * k + r];
        for (int e = node.first; e < node.last; ++e) {
            const Node& met = nodes_[boundary_[e].node];
            int64_t at = node.off + int64_t(boundary_[e].offset) * k, row = met.column - q_leaf;
            block.resize(size_t(k) * met.k);
            sandwich(T, k, a_.data() + at, template_of(templates, met.term), met.k, block.data(), work);
            for (int c = 0; c < met.k; ++c)
                for (int r = 0; r < k; ++r)
                    tail_matrix[(row + c) * q_tail + row0 + r] += block[c * k + r];
        }
    }
}

template <int K>
void Equations::update_row(const Node& node, TailRow at, double* tail_matrix) const {
    int k = K ? K : node.k;
    const double* v = l_.data() + node.off + int64_t(first_in_tail(at.leaf)) * k;
    const int32_t* index = tail_index_.data() + tail_index_start_[at.leaf];
    double* row = tail_matrix + int64_t(index[at.i]) * tail();
    const double* vi = v + int64_t(at.i) * k;
    for (int j = 0; j <= at.i; ++j) {
        double dot = 0;
        for (int r = 0; r < k; ++r) dot += vi[r] * v[int64_t(j) * k + r];
        row[index[j]] -= dot;
    }
}

void Equations::update_leaves(const Node& node) {
    int k = node.k;
    const double* v = l_.data() + node.off;
    for (int e = node.first; e < node.sparse_last; ++e) {
        const Edge& edge = boundary_[e];
        const Node& target = nodes_[edge.node];
        const double* left = v + int64_t(edge.offset) * k;
        auto subtract = [&](const double* right, int columns, double* block) {
            for (int c = 0; c < columns; ++c)
                for (int r = 0; r < target.k; ++r) {
                    double dot = 0;
                    for (int i = 0; i < k; ++i) dot += left[r * k + i] * right[c * k + i];
                    block[c * target.k + r] -= dot;
                }
        };
        subtract(left, target.k, l_.data() + target.diagonal);
        int f = target.first;
        for (int later = e + 1; later < node.last; ++later) {
            while (boundary_[f].node != boundary_[later].node) ++f;
            subtract(v + int64_t(boundary_[later].offset) * k, nodes_[boundary_[later].node].k,
                     l_.data() + target.off + int64_t(boundary_[f].offset) * target.k);
        }
    }
}

bool Equations::eliminate(const double* templates, double* tail_matrix, double* border, int m,
                          double* gram, double& log_determinant) {
    scale_blocks(templates, tail_matrix);
    log_determinant = 0;
    for (int index = 0; index < leaves_; ++index) {
        const Node& node = nodes_[index];
        if (!factor_block(l_.data() + node.diagonal, node.k, log_determinant)) return false;
        solve_lower(l_.data() + node.diagonal, node.k, l_.data() + node.off, node.width);
        update_leaves(node);
    }
    for (TailRow at : tail_rows_) {
        const Node& node = nodes_[at.leaf];
        switch (node.k) {
            case 1: update_row<1>(node, at, tail_matrix); break;
            case 2: update_row<2>(node, at, tail_matrix); break;
            case 3: update_row<3>(node, at, tail_matrix); break;
            case 4: update_row<4>(node, at, tail_matrix); break;
            default: update_row<0>(node, at, tail_matrix);
        }
    }
    if (m > 0) forward(border, m, gram);
    return true;
}

void Equations::forward(double* border, int m, double* gram) const {
    for (int index = 0; index < leaves_; ++index) {
        const Node& node = nodes_[index];
        int k = node.k;
        double* x = border + int64_t(node.column) * m;
        solve_rows(l_.data() + node.diagonal, k, x, m, false);
        for (int e = node.first; e < node.last; ++e) {
            const Node& met = nodes_[boundary_[e].node];
            const double* v = l_.data() + node.off + int64_t(boundary_[e].offset) * k;
            double* target = border + int64_t(met.column) * m;
            for (int c = 0; c < met.k; ++c)
                for (int r = 0; r < k; ++r) {
                    double factor = v[c * k + r];
                    for (int i = 0; i < m; ++i) target[c * m + i] -= factor * x[r * m + i];
                }
        }
        if (m < big_block)
            for (int r = 0; r < k; ++r)
                for (int i = 0; i < m; ++i)
                    for (int j = 0; j < m; ++j) gram[i * m + j] -= x[r * m + i] * x[r * m + j];
    }
    if (m >= big_block && q_leaf > 0)
        lapack::multiply_add(false, true, m, m, q_leaf, -1.0, border, m, border, m, gram, m);
}

void Equations::backward(double* solution, int m) const {
    for (int index = leaves_ - 1; index >= 0; --index) {
        const Node& node = nodes_[index];
        int k = node.k;
        double* x = solution + int64_t(node.column) * m;
        for (int e = node.first; e < node.last; ++e) {
            const Node& met = nodes_[boundary_[e].node];
            const double* v = l_.data() + node.off + int64_t(boundary_[e].offset) * k;
            const double* source = solution + int64_t(met.column) * m;
            for (int c = 0; c < met.k; ++c)
                for (int r = 0; r < k; ++r) {
                    double factor = v[c * k + r];
                    for (int i = 0; i < m; ++i) x[r * m + i] -= factor * source[c * m + i];
                }
        }
        solve_rows(l_.data() + node.diagonal, k, x, m, true);
    }
}

void Equations::multiply(const double* d, int m, double* out) const {
    for (const Node& node : nodes_) {
        int k = node.k;
        const double* d_node = d + int64_t(node.column) * m;
        double* o_node = out + int64_t(node.column) * m;
        const double* block = a_.data() + node.diagonal;
        for (int c = 0; c < k; ++c)
            for (int r = 0; r < k; ++r)
                for (int i = 0; i < m; ++i) o_node[r * m + i] += block[c * k + r] * d_node[c * m + i];
        for (int e = node.first; e < node.last; ++e) {
            const Node& met = nodes_[boundary_[e].node];
            const double* off = a_.data() + node.off + int64_t(boundary_[e].offset) * k;
            const double* d_met = d + int64_t(met.column) * m;
            double* o_met = out + int64_t(met.column) * m;
            for (int c = 0; c < met.k; ++c)
                for (int r = 0; r < k; ++r) {
                    double a = off[c * k + r];
                    for (int i = 0; i < m; ++i) {
                        o_node[r * m + i] += a * d_met[c * m + i];
                        o_met[c * m + i] += a * d_node[r * m + i];
                    }
                }
        }
    }
}

}  // namespace henderson
