#include "symbolic.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace henderson::sparse {

namespace {

// Cutting a graph costs about what this many multiplications cost, for an edge: below, nested
// dissection would not be repaid by some twenty evaluations of a fit.
constexpr double dissection_flops = 1500;

std::vector<int32_t> inverse_of(const std::vector<int32_t>& order) {
    std::vector<int32_t> place(order.size());
    for (size_t i = 0; i < order.size(); ++i) place[order[i]] = int32_t(i);
    return place;
}

std::vector<int32_t> elimination_tree(const Graph& graph, const std::vector<int32_t>& order,
                                      const std::vector<int32_t>& place) {
    std::vector<int32_t> parent(graph.n, -1), ancestor(graph.n, -1);
    for (int j = 0; j < graph.n; ++j) {
        int v = order[j];
        for (int64_t e = graph.start[v]; e < graph.start[v + 1]; ++e)
            for (int i = place[graph.neighbours[e]]; i >= 0 && i < j;) {
                int next = ancestor[i];
                ancestor[i] = j;
                if (next < 0) parent[i] = j;
                i = next;
            }
    }
    return parent;
}

// Children before parents, those of one parent as in `siblings`, an order of all.
std::vector<int32_t> postorder(const std::vector<int32_t>& parent,
                               const std::vector<int32_t>& siblings) {
    int n = int(parent.size());
    std::vector<int32_t> child(n, -1), sibling(n, -1), order, stack;
    order.reserve(n);
    for (auto j = siblings.rbegin(); j != siblings.rend(); ++j)
        if (parent[*j] >= 0) {
            sibling[*j] = child[parent[*j]];
            child[parent[*j]] = *j;
        }
    for (int root = 0; root < n; ++root) {
        if (parent[root] >= 0) continue;
        stack.push_back(root);
        while (!stack.empty()) {
            int j = stack.back(), c = child[j];
            if (c >= 0) {
                child[j] = sibling[c];
                stack.push_back(c);
            } else {
                stack.pop_back();
                order.push_back(j);
            }
        }
    }
    return order;
}

std::vector<int32_t> as_numbered(size_t n) {
    std::vector<int32_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    return order;
}

// Nonzeros of the columns of L, by the leaves of the row subtrees.
std::vector<int32_t> column_counts(const Graph& graph, const std::vector<int32_t>& order,
                                   const std::vector<int32_t>& place,
                                   const std::vector<int32_t>& parent) {
    int n = graph.n;
    std::vector<int32_t> count(n, 0), first(n, -1), latest(n, -1), leaf(n, -1), ancestor(n);
    std::iota(ancestor.begin(), ancestor.end(), 0);
    for (int j = 0; j < n; ++j) {  // first[j]: the first of its subtree
        if (first[j] < 0) {
            first[j] = j;
            count[j] = 1;
        }
        if (parent[j] >= 0 && first[parent[j]] < 0) first[parent[j]] = first[j];
    }
    for (int j = 0; j < n; ++j) {
        if (parent[j] >= 0) --count[parent[j]];
        int v = order[j];
        for (int64_t e = graph.start[v]; e < graph.start[v + 1]; ++e) {
            int i = place[graph.neighbours[e]];
            if (i <= j || first[j] <= latest[i]) continue;
            ++count[j];
            latest[i] = first[j];
            if (leaf[i] >= 0) {
                int meet = leaf[i];
                while (meet != ancestor[meet]) meet = ancestor[meet];
                for (int at = leaf[i]; at != meet;) {
                    int next = ancestor[at];
                    ancestor[at] = meet;
                    at = next;
                }
                --count[meet];
            }
            leaf[i] = j;
        }
        if (parent[j] >= 0) ancestor[j] = parent[j];
    }
    for (int j = 0; j < n; ++j)
        if (parent[j] >= 0) count[parent[j]] += count[j];
    return count;
}

// An update matrix, of below^2, is open from when the first child of its supernode is done until the
// supernode is: what the first child needs meanwhile comes before, what others need comes on top.
std::vector<int32_t> dearest_first(const std::vector<int32_t>& parent,
                                   const std::vector<int32_t>& below) {
    std::vector<int32_t> order = as_numbered(parent.size());
    std::vector<int64_t> most(parent.size(), 0), second(parent.size(), 0);  // of children
    std::vector<int64_t> needed(parent.size(), 0);
    std::vector<char> has_children(parent.size(), 0);
    for (int32_t s : postorder(parent, order)) {
        int64_t own = int64_t(below[s]) * below[s];
        if (has_children[s]) needed[s] = std::max(most[s], own + second[s]);
        if (parent[s] < 0) continue;
        has_children[parent[s]] = 1;
        int64_t& largest = most[parent[s]];
        second[parent[s]] = std::max(second[parent[s]], std::min(largest, needed[s]));
        largest = std::max(largest, needed[s]);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return needed[a] > needed[b]; });
    return order;
}

// Multiplications of a trapezoid of k columns and r rows below, and what else it costs in the same
// unit: the calls, and the moves of its update matrix.
double work_of(double k, double r) {
    double multiplications = k * (k * k / 6 + k * r / 2 + r * r / 2);
    double slowness = k < 4 ? 4 : k < 16 ? 2 : 1;  // of short loops beside BLAS
    return 150 + slowness * multiplications + 4 * k * (k + r) + 3 * r * r;
}

// Columns of one pattern that follow one another.
struct Group {
    int32_t columns, below, parent;
};

std::vector<Group> same_patterns(const Elimination& from, std::vector<int32_t>& group_of) {
    std::vector<Group> groups;
    int n = int(from.order.size());
    group_of.resize(n);
    for (int j = 0; j < n; ++j) {
        bool joins = j > 0 && from.parent[j - 1] == j && from.count[j - 1] == from.count[j] + 1;
        if (!joins) groups.push_back({0, 0, -1});
        ++groups.back().columns;
        groups.back().below = from.count[j] - 1;
        group_of[j] = int32_t(groups.size()) - 1;
    }
    for (int j = 0; j < n; ++j)
        if (from.parent[j] >= 0 && group_of[from.parent[j]] != group_of[j])
            groups[group_of[j]].parent = group_of[from.parent[j]];
    return groups;
}

// Joins children to their parents, with zeros stored, where one costs less than two: the group
// that each becomes part of.
std::vector<int32_t> join_children(std::vector<Group>& groups) {
    std::vector<int32_t> into = as_numbered(groups.size());
    for (size_t g = 0; g < groups.size(); ++g) {
        const Group& child = groups[g];
        if (child.parent < 0) continue;
        Group& parent = groups[child.parent];
        double together = work_of(child.columns + parent.columns, parent.below);
        double apart = work_of(child.columns, child.below) + work_of(parent.columns, parent.below);
        if (together <= apart) {
            into[g] = child.parent;
            parent.columns += child.columns;
        }
    }
    for (size_t g = groups.size(); g-- > 0;) into[g] = into[into[g]];
    return into;
}

// As measured; the inverse takes twice as long as the factorization.
double seconds_of(double k, double r) { return 3 * (0.3e-6 + 0.05e-9 * work_of(k, r)); }

}  // namespace

Elimination eliminate(const Graph& graph, const std::vector<int32_t>& order) {
    Elimination out;
    out.order = order;
    std::vector<int32_t> place = inverse_of(out.order);
    std::vector<int32_t> parent = elimination_tree(graph, out.order, place);
    std::vector<int32_t> post = postorder(parent, as_numbered(graph.n));
    std::vector<int32_t> new_place = inverse_of(post);
    out.parent.resize(graph.n);
    for (int i = 0; i < graph.n; ++i) {
        out.order[i] = order[post[i]];
        out.parent[i] = parent[post[i]] < 0 ? -1 : new_place[parent[post[i]]];
    }
    place = inverse_of(out.order);
    out.count = column_counts(graph, out.order, place, out.parent);
    for (int32_t c : out.count) {
        out.entries += c;
        out.flops += double(c) * c;
    }
    return out;
}

Symbolic::Symbolic(const Graph& graph, const std::string& wanted) : n(graph.n) {
    bool chosen_here = wanted == "auto";
    Elimination best;
    auto offer = [&](const char* name, std::vector<int32_t> by) {
        Elimination found = eliminate(graph, by);
        tried.push_back(name);
        flops.push_back(found.flops);
        if (ordering.empty() || found.flops < best.flops) {
            best = std::move(found);
            ordering = name;
        }
    };
    auto expanded = [&](const Compressed& small, const std::vector<int32_t>& by) {
        std::vector<int32_t> rank = inverse_of(by), next(by.size() + 1, 0), out(n);
        for (int v = 0; v < n; ++v) ++next[rank[small.vertex[v]] + 1];
        for (size_t i = 1; i < next.size(); ++i) next[i] += next[i - 1];
        for (int v = 0; v < n; ++v) out[next[rank[small.vertex[v]]]++] = v;
        return out;
    };
    double least = double(graph.neighbours.size()) / 2 + n;  // entries, if nothing fills in
    if (chosen_here || wanted == "natural") offer("natural", as_numbered(n));
    bool perfect = best.entries <= least;
    if ((chosen_here && !perfect) || wanted == "minimum degree" || wanted == "nested dissection") {
        Compressed small = compress(graph);
        if (wanted != "nested dissection")
            offer("minimum degree", expanded(small, minimum_degree(small.graph)));
        double cutting = dissection_flops * double(small.graph.neighbours.size() + small.graph.n);
        bool fills = best.entries > 1.5 * least;
        if (wanted == "nested dissection" || (chosen_here && fills && best.flops > cutting)) {
            double most = chosen_here ? best.flops : std::numeric_limits<double>::infinity();
            std::vector<int32_t> cut = nested_dissection(small.graph, most);
            if (int(cut.size()) == small.graph.n) offer("nested dissection", expanded(small, cut));
        }
    }
    if (ordering.empty())
        throw std::invalid_argument("ordering is natural, minimum degree, nested dissection or auto");
    entries = best.entries;
    find_supernodes(best);
    find_rows(graph);
    measure_stack();
}

void Symbolic::find_supernodes(const Elimination& from) {
    std::vector<int32_t> group_of;
    std::vector<Group> groups = same_patterns(from, group_of);
    std::vector<int32_t> into = join_children(groups);
    int count = int(groups.size());
    std::vector<int32_t> number(count, -1), left, parents;
    for (int g = 0; g < count; ++g)
        if (into[g] == g) {
            number[g] = int32_t(left.size());
            left.push_back(g);
        }
    std::vector<int32_t> below;
    for (int32_t g : left) {
        parents.push_back(groups[g].parent < 0 ? -1 : number[into[groups[g].parent]]);
        below.push_back(groups[g].below);
    }
    std::vector<int32_t> post = postorder(parents, dearest_first(parents, below));
    std::vector<int32_t> rank = inverse_of(post);
    nodes.resize(left.size());
    int32_t column = 0;
    for (size_t s = 0; s < left.size(); ++s) {
        const Group& group = groups[left[post[s]]];
        int32_t up = parents[post[s]];
        nodes[s] = {column, group.columns, group.below, up < 0 ? -1 : rank[up], -1, 0, 0};
        column += group.columns;
    }
    std::vector<int32_t> next(nodes.size());
    for (size_t s = 0; s < nodes.size(); ++s) next[s] = nodes[s].first;
    order.resize(n);
    supernode_of.resize(n);
    for (int j = 0; j < n; ++j) {
        int32_t s = rank[number[into[group_of[j]]]];
        supernode_of[next[s]] = s;
        order[next[s]++] = from.order[j];
    }
    place = inverse_of(order);
}

void Symbolic::find_rows(const Graph& graph) {
    int64_t total = 0;
    for (Supernode& node : nodes) {
        if (node.height() > 1) seconds += seconds_of(node.columns, node.below);
        node.rows = total;
        node.block = size;
        total += node.below;
        size += int64_t(node.height()) * node.columns;
        largest_below = std::max(largest_below, node.below);
    }
    rows.resize(total);
    to_parent.resize(total);
    std::vector<int32_t> seen(n, -1), child(nodes.size(), -1), sibling(nodes.size(), -1);
    for (int s = 0; s < int(nodes.size()); ++s) {
        const Supernode& node = nodes[s];
        int32_t* mine = rows.data() + node.rows;
        int32_t last = node.first + node.columns, filled = 0;
        auto add = [&](int32_t row) {
            if (row < last || seen[row] == s) return;
            seen[row] = s;
            if (filled == node.below) throw std::logic_error("a supernode has more rows than counted");
            mine[filled++] = row;
        };
        for (int32_t j = node.first; j < last; ++j)
            for (int64_t e = graph.start[order[j]]; e < graph.start[order[j] + 1]; ++e)
                add(place[graph.neighbours[e]]);
        for (int32_t c = child[s]; c >= 0; c = sibling[c])
            for (int32_t i = 0; i < nodes[c].below; ++i) add(rows[nodes[c].rows + i]);
        if (filled != node.below) throw std::logic_error("a supernode has fewer rows than counted");
        std::sort(mine, mine + filled);
        if (node.parent >= 0) {
            sibling[s] = child[node.parent];
            child[node.parent] = s;
            if (sibling[s] < 0) nodes[node.parent].first_child = s;
        }
    }
    std::vector<int32_t> local(n);
    for (int s = 0; s < int(nodes.size()); ++s) {  // where the rows of its children are in it
        const Supernode& node = nodes[s];
        for (int32_t j = 0; j < node.columns; ++j) local[node.first + j] = j;
        for (int32_t i = 0; i < node.below; ++i) local[rows[node.rows + i]] = node.columns + i;
        for (int32_t c = child[s]; c >= 0; c = sibling[c])
            for (int32_t i = 0; i < nodes[c].below; ++i)
                to_parent[nodes[c].rows + i] = local[rows[nodes[c].rows + i]];
    }
}

void Symbolic::measure_stack() {
    int64_t now = 0;
    for (int s = 0; s < int(nodes.size()); ++s) {
        const Supernode& node = nodes[s];
        if (node.first_child >= 0) now -= int64_t(node.below) * node.below;
        if (node.parent < 0) continue;
        const Supernode& parent = nodes[node.parent];
        if (parent.first_child == s) now += int64_t(parent.below) * parent.below;
        stack = std::max(stack, now);
    }
}

int64_t Symbolic::position(int row, int column) const {
    int32_t i = std::max(place[row], place[column]), j = std::min(place[row], place[column]);
    const Supernode& node = nodes[supernode_of[j]];
    int64_t at = node.block + int64_t(j - node.first) * node.height();
    if (i < node.first + node.columns) return at + i - node.first;
    auto begin = rows.begin() + node.rows, end = begin + node.below;
    auto found = std::lower_bound(begin, end, i);
    return found != end && *found == i ? at + node.columns + (found - begin) : -1;
}

}  // namespace henderson::sparse
