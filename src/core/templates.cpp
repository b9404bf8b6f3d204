// The block-diagonal maps between spherical effects u and effects b = Tu, level by level.
#include <algorithm>

#include "equations.hpp"

namespace henderson {

void Equations::apply_templates(const double* templates, const double* x, int m, bool transposed,
                                double* out) const {
    std::fill_n(out, int64_t(q) * m, 0.0);
    for (size_t t = 0; t < terms.size(); ++t) {
        const Term& term = terms[t];
        const double* T = template_of(templates, int(t));
        for (int level = 0; level < term.levels; ++level) {
            int64_t at = (term.first_column + int64_t(level) * term.k) * m;
            for (int r = 0; r < term.k; ++r)
                for (int c = 0; c < term.k; ++c) {
                    double factor = T[r * term.k + c];
                    if (factor == 0) continue;
                    const double* source = x + at + (transposed ? r : c) * m;
                    double* target = out + at + (transposed ? c : r) * m;
                    for (int i = 0; i < m; ++i) target[i] += factor * source[i];
                }
        }
    }
}

void Equations::outer_sums(const double* x, const double* y, int m, double* out) const {
    for (size_t t = 0; t < terms.size(); ++t) {
        const Term& term = terms[t];
        double* sum = out + template_offset_[t];
        for (int level = 0; level < term.levels; ++level) {
            int64_t at = (term.first_column + int64_t(level) * term.k) * m;
            for (int r = 0; r < term.k; ++r)
                for (int c = 0; c < term.k; ++c) {
                    double dot = 0;
                    for (int i = 0; i < m; ++i) dot += x[at + r * m + i] * y[at + c * m + i];
                    sum[r * term.k + c] += dot;
                }
        }
    }
}

void Equations::directions(const int32_t* which, int count, const double* matrices, const double* z,
                           double* out) const {
    std::fill_n(out, int64_t(q) * count, 0.0);
    for (int i = 0; i < count; ++i) {
        const Term& term = terms[which[i]];
        int k = term.k;
        for (int level = 0; level < term.levels; ++level) {
            int64_t at = term.first_column + int64_t(level) * k;
            for (int r = 0; r < k; ++r) {
                double sum = 0;
                for (int c = 0; c < k; ++c) sum += matrices[r * k + c] * z[at + c];
                out[(at + r) * count + i] = sum;
            }
        }
        matrices += k * k;
    }
}

}  // namespace henderson
