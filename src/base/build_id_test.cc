#include "base/build_id.h"

#include <gtest/gtest.h>

namespace whet {
namespace {

TEST(BuildId, IsAHashOfTheProgram) {
  EXPECT_GE(BuildId().size(), 16u);
  EXPECT_EQ(BuildId().find_first_not_of("0123456789abcdef"), std::string::npos) << BuildId();
}

}  // namespace
}  // namespace whet
