// Henderson's mixed model equations for one part of the data, in spherical form:
//
//     C = T'AT + I,   A = Z'WZ,   b = Tu,   T block-diagonal, one k x k template per random term
//
// A node is a (term, level) pair with a dense k x k diagonal block. Nodes of the first terms are
// *leaves*: eliminated one by one (a right-looking block Cholesky factorization whose fill is known
// beforehand). Nodes of the remaining terms are the *tail*: one dense matrix S, to which every
// part only adds its Schur complement, so that the tails of several parts can be summed.
//
//     C = [ C_ll  C_lt ]      L L' = C_ll,   V = L^-1 C_lt,   S = C_tt - V'V
//         [ C_tl  C_tt ]
//
// Columns are numbered term by term, leaves first: [0, q_leaf) then the tail [q_leaf, q).
// Vectors with several right-hand sides are row-major (q x m).
#pragma once
#include <cstdint>
#include <vector>

namespace henderson {

constexpr int64_t row_block = 256;  // rows worked on at a time, so that they stay in the cache

struct Term {
    int predictor;  // the linear predictor it belongs to
    int k;          // effects per level
    int levels;
    int nonzeros;                 // per row: k, or fewer where `columns` names them
    std::vector<int32_t> codes;   // (n,) level of each row
    std::vector<double> values;   // (n, nonzeros)
    std::vector<int32_t> columns; // (n, nonzeros) or empty
    int first_node, first_column; // of level 0

    const double* row_values(int64_t row) const { return values.data() + row * nonzeros; }
    int column(int64_t row, int c) const {
        return columns.empty() ? c : columns[row * nonzeros + c];
    }
};

// What elimination would cost with the first s terms as leaves, for every s that was tried.
struct Plan {
    int leaf_terms;                  // the choice
    std::vector<double> work;        // estimated seconds by number of leaf terms, from 1
};

class Equations {
  public:
    Equations(int64_t n, int predictors, std::vector<Term> terms, int leaf_terms);

    static Plan plan(const std::vector<Term>& terms);

    int64_t n = 0;
    int predictors = 0;      // K: predictors that have random effects
    int q = 0, q_leaf = 0;   // columns: all, and those of the leaves
    std::vector<Term> terms;
    int leaf_terms = 0;

    int tail() const { return q - q_leaf; }
    // root (last eliminated node) of the tree each leaf-term-0 level belongs to
    std::vector<int32_t> tree_of_nodes() const;

    // --- assembly over rows (cross_products.cpp) ------------------------------------------
    // A = Z'WZ; w (n, K(K+1)/2), row-major, packed 11 12 22 ..., or null for ones with K = 1
    void cross_products(const double* w) {
        clear_cross_products();
        add_cross_products(w, 0, n);
    }
    void clear_cross_products();
    // What rows first ... last - 1 add, w beginning with the first
    void add_cross_products(const double* w, int64_t first, int64_t last);
    // out (q, m) += Z'v, v (n, K, m); or of rows first ... last - 1 only, v beginning with the first
    void z_transpose_times(const double* v, int m, double* out) const {
        z_transpose_times(v, m, out, 0, n);
    }
    void z_transpose_times(const double* v, int m, double* out, int64_t first, int64_t last) const;
    // out (q, p + 1) += Z'W[X y] of one predictor, w (n,) or null for ones
    void z_transpose_times_data(const double* X, int p, const double* y, const double* w,
                                double* out) const;
    // out (n, K) += Z b, b (q,)
    void z_times(const double* b, double* out) const;
    // out (n, K(K+1)/2): blocks of Z T C^-1 T' Z' of each row; needs selected_inverse
    void leverages(const double* templates, double* out) const;

    // The values of a term anew, (n, k): rows transformed within blocks that share its levels.
    void set_values(int term, const double* values);
    // For blocks of rows that share all levels, rows starts[b] ... starts[b + 1] - 1 in `rows`:
    // the whole Z T C^-1 T' Z' of each block, one (size, size) after another; K = 1.
    void block_leverages(const double* templates, const int32_t* rows, const int64_t* starts,
                         int blocks, double* out) const;

    // --- elimination (block_cholesky.cpp) -------------------------------------------------
    // Factor the leaves of C and carry m right-hand sides: border (q, m) becomes
    // [L^-1 border_l ; border_t - V'(L^-1 border_l)]; S (tail, tail), row-major lower, receives
    // T'A_tt T - V'V without the identity; gram (m, m) loses the leaves' W'W.
    // False where C_ll is not positive definite.
    bool eliminate(const double* templates, double* tail_matrix, double* border, int m,
                   double* gram, double& log_determinant);
    // The same for new right-hand sides with the factor in place.
    void forward(double* border, int m, double* gram) const;
    // x (q, m): leaves L^-1(...), tail already solved -> C^-1 (...)
    void backward(double* x, int m) const;
    // out (q, m) += A d, d (q, m)
    void multiply(const double* d, int m, double* out) const;

    // --- one term without a tail: a level at a time (one_factor.cpp) ----------------------
    // What sums over levels and what is kept by level; see differentiate_one.
    struct LevelSums {
        double* x;            // (q, m): L^-T border combine
        double* by_template;  // (k, k): sum of A T C^-1 - Fz weight x'
        double* information;  // (count, count): sum of D'KD, D the columns G_t z
        double* across;       // (m, count): Fz'D
        double* K;            // (levels, k, k)
        double* F;            // (q, m - 1)
        double* FF;           // (levels, k, k): FF'
    };
    bool one_factor() const;
    // Factor C and border = L^-1 T' right; gram (m, m) loses border'border.
    bool factor_one(const double* templates, const double* right, double* border, int m,
                    double* gram, double& log_determinant);
    // C^-1, and with Fz = Z'V^-1[X y] combine the sums above; `changes` are count matrices G_t
    // (k, k), K = Z'V^-1 Z by level, z the last column of Fz and F the others. With count = 0 only
    // the first two are filled. After factor_one.
    void differentiate_one(const double* templates, const double* right, const double* border, int m,
                           const double* combine, const double* weight, int count,
                           const double* changes, const LevelSums& out);

    // --- selected inverse (selected_inverse.cpp) --------------------------------------------
    // C^-1 on the pattern of the factor, given S^-1 (tail, tail), row-major lower.
    void selected_inverse(const double* tail_inverse);
    // out, one k x k matrix (row-major) a term after another: sum over levels of the
    // diagonal blocks of A T C^-1
    void template_traces(const double* templates, double* out) const;
    // out (M, M): sum over pairs of levels of A_jl[a, c] A_jl[b, d] at (a b of j's term, c d of
    // l's). M sums over terms k^2, or k where k > widest: then only a = b.
    int moments(int widest) const;
    void moment_system(int widest, double* out) const;

    // --- block-diagonal maps (templates.cpp) ------------------------------------------------
    // out = Tx or T'x, x (q, m)
    void apply_templates(const double* templates, const double* x, int m, bool transposed,
                         double* out) const;
    // out, one k x k matrix a term: sum over levels of x_j y_j', x and y (q, m)
    void outer_sums(const double* x, const double* y, int m, double* out) const;
    // Column i of out (q, count): G_i z_j in the levels j of term which[i], zero elsewhere;
    // `matrices` holds the symmetric k x k matrices G_i one after another.
    void directions(const int32_t* which, int count, const double* matrices, const double* z,
                    double* out) const;
    // out (levels, k, k) of a term: diagonal blocks of A, or of C^-1
    void cross_product_blocks(int term, double* out) const;
    void inverse_blocks(int term, double* out) const;
    // out (levels, k, k) of the only term: A - A T C^-1 T' A by level
    void projected_blocks(const double* templates, double* out) const;

  private:
    struct Node {
        int term, k;
        int column;            // first column
        int64_t diagonal;      // offset of the k x k block (column-major)
        int64_t off;           // offset of the k x width block row (column-major)
        int width;             // columns of the boundary
        int first, last;       // range in `boundary_`
        int sparse_last;       // entries [first, sparse_last) are leaves, the rest tail
    };
    struct Edge {
        int node;
        int offset;  // column of its block within the block row
    };

    void index_rows();
    void order_tail_rows();
    template <int K>
    bool factor_levels(const double* T, const double* right, double* border, int m, double* gram,
                       double& log_determinant);
    template <int K>
    void differentiate_levels(const double* T, const double* right, const double* border, int m,
                              const double* combine, const double* weight, int count,
                              const double* changes, const LevelSums& out);
    void scale_blocks(const double* templates, double* tail_matrix);
    // Entry i of a leaf's list of tail columns, against the entries before it: S -= V'V, and
    // C^-1[j, B] += V P.
    struct TailRow {
        int32_t leaf, i;
    };
    template <int K> void update_row(const Node& node, TailRow at, double* tail_matrix) const;
    template <int K> void gather_row(const Node& node, TailRow at, const double* tail_inverse);
    // The first of a leaf's columns in the tail, within its block row.
    int first_in_tail(int leaf) const {
        return nodes_[leaf].width - int(tail_index_start_[leaf + 1] - tail_index_start_[leaf]);
    }
    void update_leaves(const Node& node);
    void gather_leaves(const Node& node, double* x) const;
    void copy_blocks(const std::vector<double>& from, int term, double* out) const;
    const double* template_of(const double* templates, int term) const {
        return templates + template_offset_[term];
    }
    int64_t block_offset(int pair, int64_t row) const { return row_blocks_[row * pairs_ + pair]; }

    std::vector<Node> nodes_;       // leaves, then tail nodes
    int leaves_ = 0;                // number of leaf nodes
    std::vector<Edge> boundary_;    // later neighbours of every node, ascending
    std::vector<int32_t> tail_index_;   // scalar tail index of every boundary column (leaf nodes)
    std::vector<int64_t> tail_index_start_;
    std::vector<TailRow> tail_rows_;    // all of them, in the order they are worked on
    int64_t size_ = 0;              // doubles in one set of blocks
    int pairs_ = 0;
    std::vector<int64_t> row_blocks_;   // (n, pairs): offset of the block of each pair of terms
    std::vector<int> template_offset_;
    std::vector<double> a_, l_, c_;     // A, its factor, the inverse, on one pattern
};

}  // namespace henderson
