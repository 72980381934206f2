#include "base/status.h"

#include <gtest/gtest.h>

namespace whet {
namespace {

TEST(Status, IsOnePointerWideAndOkByDefault) {
  static_assert(sizeof(Status) == sizeof(void*));
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(Status().ToString(), "ok");
}

TEST(Status, PutsThePlaceBeforeTheMessageFromTheOutsideIn) {
  Status status = Error(Code::kBadFile, "has %d entries", 3);
  status = std::move(status).At("node 'conv1' (Conv)");
  status = std::move(status).At("model.onnx");
  EXPECT_EQ(status.code(), Code::kBadFile);
  EXPECT_EQ(status.ToString(), "model.onnx: node 'conv1' (Conv): has 3 entries");
}

Result<int> Half(int x) {
  if (x % 2 != 0) return Error(Code::kInvalidArgument, "%d is odd", x);
  return x / 2;
}

Result<int> Quarter(int x) {
  WHET_ASSIGN_OR_RETURN(int half, Half(x));
  return Half(half);
}

TEST(Result, CarriesAValueOrTheErrorThatStoppedIt) {
  EXPECT_EQ(*Quarter(12), 3);
  EXPECT_EQ(Quarter(6).TakeStatus().ToString(), "3 is odd");
}

}  // namespace
}  // namespace whet
