// Symmetric derivatives, packed in lexicographic order of a <= b (<= c): 00 01 11, 000 001 011 111.
#pragma once
#include <algorithm>

namespace henderson {

// Where the derivative by predictors a and b of K is.
inline int second(int a, int b, int K) {
    if (a > b) std::swap(a, b);
    return a * K - a * (a - 1) / 2 + (b - a);
}

inline int third(int a, int b, int c, int K) {
    int low = std::min({a, b, c}), high = std::max({a, b, c}), before = 0;
    for (int first = 0; first < low; ++first) before += (K - first) * (K - first + 1) / 2;
    return before + second(a + b + c - low - high - low, high - low, K - low);
}

}  // namespace henderson
