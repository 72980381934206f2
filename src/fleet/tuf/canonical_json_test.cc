#include "fleet/tuf/canonical_json.h"

#include <gtest/gtest.h>

#include "fleet/json/json.h"
#include "fleet/json/nlohmann.h"

namespace whet::fleet {
namespace {

std::string Canonical(std::string_view text) {
  auto value = ParseJson(text);
  EXPECT_TRUE(value.ok()) << value.status().ToString();
  auto canonical = CanonicalJson(*value);
  EXPECT_TRUE(canonical.ok());
  return *canonical;
}

TEST(CanonicalJson, CanonicalFormSortsAndEscapesOnlyQuoteAndBackslash) {
  EXPECT_EQ(Canonical(R"( { "b" : [1, -2, true, null], "a" : {} } )"), R"({"a":{},"b":[1,-2,true,null]})");
  EXPECT_EQ(Canonical(R"({"t":"a\"b\\c\n\u00e9"})"), "{\"t\":\"a\\\"b\\\\c\n\xc3\xa9\"}");
  EXPECT_EQ(Canonical("18446744073709551615"), "18446744073709551615");
  // By code point: U+FF5E before U+1F600, which UTF-16 would have the other way round.
  EXPECT_EQ(Canonical(R"({"\ud83d\ude00":1,"\uff5e":2})"), "{\"\xef\xbd\x9e\":2,\"\xf0\x9f\x98\x80\":1}");
}

TEST(CanonicalJson, NumbersThatAreNotIntegersHaveNoCanonicalForm) {
  for (const char* text : {"1.5", "1e3", "99999999999999999999999"}) {
    auto value = ParseJson(text);
    ASSERT_TRUE(value.ok()) << text;
    EXPECT_FALSE(CanonicalJson(*value).ok()) << text;
  }
}

}  // namespace
}  // namespace whet::fleet
