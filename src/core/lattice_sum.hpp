// Sums of e^t(j) over whole numbers j, for t with one maximum: the normalizing constants and the
// mixtures that have no closed form.
//
// Where the terms make a wide bell far from the lower end, every h-th of them times h is the same
// sum: the error of the trapezoidal rule is about exp(-2 pi^2 (spread / h)^2), which at
// h = spread / 4 is 1e-137. So a sum has at most a few hundred terms, however large its mode,
// unless the bell reaches down to the lower end with a wide spread.
#pragma once

#include <cmath>
#include <vector>

namespace henderson {

inline constexpr double negligible = 38.0;  // e^-38 of the largest term
inline constexpr std::size_t most_terms = 200000;

// The step for a bell with this mode and standard deviation.
inline double lattice_step(double mode, double spread) {
    return spread < 8.0 || mode < 9.0 * spread ? 1.0 : std::floor(0.25 * spread);
}

// Call visit(j, t(j)) for the terms that count, from `mode` up and then down to `lowest`. The
// largest term should be near the mode, which is a whole number. False if there are too many.
template <class Term, class Visit>
bool visit_lattice(double lowest, double mode, double step, Term&& term, Visit&& visit) {
    std::size_t terms = 0;
    double largest = -HUGE_VAL;
    for (const double direction : {1.0, -1.0}) {
        double previous = -HUGE_VAL;
        for (double j = direction > 0.0 ? mode : mode - step; j >= lowest; j += direction * step) {
            const double t = term(j);
            if (!(t > largest - negligible) && t <= previous) break;
            visit(j, t);
            previous = t;
            largest = std::fmax(largest, t);
            if (++terms > most_terms) return false;
        }
    }
    return true;
}

// log of the sum of e^t(j) over j = lowest, lowest + 1, ...
template <class Term>
double log_lattice_sum(double lowest, double mode, double step, Term&& term) {
    const double reference = term(mode);
    double sum = 0.0;
    visit_lattice(lowest, mode, step, term,
                  [&](double, double t) { sum += std::exp(t - reference); });
    return reference + std::log(step * sum);
}

}  // namespace henderson
