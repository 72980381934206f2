#include "fleet/tuf/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace whet::fleet {
namespace {

std::string Canonical(std::string_view text) {
  auto value = ParseJson(text);
  EXPECT_TRUE(value.ok()) << value.status().ToString();
  auto canonical = CanonicalJson(*value);
  EXPECT_TRUE(canonical.ok());
  return *canonical;
}

TEST(Json, CanonicalFormSortsAndEscapesOnlyQuoteAndBackslash) {
  EXPECT_EQ(Canonical(R"( { "b" : [1, -2, true, null], "a" : {} } )"), R"({"a":{},"b":[1,-2,true,null]})");
  EXPECT_EQ(Canonical(R"({"t":"a\"b\\c\n\u00e9"})"), "{\"t\":\"a\\\"b\\\\c\n\xc3\xa9\"}");
  EXPECT_EQ(Canonical("18446744073709551615"), "18446744073709551615");
  // By code point: U+FF5E before U+1F600, which UTF-16 would have the other way round.
  EXPECT_EQ(Canonical(R"({"\ud83d\ude00":1,"\uff5e":2})"), "{\"\xef\xbd\x9e\":2,\"\xf0\x9f\x98\x80\":1}");
}

TEST(Json, NumbersThatAreNotIntegersHaveNoCanonicalForm) {
  for (const char* text : {"1.5", "1e3", "99999999999999999999999"}) {
    auto value = ParseJson(text);
    ASSERT_TRUE(value.ok()) << text;
    EXPECT_FALSE(CanonicalJson(*value).ok()) << text;
  }
}

TEST(Json, RefusesWhatIsNotOneValue) {
  for (const char* text : {"", "{", "{} {}", "nul", "{\"a\":1,}", "\"\xff\"", "[1 2]"}) {
    EXPECT_EQ(ParseJson(text).status().code(), Code::kBadFile) << text;
  }
}

TEST(Json, RefusesANameTwiceInOneObjectOnly) {
  EXPECT_FALSE(ParseJson(R"({"a":1,"a":2})").ok());
  EXPECT_FALSE(ParseJson(R"({"x":{"a":1,"b":{},"a":2}})").ok());
  EXPECT_TRUE(ParseJson(R"({"a":{"a":1},"b":{"a":1}})").ok());
  EXPECT_TRUE(ParseJson(R"([{"a":1},{"a":1}])").ok());
}

TEST(Json, DepthAndSizeAreLimitedBeforeAnythingIsBuilt) {
  const std::string deep = std::string(1000000, '[') + std::string(1000000, ']');
  EXPECT_EQ(ParseJson(deep).status().code(), Code::kLimitExceeded);
  EXPECT_EQ(ParseJson(std::string(1000, '['), {1000, 24}).status().code(), Code::kLimitExceeded);
  EXPECT_EQ(ParseJson("[1,2,3]", {6, 24}).status().code(), Code::kLimitExceeded);
  EXPECT_TRUE(ParseJson(R"({"a":"[[[[[[\"[[["})", {100, 1}).ok());
}

TEST(Json, TimesAreOfOneForm) {
  EXPECT_EQ(*ParseUtcTime("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(*ParseUtcTime("2000-02-29T23:59:59Z"), 951868799);
  for (const int64_t seconds : {int64_t{0}, int64_t{951868799}, int64_t{1795723200}, int64_t{253402300799}}) {
    EXPECT_EQ(*ParseUtcTime(FormatUtcTime(seconds)), seconds);
  }
  EXPECT_EQ(FormatUtcTime(-1), "1969-12-31T23:59:59Z");
  for (const char* text : {"", "2026-11-26", "2026-11-26T20:00:00", "2026-11-26 20:00:00Z",
                           "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-26T24:00:00Z",
                           "2026-11-26T20:00:00+00:00", "2026-11-26T20:00:00.5Z", "20x6-11-26T20:00:00Z"}) {
    EXPECT_FALSE(ParseUtcTime(text).ok()) << text;
  }
}

TEST(Json, HexBothWays) {
  EXPECT_EQ(ToHex(std::vector<uint8_t>{0, 0x7f, 0xff}), "007fff");
  EXPECT_EQ(*FromHex("007FfF"), (std::vector<uint8_t>{0, 0x7f, 0xff}));
  EXPECT_FALSE(FromHex("0").ok());
  EXPECT_FALSE(FromHex("0g").ok());
}

}  // namespace
}  // namespace whet::fleet
