// Entries of C^-1 on the pattern of the factor (Takahashi's recursion by blocks):
//
//     C^-1[j, B] = -L^-T V P,    C^-1[j, j] = L^-T (I + V P V') L^-1,    P = C^-1[B, B]
//
// for each leaf j from the last to the first, B its boundary.
#include <algorithm>
#include <cmath>

#include "equations.hpp"
#include "lapack.hpp"

namespace henderson {

namespace {

using lapack::big_block;

// x := L^-T x, x (k, columns) column-major
void solve_upper(const double* l, int k, double* x, int columns) {
    if (k >= big_block) {
        lapack::solve_triangular(true, true, l, k, x, k, columns);
        return;
    }
    if (k == 1) {
        double inverse = 1 / l[0];
        for (int c = 0; c < columns; ++c) x[c] *= inverse;
        return;
    }
    for (int c = 0; c < columns; ++c, x += k)
        for (int r = k - 1; r >= 0; --r) {
            double sum = x[r];
            for (int i = r + 1; i < k; ++i) sum -= l[r * k + i] * x[i];
            x[r] = sum / l[r * k + r];
        }
}

}  // namespace

template <int K>
void Equations::gather_row(const Node& node, TailRow at, const double* tail_inverse) {
    // P symmetric, row-major lower: row i gives x_i the terms before it, and those theirs of v_i
    int k = K ? K : node.k;
    int64_t start = node.off + int64_t(first_in_tail(at.leaf)) * k;
    const double* v = l_.data() + start;
    double* x = c_.data() + start;
    const int32_t* index = tail_index_.data() + tail_index_start_[at.leaf];
    const double* row = tail_inverse + int64_t(index[at.i]) * tail();
    const double* vi = v + int64_t(at.i) * k;
    double* xi = x + int64_t(at.i) * k;
    double sum[K ? K : 1] = {};
    for (int j = 0; j < at.i; ++j) {
        double p = row[index[j]];
        for (int r = 0; r < k; ++r) {
            if constexpr (K > 0)
                sum[r] += p * v[int64_t(j) * k + r];
            else
                xi[r] += p * v[int64_t(j) * k + r];
            x[int64_t(j) * k + r] += p * vi[r];
        }
    }
    double p = row[index[at.i]];
    for (int r = 0; r < k; ++r) {
        xi[r] += p * vi[r];
        if constexpr (K > 0) xi[r] += sum[r];
    }
}

void Equations::gather_leaves(const Node& node, double* x) const {
    int k = node.k;
    const double* v = l_.data() + node.off;
    for (int e = node.first; e < node.sparse_last; ++e) {
        const Edge& edge = boundary_[e];
        const Node& source = nodes_[edge.node];
        const double* v_left = v + int64_t(edge.offset) * k;
        double* x_left = x + int64_t(edge.offset) * k;
        const double* diagonal = c_.data() + source.diagonal;
        for (int c = 0; c < source.k; ++c)
            for (int i = 0; i < source.k; ++i)
                for (int r = 0; r < k; ++r) x_left[c * k + r] += diagonal[c * source.k + i] * v_left[i * k + r];
        int f = source.first;
        for (int later = e + 1; later < node.last; ++later) {
            while (boundary_[f].node != boundary_[later].node) ++f;
            const double* block = c_.data() + source.off + int64_t(boundary_[f].offset) * source.k;
            int columns = nodes_[boundary_[later].node].k;
            const double* v_right = v + int64_t(boundary_[later].offset) * k;
            double* x_right = x + int64_t(boundary_[later].offset) * k;
            for (int c = 0; c < columns; ++c)
                for (int i = 0; i < source.k; ++i) {
                    double p = block[c * source.k + i];
                    for (int r = 0; r < k; ++r) {
                        x_left[i * k + r] += p * v_right[c * k + r];
                        x_right[c * k + r] += p * v_left[i * k + r];
                    }
                }
        }
    }
}

void Equations::selected_inverse(const double* tail_inverse) {
    c_.resize(size_);
    int64_t q_tail = tail();
    for (size_t index = leaves_; index < nodes_.size(); ++index) {
        const Node& node = nodes_[index];
        int64_t row0 = node.column - q_leaf;
        int k = node.k;
        for (int c = 0; c < k; ++c)
            for (int r = 0; r < k; ++r)
                c_[node.diagonal + c * k + r] =
                    tail_inverse[(row0 + std::max(r, c)) * q_tail + row0 + std::min(r, c)];
        for (int e = node.first; e < node.last; ++e) {
            const Node& met = nodes_[boundary_[e].node];
            int64_t at = node.off + int64_t(boundary_[e].offset) * k, row = met.column - q_leaf;
            for (int c = 0; c < met.k; ++c)
                for (int r = 0; r < k; ++r)
                    c_[at + c * k + r] = tail_inverse[(row + c) * q_tail + row0 + r];
        }
    }
    for (int index = 0; index < leaves_; ++index) {
        const Node& node = nodes_[index];
        std::fill_n(c_.data() + node.off, int64_t(node.k) * node.width, 0.0);
    }
    for (TailRow at : tail_rows_) {
        const Node& node = nodes_[at.leaf];
        switch (node.k) {
            case 1: gather_row<1>(node, at, tail_inverse); break;
            case 2: gather_row<2>(node, at, tail_inverse); break;
            case 3: gather_row<3>(node, at, tail_inverse); break;
            case 4: gather_row<4>(node, at, tail_inverse); break;
            default: gather_row<0>(node, at, tail_inverse);
        }
    }
    std::vector<double> inner;
    for (int index = leaves_ - 1; index >= 0; --index) {
        const Node& node = nodes_[index];
        int k = node.k;
        const double* l = l_.data() + node.diagonal;
        const double* v = l_.data() + node.off;
        double* x = c_.data() + node.off;
        gather_leaves(node, x);
        inner.assign(size_t(k) * k, 0.0);  // I + X V'
        if (k >= big_block)
            lapack::multiply_add(false, true, k, k, node.width, 1.0, x, k, v, k, inner.data(), k);
        else
            for (int c = 0; c < node.width; ++c)
                for (int j = 0; j < k; ++j)
                    for (int i = 0; i < k; ++i) inner[j * k + i] += x[c * k + i] * v[c * k + j];
        for (int i = 0; i < k; ++i) inner[i * k + i] += 1.0;
        solve_upper(l, k, inner.data(), k);  // L^-T (I + X V'), then (.) L^-1 by its transpose
        for (int i = 0; i < k; ++i)
            for (int j = 0; j < i; ++j) std::swap(inner[i * k + j], inner[j * k + i]);
        solve_upper(l, k, inner.data(), k);
        std::copy(inner.begin(), inner.end(), c_.data() + node.diagonal);
        solve_upper(l, k, x, node.width);
        for (int64_t i = 0; i < int64_t(k) * node.width; ++i) x[i] = -x[i];
    }
}

void Equations::template_traces(const double* templates, double* out) const {
    std::vector<double> work;
    for (const Node& node : nodes_) {
        int k = node.k;
        const double* T = template_of(templates, node.term);
        double* mine = out + template_offset_[node.term];
        if (k == 1) mine[0] += a_[node.diagonal] * T[0] * c_[node.diagonal];
        else if (k >= big_block) {  // (A T C^-1)' = C^-1 T' A
            work.resize(size_t(k) * k);
            lapack::multiply_add(false, false, k, k, k, 1.0, c_.data() + node.diagonal, k, T, k,
                                 work.data(), k, 0.0);
            lapack::multiply_add(false, false, k, k, k, 1.0, work.data(), k, a_.data() + node.diagonal, k,
                                 mine, k);
        } else {
            work.assign(size_t(k) * k, 0.0);  // T C^-1, row-major
            for (int i = 0; i < k; ++i)
                for (int j = 0; j < k; ++j)
                    for (int c = 0; c < k; ++c) work[i * k + c] += T[i * k + j] * c_[node.diagonal + c * k + j];
            for (int r = 0; r < k; ++r)
                for (int i = 0; i < k; ++i) {
                    double a = a_[node.diagonal + i * k + r];
                    for (int c = 0; c < k; ++c) mine[r * k + c] += a * work[i * k + c];
                }
        }
        for (int e = node.first; e < node.last; ++e) {
            const Node& met = nodes_[boundary_[e].node];
            int l = met.k;
            int64_t at = node.off + int64_t(boundary_[e].offset) * k;
            const double* a = a_.data() + at;
            const double* c = c_.data() + at;
            const double* S = template_of(templates, met.term);
            double* theirs = out + template_offset_[met.term];
            if (k == 1 && l == 1) {
                mine[0] += a[0] * S[0] * c[0];
                theirs[0] += a[0] * T[0] * c[0];
                continue;
            }
            if (k >= big_block || l >= big_block) {
                work.resize(size_t(k) * l);  // (A S C')' = C S' A'
                lapack::multiply_add(false, false, k, l, l, 1.0, c, k, S, l, work.data(), k, 0.0);
                lapack::multiply_add(false, true, k, k, l, 1.0, work.data(), k, a, k, mine, k);
                // (A' T C)' = C' T' A
                lapack::multiply_add(false, false, k, l, k, 1.0, T, k, a, k, work.data(), k, 0.0);
                lapack::multiply_add(true, false, l, l, k, 1.0, c, k, work.data(), k, theirs, l);
                continue;
            }
            for (int r = 0; r < k; ++r)  // mine += A S C'
                for (int j = 0; j < l; ++j) {
                    double sum = 0;  // (A S)[r, j]
                    for (int i = 0; i < l; ++i) sum += a[i * k + r] * S[i * l + j];
                    for (int s = 0; s < k; ++s) mine[r * k + s] += sum * c[j * k + s];
                }
            for (int r = 0; r < l; ++r)  // theirs += A' T C
                for (int j = 0; j < k; ++j) {
                    double sum = 0;  // (A' T)[r, j]
                    for (int i = 0; i < k; ++i) sum += a[r * k + i] * T[i * k + j];
                    for (int s = 0; s < l; ++s) theirs[r * l + s] += sum * c[s * k + j];
                }
        }
    }
}

void Equations::copy_blocks(const std::vector<double>& from, int term, double* out) const {
    const Term& which = terms[term];
    int size = which.k * which.k;
    for (int level = 0; level < which.levels; ++level)
        std::copy_n(from.data() + nodes_[which.first_node + level].diagonal, size, out + int64_t(level) * size);
}

void Equations::inverse_blocks(int term, double* out) const { copy_blocks(c_, term, out); }

void Equations::projected_blocks(const double* templates, double* out) const {
    const Term& term = terms.at(0);
    int k = term.k;
    std::vector<double> AT(k * k), half(k * k);
    for (int level = 0; level < term.levels; ++level, out += k * k) {
        const Node& node = nodes_[term.first_node + level];
        const double* A = a_.data() + node.diagonal;
        const double* C = c_.data() + node.diagonal;
        if (k >= big_block) {
            lapack::multiply_add(false, true, k, k, k, 1.0, A, k, templates, k, AT.data(), k, 0.0);
            lapack::multiply_add(false, false, k, k, k, 1.0, AT.data(), k, C, k, half.data(), k,
                                 0.0);
            std::copy_n(A, k * k, out);
            lapack::multiply_add(false, true, k, k, k, -1.0, half.data(), k, AT.data(), k, out, k);
            continue;
        }
        for (int r = 0; r < k; ++r)
            for (int c = 0; c < k; ++c) {
                double sum = 0;
                for (int i = 0; i < k; ++i) sum += A[i * k + r] * templates[i * k + c];
                AT[r * k + c] = sum;
            }
        for (int r = 0; r < k; ++r)
            for (int c = 0; c < k; ++c) {
                double sum = 0;
                for (int i = 0; i < k; ++i) sum += AT[r * k + i] * C[c * k + i];
                half[r * k + c] = sum;
            }
        for (int r = 0; r < k; ++r)
            for (int c = 0; c < k; ++c) {
                double sum = A[c * k + r];
                for (int i = 0; i < k; ++i) sum -= half[r * k + i] * AT[c * k + i];
                out[r * k + c] = sum;
            }
    }
}

void Equations::cross_product_blocks(int term, double* out) const { copy_blocks(a_, term, out); }

}  // namespace henderson
