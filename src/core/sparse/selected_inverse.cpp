// C^-1 on the pattern of L, from the roots down:
//
//     Y = L_RJ L_JJ^-1,   C^-1[R, J] = -P Y,   C^-1[J, J] = (L_JJ L_JJ')^-1 + Y'P Y,   P = C^-1[R, R]
//
// P is gathered from what the parent knows: its own columns and its P. As the update matrices of
// the factorization, read backwards, these lie on a stack.
#include <algorithm>

#include "../lapack.hpp"
#include "cholesky.hpp"

namespace henderson::sparse {

namespace {

constexpr int64_t small_work = 600;

// z (height x k) from l and p (r x r, lower); y (r x k) and square (k x k) are room to work in.
void invert_panel(const double* l, const double* p, int k, int r, double* z, double* y, double* square) {
    int height = k + r;
    if (int64_t(k) * height * height <= small_work) {
        // column by column from the last, within the front: z_j = -(sum over i > j of Z[., i] l_ij) / l_jj
        for (int j = k - 1; j >= 0; --j) {
            const double* lj = l + int64_t(j) * height;
            double* zj = z + int64_t(j) * height;
            double inverse = 1 / lj[j];
            for (int i = j + 1; i < height; ++i) zj[i] = 0;
            for (int i = j + 1; i < height; ++i) {
                double factor = lj[i] * inverse;
                // column i of the symmetric front, from j + 1 on
                const double* below = i < k ? z + int64_t(i) * height : p + int64_t(i - k) * r - k;
                zj[i] -= factor * below[i];
                for (int a = i + 1; a < height; ++a) {
                    zj[a] -= factor * below[a];
                    zj[i] -= lj[a] * inverse * below[a];
                }
            }
            double sum = inverse;
            for (int i = j + 1; i < height; ++i) sum -= lj[i] * zj[i];
            zj[j] = sum * inverse;
        }
        return;
    }
    char left = 'L', right = 'R', lower = 'L', plain = 'N';
    double one = 1, minus = -1, zero = 0;
    for (int j = 0; j < k; ++j) std::copy_n(l + int64_t(j) * height, k, square + int64_t(j) * k);
    int info = 0;
    if (r) {
        for (int j = 0; j < k; ++j) std::copy_n(l + int64_t(j) * height + k, r, y + int64_t(j) * r);
        lapack::dtrsm(&right, &lower, &plain, &plain, &r, &k, &one, square, &k, y, &r);
        lapack::dsymm(&left, &lower, &r, &k, &minus, const_cast<double*>(p), &r, y, &r, &zero, z + k, &height);
    }
    lapack::dpotri(&lower, &k, square, &k, &info);
    for (int j = 0; j < k; ++j) std::copy_n(square + int64_t(j) * k + j, k - j, z + int64_t(j) * height + j);
    if (r) lapack::multiply_add(true, false, k, k, r, -1.0, y, r, z + k, height, z, height);
}

}  // namespace

void Cholesky::invert() {
    const std::vector<Supernode>& nodes = symbolic.nodes;
    inverse_.resize(symbolic.size);
    std::vector<int32_t> child(nodes.size(), -1), sibling(nodes.size(), -1);
    for (int s = int(nodes.size()) - 1; s >= 0; --s)  // the first child first
        if (nodes[s].parent >= 0) {
            sibling[s] = child[nodes[s].parent];
            child[nodes[s].parent] = s;
        }
    std::vector<double> square(1), y(1);
    int64_t top = 0;
    for (int s = int(nodes.size()) - 1; s >= 0; --s) {
        const Supernode& node = nodes[s];
        int k = node.columns, r = node.below, height = node.height();
        top -= int64_t(r) * r;
        const double* p = stack_.data() + top;
        if (child[s] >= 0 && r) {  // its place is needed for those of the children
            std::copy_n(p, int64_t(r) * r, update_.data());
            p = update_.data();
        }
        if (square.size() < size_t(k) * k) square.resize(size_t(k) * k);
        if (y.size() < size_t(k) * r) y.resize(size_t(k) * r);
        double* z = inverse_.data() + node.block;
        invert_panel(values_.data() + node.block, p, k, r, z, y.data(), square.data());
        for (int32_t c = child[s]; c >= 0; c = sibling[c]) {
            const int32_t* from = symbolic.to_parent.data() + nodes[c].rows;
            int rc = nodes[c].below, j = 0;
            double* out = stack_.data() + top;
            for (; j < rc && from[j] < k; ++j, out += rc) {
                const double* column = z + int64_t(from[j]) * height;
                for (int i = j; i < rc; ++i) out[i] = column[from[i]];
            }
            for (; j < rc; ++j, out += rc) {
                const double* column = p + int64_t(from[j] - k) * r - k;
                for (int i = j; i < rc; ++i) out[i] = column[from[i]];
            }
            top += int64_t(rc) * rc;
        }
    }
    state_ = State::inverse;
}

double Cholesky::trace(const int64_t* positions, const double* values, int64_t count, int repeat) const {
    double sum = 0;
    for (int64_t e = 0; e < count; ++e) {
        double here = 0;
        for (int c = 0; c < repeat; ++c, ++positions)
            here += diagonal_[*positions] ? inverse_[*positions] : 2 * inverse_[*positions];
        sum += values[e] * here;
    }
    return sum;
}

void Cholesky::inverse_at(const int64_t* positions, int64_t count, double* out) const {
    for (int64_t e = 0; e < count; ++e) out[e] = inverse_[positions[e]];
}

void Cholesky::row_quadratics(const int64_t* start, const int64_t* positions, const double* z,
                              int64_t rows, double* out) const {
    for (int64_t i = 0; i < rows; ++i) {
        double sum = 0;
        for (int64_t a = start[i]; a < start[i + 1]; ++a) {
            double own = z[a] * inverse_[*positions++], across = 0;
            for (int64_t b = a + 1; b < start[i + 1]; ++b) across += z[b] * inverse_[*positions++];
            sum += z[a] * (own + 2 * across);
        }
        out[i] = sum;
    }
}

}  // namespace henderson::sparse
