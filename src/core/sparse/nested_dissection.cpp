// Nested dissection by multilevel vertex separators: the graph is made coarse by matching its
// vertices along heavy edges, the coarsest is cut by growing one side, and on the way back the
// separator is improved by moving its vertices to a side (which draws their neighbours on the other
// side into it), also uphill, back to the best one met.
//
// Karypis & Kumar (1998), SIAM J. Sci. Comput. 20(1), 359-392; Ashcraft & Liu (1998), SIAM J.
// Matrix Anal. Appl. 19(2), 325-354. Pieces know the separators they border on while their
// degrees are counted: Pellegrini, Roman & Amestoy (2000), Concurrency 12, 69-84.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <queue>
#include <tuple>

#include "graph.hpp"

namespace henderson::sparse {

namespace {

constexpr int small_piece = 300;      // vertices that are ordered by minimum degree
constexpr int coarse_enough = 80;
constexpr double largest_side = 0.57;  // of the weight
constexpr int tries = 6;
constexpr int longest_path = 2000;  // of a flow, in steps

constexpr char separator = 2;  // sides are 0 and 1

struct Level {
    Graph graph;
    std::vector<int32_t> edge;    // weights, beside graph.neighbours
    std::vector<int32_t> coarse;  // the vertex that each becomes in the next level
};

// Numbers that look random and are the same everywhere.
class Dice {
  public:
    int below(int n) {
        state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
        return int((state_ >> 33) % uint64_t(n));
    }

  private:
    uint64_t state_ = 20;
};

struct Cut {
    std::vector<char> side;
    std::array<int64_t, 3> weight{};

    // The separator counts, and twice so where one side is all there is.
    double cost() const {
        double total = double(weight[0] + weight[1] + weight[2]);
        double excess = double(std::max(weight[0], weight[1])) / total - largest_side;
        return double(weight[2]) + (excess > 0 ? excess * total : 0.0);
    }
};

Level coarser(Level& fine, Dice& dice) {
    const Graph& g = fine.graph;
    std::vector<int32_t> order(g.n);
    std::iota(order.begin(), order.end(), 0);
    for (int i = g.n - 1; i > 0; --i) std::swap(order[i], order[dice.below(i + 1)]);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return g.degree(a) < g.degree(b); });
    std::vector<int32_t> mate(g.n, -1);
    int64_t heaviest = 1;
    for (int32_t w : g.weight) heaviest += w;
    heaviest = std::max<int64_t>(heaviest / 40, 2);
    for (int v : order) {
        if (mate[v] >= 0) continue;
        int best = v, strongest = 0;
        for (int64_t e = g.start[v]; e < g.start[v + 1]; ++e) {
            int u = g.neighbours[e];
            if (mate[u] < 0 && fine.edge[e] > strongest && g.weight[u] + g.weight[v] <= heaviest) {
                best = u;
                strongest = fine.edge[e];
            }
        }
        if (best == v && g.degree(v) > 0) {  // one that shares a neighbour
            int hub = g.neighbours[g.start[v]];
            int64_t last = std::min(g.start[hub + 1], g.start[hub] + 64);
            for (int64_t e = g.start[hub]; e < last && best == v; ++e) {
                int u = g.neighbours[e];
                if (u != v && mate[u] < 0 && g.weight[u] + g.weight[v] <= heaviest) best = u;
            }
        }
        mate[v] = best;
        mate[best] = v;
    }
    Level out;
    fine.coarse.assign(g.n, -1);
    std::vector<int32_t> first;
    for (int v = 0; v < g.n; ++v)
        if (fine.coarse[v] < 0) {
            fine.coarse[v] = fine.coarse[mate[v]] = int32_t(first.size());
            first.push_back(v);
        }
    Graph& h = out.graph;
    h.n = int(first.size());
    h.start.assign(1, 0);
    std::vector<int64_t> place(h.n, -1);
    for (int c = 0; c < h.n; ++c) {
        int v = first[c];
        int64_t begin = int64_t(h.neighbours.size());
        int64_t weight = 0;
        for (int half = 0; half < (mate[v] == v ? 1 : 2); ++half) {
            int of = half ? mate[v] : v;
            weight += g.weight[of];
            for (int64_t e = g.start[of]; e < g.start[of + 1]; ++e) {
                int to = fine.coarse[g.neighbours[e]];
                if (to == c) continue;
                if (place[to] < begin) {
                    place[to] = int64_t(h.neighbours.size());
                    h.neighbours.push_back(to);
                    out.edge.push_back(0);
                }
                out.edge[place[to]] += fine.edge[e];
            }
        }
        h.weight.push_back(int32_t(weight));
        h.start.push_back(int64_t(h.neighbours.size()));
    }
    return out;
}

// Moves of separator vertices to a side, the best first.
class Refinement {
  public:
    Refinement(const Graph& graph, Cut& cut)
        : g_(graph), cut_(cut), pull_(2 * graph.n), version_(graph.n), moved_(graph.n) {
        total_ = cut.weight[0] + cut.weight[1] + cut.weight[2];
    }

    void run() {
        for (int pass = 0; pass < 6; ++pass)
            if (!improve()) return;
    }

  private:
    struct Move {
        int64_t gain;
        int32_t vertex, version;
        bool operator<(const Move& other) const {
            return std::tie(gain, other.vertex) < std::tie(other.gain, vertex);
        }
    };
    using Queue = std::priority_queue<Move>;

    void offer(int v) {
        ++version_[v];
        if (moved_[v]) return;
        for (int s = 0; s < 2; ++s) queue_[s].push({g_.weight[v] - pull_[2 * v + 1 - s], v, version_[v]});
    }
    void enter(int v) {  // the separator
        pull_[2 * v] = pull_[2 * v + 1] = 0;
        for (int64_t e = g_.start[v]; e < g_.start[v + 1]; ++e) {
            int u = g_.neighbours[e];
            if (cut_.side[u] != separator) pull_[2 * v + cut_.side[u]] += g_.weight[u];
        }
        offer(v);
    }
    void put(int v, char side) {
        cut_.weight[int(cut_.side[v])] -= g_.weight[v];
        cut_.weight[int(side)] += g_.weight[v];
        cut_.side[v] = side;
    }
    const Move* next(int s) {
        while (!queue_[s].empty()) {
            const Move& top = queue_[s].top();
            bool valid = cut_.side[top.vertex] == separator && top.version == version_[top.vertex];
            if (valid) return &queue_[s].top();
            queue_[s].pop();
        }
        return nullptr;
    }
    bool fits(int s, int v) const {
        int64_t after = cut_.weight[s] + g_.weight[v];
        return double(after) <= largest_side * double(total_) || after <= cut_.weight[1 - s];
    }
    int choose() {
        const Move* by_side[2] = {next(0), next(1)};
        for (int s = 0; s < 2; ++s)
            while (by_side[s] && !fits(s, by_side[s]->vertex)) {
                queue_[s].pop();  // it may come back when a neighbour moves
                by_side[s] = next(s);
            }
        if (!by_side[0] || !by_side[1]) return by_side[0] ? 0 : by_side[1] ? 1 : -1;
        if (by_side[0]->gain != by_side[1]->gain) return by_side[0]->gain > by_side[1]->gain ? 0 : 1;
        return cut_.weight[0] <= cut_.weight[1] ? 0 : 1;
    }
    void move(int v, char to) {
        char from = char(1 - to);
        put(v, to);
        moved_[v] = 1;
        history_.push_back({v, separator});
        for (int64_t e = g_.start[v]; e < g_.start[v + 1]; ++e) {
            int u = g_.neighbours[e];
            if (cut_.side[u] == separator) {
                pull_[2 * u + to] += g_.weight[v];
                offer(u);
            } else if (cut_.side[u] == from) {
                put(u, separator);
                history_.push_back({u, from});
                enter(u);
                for (int64_t f = g_.start[u]; f < g_.start[u + 1]; ++f) {
                    int x = g_.neighbours[f];
                    if (cut_.side[x] == separator && x != u) {
                        pull_[2 * x + from] -= g_.weight[u];
                        offer(x);
                    }
                }
            }
        }
    }
    bool improve() {
        queue_[0] = queue_[1] = Queue();
        history_.clear();
        std::fill(moved_.begin(), moved_.end(), char(0));
        int64_t members = 0;
        for (int v = 0; v < g_.n; ++v)
            if (cut_.side[v] == separator) {
                enter(v);
                ++members;
            }
        double before = cut_.cost(), best = before;
        size_t kept = 0;
        int64_t patience = 60 + members, since = 0;
        while (since < patience) {
            int s = choose();
            if (s < 0) break;
            int v = queue_[s].top().vertex;
            queue_[s].pop();
            move(v, char(s));
            ++since;
            if (cut_.cost() < best) {
                best = cut_.cost();
                kept = history_.size();
                since = 0;
            }
        }
        while (history_.size() > kept) {
            put(history_.back().first, history_.back().second);
            history_.pop_back();
        }
        return best < before;
    }

    const Graph& g_;
    Cut& cut_;
    std::vector<int64_t> pull_;     // of a separator vertex: weight of its neighbours by side
    std::vector<int32_t> version_;  // offers before the last are void
    std::vector<char> moved_;
    Queue queue_[2];
    std::vector<std::pair<int32_t, char>> history_;  // vertices and where they were
    int64_t total_ = 0;
};

// The smallest separator within a band around the present one: a largest flow through vertices from
// one side of the band to the other, whose bottleneck it is (Ashcraft & Liu). Of the bottlenecks
// next to either side, the one that costs less.
class Smoothing {
  public:
    Smoothing(const Graph& graph, Cut& cut) : g_(graph), cut_(cut) {}

    void run() {
        if (!find_band()) return;
        build();
        while (reach_from_source() && level_[sink_] >= 0) {
            if (level_[sink_] > longest_path) return;
            next_ = first_;
            while (push(source_, endless) > 0) {}
        }
        Cut from_source = labelled([&](int at) { return level_[at] >= 0; });
        reach_sink();
        Cut from_sink = labelled([&](int at) { return level_[at] < 0; });
        for (Cut* found : {&from_source, &from_sink})
            if (found->cost() < cut_.cost()) cut_ = std::move(*found);
    }

  private:
    static constexpr int64_t endless = int64_t(1) << 50;
    static constexpr int layers = 6;
    static constexpr size_t widest = 40000;

    bool find_band() {
        place_.assign(g_.n, -1);
        for (int v = 0; v < g_.n; ++v)
            if (cut_.side[v] == separator) add(v);
        size_t begin = 0;
        for (int layer = 0; layer < layers; ++layer) {
            size_t end = band_.size();
            for (; begin < end; ++begin)
                for (int64_t e = g_.start[band_[begin]]; e < g_.start[band_[begin] + 1]; ++e)
                    if (place_[g_.neighbours[e]] < 0) add(g_.neighbours[e]);
            if (band_.size() > widest) return false;
        }
        return !band_.empty();
    }
    void add(int v) {
        place_[v] = int32_t(band_.size());
        band_.push_back(v);
    }
    static int into(int i) { return 2 * i; }
    static int out_of(int i) { return 2 * i + 1; }

    void connect(int from, int to, int64_t capacity) {
        edges_.push_back({from, to, capacity});
        edges_.push_back({to, from, 0});
    }
    void build() {
        source_ = 2 * int(band_.size());
        sink_ = source_ + 1;
        for (int i = 0; i < int(band_.size()); ++i) {
            int v = band_[i];
            connect(into(i), out_of(i), g_.weight[v]);
            bool at_end[2] = {false, false};
            for (int64_t e = g_.start[v]; e < g_.start[v + 1]; ++e) {
                int u = g_.neighbours[e];
                if (place_[u] >= 0)
                    connect(out_of(i), into(place_[u]), endless);
                else
                    at_end[int(cut_.side[u])] = true;
            }
            if (at_end[0]) connect(source_, into(i), endless);
            if (at_end[1]) connect(out_of(i), sink_, endless);
        }
        first_.assign(sink_ + 2, 0);
        for (const Edge& edge : edges_) ++first_[edge.from + 1];
        for (int at = 0; at <= sink_; ++at) first_[at + 1] += first_[at];
        next_ = first_;
        by_start_.resize(edges_.size());
        for (size_t e = 0; e < edges_.size(); ++e) by_start_[next_[edges_[e].from]++] = int32_t(e);
        level_.assign(sink_ + 1, -1);
    }
    bool reach_from_source() {
        std::fill(level_.begin(), level_.end(), -1);
        queue_.assign(1, source_);
        level_[source_] = 0;
        for (size_t at = 0; at < queue_.size(); ++at)
            for (int32_t a = first_[queue_[at]]; a < first_[queue_[at] + 1]; ++a) {
                const Edge& edge = edges_[by_start_[a]];
                if (edge.capacity > 0 && level_[edge.to] < 0) {
                    level_[edge.to] = level_[edge.from] + 1;
                    queue_.push_back(edge.to);
                }
            }
        return queue_.size() > 1;
    }
    void reach_sink() {  // level_ >= 0: what can still reach it
        std::fill(level_.begin(), level_.end(), -1);
        queue_.assign(1, sink_);
        level_[sink_] = 0;
        for (size_t at = 0; at < queue_.size(); ++at)
            for (int32_t a = first_[queue_[at]]; a < first_[queue_[at] + 1]; ++a) {
                int32_t back = by_start_[a] ^ 1;  // the edge that leads here
                if (edges_[back].capacity > 0 && level_[edges_[back].from] < 0) {
                    level_[edges_[back].from] = 0;
                    queue_.push_back(edges_[back].from);
                }
            }
    }
    int64_t push(int at, int64_t most) {
        if (at == sink_) return most;
        for (int32_t& a = next_[at]; a < first_[at + 1]; ++a) {
            int32_t e = by_start_[a];
            if (edges_[e].capacity == 0 || level_[edges_[e].to] != level_[at] + 1) continue;
            int64_t pushed = push(edges_[e].to, std::min(most, edges_[e].capacity));
            if (pushed == 0) continue;
            edges_[e].capacity -= pushed;
            edges_[e ^ 1].capacity += pushed;
            return pushed;
        }
        return 0;
    }
    // Vertices before the bottleneck are on side 0; those it goes through separate.
    template <class Before> Cut labelled(Before before) const {
        Cut out = cut_;
        for (int i = 0; i < int(band_.size()); ++i) {
            char side = before(out_of(i)) ? char(0) : before(into(i)) ? separator : char(1);
            out.weight[int(out.side[band_[i]])] -= g_.weight[band_[i]];
            out.weight[int(side)] += g_.weight[band_[i]];
            out.side[band_[i]] = side;
        }
        return out;
    }

    struct Edge {
        int32_t from, to;
        int64_t capacity;
    };
    const Graph& g_;
    Cut& cut_;
    std::vector<int32_t> place_, band_, first_, next_, by_start_, level_, queue_;
    std::vector<Edge> edges_;  // each with its reverse next to it
    int source_ = 0, sink_ = 0;
};

void improve(const Graph& g, Cut& cut) {
    Refinement(g, cut).run();
    Smoothing(g, cut).run();
}

Cut grown(const Graph& g, int seed) {
    Cut cut;
    cut.side.assign(g.n, 1);
    int64_t total = 0, inside = 0;
    for (int32_t w : g.weight) total += w;
    std::vector<int32_t> front{seed};
    std::vector<char> met(g.n, 0);
    met[seed] = 1;
    int unseen = 0;
    for (size_t at = 0; 2 * inside < total; ++at) {
        if (at == front.size()) {
            while (met[unseen]) ++unseen;
            met[unseen] = 1;
            front.push_back(unseen);
        }
        int v = front[at];
        cut.side[v] = 0;
        inside += g.weight[v];
        for (int64_t e = g.start[v]; e < g.start[v + 1]; ++e)
            if (!met[g.neighbours[e]]) {
                met[g.neighbours[e]] = 1;
                front.push_back(g.neighbours[e]);
            }
    }
    for (int v = 0; v < g.n; ++v) {
        bool borders = false;
        for (int64_t e = g.start[v]; cut.side[v] == 1 && !borders && e < g.start[v + 1]; ++e)
            borders = cut.side[g.neighbours[e]] == 0;
        if (borders) cut.side[v] = separator;
    }
    for (int v = 0; v < g.n; ++v) cut.weight[int(cut.side[v])] += g.weight[v];
    return cut;
}

std::vector<char> vertex_separator(const Graph& graph, Dice& dice) {
    std::vector<Level> levels(1);
    levels[0].graph = graph;
    levels[0].edge.assign(graph.neighbours.size(), 1);
    while (levels.back().graph.n > coarse_enough) {
        Level next = coarser(levels.back(), dice);
        if (next.graph.n > 0.95 * levels.back().graph.n) break;
        levels.push_back(std::move(next));
    }
    Cut best;
    for (int attempt = 0; attempt < tries; ++attempt) {
        const Graph& coarsest = levels.back().graph;
        Cut cut = grown(coarsest, dice.below(coarsest.n));
        Refinement(coarsest, cut).run();
        if (best.side.empty() || cut.cost() < best.cost()) best = std::move(cut);
    }
    for (int level = int(levels.size()) - 2; level >= 0; --level) {
        const Level& fine = levels[level];
        Cut cut;
        cut.side.resize(fine.graph.n);
        for (int v = 0; v < fine.graph.n; ++v) {
            cut.side[v] = best.side[fine.coarse[v]];
            cut.weight[int(cut.side[v])] += fine.graph.weight[v];
        }
        improve(fine.graph, cut);
        best = std::move(cut);
    }
    return std::move(best.side);
}

class Dissection {
  public:
    Dissection(const Graph& graph, double most) : graph_(graph), most_(most), local_(graph.n, -1) {
        order_.reserve(graph.n);
    }

    std::vector<int32_t> run() {
        std::vector<int32_t> all(graph_.n);
        std::iota(all.begin(), all.end(), 0);
        split_components(all);
        bool in_vain = work_ > most_ || (work_ == 0 && std::isfinite(most_));
        if (in_vain) order_.clear();
        return std::move(order_);
    }

  private:
    // The graph of some vertices; with `halo` also the others that they meet, after them.
    Graph piece(const std::vector<int32_t>& vertices, std::vector<int32_t>* halo) {
        Graph out;
        out.start.assign(1, 0);
        for (int v : vertices) local_[v] = out.n++;
        std::vector<std::pair<int32_t, int32_t>> outward;
        for (int v : vertices) {
            for (int64_t e = graph_.start[v]; e < graph_.start[v + 1]; ++e) {
                int u = graph_.neighbours[e];
                if (halo && local_[u] < 0) {
                    local_[u] = out.n++;
                    halo->push_back(u);
                }
                if (local_[u] < 0) continue;
                out.neighbours.push_back(local_[u]);
                if (local_[u] >= int(vertices.size())) outward.push_back({local_[u], local_[v]});
            }
            out.weight.push_back(graph_.weight[v]);
            out.start.push_back(int64_t(out.neighbours.size()));
        }
        std::sort(outward.begin(), outward.end());
        auto edge = outward.begin();
        for (int h = int(vertices.size()); h < out.n; ++h) {
            for (; edge != outward.end() && edge->first == h; ++edge) out.neighbours.push_back(edge->second);
            out.weight.push_back(graph_.weight[(*halo)[h - vertices.size()]]);
            out.start.push_back(int64_t(out.neighbours.size()));
        }
        for (int v : vertices) local_[v] = -1;
        if (halo)
            for (int u : *halo) local_[u] = -1;
        return out;
    }

    void order_piece(const std::vector<int32_t>& vertices) {
        std::vector<int32_t> halo;
        Graph g = piece(vertices, &halo);
        std::vector<char> held(g.n, 0);
        std::fill(held.begin() + vertices.size(), held.end(), char(1));
        for (int v : minimum_degree(g, held)) order_.push_back(vertices[v]);
    }

    void split_components(const std::vector<int32_t>& vertices) {
        if (work_ > most_) return;
        if (int(vertices.size()) <= small_piece) {
            if (!vertices.empty()) order_piece(vertices);
            return;
        }
        Graph g = piece(vertices, nullptr);
        std::vector<char> met(g.n, 0);
        std::vector<int32_t> component, small;
        for (int v = 0; v < g.n; ++v) {
            if (met[v]) continue;
            component.assign(1, v);
            met[v] = 1;
            for (size_t at = 0; at < component.size(); ++at)
                for (int64_t e = g.start[component[at]]; e < g.start[component[at] + 1]; ++e) {
                    int u = g.neighbours[e];
                    if (!met[u]) {
                        met[u] = 1;
                        component.push_back(u);
                    }
                }
            if (int(component.size()) == g.n) {
                dissect(vertices, g);
                return;
            }
            bool is_small = int(component.size()) <= small_piece;
            for (int& u : component) u = vertices[u];
            if (is_small)
                small.insert(small.end(), component.begin(), component.end());
            else
                dissect(component, piece(component, nullptr));
        }
        if (!small.empty()) order_piece(small);
    }

    void dissect(const std::vector<int32_t>& vertices, const Graph& g) {
        std::vector<char> side = vertex_separator(g, dice_);
        std::array<std::vector<int32_t>, 3> parts;
        for (int v = 0; v < g.n; ++v) parts[int(side[v])].push_back(vertices[v]);
        size_t smaller = std::min(parts[0].size(), parts[1].size());
        if (smaller == 0 || parts[2].size() > smaller) {  // nothing is won by this cut
            order_piece(vertices);
            return;
        }
        double columns = 0;
        for (int32_t v : parts[2]) columns += graph_.weight[v];
        work_ += columns * columns * columns / 3;
        split_components(parts[0]);
        split_components(parts[1]);
        order_.insert(order_.end(), parts[2].begin(), parts[2].end());
    }

    const Graph& graph_;
    double most_, work_ = 0;  // of the separators alone, each of which becomes dense
    std::vector<int32_t> local_, order_;
    Dice dice_;
};

}  // namespace

std::vector<int32_t> nested_dissection(const Graph& graph, double most) {
    return Dissection(graph, most).run();
}

}  // namespace henderson::sparse
