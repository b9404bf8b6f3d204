// The logarithm of a product of many positive numbers, with few logarithms.
#pragma once
#include <cmath>

namespace henderson {

class LogProduct {
  public:
    void multiply(double factor) {
        product_ *= factor;
        if (!(product_ < 1e150 && product_ > 1e-150)) settle();
    }
    double logarithm() {
        settle();
        return sum_;
    }

  private:
    void settle() {
        sum_ += std::log(product_);
        product_ = 1;
    }
    double sum_ = 0, product_ = 1;
};

}  // namespace henderson
