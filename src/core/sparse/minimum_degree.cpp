// Approximate minimum degree on a quotient graph.
//
// A variable is a vertex that is left, or several with the same pattern; an element is an
// eliminated one: the clique of the variables it met. A variable's list has its elements, then the
// variables it meets outside of them. To eliminate p makes the element
//
//     Lp = (A_p and all Le, e in E_p) without p,
//
// which takes the place of every e in E_p. The degree of i in Lp is bounded by
//
//     d_i = min(left - |i|,  d_i + |Lp \ i|,  |A_i \ i| + |Lp \ i| + sum over e in E_i of |Le \ Lp|)
//
// An element all of whose variables are in Lp is absorbed too; variables that meet nothing outside
// of Lp are eliminated with p; variables of one pattern become one.
#include <algorithm>
#include <cmath>

#include "graph.hpp"

namespace henderson::sparse {

namespace {

class QuotientGraph {
  public:
    QuotientGraph(const Graph& graph, const std::vector<char>& held);
    std::vector<int32_t> order();

  private:
    void put_by_degree(int i);
    void take_by_degree(int i);
    void merge(int into, int i);
    void eliminate(int p);
    void gather_element(int p);
    void measure_elements(int p);
    void update_variable(int p, int i);
    void join_indistinguishable(int p);
    bool same_lists(int i, int j) const;
    void finish_element(int p);
    void compact();
    bool is_held(int i) const { return !held_.empty() && held_[i]; }

    int n_;
    const std::vector<char>& held_;
    std::vector<int32_t> list_;
    std::vector<int64_t> start_;      // of the list of each variable and element
    std::vector<int32_t> length_;     // of the list
    std::vector<int32_t> elements_;   // of a variable: how many come first in its list
    std::vector<int32_t> size_;       // columns of a variable; 0: an element, or no longer there
    std::vector<int32_t> degree_;     // of a variable, a bound; of an element, |Le|
    std::vector<char> alive_;         // elements that no other has absorbed
    std::vector<int32_t> head_, next_, before_;     // variables by degree
    std::vector<int32_t> follower_, last_;          // what is eliminated with a variable
    std::vector<int32_t> outside_, measured_;       // |Le \ Lp|, and for which p
    std::vector<int32_t> in_pivot_;                 // the p whose element has the variable
    mutable std::vector<int64_t> mark_;
    mutable int64_t tag_ = 0;
    std::vector<int32_t> bucket_, in_bucket_;       // variables of Lp by hash
    std::vector<uint32_t> hash_;
    std::vector<int32_t> kept_;
    std::vector<int32_t> order_;
    int64_t limit_ = 0;
    int lowest_ = 0, left_ = 0, pivot_weight_ = 0;
};

QuotientGraph::QuotientGraph(const Graph& graph, const std::vector<char>& held)
    : n_(graph.n), held_(held), list_(graph.neighbours), start_(graph.start.begin(), graph.start.end()),
      length_(n_), elements_(n_, 0), size_(graph.weight), degree_(n_, 0), alive_(n_, 0),
      next_(n_, -1), before_(n_, -1), follower_(n_, -1), last_(n_), outside_(n_, 0),
      measured_(n_, -1), in_pivot_(n_, -1), mark_(n_, 0), bucket_(n_, -1), in_bucket_(n_, -1),
      hash_(n_, 0) {
    for (int i = 0; i < n_; ++i) {
        last_[i] = i;
        length_[i] = int32_t(graph.degree(i));
        left_ += size_[i];
        for (int64_t e = graph.start[i]; e < graph.start[i + 1]; ++e)
            degree_[i] += graph.weight[graph.neighbours[e]];
    }
    head_.assign(left_ + 1, -1);
    limit_ = 2 * int64_t(list_.size()) + 4 * n_;
}

void QuotientGraph::put_by_degree(int i) {
    int d = degree_[i];
    next_[i] = head_[d];
    before_[i] = -1;
    if (head_[d] >= 0) before_[head_[d]] = i;
    head_[d] = i;
    lowest_ = std::min(lowest_, d);
}

void QuotientGraph::take_by_degree(int i) {
    if (before_[i] >= 0)
        next_[before_[i]] = next_[i];
    else
        head_[degree_[i]] = next_[i];
    if (next_[i] >= 0) before_[next_[i]] = before_[i];
}

void QuotientGraph::merge(int into, int i) {
    follower_[last_[into]] = i;
    last_[into] = last_[i];
    size_[i] = 0;
}

void QuotientGraph::gather_element(int p) {
    int64_t bound = 0, from = start_[p];
    for (int a = 0; a < length_[p]; ++a)
        bound += a < elements_[p] ? length_[list_[from + a]] : 1;
    if (int64_t(list_.size()) + std::min<int64_t>(bound, n_) > limit_) {
        compact();
        from = start_[p];
    }
    int64_t first = int64_t(list_.size());
    auto reach = [&](int i) {
        if (size_[i] == 0 || in_pivot_[i] == p) return;
        in_pivot_[i] = p;
        pivot_weight_ += size_[i];
        list_.push_back(i);
        if (!is_held(i)) take_by_degree(i);
    };
    for (int a = 0; a < elements_[p]; ++a) {
        int e = list_[from + a];
        for (int64_t at = start_[e], end = at + length_[e]; at < end; ++at) reach(list_[at]);
        alive_[e] = 0;
    }
    for (int a = elements_[p]; a < length_[p]; ++a) reach(list_[from + a]);
    start_[p] = first;
    length_[p] = int32_t(int64_t(list_.size()) - first);
}

void QuotientGraph::measure_elements(int p) {
    for (int a = 0; a < length_[p]; ++a) {
        int i = list_[start_[p] + a];
        const int32_t* mine = list_.data() + start_[i];
        for (int b = 0; b < elements_[i]; ++b) {
            int e = mine[b];
            if (!alive_[e]) continue;
            if (measured_[e] != p) {
                measured_[e] = p;
                outside_[e] = degree_[e];
            }
            outside_[e] -= size_[i];
        }
    }
}

void QuotientGraph::update_variable(int p, int i) {
    int32_t* mine = list_.data() + start_[i];
    int degree = 0, count = 0;
    uint32_t hash = 0;
    kept_.clear();
    for (int b = elements_[i]; b < length_[i]; ++b) {
        int j = mine[b];
        if (size_[j] == 0 || in_pivot_[j] == p) continue;
        degree += size_[j];
        hash += uint32_t(j);
        kept_.push_back(j);
    }
    for (int b = 0; b < elements_[i]; ++b) {
        int e = mine[b];
        if (!alive_[e]) continue;
        if (outside_[e] == 0) {
            alive_[e] = 0;  // all of it is in Lp
            continue;
        }
        degree += outside_[e];
        hash += uint32_t(e);
        mine[count++] = e;
    }
    if (count == 0 && kept_.empty() && !is_held(i)) {
        pivot_weight_ -= size_[i];
        left_ -= size_[i];
        merge(p, i);
        return;
    }
    mine[count++] = p;
    elements_[i] = count;
    std::copy(kept_.begin(), kept_.end(), mine + count);
    length_[i] = count + int32_t(kept_.size());
    degree_[i] = std::min(degree_[i], degree);
    if (is_held(i)) return;
    hash_[i] = hash % uint32_t(n_);
    in_bucket_[i] = bucket_[hash_[i]];
    bucket_[hash_[i]] = i;
}

bool QuotientGraph::same_lists(int i, int j) const {
    if (length_[i] != length_[j] || elements_[i] != elements_[j]) return false;
    for (int b = 0; b < length_[j]; ++b)
        if (mark_[list_[start_[j] + b]] != tag_) return false;
    return true;
}

void QuotientGraph::join_indistinguishable(int p) {
    for (int a = 0; a < length_[p]; ++a) {
        int of = list_[start_[p] + a];
        if (size_[of] == 0 || is_held(of)) continue;
        int first = bucket_[hash_[of]];
        bucket_[hash_[of]] = -1;
        for (int i = first; i >= 0 && in_bucket_[i] >= 0; i = in_bucket_[i]) {
            if (size_[i] == 0) continue;
            ++tag_;
            for (int b = 0; b < length_[i]; ++b) mark_[list_[start_[i] + b]] = tag_;
            for (int j = in_bucket_[i]; j >= 0; j = in_bucket_[j])
                if (size_[j] > 0 && same_lists(i, j)) {
                    size_[i] += size_[j];
                    merge(i, j);
                }
        }
    }
}

void QuotientGraph::finish_element(int p) {
    int64_t from = start_[p], to = from;
    for (int a = 0; a < length_[p]; ++a) {
        int i = list_[from + a];
        if (size_[i] == 0) continue;
        list_[to++] = i;
        int others = pivot_weight_ - size_[i];
        degree_[i] = std::min(degree_[i] + others, left_ - size_[i]);
        if (!is_held(i)) put_by_degree(i);
    }
    length_[p] = int32_t(to - from);
    list_.resize(to);
    degree_[p] = pivot_weight_;
    alive_[p] = to > from;
}

void QuotientGraph::eliminate(int p) {
    left_ -= size_[p];
    size_[p] = 0;
    pivot_weight_ = 0;
    gather_element(p);
    measure_elements(p);
    for (int a = 0; a < length_[p]; ++a) update_variable(p, list_[start_[p] + a]);
    join_indistinguishable(p);
    finish_element(p);
    order_.push_back(p);
}

void QuotientGraph::compact() {
    std::vector<int32_t> moved;
    moved.reserve(limit_);
    for (int i = 0; i < n_; ++i) {
        // The pivot's own list is needed too: it has size 0 and is not yet an element.
        int64_t from = start_[i];
        bool needed = size_[i] > 0 || alive_[i] || degree_[i] == -1;
        if (!needed) length_[i] = 0;
        start_[i] = int64_t(moved.size());
        moved.insert(moved.end(), list_.begin() + from, list_.begin() + from + length_[i]);
    }
    list_ = std::move(moved);
    limit_ = std::max(limit_, 2 * int64_t(list_.size()) + 4 * n_);
}

std::vector<int32_t> QuotientGraph::order() {
    // Variables that meet very many others are last: without them the rest is found faster.
    double many = std::max(16.0, 10.0 * std::sqrt(double(left_)));
    std::vector<int32_t> dense;
    for (int i = 0; i < n_; ++i)
        if (!is_held(i) && degree_[i] > many) dense.push_back(i);
    std::stable_sort(dense.begin(), dense.end(), [&](int a, int b) { return degree_[a] < degree_[b]; });
    for (int i : dense) {
        left_ -= size_[i];
        for (int b = 0; b < length_[i]; ++b) degree_[list_[start_[i] + b]] -= size_[i];
        size_[i] = 0;
    }
    lowest_ = left_;
    for (int i = 0; i < n_; ++i)
        if (size_[i] > 0 && !is_held(i)) {
            degree_[i] = std::min(degree_[i], left_ - size_[i]);
            put_by_degree(i);
        }
    int top = left_;
    while (true) {
        while (lowest_ <= top && head_[lowest_] < 0) ++lowest_;
        if (lowest_ > top) break;
        int p = head_[lowest_];
        take_by_degree(p);
        degree_[p] = -1;
        eliminate(p);
    }
    std::vector<int32_t> all;
    all.reserve(n_);
    for (int p : order_)
        for (int i = p; i >= 0; i = follower_[i]) all.push_back(i);
    all.insert(all.end(), dense.begin(), dense.end());
    return all;
}

}  // namespace

std::vector<int32_t> minimum_degree(const Graph& graph, const std::vector<char>& held) {
    return QuotientGraph(graph, held).order();
}

}  // namespace henderson::sparse
