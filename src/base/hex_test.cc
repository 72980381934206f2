#include "base/hex.h"

#include <gtest/gtest.h>

namespace whet {
namespace {

TEST(Hex, BothWays) {
  EXPECT_EQ(ToHex(std::vector<uint8_t>{0, 0x7f, 0xff}), "007fff");
  EXPECT_EQ(*FromHex("007FfF"), (std::vector<uint8_t>{0, 0x7f, 0xff}));
  EXPECT_FALSE(FromHex("0").ok());
  EXPECT_FALSE(FromHex("0g").ok());
}

}  // namespace
}  // namespace whet
