// Symmetric patterns as graphs, and orderings of their vertices that keep the Cholesky factor sparse.
#pragma once
#include <cstdint>
#include <vector>

namespace henderson::sparse {

// A vertex stands for `weight` columns with one pattern; an edge for a nonzero off the diagonal.
struct Graph {
    int n = 0;
    std::vector<int64_t> start;        // (n + 1)
    std::vector<int32_t> neighbours;   // of each vertex, without itself, each once
    std::vector<int32_t> weight;       // (n)

    int64_t degree(int v) const { return start[v + 1] - start[v]; }
};

// From entries (rows[e], columns[e]) of either triangle or both, `columns` by column pointers.
Graph graph_of(int n, const int64_t* column_start, const int32_t* rows);

// Vertices with the same closed neighbourhood as one: `vertex` of each column, and the graph.
struct Compressed {
    Graph graph;
    std::vector<int32_t> vertex;
};
Compressed compress(const Graph& graph);

// Vertices in the order of elimination. Those that are `held` take part but are not eliminated.
// Amestoy, Davis & Duff (1996), SIAM J. Matrix Anal. Appl. 17(4), 886-905.
std::vector<int32_t> minimum_degree(const Graph& graph, const std::vector<char>& held = {});

// Halves first, then the vertices that separate them; small pieces by minimum degree.
// Empty where the separators alone need more than `most` multiplications (sums of count^2), and,
// with a `most`, where nothing is worth a cut.
// George (1973), SIAM J. Numer. Anal. 10(2), 345-363.
std::vector<int32_t> nested_dissection(const Graph& graph, double most);

}  // namespace henderson::sparse
