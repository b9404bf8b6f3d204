// The Cholesky factorization of sparse symmetric positive definite matrices of one pattern, by
// supernodes (multifrontal):
//
//     PCP' = LL',   P the order of elimination
//
// Each supernode factors its trapezoid and adds its update matrix, -L_RJ L_RJ' and what came from
// below, to its parent: to the columns of its trapezoid and, past them, to its update matrix. That
// is open from when the first child is done until the supernode is; open ones lie on a stack.
// Values are summed into the trapezoids at positions found beforehand (`Symbolic::position`);
// `factor` then works in place. Vectors with several right-hand sides are row-major (n x m).
//
// Duff & Reid (1983), ACM TOMS 9(3), 302-325; Liu (1992), SIAM Review 34(1), 82-109.
#pragma once
#include "symbolic.hpp"

namespace henderson::sparse {

class Cholesky {
  public:
    explicit Cholesky(Symbolic given);

    const Symbolic symbolic;

    // --- assembly ---------------------------------------------------------------------------
    void clear();  // all values 0
    // C[position] += v; every value at `repeat` positions, those of one value neighbours.
    void add(const int64_t* positions, const double* values, int64_t count, int repeat);
    // C += Z'WZ, row i of Z with the s values from start[i] on: `positions` has the s (s + 1) / 2
    // of its pairs 11, 12 ... 1s, 22 ..., one row after another; w (rows) or null for ones.
    void add_rows(const int64_t* start, const int64_t* positions, const double* z, const double* w,
                  int64_t rows);

    // --- numbers ----------------------------------------------------------------------------
    // True, with log |C|; false where a pivot is not positive: `failed`, a column of the matrix.
    bool factor(double& log_determinant);
    int failed = -1;
    bool takes_values() const { return state_ == State::values; }
    bool is_factored() const { return state_ == State::factor || state_ == State::inverse; }
    bool is_inverted() const { return state_ == State::inverse; }

    // x (n x m) in the order of the matrix: C^-1 x
    void solve(double* x, int m) const;
    // out in the order of elimination: L^-1 P x; or out = P'L^-T x
    void half_solve(const double* x, int m, double* out) const;
    void back_solve(const double* x, int m, double* out) const;

    // --- selected inverse -------------------------------------------------------------------
    // C^-1 on the pattern of L: Takahashi, Fagan & Chen (1973) by supernodes.
    void invert();
    // Sum over values of v C^-1[position], off the diagonal twice.
    double trace(const int64_t* positions, const double* values, int64_t count, int repeat) const;
    // out (count): C^-1[position]
    void inverse_at(const int64_t* positions, int64_t count, double* out) const;
    // out (rows): z'C^-1 z of each row, as in `add_rows`
    void row_quadratics(const int64_t* start, const int64_t* positions, const double* z,
                        int64_t rows, double* out) const;

  private:
    void forward(double* x, int m) const;
    void backward(double* x, int m) const;
    void permute(const double* from, int m, double* to, bool into_order) const;
    double* open_update(const Supernode& node, int64_t& top);
    void add_update(const Supernode& child, const double* update, double* parent_update);
    void add_outer_product(const Supernode& child, double* parent_update);
    void gather(const Supernode& child, const double* parent_p, double* out) const;

    enum class State { values, failed, factor, inverse };
    State state_ = State::values;
    std::vector<double> values_;    // C, then L
    std::vector<double> inverse_;   // C^-1 on the same pattern
    std::vector<double> stack_;     // open update matrices, lower triangles in squares
    std::vector<double> update_;    // one that is not on the stack
    std::vector<char> diagonal_;    // whether a position is
};

}  // namespace henderson::sparse
