#include "pedigree.hpp"

#include <bit>
#include <unordered_map>
#include <vector>

namespace henderson {

namespace {

// A set of numbers below m, from which the largest is taken: bits, and for 64 words at a time bits
// that say which of them have any.
class Largest {
  public:
    explicit Largest(int m) {
        do levels_.emplace_back((m = m / 64 + 1), 0);
        while (m > 1);
    }
    void insert(int32_t i) {
        for (std::vector<uint64_t>& level : levels_) {
            uint64_t& word = level[i / 64];
            bool had_some = word != 0;
            word |= uint64_t(1) << (i % 64);
            if (had_some) return;
            i /= 64;
        }
    }
    bool empty() const { return levels_.back()[0] == 0; }
    int32_t take() {
        int32_t i = 0;
        for (auto level = levels_.rbegin(); level != levels_.rend(); ++level)
            i = 64 * i + 63 - std::countl_zero((*level)[i]);
        int32_t at = i;
        for (std::vector<uint64_t>& level : levels_) {
            uint64_t& word = level[at / 64];
            word &= ~(uint64_t(1) << (at % 64));
            if (word) break;
            at /= 64;
        }
        return i;
    }

  private:
    std::vector<std::vector<uint64_t>> levels_;
};

}  // namespace

void inbreeding(const int32_t* parents, int m, double* F) {
    std::vector<double> share(m, 0.0), d(m);  // l_ij of the animal at work; D
    Largest ancestors(m);                     // whose own parents are not yet met
    std::unordered_map<uint64_t, double> of_parents;  // full sibs have the same F
    for (int i = 0; i < m; ++i) {
        const int32_t sire = parents[2 * i], dam = parents[2 * i + 1];
        d[i] = 1.0;
        for (int32_t parent : {sire, dam})
            if (parent >= 0) d[i] -= 0.25 * (1.0 + F[parent]);
        F[i] = 0.0;
        if (sire < 0 || dam < 0) continue;
        uint64_t pair = (uint64_t(uint32_t(sire)) << 32) | uint32_t(dam);
        auto known = of_parents.find(pair);
        if (known != of_parents.end()) {
            F[i] = known->second;
            continue;
        }
        double sum = -1.0;
        share[i] = 1.0;
        ancestors.insert(i);
        while (!ancestors.empty()) {
            int32_t j = ancestors.take();
            sum += share[j] * share[j] * d[j];
            for (int32_t parent : {parents[2 * j], parents[2 * j + 1]}) {
                if (parent < 0) continue;
                if (share[parent] == 0.0) ancestors.insert(parent);
                share[parent] += 0.5 * share[j];
            }
            share[j] = 0.0;
        }
        F[i] = sum < 0.0 ? 0.0 : sum;
        of_parents.emplace(pair, F[i]);
    }
}

void multiply_relationships(const int32_t* parents, const double* d, int m, int columns, double* x) {
    auto with_parents = [&](int i, auto&& visit) {
        double* own = x + int64_t(i) * columns;
        for (int32_t parent : {parents[2 * i], parents[2 * i + 1]})
            if (parent >= 0)
                for (int c = 0; c < columns; ++c) visit(own[c], x[int64_t(parent) * columns + c]);
    };
    for (int i = m - 1; i >= 0; --i) {
        with_parents(i, [](double own, double& parent) { parent += 0.5 * own; });
        for (int c = 0; c < columns; ++c) x[int64_t(i) * columns + c] *= d[i];
    }
    for (int i = 0; i < m; ++i) with_parents(i, [](double& own, double parent) { own += 0.5 * parent; });
}

}  // namespace henderson
