// Work over the parts of the rows, and the tail that they share. Vectors are row-major (q, m).
#pragma once
#include <algorithm>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

#include "equations.hpp"

namespace henderson {

// work(i) of every part, each in a thread of its own.
template <class Work> void for_each_part(size_t parts, Work work) {
    if (parts == 1) return work(size_t(0));
    std::vector<std::exception_ptr> errors(parts);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < parts; ++i)
        threads.emplace_back([&, i] {
            try {
                work(i);
            } catch (...) {
                errors[i] = std::current_exception();
            }
        });
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& error : errors)
        if (error) std::rethrow_exception(error);
}

// The vector of(i) of part i where its tail starts.
template <class Part, class Of> double* tail_of(const std::vector<Part>& parts, size_t i, int m, Of of) {
    return of(i) + size_t(parts[i].equations->q_leaf) * m;
}

// The tail of the first part's vector in the vectors of the others.
template <class Part, class Of> void share_tail(const std::vector<Part>& parts, int m, Of of) {
    const size_t size = size_t(parts[0].equations->tail()) * m;
    for (size_t i = 1; i < parts.size(); ++i)
        std::copy_n(tail_of(parts, 0, m, of), size, tail_of(parts, i, m, of));
}

// The tails of all added up in the first part's vector; the others keep theirs.
template <class Part, class Of> double* add_tails(const std::vector<Part>& parts, int m, Of of) {
    double* tail = tail_of(parts, 0, m, of);
    const size_t size = size_t(parts[0].equations->tail()) * m;
    for (size_t i = 1; i < parts.size(); ++i) {
        const double* own = tail_of(parts, i, m, of);
        for (size_t j = 0; j < size; ++j) tail[j] += own[j];
    }
    return tail;
}

}  // namespace henderson
