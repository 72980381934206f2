#include "fleet/tuf/names.h"

#include <gtest/gtest.h>

namespace whet::fleet {
namespace {

TEST(Names, PatternsMatchAsShellsDoButNeverASlash) {
  EXPECT_TRUE(MatchesPattern("targets/*.tgz", "targets/foo.tgz"));
  EXPECT_FALSE(MatchesPattern("targets/*.tgz", "targets/foo.txt"));
  EXPECT_TRUE(MatchesPattern("foo-version-?.tgz", "foo-version-2.tgz"));
  EXPECT_FALSE(MatchesPattern("foo-version-?.tgz", "foo-version-alpha.tgz"));
  EXPECT_TRUE(MatchesPattern("*.tgz", "bar.tgz"));
  EXPECT_FALSE(MatchesPattern("*.tgz", "targets/foo.tgz"));
  EXPECT_FALSE(MatchesPattern("a?b", "a/b"));
  EXPECT_FALSE(MatchesPattern("a[!x]b", "a/b"));
  EXPECT_TRUE(MatchesPattern("models/detector/*/*", "models/detector/1.1.0/release.json"));
  EXPECT_FALSE(MatchesPattern("models/detector/*/*", "models/detector/1.1.0/a/release.json"));
  EXPECT_FALSE(MatchesPattern("models/detector/*/*", "models/detector2/1.1.0/release.json"));
}

TEST(Names, PatternsGoBackWhereTheyMust) {
  EXPECT_TRUE(MatchesPattern("*a*b", "aab"));
  EXPECT_TRUE(MatchesPattern("*ab/*cd", "xabab/cdcd"));
  EXPECT_FALSE(MatchesPattern("*ab/*cd", "xaba/cdcd"));
  EXPECT_TRUE(MatchesPattern("**", ""));
  EXPECT_FALSE(MatchesPattern("", "a"));
  EXPECT_FALSE(MatchesPattern("A", "a"));
  // Exponential for a matcher that tries everything.
  EXPECT_FALSE(MatchesPattern("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(1000, 'a')));
}

TEST(Names, Brackets) {
  EXPECT_TRUE(MatchesPattern("[a-c]x", "bx"));
  EXPECT_FALSE(MatchesPattern("[a-c]x", "dx"));
  EXPECT_TRUE(MatchesPattern("[!a-c]x", "dx"));
  EXPECT_TRUE(MatchesPattern("[]]x", "]x"));
  EXPECT_TRUE(MatchesPattern("[a", "[a"));
  EXPECT_TRUE(MatchesPattern("[]", "[]"));
  EXPECT_TRUE(MatchesPattern("[a-]", "-"));
}

TEST(Names, TargetPathsStayBelowTheirFolder) {
  for (const char* path : {"a", "models/detector/1.1.0/int8.whet", "..a/b..", ".hidden"}) {
    EXPECT_TRUE(IsSafeTargetPath(path)) << path;
  }
  for (const char* path :
       {"", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/..", "./a", "a/.", "a\\b", "a\nb"}) {
    EXPECT_FALSE(IsSafeTargetPath(path)) << path;
  }
  EXPECT_FALSE(IsSafeTargetPath(std::string_view("a\0b", 3)));
  EXPECT_FALSE(IsSafeTargetPath(std::string(1025, 'a')));
}

TEST(Names, RolesBecomeFileNamesWithoutSlashes) {
  EXPECT_EQ(RoleFileName("models/detector"), "models%2Fdetector.json");
  EXPECT_EQ(RoleFileName("../x"), "..%2Fx.json");
  EXPECT_EQ(RoleFileName("?#\xc3\xa9"), "%3F%23%C3%A9.json");
  EXPECT_FALSE(IsAllowedRoleName(""));
  EXPECT_FALSE(IsAllowedRoleName("root"));
  EXPECT_FALSE(IsAllowedRoleName("timestamp"));
  EXPECT_FALSE(IsAllowedRoleName(std::string(65, '/')));
  EXPECT_TRUE(IsAllowedRoleName("rollouts/stable"));
}

TEST(Names, HashesGoBeforeTheLastPart) {
  EXPECT_EQ(HashedTargetPath("a/b/c.bin", "12"), "a/b/12.c.bin");
  EXPECT_EQ(HashedTargetPath("c.bin", "12"), "12.c.bin");
  EXPECT_EQ(JoinUrl("http://h/m", "x"), "http://h/m/x");
  EXPECT_EQ(JoinUrl("http://h/m/", "x"), "http://h/m/x");
  EXPECT_EQ(PercentEncode("a b/c", true), "a%20b/c");
}

}  // namespace
}  // namespace whet::fleet
