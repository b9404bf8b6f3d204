#include "graph.hpp"

#include <algorithm>
#include <numeric>

namespace henderson::sparse {

Graph graph_of(int n, const int64_t* column_start, const int32_t* rows) {
    Graph graph;
    graph.n = n;
    graph.weight.assign(n, 1);
    std::vector<int64_t> next(n + 1, 0);
    auto each_edge = [&](auto&& visit) {
        for (int j = 0; j < n; ++j)
            for (int64_t e = column_start[j]; e < column_start[j + 1]; ++e)
                if (rows[e] != j) visit(rows[e], j);
    };
    each_edge([&](int i, int j) { ++next[i + 1], ++next[j + 1]; });
    for (int v = 0; v < n; ++v) next[v + 1] += next[v];
    std::vector<int64_t> first = next;
    std::vector<int32_t> both(next[n]);
    each_edge([&](int i, int j) { both[next[i]++] = j, both[next[j]++] = i; });
    // An edge may be given twice.
    std::vector<int32_t> seen(n, -1);
    graph.start.assign(n + 1, 0);
    int64_t kept = 0;
    for (int v = 0; v < n; ++v) {
        for (int64_t e = first[v]; e < first[v + 1]; ++e)
            if (seen[both[e]] != v) {
                seen[both[e]] = v;
                both[kept++] = both[e];
            }
        graph.start[v + 1] = kept;
    }
    both.resize(kept);
    graph.neighbours = std::move(both);
    return graph;
}

Compressed compress(const Graph& graph) {
    int n = graph.n;
    auto scatter = [](uint64_t v) {  // a hash of one number
        v = (v + 0x9e3779b97f4a7c15ULL) * 0xbf58476d1ce4e5b9ULL;
        return v ^ (v >> 29);
    };
    std::vector<uint64_t> hash(n);
    for (int v = 0; v < n; ++v) {
        hash[v] = scatter(v);
        for (int64_t e = graph.start[v]; e < graph.start[v + 1]; ++e)
            hash[v] += scatter(graph.neighbours[e]);
    }
    std::vector<int32_t> by_hash(n), twin(n);
    std::iota(by_hash.begin(), by_hash.end(), 0);
    std::iota(twin.begin(), twin.end(), 0);
    std::sort(by_hash.begin(), by_hash.end(), [&](int a, int b) {
        return hash[a] != hash[b] ? hash[a] < hash[b] : a < b;
    });
    std::vector<int32_t> seen(n, -1);
    for (int i = 0; i < n; ++i) {
        int v = by_hash[i];
        if (twin[v] != v || i + 1 == n || hash[by_hash[i + 1]] != hash[v]) continue;
        seen[v] = v;
        for (int64_t e = graph.start[v]; e < graph.start[v + 1]; ++e) seen[graph.neighbours[e]] = v;
        for (int later = i + 1; later < n && hash[by_hash[later]] == hash[v]; ++later) {
            int u = by_hash[later];
            bool same = twin[u] == u && seen[u] == v && graph.degree(u) == graph.degree(v);
            for (int64_t e = graph.start[u]; same && e < graph.start[u + 1]; ++e)
                same = seen[graph.neighbours[e]] == v;
            if (same) twin[u] = v;
        }
    }
    Compressed out;
    out.vertex.assign(n, -1);
    for (int v = 0; v < n; ++v)
        if (twin[v] == v) out.vertex[v] = out.graph.n++;
    Graph& small = out.graph;
    small.weight.assign(small.n, 0);
    small.start.assign(1, 0);
    for (int v = 0; v < n; ++v) {
        out.vertex[v] = out.vertex[twin[v]];
        small.weight[out.vertex[v]] += graph.weight[v];
        if (twin[v] != v) continue;
        for (int64_t e = graph.start[v]; e < graph.start[v + 1]; ++e) {
            int u = graph.neighbours[e];
            if (twin[u] == u) small.neighbours.push_back(out.vertex[u]);
        }
        small.start.push_back(int64_t(small.neighbours.size()));
    }
    return out;
}

}  // namespace henderson::sparse
