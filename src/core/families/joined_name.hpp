// The name of a family made from another: "zero_inflated_" and "poisson".
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace henderson {

// `Prefix::text` and `Base::name`, one after the other, as a constant of static storage.
template <class Prefix, class Base>
struct JoinedName {
    static constexpr auto characters = [] {
        constexpr std::string_view first = Prefix::text, second = Base::name;
        std::array<char, first.size() + second.size() + 1> joined{};
        std::copy(second.begin(), second.end(),
                  std::copy(first.begin(), first.end(), joined.begin()));
        return joined;
    }();
    static constexpr const char* text = characters.data();
};

}  // namespace henderson
