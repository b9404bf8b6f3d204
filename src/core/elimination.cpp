// The pattern: which nodes meet, in which order they are eliminated, where each block is stored.
#include <algorithm>
#include <stdexcept>

#include "equations.hpp"

namespace henderson {

namespace {

// Rows of each level, by counting sort.
struct RowsByLevel {
    std::vector<int64_t> start;
    std::vector<int32_t> rows;
    RowsByLevel(const std::vector<int32_t>& codes, int levels)
        : start(levels + 1, 0), rows(codes.size()) {
        for (int32_t c : codes) ++start[c + 1];
        for (int i = 0; i < levels; ++i) start[i + 1] += start[i];
        std::vector<int64_t> next(start.begin(), start.end() - 1);
        for (size_t i = 0; i < codes.size(); ++i) rows[next[codes[i]]++] = int32_t(i);
    }
};

int pair_of(int t, int other, int terms) { return t * (2 * terms - t - 1) / 2 + other - t - 1; }

// Seconds: scattered multiply-adds against BLAS ones, and the price of touching a node.
constexpr double scatter_rate = 0.8e9, dense_rate = 25e9, node_cost = 60e-9;

double dense_seconds(double columns) {  // Cholesky and inverse
    return columns * columns * columns / dense_rate;
}

}  // namespace

Plan Equations::plan(const std::vector<Term>& terms) {
    // Symbolic elimination term by term. It stops where going on is dearer than a dense tail.
    int count = int(terms.size()), nodes = 0;
    double columns = 0;
    std::vector<int> first(count + 1);
    for (int t = 0; t < count; ++t) {
        first[t] = nodes;
        nodes += terms[t].levels;
        columns += double(terms[t].levels) * terms[t].k;
    }
    first[count] = nodes;
    std::vector<int> k_of(nodes);
    for (int t = 0; t < count; ++t) std::fill_n(k_of.begin() + first[t], terms[t].levels, terms[t].k);

    Plan plan{count ? 1 : 0, {}};
    std::vector<int32_t> mark(nodes, -1), child(nodes, -1), sibling(nodes, -1);
    std::vector<std::vector<int32_t>> boundary(nodes);
    double leaf_work = 0, best = 1e300;
    for (int t = 0; t < count; ++t) {
        columns -= double(terms[t].levels) * terms[t].k;
        RowsByLevel by_level(terms[t].codes, terms[t].levels);
        double term_work = 0, limit = 4 * dense_seconds(columns + double(terms[t].levels) * terms[t].k);
        bool dear = false;
        for (int level = 0; level < terms[t].levels && !dear; ++level) {
            int node = first[t] + level;
            auto& list = boundary[node];
            double width = 0;
            auto add = [&](int32_t other) {
                if (mark[other] != node) {
                    mark[other] = node;
                    list.push_back(other);
                    width += k_of[other];
                }
            };
            for (int32_t c = child[node]; c >= 0; c = sibling[c])
                for (int32_t other : boundary[c])
                    if (other != node) add(other);
            for (int64_t r = by_level.start[level]; r < by_level.start[level + 1]; ++r)
                for (int other = t + 1; other < count; ++other)
                    add(first[other] + terms[other].codes[by_level.rows[r]]);
            if (!list.empty()) {
                int32_t parent = *std::min_element(list.begin(), list.end());
                sibling[node] = child[parent];
                child[parent] = node;
            }
            double k = terms[t].k;
            term_work += k * (width + k) * (width + k) / scatter_rate + node_cost;
            dear = t > 0 && term_work > limit && term_work > 1e-4;
        }
        if (dear) break;
        leaf_work += term_work;
        double total = leaf_work + dense_seconds(columns);
        plan.work.push_back(total);
        if (total < best) {
            best = total;
            plan.leaf_terms = t + 1;
        }
    }
    return plan;
}

Equations::Equations(int64_t rows, int predictor_count, std::vector<Term> given, int leaf_term_count)
    : n(rows), predictors(predictor_count), terms(std::move(given)), leaf_terms(leaf_term_count) {
    int node = 0, templates = 0;
    for (size_t t = 0; t < terms.size(); ++t) {
        Term& term = terms[t];
        term.first_node = node;
        term.first_column = q;
        node += term.levels;
        q += term.levels * term.k;
        template_offset_.push_back(templates);
        templates += term.k * term.k;
        if (int(t) < leaf_terms) {
            leaves_ = node;
            q_leaf = q;
        }
    }
    pairs_ = terms.empty() ? 0 : int(terms.size() * (terms.size() - 1) / 2);
    nodes_.resize(node);
    for (size_t t = 0; t < terms.size(); ++t)
        for (int level = 0; level < terms[t].levels; ++level) {
            Node& made = nodes_[terms[t].first_node + level];
            made.term = int(t);
            made.k = terms[t].k;
            made.column = terms[t].first_column + level * terms[t].k;
        }
    index_rows();
}

void Equations::index_rows() {
    // One pass in elimination order: the boundary of a node is what its rows and its children
    // in the elimination tree touch later; then each row learns where its blocks are.
    int count = int(terms.size()), total = int(nodes_.size());
    std::vector<int32_t> mark(total, -1), position(total), child(total, -1), sibling(total, -1);
    std::vector<int32_t> list;
    row_blocks_.resize(size_t(n) * pairs_);
    tail_index_start_.assign(leaves_ + 1, 0);
    for (int t = 0; t < count; ++t) {
        const Term& term = terms[t];
        bool leaf = t < leaf_terms;
        RowsByLevel by_level(term.codes, term.levels);
        for (int level = 0; level < term.levels; ++level) {
            int index = term.first_node + level;
            Node& node = nodes_[index];
            list.clear();
            auto add = [&](int32_t other) {
                if (mark[other] != index) {
                    mark[other] = index;
                    list.push_back(other);
                }
            };
            if (leaf)
                for (int32_t c = child[index]; c >= 0; c = sibling[c])
                    for (int e = nodes_[c].first + 1; e < nodes_[c].last; ++e)
                        add(boundary_[e].node);
            for (int64_t r = by_level.start[level]; r < by_level.start[level + 1]; ++r)
                for (int other = t + 1; other < count; ++other)
                    add(terms[other].first_node + terms[other].codes[by_level.rows[r]]);
            std::sort(list.begin(), list.end());
            node.diagonal = size_;
            node.off = size_ + node.k * node.k;
            node.first = int(boundary_.size());
            node.width = 0;
            node.sparse_last = node.first;
            for (int32_t other : list) {
                boundary_.push_back({other, node.width});
                position[other] = node.width;
                const Node& met = nodes_[other];
                if (other < leaves_) {
                    node.sparse_last = int(boundary_.size());
                } else if (leaf) {
                    for (int c = 0; c < met.k; ++c) tail_index_.push_back(met.column - q_leaf + c);
                }
                node.width += met.k;
            }
            node.last = int(boundary_.size());
            size_ = node.off + int64_t(node.k) * node.width;
            if (leaf) {
                tail_index_start_[index + 1] = int64_t(tail_index_.size());
                if (!list.empty() && list[0] < leaves_) {
                    sibling[index] = child[list[0]];
                    child[list[0]] = index;
                }
            }
            for (int64_t r = by_level.start[level]; r < by_level.start[level + 1]; ++r) {
                int64_t row = by_level.rows[r];
                for (int other = t + 1; other < count; ++other) {
                    int met = terms[other].first_node + terms[other].codes[row];
                    row_blocks_[row * pairs_ + pair_of(t, other, count)] =
                        node.off + int64_t(node.k) * position[met];
                }
            }
        }
    }
    a_.assign(size_, 0.0);
    l_.assign(size_, 0.0);
    order_tail_rows();
}

void Equations::order_tail_rows() {
    // A tail that stays in the cache is met leaf by leaf. A larger one is met row by row, for so
    // many leaves at a time that these stay in the cache: within a row, all that is scattered to
    // or gathered from is close.
    constexpr int64_t cached = 1 << 17;  // doubles
    int64_t entries = int64_t(tail_index_.size());
    bool whole = int64_t(tail()) * tail() <= cached;
    tail_rows_.resize(entries);
    std::vector<int64_t> next;
    for (int leaf = 0, last = 0; leaf < leaves_; leaf = last) {
        int64_t first = tail_index_start_[leaf], at = first;
        while (last < leaves_ &&
               (last == leaf || whole || tail_index_start_[last + 1] - first <= cached))
            ++last;
        if (!whole) {
            next.assign(tail() + 1, 0);
            for (int64_t e = first; e < tail_index_start_[last]; ++e) ++next[tail_index_[e] + 1];
            next[0] = first;
            for (int row = 0; row < tail(); ++row) next[row + 1] += next[row];
        }
        for (int l = leaf; l < last; ++l)
            for (int64_t e = tail_index_start_[l]; e < tail_index_start_[l + 1]; ++e)
                tail_rows_[whole ? at++ : next[tail_index_[e]]++] = {
                    l, int32_t(e - tail_index_start_[l])};
    }
}

std::vector<int32_t> Equations::tree_of_nodes() const {
    std::vector<int32_t> tree(leaves_);
    for (int i = leaves_ - 1; i >= 0; --i) {
        const Node& node = nodes_[i];
        bool root = node.sparse_last == node.first;
        tree[i] = root ? i : tree[boundary_[node.first].node];
    }
    return tree;
}

}  // namespace henderson
