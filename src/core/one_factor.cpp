// One random term whose levels do not meet (no tail, no other leaves), of few effects: what a level contributes is
// computed while it is at hand, in one pass for the factor and one for the derivatives.
//
//     C_j = T'A_j T + I = L_j L_j',   w_j = L_j^-1 T'r_j,   S_j = L_j^-1 T'A_j
//
// with r_j the level's rows of Z'W[X y]. Where a matrix K = Z'V^-1 Z is meant, V = I + ZTT'Z',
// its blocks are K_j = A_j - S_j'S_j, and Z'V^-1[X y] has the blocks r_j - S_j'w_j.
#include <algorithm>
#include <cmath>

#include "equations.hpp"
#include "lapack.hpp"
#include "log_product.hpp"

namespace henderson {

namespace {

constexpr int wide = 12;  // right-hand sides from which BLAS adds up their products

// Lower factor of C = T'AT + I, column-major; false where a pivot is not positive.
template <int K>
bool factor_level(const double* T, const double* A, int k, double* work, double* l,
                  LogProduct& determinant) {
    if constexpr (K > 0) k = K;
    for (int r = 0; r < k; ++r)  // work = AT
        for (int c = 0; c < k; ++c) {
            double sum = 0;
            for (int i = 0; i < k; ++i) sum += A[i * k + r] * T[i * k + c];
            work[r * k + c] = sum;
        }
    for (int r = 0; r < k; ++r)
        for (int c = 0; c <= r; ++c) {
            double sum = r == c ? 1.0 : 0.0;
            for (int i = 0; i < k; ++i) sum += T[i * k + r] * work[i * k + c];
            for (int i = 0; i < c; ++i) sum -= l[i * k + r] * l[i * k + c];
            if (r > c) {
                l[c * k + r] = sum / l[c * k + c];
                continue;
            }
            if (!(sum > 0)) return false;
            determinant.multiply(sum);
            l[r * k + r] = std::sqrt(sum);
        }
    return true;
}

// x := L^-1 x, x (k, m) row-major
template <int K> void solve_level(const double* l, int k, double* x, int m) {
    if constexpr (K > 0) k = K;
    for (int r = 0; r < k; ++r) {
        for (int i = 0; i < r; ++i)
            for (int c = 0; c < m; ++c) x[r * m + c] -= l[i * k + r] * x[i * m + c];
        const double inverse = 1 / l[r * k + r];
        for (int c = 0; c < m; ++c) x[r * m + c] *= inverse;
    }
}

}  // namespace

bool Equations::one_factor() const {
    return terms.size() == 1 && leaf_terms == 1 && terms[0].k < lapack::big_block;
}

template <int K>
bool Equations::factor_levels(const double* T, const double* right, double* border, int m,
                              double* gram, double& log_determinant) {
    const int k = K ? K : terms[0].k;
    std::vector<double> work(k * k);
    LogProduct determinant;
    for (const Node& node : nodes_) {
        double* l = l_.data() + node.diagonal;
        if (!factor_level<K>(T, a_.data() + node.diagonal, k, work.data(), l, determinant)) return false;
        const double* r_level = right + int64_t(node.column) * m;
        double* w = border + int64_t(node.column) * m;
        for (int r = 0; r < k; ++r)
            for (int i = 0; i < m; ++i) {
                double sum = 0;
                for (int c = 0; c < k; ++c) sum += T[c * k + r] * r_level[c * m + i];
                w[r * m + i] = sum;
            }
        solve_level<K>(l, k, w, m);
        if (m < wide)
            for (int r = 0; r < k; ++r)
                for (int i = 0; i < m; ++i)
                    for (int j = 0; j < m; ++j) gram[i * m + j] -= w[r * m + i] * w[r * m + j];
    }
    if (m >= wide) lapack::multiply_add(false, true, m, m, q, -1.0, border, m, border, m, gram, m);
    log_determinant = determinant.logarithm();
    return true;
}

bool Equations::factor_one(const double* T, const double* right, double* border, int m,
                           double* gram, double& log_determinant) {
    switch (terms[0].k) {
        case 1: return factor_levels<1>(T, right, border, m, gram, log_determinant);
        case 2: return factor_levels<2>(T, right, border, m, gram, log_determinant);
        case 3: return factor_levels<3>(T, right, border, m, gram, log_determinant);
        case 4: return factor_levels<4>(T, right, border, m, gram, log_determinant);
        default: return factor_levels<0>(T, right, border, m, gram, log_determinant);
    }
}

template <int K>
void Equations::differentiate_levels(const double* T, const double* right, const double* border,
                                     int m, const double* combine, const double* weight, int count,
                                     const double* changes, const LevelSums& out) {
    const int k = K ? K : terms[0].k, p = m - 1;
    if (c_.empty()) c_.resize(size_);
    std::vector<double> memory(4 * k * k + 4 * k * m + 2 * count * k);
    double *inverse = memory.data(), *S = inverse + k * k, *P = S + k * k, *C = P + k * k;
    double *v = C + k * k, *left = v + k * m, *fz = left + k * m;
    double *d = fz + 2 * k * m, *image = d + count * k;
    for (size_t level = 0; level < nodes_.size(); ++level) {
        const Node& node = nodes_[level];
        const double *A = a_.data() + node.diagonal, *l = l_.data() + node.diagonal;
        const double* r_level = right + int64_t(node.column) * m;
        const double* w = border + int64_t(node.column) * m;
        for (int c = 0; c < k; ++c)  // L^-1, row-major
            for (int r = 0; r < k; ++r) {
                double sum = r == c ? 1.0 : 0.0;
                for (int i = c; i < r; ++i) sum -= l[i * k + r] * inverse[i * k + c];
                inverse[r * k + c] = r < c ? 0.0 : sum / l[r * k + r];
            }
        for (int r = 0; r < k; ++r)
            for (int c = 0; c < k; ++c) {
                double sum = 0;
                for (int i = 0; i < k; ++i) sum += T[i * k + r] * A[c * k + i];
                P[r * k + c] = sum;
            }
        for (int r = 0; r < k; ++r)  // S = L^-1 T'A
            for (int c = 0; c < k; ++c) {
                double sum = 0;
                for (int i = 0; i <= r; ++i) sum += inverse[r * k + i] * P[i * k + c];
                S[r * k + c] = sum;
            }
        for (int r = 0; r < k; ++r)  // [w, r - S'w] combine
            for (int i = 0; i < m; ++i) {
                double sum = r_level[r * m + i];
                for (int j = 0; j < k; ++j) sum -= S[j * k + r] * w[j * m + i];
                left[r * m + i] = sum;
            }
        for (int r = 0; r < k; ++r)
            for (int i = 0; i < m; ++i) {
                double of_w = 0, of_left = 0;
                for (int j = 0; j < m; ++j) {
                    of_w += w[r * m + j] * combine[j * m + i];
                    of_left += left[r * m + j] * combine[j * m + i];
                }
                v[r * m + i] = of_w;
                fz[r * m + i] = of_left;
            }
        double* x = out.x + int64_t(node.column) * m;
        for (int r = 0; r < k; ++r)
            for (int i = 0; i < m; ++i) {
                double sum = 0;
                for (int j = r; j < k; ++j) sum += inverse[j * k + r] * v[j * m + i];
                x[r * m + i] = sum;
            }
        double* C_inverse = c_.data() + node.diagonal;
        for (int r = 0; r < k; ++r)
            for (int c = 0; c < k; ++c) {
                double of_c = 0, of_trace = 0, of_outer = 0;
                for (int j = std::max(r, c); j < k; ++j) of_c += inverse[j * k + r] * inverse[j * k + c];
                for (int j = c; j < k; ++j) of_trace += S[j * k + r] * inverse[j * k + c];
                for (int i = 0; i < m; ++i) of_outer += fz[r * m + i] * weight[i] * x[c * m + i];
                C_inverse[c * k + r] = of_c;
                out.by_template[r * k + c] += of_trace - of_outer;
            }
        if (!count) continue;
        double* K_level = out.K + level * k * k;
        double* FF = out.FF + level * k * k;
        double* F = out.F + int64_t(node.column) * p;
        for (int r = 0; r < k; ++r) {
            std::copy_n(fz + r * m, p, F + r * p);
            for (int c = 0; c < k; ++c) {
                double of_k = A[c * k + r], of_f = 0;
                for (int j = 0; j < k; ++j) of_k -= S[j * k + r] * S[j * k + c];
                for (int i = 0; i < p; ++i) of_f += fz[r * m + i] * fz[c * m + i];
                K_level[r * k + c] = of_k;
                FF[r * k + c] = of_f;
            }
        }
        for (int t = 0; t < count; ++t) {
            const double* G = changes + t * k * k;
            for (int r = 0; r < k; ++r) {
                double sum = 0;
                for (int c = 0; c < k; ++c) sum += G[r * k + c] * fz[c * m + p];
                d[t * k + r] = sum;
            }
        }
        for (int t = 0; t < count; ++t)
            for (int r = 0; r < k; ++r) {
                double sum = 0;
                for (int c = 0; c < k; ++c) sum += K_level[r * k + c] * d[t * k + c];
                image[t * k + r] = sum;
            }
        for (int s = 0; s < count; ++s) {
            for (int t = 0; t < count; ++t)
                for (int r = 0; r < k; ++r) out.information[s * count + t] += d[s * k + r] * image[t * k + r];
            for (int i = 0; i < m; ++i)
                for (int r = 0; r < k; ++r) out.across[i * count + s] += fz[r * m + i] * d[s * k + r];
        }
    }
}

void Equations::differentiate_one(const double* T, const double* right, const double* border, int m,
                                  const double* combine, const double* weight, int count,
                                  const double* changes, const LevelSums& out) {
    auto with = [&]<int K>() {
        differentiate_levels<K>(T, right, border, m, combine, weight, count, changes, out);
    };
    switch (terms[0].k) {
        case 1: return with.operator()<1>();
        case 2: return with.operator()<2>();
        case 3: return with.operator()<3>();
        case 4: return with.operator()<4>();
        default: return with.operator()<0>();
    }
}

}  // namespace henderson
