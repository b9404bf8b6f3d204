// C^-1 on the pattern of L, from the roots down:
//
//     Y = L_RJ L_JJ^-1,   C^-1[R, J] = -P Y,   C^-1[J, J] = (L_JJ L_JJ')^-1 + Y'P Y,   P = C^-1[R, R]
//
// P is gathered from what the parent knows: its own columns and its P, which lies on a stack until
// its first child, here the last, has taken from it. These are the update matrices of the
// factorization, read backwards.
#include <algorithm>

#include "../lapack.hpp"
#include "cholesky.hpp"

namespace henderson::sparse {

namespace {

constexpr int64_t small_work = 600;

// z (height x k) from l and p (r x r, lower); y (r x k) and square (k x k) are room to work in.
void invert_panel(const double* l, const double* p, int k, int r, double* z, double* y,
                  double* square) {
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
        lapack::dsymm(&left, &lower, &r, &k, &minus, const_cast<double*>(p), &r, y, &r, &zero, z + k,
                      &height);
    }
    lapack::dpotri(&lower, &k, square, &k, &info);
    for (int j = 0; j < k; ++j) std::copy_n(square + int64_t(j) * k + j, k - j, z + int64_t(j) * height + j);
    if (r) lapack::multiply_add(true, false, k, k, r, -1.0, y, r, z + k, height, z, height);
}

}  // namespace

// P of a child, (r x r) lower, from its parent's columns of C^-1 and its P.
void Cholesky::gather(const Supernode& child, const double* parent_p, double* out) const {
    const Supernode& parent = symbolic.nodes[child.parent];
    const int32_t* from = symbolic.to_parent.data() + child.rows;
    const double* block = inverse_.data() + parent.block;
    int k = parent.columns, r = child.below;
    for (int j = 0; j < r; ++j, out += r) {
        const double* column = from[j] < k ? block + int64_t(from[j]) * parent.height()
                                           : parent_p + int64_t(from[j] - k) * parent.below - k;
        for (int i = j; i < r; ++i) out[i] = column[from[i]];
    }
}

void Cholesky::invert() {
    inverse_.resize(symbolic.size);
    std::vector<double> square, y;
    int64_t top = 0;
    for (int s = int(symbolic.nodes.size()) - 1; s >= 0; --s) {
        const Supernode& node = symbolic.nodes[s];
        int k = node.columns, r = node.below;
        int64_t size = int64_t(r) * r;
        const double* p = update_.data();
        if (node.parent >= 0) {
            const Supernode& parent = symbolic.nodes[node.parent];
            int64_t parents = top - int64_t(parent.below) * parent.below;
            bool is_last = parent.first_child == s, is_leaf = node.first_child < 0;
            bool in_place = !is_last && !is_leaf;
            double* out = in_place ? stack_.data() + top : update_.data();
            gather(node, stack_.data() + parents, out);
            if (is_last) top = parents;
            if (!is_leaf) {
                if (!in_place) std::copy_n(out, size, stack_.data() + top);
                p = stack_.data() + top;
                top += size;
            }
        }
        if (square.size() < size_t(k) * k) square.resize(size_t(k) * k);
        if (y.size() < size_t(k) * r) y.resize(size_t(k) * r);
        invert_panel(values_.data() + node.block, p, k, r, inverse_.data() + node.block, y.data(),
                     square.data());
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
