// The Laplace approximation around the conditional modes: the linear model that works there, the
// gradient of -2 log L by the templates T and the coefficients, and where the modes move to.
//
// With C = T'Z'WZT + I, W = -d2 l, and S_i the block of Z T C^-1 T'Z' at row i,
//
//     t_ia = -1/2 sum S_ibc d3 l_i/d eta_a d eta_b d eta_c,   alpha = C^-1 T'Z't
//     r = dl/d eta - t + WZT alpha
//     d log L/d beta = X'r,   d log L/dT = Z'r u' - Z'(dl/d eta) alpha' - Z'WZ T C^-1
//
// Coefficients that are integrated out with u, those of the first predictor, border C.
#pragma once
#include <cstdint>
#include <vector>

#include "equations.hpp"
#include "row_density.hpp"

namespace henderson {

// One part of the rows at its modes; arrays are row-major.
struct LaplacePart {
    Equations* equations;           // factored at the modes
    const RowDensity* density;
    std::vector<const double*> X;   // of each predictor, (n, its coefficients)
    const double *eta, *d1, *d2;    // (n, K), and derivatives of the log densities there
    const double* u;                // (q,); the tail is the same in all parts
    const double* border;           // (q, p): L^-1 T'Z'WX of the integrated coefficients
    double* sums;                   // (q, P + 1): Z'WX and Z'(dl/d eta), of all parts in the tail
};

// What quadrature puts in place of C^-1 and of the derivatives at the modes; one part, p = 0.
struct QuadratureSums {
    const double* leverages;   // (n,)
    const double* traces;      // (k, k): in place of Z'(dl/d eta)u' - Z'WZ T C^-1
    const double* mode_score;  // (q,)
    const double* row_score;   // (n, K): in place of dl/d eta
};

class Laplace {
  public:
    // `coefficients` of each of the K predictors; `random`: those that may have random effects,
    // the first of all first; p of the first predictor's coefficients, all or none, are
    // integrated. `half` (p, p) and `tail_factor` are those of the search for the modes.
    Laplace(std::vector<LaplacePart> parts, std::vector<int> coefficients, std::vector<int> random,
            const double* templates, int p, const double* half, const double* tail_factor);

    // Fills `sums` of the parts, and XWX (P, P) = X'WX.
    void working_model(double* XWX);
    // Of -2 log L: by_template, a k x k matrix a term, and by_beta (P,). After working_model;
    // inverts C, unless there is quadrature.
    void gradient(const QuadratureSums* quadrature, double* by_template, double* by_beta);
    // Cross-products under V^-1 = W - WZT C^-1 T'Z'W of [X, ZD], (P + count, P + count), where
    // column i of D is G_i Z'(dl/d eta) in the levels of term which[i]: symmetric k x k
    // `matrices` G_i one after another. After working_model.
    void information(const int32_t* which, int count, const double* matrices, const double* XWX,
                     double* gram);
    // Where the modes move with a change of T and of the coefficients (P,), to first order:
    // u of each part (q,), and the change of the integrated coefficients (p,).
    void predict(const double* change, const double* coefficients, const double* XWX,
                 const std::vector<double*>& u, double* integrated);

  private:
    struct Scratch {
        std::vector<double> t, alpha, leverages, by_template, by_beta;
    };

    template <class Of> void half_solve(int m, double* gram, Of of);
    template <class Of> void back_solve(int m, Of of);
    int counted(size_t part) const;  // rows of a replicated vector, its tail with the first part
    int templates_size() const;
    void add_Z_transpose_t(size_t part, double* out) const;
    void add_X_transpose(size_t part, const double* v, double* out) const;
    void invert_border(double* by_template);
    void third_derivatives(size_t part, const double* leverages);
    void find_alpha(const double* mode_score);
    template <class Of> void profile_integrated(double* known, Of x, double* b);
    void through_modes(size_t part);

    std::vector<LaplacePart> parts_;
    std::vector<Scratch> scratch_;
    std::vector<int> start_;   // of the coefficients of each predictor, and P
    std::vector<int> random_;
    int K_, R_, P_, p_, tail_;
    const double *templates_, *half_, *tail_factor_;
    std::vector<double> integrated_;  // alpha of the integrated coefficients
};

}  // namespace henderson
