// Sums over rows: Z'WZ, Z'v, Zb and the quadratic forms of each row in the inverse.
#include <algorithm>
#include <cstring>

#include "equations.hpp"
#include "packing.hpp"

namespace henderson {

void Equations::clear_cross_products() { std::fill(a_.begin(), a_.end(), 0.0); }

void Equations::add_cross_products(const double* w, int64_t first, int64_t last) {
    int count = int(terms.size()), weights = predictors * (predictors + 1) / 2;
    for (int64_t row = first; row < last; ++row) {
        const double* w_row = w ? w + (row - first) * weights : nullptr;
        int pair = 0;
        for (int t = 0; t < count; ++t) {
            const Term& term = terms[t];
            const double* z = term.row_values(row);
            double weight = w ? w_row[second(term.predictor, term.predictor, predictors)] : 1.0;
            double* block = a_.data() + nodes_[term.first_node + term.codes[row]].diagonal;
            if (term.k == 1) {
                block[0] += weight * z[0] * z[0];
            } else {
                for (int c = 0; c < term.nonzeros; ++c) {
                    double wz = weight * z[c];
                    double* column = block + term.column(row, c) * term.k;
                    for (int r = 0; r < term.nonzeros; ++r) column[term.column(row, r)] += wz * z[r];
                }
            }
            for (int other = t + 1; other < count; ++other, ++pair) {
                const Term& met = terms[other];
                double cross = w ? w_row[second(term.predictor, met.predictor, predictors)] : 1.0;
                const double* y = met.row_values(row);
                double* off = a_.data() + block_offset(pair, row);
                if (term.k == 1 && met.k == 1) {
                    off[0] += cross * z[0] * y[0];
                    continue;
                }
                for (int c = 0; c < met.nonzeros; ++c) {
                    double wy = cross * y[c];
                    double* column = off + met.column(row, c) * term.k;
                    for (int r = 0; r < term.nonzeros; ++r) column[term.column(row, r)] += wy * z[r];
                }
            }
        }
    }
}

int Equations::moments(int widest) const {
    int total = 0;
    for (const Term& term : terms) total += term.k > widest ? term.k : term.k * term.k;
    return total;
}

void Equations::moment_system(int widest, double* out) const {
    int size = moments(widest), at = 0;
    std::vector<int> start;
    for (const Term& term : terms) {
        start.push_back(at);
        at += term.k > widest ? term.k : term.k * term.k;
    }
    auto add = [&](const double* a, const Node& node, const Node& met, bool twice) {
        int k = node.k, l = met.k;
        bool rows_full = k <= widest, columns_full = l <= widest;
        for (int x = 0; x < k; ++x)
            for (int y = rows_full ? 0 : x; y < (rows_full ? k : x + 1); ++y) {
                int row = start[node.term] + (rows_full ? x * k + y : x);
                for (int c = 0; c < l; ++c)
                    for (int d = columns_full ? 0 : c; d < (columns_full ? l : c + 1); ++d) {
                        int column = start[met.term] + (columns_full ? c * l + d : c);
                        double product = a[c * k + x] * a[d * k + y];
                        out[int64_t(row) * size + column] += product;
                        if (twice) out[int64_t(column) * size + row] += product;
                    }
            }
    };
    for (const Node& node : nodes_) {
        add(a_.data() + node.diagonal, node, node, false);
        for (int e = node.first; e < node.last; ++e)
            add(a_.data() + node.off + int64_t(boundary_[e].offset) * node.k, node,
                nodes_[boundary_[e].node], true);
    }
}

void Equations::z_transpose_times(const double* v, int m, double* out, int64_t first,
                                  int64_t last) const {
    for (const Term& term : terms) {
        for (int64_t row = first; row < last; ++row) {
            const double* z = term.row_values(row);
            const double* v_row = v + ((row - first) * predictors + term.predictor) * m;
            double* level = out + int64_t(term.first_column + term.codes[row] * term.k) * m;
            for (int c = 0; c < term.nonzeros; ++c) {
                double* target = level + int64_t(term.column(row, c)) * m;
                for (int i = 0; i < m; ++i) target[i] += z[c] * v_row[i];
            }
        }
    }
}

void Equations::z_transpose_times_data(const double* X, int p, const double* y, const double* w,
                                       double* out) const {
    const int m = p + 1;
    for (const Term& term : terms) {
        for (int64_t row = 0; row < n; ++row) {
            const double *z = term.row_values(row), *x = X + row * p;
            const double weight = w ? w[row] : 1.0;
            double* level = out + int64_t(term.first_column + term.codes[row] * term.k) * m;
            for (int c = 0; c < term.nonzeros; ++c) {
                double* target = level + int64_t(term.column(row, c)) * m;
                const double wz = weight * z[c];
                for (int i = 0; i < p; ++i) target[i] += wz * x[i];
                target[p] += wz * y[row];
            }
        }
    }
}

void Equations::z_times(const double* b, double* out) const {
    for (const Term& term : terms) {
        for (int64_t row = 0; row < n; ++row) {
            const double* z = term.row_values(row);
            const double* level = b + term.first_column + int64_t(term.codes[row]) * term.k;
            double sum = 0;
            for (int c = 0; c < term.nonzeros; ++c) sum += z[c] * level[term.column(row, c)];
            out[row * predictors + term.predictor] += sum;
        }
    }
}

void Equations::leverages(const double* templates, double* out) const {
    int count = int(terms.size()), weights = predictors * (predictors + 1) / 2, widest = 0;
    std::vector<int> start(count);
    for (int t = 0; t < count; ++t) {
        start[t] = widest;
        widest += terms[t].k;
    }
    std::vector<double> zt(widest);
    std::memset(out, 0, sizeof(double) * n * weights);
    for (int64_t row = 0; row < n; ++row) {
        for (int t = 0; t < count; ++t) {  // T'z
            const Term& term = terms[t];
            const double* z = term.row_values(row);
            const double* T = template_of(templates, t);
            double* x = zt.data() + start[t];
            if (term.k == 1) {
                x[0] = T[0] * z[0];
                continue;
            }
            std::fill_n(x, term.k, 0.0);
            for (int c = 0; c < term.nonzeros; ++c) {
                const double* T_row = T + term.column(row, c) * term.k;
                for (int j = 0; j < term.k; ++j) x[j] += z[c] * T_row[j];
            }
        }
        double* s = out + row * weights;
        int pair = 0;
        for (int t = 0; t < count; ++t) {
            const Term& term = terms[t];
            int k = term.k;
            const double* x = zt.data() + start[t];
            const double* block = c_.data() + nodes_[term.first_node + term.codes[row]].diagonal;
            double sum = 0;
            for (int c = 0; c < k; ++c) {
                double dot = 0;
                for (int r = 0; r < k; ++r) dot += block[c * k + r] * x[r];
                sum += dot * x[c];
            }
            s[second(term.predictor, term.predictor, predictors)] += sum;
            for (int other = t + 1; other < count; ++other, ++pair) {
                const Term& met = terms[other];
                const double* y = zt.data() + start[other];
                const double* off = c_.data() + block_offset(pair, row);
                double cross = 0;
                for (int c = 0; c < met.k; ++c) {
                    double dot = 0;
                    for (int r = 0; r < k; ++r) dot += off[c * k + r] * x[r];
                    cross += dot * y[c];
                }
                s[second(term.predictor, met.predictor, predictors)] +=
                    term.predictor == met.predictor ? 2 * cross : cross;
            }
        }
    }
}

void Equations::set_values(int term, const double* values) {
    std::copy_n(values, n * terms.at(term).k, terms[term].values.begin());
}

void Equations::block_leverages(const double* templates, const int32_t* rows, const int64_t* starts,
                                int blocks, double* out) const {
    const int count = int(terms.size());
    std::vector<int> start(count + 1, 0);
    for (int t = 0; t < count; ++t) start[t + 1] = start[t] + terms[t].k;
    const int width = start[count];
    std::vector<double> C(width * width), zt, moved;
    for (int b = 0; b < blocks; ++b) {
        const int32_t* block = rows + starts[b];
        const int size = int(starts[b + 1] - starts[b]);
        int pair = 0;
        for (int t = 0; t < count; ++t) {  // C^-1 among the block's levels
            const int k = terms[t].k;
            const double* own = c_.data() + nodes_[terms[t].first_node + terms[t].codes[block[0]]].diagonal;
            for (int c = 0; c < k; ++c)
                for (int r = 0; r < k; ++r) C[(start[t] + r) * width + start[t] + c] = own[c * k + r];
            for (int other = t + 1; other < count; ++other, ++pair) {
                const double* off = c_.data() + block_offset(pair, block[0]);
                for (int c = 0; c < terms[other].k; ++c)
                    for (int r = 0; r < k; ++r)
                        C[(start[t] + r) * width + start[other] + c] =
                            C[(start[other] + c) * width + start[t] + r] = off[c * k + r];
            }
        }
        zt.assign(size_t(size) * width, 0.0);
        for (int i = 0; i < size; ++i)
            for (int t = 0; t < count; ++t) {
                const int k = terms[t].k;
                const double *z = terms[t].row_values(block[i]), *T = template_of(templates, t);
                for (int c = 0; c < k; ++c)
                    for (int j = 0; j < k; ++j) zt[i * width + start[t] + j] += z[c] * T[c * k + j];
            }
        moved.assign(size_t(size) * width, 0.0);
        for (int i = 0; i < size; ++i)
            for (int r = 0; r < width; ++r)
                for (int c = 0; c < width; ++c) moved[i * width + c] += zt[i * width + r] * C[r * width + c];
        for (int i = 0; i < size; ++i)
            for (int j = 0; j < size; ++j) {
                double sum = 0;
                for (int c = 0; c < width; ++c) sum += moved[i * width + c] * zt[j * width + c];
                *out++ = sum;
            }
    }
}

}  // namespace henderson
