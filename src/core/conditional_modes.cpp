#include "conditional_modes.hpp"

#include <algorithm>
#include <cmath>

#include "dense_tail.hpp"
#include "packing.hpp"
#include "parts.hpp"

namespace henderson {

namespace {

constexpr double at_mode = 1e-19;     // a step that promises less is not needed
constexpr double no_digits = 1e-6;    // promised where the log density shows no improvement
constexpr double least_curvature = 1e-6;
constexpr int max_steps = 100, halvings = 25;

// The sum by blocks: the error does not grow with n.
double sum(const double* x, int64_t n) {
    constexpr int64_t block = 256;
    double total = 0;
    for (int64_t start = 0; start < n; start += block) {
        double partial[4] = {0, 0, 0, 0};
        int64_t end = std::min(start + block, n), i = start;
        for (; i + 4 <= end; i += 4)
            for (int j = 0; j < 4; ++j) partial[j] += x[i + j];
        for (; i < end; ++i) partial[0] += x[i];
        total += (partial[0] + partial[1]) + (partial[2] + partial[3]);
    }
    return total;
}

}  // namespace

ModeSearch::ModeSearch(std::vector<ModePart> parts, int predictors, std::vector<int> random,
                       const double* templates, int p, double* beta, double* half,
                       double* tail_factor)
    : parts_(std::move(parts)), scratch_(parts_.size()), K_(predictors), random_(std::move(random)),
      templates_(templates), p_(p), tail_(parts_[0].equations->tail()), beta_(beta), half_(half),
      tail_factor_(tail_factor), gram_((p + 1) * (p + 1)), start_beta_(p), delta_(p) {
    for (size_t i = 0; i < parts_.size(); ++i) {
        const Equations& e = *parts_[i].equations;
        size_t count = random_.size();
        Scratch& s = scratch_[i];
        const int64_t rows = std::min(row_block, e.n);
        s.weights.resize(rows * count * (count + 1) / 2);
        s.columns.resize(rows * count * (p + 1));
        s.scaled.resize(size_t(e.q) * (p + 1));
        s.step.resize(e.q);
        s.move.resize(e.n * count);
        s.shift.resize(p ? e.n : 0);
        s.gram.resize(gram_.size());
        if (i > 0) s.tail.resize(size_t(tail_) * tail_);
    }
}

// move (n, number of random) = Z T u
void ModeSearch::random_part(size_t index, const double* u) {
    const Equations& e = *parts_[index].equations;
    Scratch& s = scratch_[index];
    e.apply_templates(templates_, u, 1, false, s.scaled.data());
    std::fill(s.move.begin(), s.move.end(), 0.0);
    e.z_times(s.scaled.data(), s.move.data());
}

// eta += t (Z T step + X delta), as `move` and `shift` hold them
void ModeSearch::add_to_predictors(size_t index, double t) {
    ModePart& part = parts_[index];
    const Scratch& s = scratch_[index];
    int64_t n = part.equations->n;
    int count = int(random_.size());
    for (int64_t row = 0; row < n; ++row)
        for (int i = 0; i < count; ++i)
            part.eta[row * K_ + random_[i]] += t * s.move[row * count + i];
    if (p_)
        for (int64_t row = 0; row < n; ++row) part.eta[row * K_] += t * s.shift[row];
}

double ModeSearch::joint() const {
    double total = 0;
    for (size_t i = 0; i < parts_.size(); ++i) {
        const Equations& e = *parts_[i].equations;
        total += sum(parts_[i].value, e.n);
        double square = 0;  // the tail is counted once
        for (int j = 0; j < (i == 0 ? e.q : e.q_leaf); ++j) square += parts_[i].u[j] * parts_[i].u[j];
        total -= 0.5 * square;
    }
    return total;
}

// The part's share of the equations at eta, factored as far as its leaves go.
void ModeSearch::linearize(size_t index, bool concave) {
    ModePart& part = parts_[index];
    Scratch& s = scratch_[index];
    Equations& e = *part.equations;
    const int count = int(random_.size()), m = p_ + 1, D = K_ * (K_ + 1) / 2;
    const int64_t n = e.n;
    auto weight = [&](int64_t row, int a, int b) {
        double w = -part.d2[row * D + second(a, b, K_)];
        if (!concave) return w;
        return a == b ? std::max(w, least_curvature) : 0.0;
    };
    double* X_gram = s.gram.data();
    std::fill(s.gram.begin(), s.gram.end(), 0.0);
    std::fill(s.scaled.begin(), s.scaled.end(), 0.0);
    e.clear_cross_products();
    for (int64_t start = 0; start < n; start += row_block) {
        const int64_t end = std::min(start + row_block, n);
        double *w = s.weights.data(), *v = s.columns.data();
        for (int64_t row = start; row < end; ++row) {
            for (int i = 0; i < count; ++i)
                for (int j = i; j < count; ++j) *w++ = weight(row, random_[i], random_[j]);
            const double* x = part.x + row * p_;
            for (int i = 0; i < count; ++i) {
                double across = p_ ? weight(row, 0, random_[i]) : 0.0;
                for (int c = 0; c < p_; ++c) *v++ = across * x[c];
                *v++ = part.d1[row * K_ + random_[i]];
            }
            if (!p_) continue;
            double own = weight(row, 0, 0), first = part.d1[row * K_];
            for (int c = 0; c < p_; ++c) {
                for (int d = 0; d < p_; ++d) X_gram[c * m + d] += own * x[c] * x[d];
                X_gram[c * m + p_] += first * x[c];
            }
        }
        e.z_transpose_times(s.columns.data(), m, s.scaled.data(), start, end);
        e.add_cross_products(s.weights.data(), start, end);
    }
    for (int c = 0; c < p_; ++c) X_gram[p_ * m + c] = X_gram[c * m + p_];
    e.apply_templates(templates_, s.scaled.data(), m, true, part.border);
    for (int j = 0; j < (index == 0 ? e.q : e.q_leaf); ++j) part.border[j * m + p_] -= part.u[j];
    double* tail = index == 0 ? tail_factor_ : s.tail.data();
    std::fill_n(tail, size_t(tail_) * tail_, 0.0);
    s.positive =
        e.eliminate(templates_, tail, part.border, m, s.gram.data(), s.log_determinant);
}

// C factored, and the border taken through it; false where C is not positive definite.
bool ModeSearch::factor(bool concave) {
    for_each_part(parts_.size(), [&](size_t i) { linearize(i, concave); });
    const int m = p_ + 1;
    log_determinant_ = 0;
    std::fill(gram_.begin(), gram_.end(), 0.0);
    for (size_t i = 0; i < parts_.size(); ++i) {
        const Scratch& s = scratch_[i];
        if (!s.positive) return false;
        log_determinant_ += s.log_determinant;
        for (size_t j = 0; j < gram_.size(); ++j) gram_[j] += s.gram[j];
        if (i == 0) continue;
        for (size_t j = 0; j < s.tail.size(); ++j) tail_factor_[j] += s.tail[j];
    }
    const auto border = [&](size_t i) { return parts_[i].border; };
    double* tail = add_tails(parts_, m, border);
    for (int j = 0; j < tail_; ++j) tail_factor_[size_t(j) * tail_ + j] += 1.0;
    double of_tail, of_border, r2;
    if (!tail_cholesky(tail_factor_, tail_, of_tail)) return false;
    tail_forward(tail_factor_, tail_, tail, m, gram_.data());
    share_tail(parts_, m, border);
    // gram has -g'C^-1 g in its corner, so that r2 is minus what the step promises
    if (!profile(gram_.data(), p_, half_, delta_.data(), r2, of_border)) return false;
    log_determinant_ += of_tail + of_border;
    promise_ = -r2;
    return std::isfinite(log_determinant_) && std::isfinite(promise_);
}

// The Newton step in u and what it moves in eta.
void ModeSearch::set_out() {
    const int m = p_ + 1;
    for (size_t i = 0; i < parts_.size(); ++i) {
        const double* border = parts_[i].border;
        for (double& step : scratch_[i].step) {
            step = border[p_];
            for (int c = 0; c < p_; ++c) step -= border[c] * delta_[c];
            border += m;
        }
    }
    double* tail = scratch_[0].step.data() + parts_[0].equations->q_leaf;
    tail_backward(tail_factor_, tail_, tail, 1);
    share_tail(parts_, 1, [&](size_t i) { return scratch_[i].step.data(); });
    for_each_part(parts_.size(), [&](size_t i) {
        ModePart& part = parts_[i];
        Scratch& s = scratch_[i];
        const Equations& e = *part.equations;
        e.backward(s.step.data(), 1);
        random_part(i, s.step.data());
        for (size_t row = 0; row < s.shift.size(); ++row) {
            s.shift[row] = 0;
            for (int c = 0; c < p_; ++c) s.shift[row] += part.x[row * p_ + c] * delta_[c];
        }
        s.start_eta.assign(part.eta, part.eta + e.n * K_);
        s.start_u.assign(part.u, part.u + e.q);
    });
    start_beta_.assign(beta_, beta_ + p_);
}

// u, beta and eta a multiple t of the step from where it started, with the densities there.
double ModeSearch::move_to(double t) {
    for (int c = 0; c < p_; ++c) beta_[c] = start_beta_[c] + t * delta_[c];
    for_each_part(parts_.size(), [&](size_t i) {
        ModePart& part = parts_[i];
        const Scratch& s = scratch_[i];
        for (size_t j = 0; j < s.step.size(); ++j) part.u[j] = s.start_u[j] + t * s.step[j];
        std::copy(s.start_eta.begin(), s.start_eta.end(), part.eta);
        add_to_predictors(i, t);
        part.density->evaluate(part.eta, part.value, part.d1, part.d2);
    });
    return joint();
}

bool ModeSearch::line_search() {
    int64_t rows = 0;
    for (const ModePart& part : parts_) rows += part.equations->n;
    const double slack = 1e-14 * std::abs(joint_) * std::sqrt(double(rows));
    double t = 1;
    for (int i = 0; i < halvings; ++i, t *= 0.5) {
        double value = move_to(t);
        if (std::isfinite(value) && value >= joint_ + 1e-4 * t * promise_ - slack) {
            joint_ = value;
            return true;
        }
    }
    move_to(0);
    return false;
}

Modes ModeSearch::find(double tolerance) {
    for_each_part(parts_.size(), [&](size_t i) {
        random_part(i, parts_[i].u);
        std::fill(scratch_[i].shift.begin(), scratch_[i].shift.end(), 0.0);
        add_to_predictors(i, 1);
        parts_[i].density->evaluate(parts_[i].eta, parts_[i].value, parts_[i].d1, parts_[i].d2);
    });
    joint_ = joint();
    if (!std::isfinite(joint_)) return {};
    auto at_modes = [&](int steps) { return Modes{true, joint_, log_determinant_, steps}; };
    for (int step = 1; step <= max_steps; ++step) {
        const bool exact = factor(false);
        if (!exact && !factor(true)) return {};
        if (exact && promise_ <= at_mode * std::max(1.0, std::abs(joint_))) return at_modes(step);
        set_out();
        if (!line_search()) {
            const bool no_better = promise_ <= no_digits * std::max(1.0, std::abs(joint_) * 1e-6);
            return exact && no_better ? at_modes(step) : Modes{};
        }
        if (exact && promise_ <= tolerance)
            return factor(false) ? at_modes(step + 1) : Modes{};
    }
    return {};
}

}  // namespace henderson
