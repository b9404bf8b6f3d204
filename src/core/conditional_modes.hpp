// The conditional modes: the maximum over the random effects of
//
//     h(u, b) = sum_i l_i(eta_i) - u'u/2,   eta = offset + X beta + Z T u
//
// by damped Newton steps with the observed information W = -d2 l. `b`, p of the coefficients of
// the first predictor, may be integrated out with u: they border the equations.
#pragma once
#include <cstdint>
#include <vector>

#include "equations.hpp"
#include "row_density.hpp"

namespace henderson {

// One part of the rows. Arrays are row-major; those not const are the state of the search.
struct ModePart {
    Equations* equations;
    const RowDensity* density;
    const double* x;  // (n, p) columns of the integrated coefficients
    double* eta;      // (n, K)
    double* u;        // (q,); the tail is the same in all parts
    double* value;    // (n,) log densities at eta, with derivatives d1 (n, K), d2 (n, K(K+1)/2)
    double* d1;
    double* d2;
    double* border;  // (q, p + 1): L^-1 T'Z'WX, and in the last column L^-1 of the gradient
};

struct Modes {
    bool found = false;
    double joint = 0, log_determinant = 0;  // h, and log det C, bordered where p > 0
    int steps = 0;
};

class ModeSearch {
  public:
    // `random`: which of the K predictors have random effects, the first of all first.
    // `tail_factor` (tail, tail) receives the factor of the dense tail; `half` (p, p) R^-T with
    // RR' the Schur complement of C in its border; `beta` (p,) the integrated coefficients.
    ModeSearch(std::vector<ModePart> parts, int predictors, std::vector<int> random,
               const double* templates, int p, double* beta, double* half, double* tail_factor);

    // Starts from u and beta, and eta without ZTu. The last step is the first that promises less
    // than `tolerance`. Not found where the density is not defined, or nothing better is found
    // along a step.
    Modes find(double tolerance);

  private:
    struct Scratch {
        std::vector<double> weights, columns, scaled, move, shift, step, start_eta, start_u, tail,
            gram;
        double log_determinant;
        bool positive;
    };

    void random_part(size_t part, const double* u);
    void add_to_predictors(size_t part, double t);
    void linearize(size_t part, bool concave);
    bool factor(bool concave);
    void set_out();
    bool line_search();
    double move_to(double t);
    double joint() const;

    std::vector<ModePart> parts_;
    std::vector<Scratch> scratch_;
    int K_;
    std::vector<int> random_;
    const double* templates_;
    int p_, tail_;
    double *beta_, *half_, *tail_factor_;
    std::vector<double> gram_, start_beta_, delta_;  // delta: the step in beta
    double joint_ = 0, promise_ = 0, log_determinant_ = 0;
};

}  // namespace henderson
