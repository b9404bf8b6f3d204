// What is known of the factor before there are numbers.
//
// The elimination tree has as parent of column j the first row below it in L. Columns of one
// pattern that follow one another are a supernode, a dense trapezoid of k columns and k + r rows:
//
//     [ L_JJ ]  k        J its columns, R its rows below them; R is among the columns and rows
//     [ L_RJ ]  r        of the parent, at the places `to_parent`
//
// Liu (1990), SIAM J. Matrix Anal. Appl. 11(1), 134-172; Gilbert, Ng & Peyton (1994), ibid.
// 15(4), 1075-1091; Ashcraft & Grimes (1989), ACM TOMS 15(4), 291-309.
#pragma once
#include <string>

#include "graph.hpp"

namespace henderson::sparse {

// Columns in a postorder of the elimination tree, and the nonzeros of each in L.
struct Elimination {
    std::vector<int32_t> order;     // column of the matrix that is eliminated i-th
    std::vector<int32_t> parent;    // by place in the order, -1 of a root
    std::vector<int32_t> count;     // nonzeros of the column of L, the diagonal included
    double entries = 0, flops = 0;  // sums of count and of count^2
};
Elimination eliminate(const Graph& graph, const std::vector<int32_t>& order);

struct Supernode {
    int32_t first, columns, below;  // first column, k, r
    int32_t parent;                 // -1 of a root
    int32_t first_child;            // -1 of a leaf
    int64_t rows;                   // where R and `to_parent` begin
    int64_t block;                  // where the trapezoid begins: column-major, k + r rows

    int32_t height() const { return columns + below; }
};

struct Symbolic {
    int n = 0;
    std::string ordering;             // which was chosen
    std::vector<std::string> tried;   // orderings, and the multiplications of each
    std::vector<double> flops;
    double entries = 0;               // of L, without what is stored as zero
    double seconds = 0;               // estimated, of a factorization and the selected inverse
    std::vector<int32_t> order, place;  // column eliminated i-th, and its inverse
    std::vector<int32_t> supernode_of;  // of a place in the order
    std::vector<Supernode> nodes;       // in a postorder
    std::vector<int32_t> rows, to_parent;
    int64_t size = 0;       // of all trapezoids
    int64_t stack = 0;      // of the update matrices that are open at one time
    int largest_below = 0;

    // `ordering`: "natural", "minimum degree", "nested dissection" or "auto", the one with the
    // fewest multiplications.
    Symbolic(const Graph& graph, const std::string& ordering);

    // Where entry (row, column) of the matrix is in the trapezoids; -1: nowhere.
    int64_t position(int row, int column) const;

  private:
    void find_supernodes(const Elimination& elimination);
    void find_rows(const Graph& graph);
    void measure_stack();
};

}  // namespace henderson::sparse
