#include "base/utc_time.h"

#include <gtest/gtest.h>

namespace whet {
namespace {

TEST(UtcTime, IsOfOneForm) {
  EXPECT_EQ(*ParseUtcTime("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(*ParseUtcTime("2000-02-29T23:59:59Z"), 951868799);
  for (const int64_t seconds : {int64_t{0}, int64_t{951868799}, int64_t{1795723200}, int64_t{253402300799}}) {
    EXPECT_EQ(*ParseUtcTime(FormatUtcTime(seconds)), seconds);
  }
  EXPECT_EQ(FormatUtcTime(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(FormatUtcTime(INT64_MAX), "9999-12-31T23:59:59Z");
  EXPECT_EQ(FormatUtcTime(INT64_MIN), "0000-01-01T00:00:00Z");
  for (const char* text : {"", "2026-11-26", "2026-11-26T20:00:00", "2026-11-26 20:00:00Z",
                           "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-26T24:00:00Z",
                           "2026-11-26T20:00:00+00:00", "2026-11-26T20:00:00.5Z", "20x6-11-26T20:00:00Z"}) {
    EXPECT_FALSE(ParseUtcTime(text).ok()) << text;
  }
}

}  // namespace
}  // namespace whet
