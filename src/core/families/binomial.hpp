// y successes in `size` trials ~ Binomial(size, mu).
#pragma once

#include "../links.hpp"
#include "registry.hpp"

namespace henderson {

template <int Order>
struct Binomial {
    static constexpr const char* name = "binomial";
    static constexpr int predictors = 1;
    using Links = LinkList<LogitLink, ProbitLink, CloglogLink, LoglogLink, CauchitLink,
                           LogLink, IdentityLink>;

    explicit Binomial(const double*) {}

    template <class Link, class Eta>
    HENDERSON_INLINE Eta log_density(double y, double size, const Eta& eta) {
        if (!Link::proper(eta.value)) return impossible<Eta>();
        return Link::bernoulli(y, size, eta) + log_choose(size, y);
    }
};

}  // namespace henderson
