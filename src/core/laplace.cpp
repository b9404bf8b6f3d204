#include "laplace.hpp"

#include <algorithm>

#include "dense_tail.hpp"
#include "lapack.hpp"
#include "packing.hpp"
#include "parts.hpp"

namespace henderson {

namespace {

using Doubles = std::vector<double>;

// out (m, l) += a'b for rows of row-major a and b, with `width` and `l` columns in a row.
void add_product(const double* a, int width, int m, const double* b, int l, int rows, double* out,
                 int out_width) {
    if (m && l && rows)
        lapack::multiply_add(false, true, l, m, rows, 1.0, b, l, a, width, out, out_width);
}

void add(const Doubles& from, double* to) {
    for (size_t j = 0; j < from.size(); ++j) to[j] += from[j];
}

}  // namespace

Laplace::Laplace(std::vector<LaplacePart> parts, std::vector<int> coefficients,
                 std::vector<int> random, const double* templates, int p, const double* half,
                 const double* tail_factor)
    : parts_(std::move(parts)), scratch_(parts_.size()), start_(1, 0), random_(std::move(random)),
      K_(int(coefficients.size())), R_(int(random_.size())), p_(p),
      tail_(parts_.at(0).equations->tail()), templates_(templates), half_(half),
      tail_factor_(tail_factor), integrated_(p) {
    for (int count : coefficients) start_.push_back(start_.back() + count);
    P_ = start_.back();
}

// ---- vectors of all parts ------------------------------------------------------------------

int Laplace::counted(size_t part) const {
    const Equations& e = *parts_[part].equations;
    return part == 0 ? e.q : e.q_leaf;
}

int Laplace::templates_size() const {
    int size = 0;
    for (const Term& term : parts_[0].equations->terms) size += term.k * term.k;
    return size;
}

// of(i) (q, m), the tails adding up, becomes L^-1 of it; gram (m, m) loses the cross-products.
template <class Of> void Laplace::half_solve(int m, double* gram, Of of) {
    std::vector<Doubles> lost(parts_.size(), Doubles(size_t(m) * m));
    for_each_part(parts_.size(),
                  [&](size_t i) { parts_[i].equations->forward(of(i), m, lost[i].data()); });
    for (const Doubles& each : lost) add(each, gram);
    tail_forward(tail_factor_, tail_, add_tails(parts_, m, of), m, gram);
    share_tail(parts_, m, of);
}

template <class Of> void Laplace::back_solve(int m, Of of) {
    tail_backward(tail_factor_, tail_, tail_of(parts_, 0, m, of), m);
    share_tail(parts_, m, of);
    for_each_part(parts_.size(), [&](size_t i) { parts_[i].equations->backward(of(i), m); });
}

// out (q,) += Z't, of the random predictors.
void Laplace::add_Z_transpose_t(size_t part, double* out) const {
    const Equations& e = *parts_[part].equations;
    const Doubles& t = scratch_[part].t;
    if (R_ == K_) return e.z_transpose_times(t.data(), 1, out);
    Doubles of_random(e.n * R_);
    for (int64_t row = 0; row < e.n; ++row)
        for (int i = 0; i < R_; ++i) of_random[row * R_ + i] = t[row * K_ + random_[i]];
    e.z_transpose_times(of_random.data(), 1, out);
}

// out (P,) += X'v of all predictors, v (n, K); by blocks, so that the error does not grow with n.
void Laplace::add_X_transpose(size_t part, const double* v, double* out) const {
    const int64_t n = parts_[part].equations->n;
    Doubles sum(P_);
    for (int64_t first = 0; first < n; first += row_block) {
        const int64_t last = std::min(first + row_block, n);
        std::fill(sum.begin(), sum.end(), 0.0);
        for (int a = 0; a < K_; ++a) {
            const int columns = start_[a + 1] - start_[a];
            double* of = sum.data() + start_[a];
            for (int64_t row = first; row < last; ++row) {
                const double* x = parts_[part].X[a] + row * columns;
                for (int c = 0; c < columns; ++c) of[c] += v[row * K_ + a] * x[c];
            }
        }
        add(sum, out);
    }
}

// ---- the working model ---------------------------------------------------------------------

void Laplace::working_model(double* XWX) {
    const int m = P_ + 1, D = K_ * (K_ + 1) / 2;
    std::vector<Doubles> information(parts_.size(), Doubles(size_t(P_) * P_));
    for_each_part(parts_.size(), [&](size_t index) {
        const LaplacePart& part = parts_[index];
        const Equations& e = *part.equations;
        std::fill_n(part.sums, size_t(e.q) * m, 0.0);
        Doubles v(size_t(std::min(row_block, e.n)) * K_ * m);
        Doubles of_random(R_ < K_ ? v.size() / K_ * R_ : 0);
        for (int64_t first = 0; first < e.n; first += row_block) {
            const int64_t last = std::min(first + row_block, e.n);
            double* to = v.data();
            for (int64_t row = first; row < last; ++row)
                for (int a = 0; a < K_; ++a) {
                    for (int c = 0; c < K_; ++c) {
                        const int columns = start_[c + 1] - start_[c];
                        const double* x = part.X[c] + row * columns;
                        const double weight = -part.d2[row * D + second(a, c, K_)];
                        for (int j = 0; j < columns; ++j) *to++ = weight * x[j];
                    }
                    *to++ = part.d1[row * K_ + a];
                }
            for (int a = 0; a < K_; ++a) {  // rows of X'WX; v of predictor a has K m in a row
                const int columns = start_[a + 1] - start_[a];
                if (columns)
                    lapack::multiply_add(false, true, P_, columns, int(last - first), 1.0,
                                         v.data() + a * m, K_ * m,
                                         part.X[a] + first * columns, columns,
                                         information[index].data() + start_[a] * P_, P_);
            }
            if (R_ < K_)
                for (int64_t row = 0; row < last - first; ++row)
                    for (int i = 0; i < R_; ++i)
                        std::copy_n(v.data() + (row * K_ + random_[i]) * m, m,
                                    of_random.data() + (row * R_ + i) * m);
            e.z_transpose_times(R_ < K_ ? of_random.data() : v.data(), m, part.sums, first, last);
        }
    });
    std::fill_n(XWX, size_t(P_) * P_, 0.0);
    for (const Doubles& each : information) add(each, XWX);
    const auto sums = [&](size_t i) { return parts_[i].sums; };
    add_tails(parts_, m, sums);
    share_tail(parts_, m, sums);
}

// ---- the gradient --------------------------------------------------------------------------

void Laplace::gradient(const QuadratureSums* quadrature, double* by_template, double* by_beta) {
    const int templates = templates_size();
    Doubles tail_inverted;
    if (!quadrature) {
        tail_inverted.assign(tail_factor_, tail_factor_ + size_t(tail_) * tail_);
        tail_inverse(tail_inverted.data(), tail_);
    }
    for_each_part(parts_.size(), [&](size_t i) {
        Equations& e = *parts_[i].equations;
        Scratch& s = scratch_[i];
        s.by_template.assign(templates, 0.0);
        s.by_beta.assign(P_, 0.0);
        if (quadrature) return;
        e.selected_inverse(tail_inverted.data());
        e.template_traces(templates_, s.by_template.data());
        for (double& each : s.by_template) each = -each;
        s.leverages.resize(e.n * R_ * (R_ + 1) / 2);
        e.leverages(templates_, s.leverages.data());
    });
    if (quadrature) std::copy_n(quadrature->traces, templates, scratch_[0].by_template.data());
    if (p_) invert_border(scratch_[0].by_template.data());
    for_each_part(parts_.size(), [&](size_t i) {
        third_derivatives(i, quadrature ? quadrature->leverages : scratch_[i].leverages.data());
    });
    find_alpha(quadrature ? quadrature->mode_score : nullptr);
    for_each_part(parts_.size(), [&](size_t i) {
        const LaplacePart& part = parts_[i];
        const Equations& e = *part.equations;
        Scratch& s = scratch_[i];
        through_modes(i);
        // Z'(dl/d eta) counts the tail once, Z'(what moves through the modes) adds up
        const int m = P_ + 1, rows = counted(i);
        Doubles score(e.q), pulled(e.q);
        for (int j = 0; j < rows; ++j) score[j] = part.sums[size_t(j) * m + P_];
        if (!quadrature) pulled = score;
        add_Z_transpose_t(i, pulled.data());
        e.outer_sums(pulled.data(), part.u, 1, s.by_template.data());
        for (double& each : score) each = -each;
        e.outer_sums(score.data(), s.alpha.data(), 1, s.by_template.data());
        add_X_transpose(i, quadrature ? quadrature->row_score : part.d1, s.by_beta.data());
        add_X_transpose(i, s.t.data(), s.by_beta.data());
    });
    std::fill_n(by_template, templates, 0.0);
    std::fill_n(by_beta, P_, 0.0);
    for (const Scratch& s : scratch_) {
        add(s.by_template, by_template);
        add(s.by_beta, by_beta);
    }
    for (int j = 0; j < templates; ++j) by_template[j] *= -2;
    for (int j = 0; j < P_; ++j) by_beta[j] *= -2;
}

// What integrating coefficients adds to C^-1: to the leverages, and to the derivatives by T.
void Laplace::invert_border(double* by_template) {
    std::vector<Doubles> columns(parts_.size()), back(parts_.size());
    const auto of_columns = [&](size_t i) { return columns[i].data(); };
    const auto of_back = [&](size_t i) { return back[i].data(); };
    for (size_t i = 0; i < parts_.size(); ++i) {
        const int q = parts_[i].equations->q;
        columns[i].assign(size_t(q) * p_, 0.0);  // C^-1 T'Z'WX R^-T
        lapack::multiply_add(false, false, p_, q, p_, 1.0, half_, p_, parts_[i].border, p_,
                             columns[i].data(), p_);
    }
    back_solve(p_, of_columns);
    for_each_part(parts_.size(), [&](size_t index) {
        const LaplacePart& part = parts_[index];
        const Equations& e = *part.equations;
        Doubles scaled(columns[index].size()), column(e.q), margin(e.n * R_);
        e.apply_templates(templates_, columns[index].data(), p_, false, scaled.data());
        double* S = scratch_[index].leverages.data();
        for (int c = 0; c < p_; ++c) {  // (X - ZT C^-1 T'Z'WX) R^-T by row and predictor
            for (int j = 0; j < e.q; ++j) column[j] = -scaled[size_t(j) * p_ + c];
            std::fill(margin.begin(), margin.end(), 0.0);
            e.z_times(column.data(), margin.data());
            for (int64_t row = 0; row < e.n; ++row)
                for (int j = 0; j < p_; ++j)
                    margin[row * R_] += part.X[0][row * p_ + j] * half_[j * p_ + c];
            for (int64_t row = 0, at = 0; row < e.n; ++row)
                for (int i = 0; i < R_; ++i)
                    for (int j = i; j < R_; ++j)
                        S[at++] += margin[row * R_ + i] * margin[row * R_ + j];
        }
        back[index].assign(columns[index].size(), 0.0);
        e.multiply(scaled.data(), p_, back[index].data());
    });
    add_tails(parts_, p_, of_back);
    share_tail(parts_, p_, of_back);
    for (size_t index = 0; index < parts_.size(); ++index) {
        Doubles F(columns[index].size());
        for (int j = 0; j < counted(index); ++j)
            for (int c = 0; c < p_; ++c) {
                double sum = -back[index][size_t(j) * p_ + c];
                for (int i = 0; i < p_; ++i)
                    sum += parts_[index].sums[size_t(j) * (P_ + 1) + i] * half_[i * p_ + c];
                F[size_t(j) * p_ + c] = sum;
            }
        parts_[index].equations->outer_sums(F.data(), columns[index].data(), p_, by_template);
    }
}

// t (n, K)
void Laplace::third_derivatives(size_t index, const double* leverages) {
    const LaplacePart& part = parts_[index];
    const int64_t n = part.equations->n;
    const int packed = K_ * (K_ + 1) * (K_ + 2) / 6;
    Doubles d3(n * packed);
    part.density->third_derivatives(part.eta, d3.data());
    Doubles& t = scratch_[index].t;
    t.assign(n * K_, 0.0);
    const double* S = leverages;
    for (int i = 0; i < R_; ++i)
        for (int j = i; j < R_; ++j, ++S)
            for (int a = 0; a < K_; ++a) {
                const double factor = i == j ? -0.5 : -1.0;
                const double* of = d3.data() + third(a, random_[i], random_[j], K_);
                for (int64_t row = 0; row < n; ++row)
                    t[row * K_ + a] += factor * S[row * (R_ * (R_ + 1) / 2)] * of[row * packed];
            }
}

// alpha = C^-1 (T'Z't - mode_score), with that of the integrated coefficients
void Laplace::find_alpha(const double* mode_score) {
    for_each_part(parts_.size(), [&](size_t i) {
        const Equations& e = *parts_[i].equations;
        Scratch& s = scratch_[i];
        Doubles pull(e.q);
        add_Z_transpose_t(i, pull.data());
        s.alpha.resize(e.q);
        e.apply_templates(templates_, pull.data(), 1, true, s.alpha.data());
        if (mode_score)
            for (int j = 0; j < e.q; ++j) s.alpha[j] -= mode_score[j];
    });
    Doubles known(P_), gram(1);
    if (p_)
        for (size_t i = 0; i < parts_.size(); ++i)
            add_X_transpose(i, scratch_[i].t.data(), known.data());
    const auto alpha = [&](size_t i) { return scratch_[i].alpha.data(); };
    half_solve(1, gram.data(), alpha);
    profile_integrated(known.data(), alpha, integrated_.data());
    back_solve(1, alpha);
}

// b = R^-T R^-1 (known - border'x) of the integrated coefficients; x becomes x - border b.
template <class Of> void Laplace::profile_integrated(double* known, Of x, double* b) {
    if (!p_) return;
    for (size_t i = 0; i < parts_.size(); ++i)
        for (int j = 0; j < counted(i); ++j)
            for (int c = 0; c < p_; ++c) known[c] -= parts_[i].border[size_t(j) * p_ + c] * x(i)[j];
    std::fill_n(b, p_, 0.0);
    for (int c = 0; c < p_; ++c) {
        double projected = 0;
        for (int i = 0; i < p_; ++i) projected += half_[i * p_ + c] * known[i];
        for (int i = 0; i < p_; ++i) b[i] += half_[i * p_ + c] * projected;
    }
    for (size_t i = 0; i < parts_.size(); ++i)
        for (int j = 0; j < parts_[i].equations->q; ++j)
            for (int c = 0; c < p_; ++c) x(i)[j] -= parts_[i].border[size_t(j) * p_ + c] * b[c];
}

// t becomes W(ZT alpha + X alpha_b) - t
void Laplace::through_modes(size_t index) {
    const LaplacePart& part = parts_[index];
    const Equations& e = *part.equations;
    Scratch& s = scratch_[index];
    const int D = K_ * (K_ + 1) / 2;
    Doubles scaled(e.q), moved(e.n * R_);
    e.apply_templates(templates_, s.alpha.data(), 1, false, scaled.data());
    e.z_times(scaled.data(), moved.data());
    for (int64_t row = 0; row < e.n; ++row) {
        double* move = moved.data() + row * R_;
        for (int c = 0; c < p_; ++c) move[0] += part.X[0][row * p_ + c] * integrated_[c];
        for (int a = 0; a < K_; ++a) {
            double sum = -s.t[row * K_ + a];
            for (int i = 0; i < R_; ++i)
                sum -= part.d2[row * D + second(a, random_[i], K_)] * move[i];
            s.t[row * K_ + a] = sum;
        }
    }
}

// ---- the Hessian of the working model --------------------------------------------------------

void Laplace::information(const int32_t* which, int count, const double* matrices,
                          const double* XWX, double* gram) {
    const int m = P_ + count;
    std::vector<Doubles> D(parts_.size()), image(parts_.size()), border(parts_.size());
    const auto of_image = [&](size_t i) { return image[i].data(); };
    for_each_part(parts_.size(), [&](size_t i) {
        const LaplacePart& part = parts_[i];
        const Equations& e = *part.equations;
        Doubles z(e.q);
        for (int j = 0; j < e.q; ++j) z[j] = part.sums[size_t(j) * (P_ + 1) + P_];
        D[i].resize(size_t(e.q) * count);
        e.directions(which, count, matrices, z.data(), D[i].data());
        image[i].assign(D[i].size(), 0.0);
        e.multiply(D[i].data(), count, image[i].data());
    });
    add_tails(parts_, count, of_image);
    share_tail(parts_, count, of_image);
    std::fill_n(gram, size_t(m) * m, 0.0);
    for (int a = 0; a < P_; ++a) std::copy_n(XWX + a * P_, P_, gram + size_t(a) * m);
    for (size_t i = 0; i < parts_.size(); ++i) {
        add_product(parts_[i].sums, P_ + 1, P_, D[i].data(), count, counted(i), gram + P_, m);
        add_product(image[i].data(), count, count, D[i].data(), count, counted(i),
                    gram + size_t(P_) * m + P_, m);
    }
    for (int a = 0; a < P_; ++a)
        for (int b = P_; b < m; ++b) gram[size_t(b) * m + a] = gram[size_t(a) * m + b];
    for_each_part(parts_.size(), [&](size_t i) {
        const Equations& e = *parts_[i].equations;
        Doubles wide(size_t(e.q) * m);
        for (int j = 0; j < counted(i); ++j) {
            double* row = wide.data() + size_t(j) * m;
            std::copy_n(parts_[i].sums + size_t(j) * (P_ + 1), P_, row);
            std::copy_n(image[i].data() + size_t(j) * count, count, row + P_);
        }
        border[i].resize(wide.size());
        e.apply_templates(templates_, wide.data(), m, true, border[i].data());
    });
    half_solve(m, gram, [&](size_t i) { return border[i].data(); });
}

// ---- where the modes move --------------------------------------------------------------------

void Laplace::predict(const double* change, const double* coefficients, const double* XWX,
                      const std::vector<double*>& u, double* integrated) {
    // C du = change'Z'(dl/d eta) - T'Z'W(X d + Z change u)
    const int m = P_ + 1;
    std::vector<Doubles> shifted(parts_.size()), pull(parts_.size()), step(parts_.size());
    const auto of_pull = [&](size_t i) { return pull[i].data(); };
    const auto of_step = [&](size_t i) { return step[i].data(); };
    for_each_part(parts_.size(), [&](size_t i) {
        const Equations& e = *parts_[i].equations;
        shifted[i].resize(e.q);
        e.apply_templates(change, parts_[i].u, 1, false, shifted[i].data());
        pull[i].assign(e.q, 0.0);
        e.multiply(shifted[i].data(), 1, pull[i].data());
    });
    add_tails(parts_, 1, of_pull);
    share_tail(parts_, 1, of_pull);
    for_each_part(parts_.size(), [&](size_t i) {
        const LaplacePart& part = parts_[i];
        const Equations& e = *part.equations;
        Doubles score(e.q), scaled(e.q);
        for (int j = 0; j < counted(i); ++j) {
            const double* sums = part.sums + size_t(j) * m;
            for (int c = 0; c < P_; ++c) pull[i][j] += sums[c] * coefficients[c];
            score[j] = sums[P_];
        }
        std::fill(pull[i].begin() + counted(i), pull[i].end(), 0.0);
        step[i].resize(e.q);
        e.apply_templates(change, score.data(), 1, true, step[i].data());
        e.apply_templates(templates_, pull[i].data(), 1, true, scaled.data());
        for (int j = 0; j < e.q; ++j) step[i][j] -= scaled[j];
    });
    double gram = 0;
    half_solve(1, &gram, of_step);
    Doubles known(p_);
    for (int a = 0; a < p_; ++a) {
        for (int c = 0; c < P_; ++c) known[a] -= XWX[a * P_ + c] * coefficients[c];
        for (size_t i = 0; i < parts_.size(); ++i)
            for (int j = 0; j < counted(i); ++j)
                known[a] -= parts_[i].sums[size_t(j) * m + a] * shifted[i][j];
    }
    profile_integrated(known.data(), of_step, integrated);
    back_solve(1, of_step);
    for (size_t i = 0; i < parts_.size(); ++i)
        for (int j = 0; j < parts_[i].equations->q; ++j) u[i][j] = parts_[i].u[j] + step[i][j];
}

}  // namespace henderson
