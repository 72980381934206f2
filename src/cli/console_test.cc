#include "cli/console.h"

#include <gtest/gtest.h>

namespace whet::cli {
namespace {

TEST(Table, AlignsColumns) {
  Table table({"what", "n"}, {1});
  table.Add({"caf\xc3\xa9", "7"});
  table.Add({"x", "123"});
  EXPECT_EQ(table.ToString(), "what    n\ncaf\xc3\xa9    7\nx     123\n");
  EXPECT_EQ(table.ToMarkdown(), "| what | n |\n|---|--:|\n| caf\xc3\xa9 | 7 |\n| x | 123 |\n");
}

TEST(FormatBytes, UsesThreeDigits) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1250), "1.25 kB");
  EXPECT_EQ(FormatBytes(12500000), "12.5 MB");
  EXPECT_EQ(FormatCount(312), "312");
  EXPECT_EQ(FormatCount(4.1e9), "4.10 G");
}

}  // namespace
}  // namespace whet::cli
