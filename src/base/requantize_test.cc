#include "base/requantize.h"

#include <gtest/gtest.h>

#include <limits>

namespace whet {
namespace {

TEST(Requantize, RoundsTiesToEvenAroundZeroNotAroundTheZeroPoint) {
  EXPECT_EQ(Requantize(5, 0.5f, 0, -128, 127), 2);
  EXPECT_EQ(Requantize(7, 0.5f, 0, -128, 127), 4);
  EXPECT_EQ(Requantize(-5, 0.5f, 0, -128, 127), -2);
  // 2.5 rounds to 2 and then moves to 3; 2.5 + 1 would round to 4.
  EXPECT_EQ(Requantize(5, 0.5f, 1, -128, 127), 3);
}

TEST(Requantize, Saturates) {
  EXPECT_EQ(Requantize(std::numeric_limits<int32_t>::max(), 1.0f, 5, -128, 127), 127);
  EXPECT_EQ(Requantize(std::numeric_limits<int32_t>::min(), 1.0f, 5, -128, 127), -128);
  EXPECT_EQ(Requantize(int64_t{1} << 50, 1e-3f, 0, -32768, 32767), 32767);
  EXPECT_EQ(Requantize(1000, 1.0f, 128, 128, 200), 200);  // ReLU and an upper bound
  EXPECT_EQ(Requantize(-1000, 1.0f, 128, 128, 200), 128);
}

TEST(Requantize, NumbersThatAreNoneBecomeTheLowest) {
  EXPECT_EQ(ToSteps(std::numeric_limits<float>::quiet_NaN(), 3, -128, 127), -128);
  EXPECT_EQ(Requantize(0, std::numeric_limits<float>::infinity(), 3, 0, 255), 0);
  EXPECT_EQ(ToSteps(std::numeric_limits<float>::infinity(), 3, 0, 255), 255);
}

TEST(Requantize, MultiplierIsRoundedAfterEachOperation) {
  const float x = 0.0235f, w = 0.00371f, y = 0.0519f;
  volatile float product = x * w;
  volatile float quotient = product / y;
  EXPECT_EQ(RequantizeMultiplier(x, w, y), quotient);
}

}  // namespace
}  // namespace whet
