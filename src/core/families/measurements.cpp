// Families of measurements.
#include "exponential.hpp"
#include "gamma.hpp"
#include "gaussian.hpp"
#include "inverse_gaussian.hpp"
#include "lognormal.hpp"
#include "skewnormal.hpp"
#include "student_t.hpp"
#include "tweedie.hpp"
#include "weibull.hpp"
#include "kernel.hpp"

namespace henderson {

void add_measurements(std::vector<FamilyKernels>& all) {
    add_families<Gaussian, Gamma, StudentT, StudentTGivenDf, LogNormal, InverseGaussian,
                 Exponential, Weibull, SkewNormal, Tweedie>(all);
}

}  // namespace henderson
