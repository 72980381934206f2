#include "measure/peak.h"

#include <gtest/gtest.h>

namespace whet {
namespace {

TEST(Peak, IsFasterWithWiderVectors) {
  double narrower = 0;
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (!IsaSupported(isa)) continue;
    Result<double> peak = MeasurePeakGflops(isa, 1);
    ASSERT_TRUE(peak.ok());
    // A wide margin, for tests run on busy machines.
    EXPECT_GT(*peak, narrower * 0.5) << IsaName(isa);
    EXPECT_GT(*peak, 0.05);
    EXPECT_LT(*peak, 10000);
    narrower = *peak;
  }
}

}  // namespace
}  // namespace whet
