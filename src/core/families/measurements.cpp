// Families of measurements.
#include "gamma.hpp"
#include "gaussian.hpp"
#include "inverse_gaussian.hpp"
#include "lognormal.hpp"
#include "student_t.hpp"
#include "kernel.hpp"

namespace henderson {

void add_measurements(std::vector<FamilyKernels>& all) {
    add_families<Gaussian, Gamma, StudentT, StudentTGivenDf, LogNormal, InverseGaussian>(all);
}

}  // namespace henderson
