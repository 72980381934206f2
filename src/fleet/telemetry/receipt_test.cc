#include "fleet/telemetry/receipt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace whet::fleet {
namespace {

const std::string kHash(64, 'a');

TEST(Receipt, ComesBackAsItWas) {
  const auto receipt = ParseReceipt(PrintReceipt({.sha256 = kHash, .status = 503}));
  ASSERT_TRUE(receipt.ok()) << receipt.status().ToString();
  EXPECT_EQ(receipt->sha256, kHash);
  EXPECT_EQ(receipt->status, 503);
}

TEST(Receipt, OfALaterServerIsRead) {
  const auto receipt = ParseReceipt(R"({"reason":{"code":1},"status":200,"sha256":")" + kHash + "\"}");
  ASSERT_TRUE(receipt.ok()) << receipt.status().ToString();
  EXPECT_EQ(receipt->status, 200);
}

TEST(Receipt, RefusesWhatIsNone) {
  const std::string good = PrintReceipt({.sha256 = kHash, .status = 200});
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[]"), std::string("null"), std::string("200"),
        good.substr(0, good.size() - 1), good + good, good + std::string(kMaxReceiptBytes, ' '),
        PrintReceipt({.sha256 = kHash.substr(1), .status = 200}),
        PrintReceipt({.sha256 = "A" + kHash.substr(1), .status = 200}),
        PrintReceipt({.sha256 = kHash, .status = 99}), PrintReceipt({.sha256 = kHash, .status = 600}),
        PrintReceipt({.sha256 = kHash, .status = -200}), R"({"status":"200","sha256":")" + kHash + "\"}",
        R"({"status":200.5,"sha256":")" + kHash + "\"}", R"({"status":200,"sha256":["])" + kHash + "\"]}",
        R"({"status":200,"status":400,"sha256":")" + kHash + "\"}", "{\"a\":" + std::string(900, '[')}) {
    EXPECT_FALSE(ParseReceipt(text).ok()) << text;
  }
}

}  // namespace
}  // namespace whet::fleet
