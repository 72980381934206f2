#include "fleet/json/json.h"

#include <gtest/gtest.h>

#include "fleet/json/nlohmann.h"

namespace whet::fleet {
namespace {

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

TEST(Json, AMemberThatIsNotThereIsNull) {
  const auto object = *ParseJson(R"({"a": 1, "b": null})");
  EXPECT_EQ(JsonMember(object, "a"), 1);
  EXPECT_TRUE(JsonMember(object, "b").is_null());
  EXPECT_TRUE(JsonMember(object, "c").is_null());
  EXPECT_TRUE(JsonMember(JsonMember(object, "a"), "x").is_null());
  EXPECT_FALSE(JsonString(object, "b").ok());
  EXPECT_FALSE(JsonUnsigned(*ParseJson("[1]"), "b").ok());
}

}  // namespace
}  // namespace whet::fleet
