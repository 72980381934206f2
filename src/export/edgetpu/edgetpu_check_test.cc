#include "export/edgetpu/edgetpu_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export/tflite/tflite_export.h"
#include "ir/text.h"

namespace whet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

EdgeTpuReport ReportOf(std::string_view text) {
  auto graph = ParseText(text);
  if (!graph.ok()) {
    ADD_FAILURE() << graph.status().ToString();
    return {};
  }
  auto bytes = ExportTfliteBytes(**graph);
  if (!bytes.ok()) {
    ADD_FAILURE() << bytes.status().ToString();
    return {};
  }
  auto report = CheckEdgeTpu(*bytes);
  if (!report.ok()) {
    ADD_FAILURE() << report.status().ToString();
    return {};
  }
  return std::move(*report);
}

// Quantized x of that shape, then `body`, which makes %r of %x and says its shape.
std::string Quantized(const std::string& shape, const std::string& body, const std::string& result) {
  return "graph \"g\" {\n  input %in i8[" + shape +
         "]\n  const %s f32[] = [0.5]\n  const %z i8[] = [0]\n  %x f32[" + shape +
         "] = DequantizeLinear(%in, %s, %z) @\"x\"\n  " + body + "\n  %y i8[" + result +
         "] = QuantizeLinear(%r, %s, %z) @\"y\"\n  output %y\n}";
}

TEST(EdgeTpu, RealsAreAtTheBorderOnly) {
  const EdgeTpuReport report = ReportOf(R"(graph "g" {
  input %x f32[1,4,4,8]
  const %s f32[] = [0.5]
  const %z i8[] = [0]
  %q i8[1,4,4,8] = QuantizeLinear(%x, %s, %z) @"q"
  %d f32[1,4,4,8] = DequantizeLinear(%q, %s, %z) @"d"
  %a f32[1,4,4,8] = Add(%d, %d) @"a"
  %aq i8[1,4,4,8] = QuantizeLinear(%a, %s, %z) @"aq"
  %y f32[1,4,4,8] = DequantizeLinear(%aq, %s, %z) @"y"
  output %y
})");
  ASSERT_EQ(report.operators.size(), 3u);
  EXPECT_TRUE(report.operators[0].border);
  EXPECT_TRUE(report.operators[1].mapped) << report.operators[1].reason;
  EXPECT_TRUE(report.operators[2].border);
  EXPECT_TRUE(report.all_mapped());
  EXPECT_EQ(report.mapped(), 1u);
}

TEST(EdgeTpu, NothingIsMappedAfterTheFirstThatIsNot) {
  const EdgeTpuReport report = ReportOf(R"(graph "g" {
  input %in i8[1,8]
  const %s f32[] = [0.5]
  const %z i8[] = [0]
  %x f32[1,8] = DequantizeLinear(%in, %s, %z) @"x"
  %a f32[1,8] = Add(%x, %x) @"a"
  %aq i8[1,8] = QuantizeLinear(%a, %s, %z) @"aq"
  %ar f32[1,8] = DequantizeLinear(%aq, %s, %z) @"ar"
  %b f32[1,8] = HardSwish(%ar) @"b"
  %bq i8[1,8] = QuantizeLinear(%b, %s, %z) @"bq"
  %br f32[1,8] = DequantizeLinear(%bq, %s, %z) @"br"
  %c f32[1,8] = Mul(%br, %br) @"c"
  %cq i8[1,8] = QuantizeLinear(%c, %s, %z) @"cq"
  output %cq
})");
  ASSERT_EQ(report.operators.size(), 3u);
  EXPECT_TRUE(report.operators[0].mapped) << report.operators[0].reason;
  EXPECT_THAT(report.operators[1].reason, HasSubstr("does not have the operator"));
  EXPECT_FALSE(report.operators[2].mapped);
  EXPECT_THAT(report.operators[2].reason, HasSubstr("after 'bq'"));
  EXPECT_FALSE(report.all_mapped());
}

TEST(EdgeTpu, LimitsOfOperators) {
  struct Case {
    std::string shape, body, result, reason;  // an empty reason: it is mapped
  };
  const Case cases[] = {
      {"1,4,4,8", "%r f32[1,4,4,8] = Tanh(%x) @\"r\"", "1,4,4,8", ""},
      {"2,4,4,8", "%r f32[2,4,4,8] = Add(%x, %x) @\"r\"", "2,4,4,8", "3 innermost dimensions"},
      {"N,8", "%r f32[N,8] = Add(%x, %x) @\"r\"", "N,8", "not fixed"},
      {"4,8", "%r f32[4,8] = Softmax(%x) {axis = -1} @\"r\"", "4,8", "more than one dimension"},
      {"1,8", "%r f32[1,8] = Softmax(%x) {axis = -1} @\"r\"", "1,8", ""},
      {"1,16001", "%r f32[1,16001] = Softmax(%x) {axis = -1} @\"r\"", "1,16001", "16000 elements"},
      {"1,4,4,6", "const %i i64[1] = [3]\n  %r f32[1,4,4,1] = ReduceMean(%x, %i) @\"r\"", "1,4,4,1",
       "multiple of 4"},
      {"1,4,4,8", "const %i i64[1] = [3]\n  %r f32[1,4,4,1] = ReduceMean(%x, %i) @\"r\"", "1,4,4,1", ""},
      {"1,4,4,8", "const %i i64[1] = [0]\n  %r f32[1,4,4,8] = ReduceMax(%x, %i) @\"r\"", "1,4,4,8",
       "the batch"},
  };
  for (const Case& c : cases) {
    const EdgeTpuReport report = ReportOf(Quantized(c.shape, c.body, c.result));
    ASSERT_FALSE(report.operators.empty()) << c.body;
    if (c.reason.empty()) {
      EXPECT_TRUE(report.operators[0].mapped) << c.body << ": " << report.operators[0].reason;
    } else {
      EXPECT_FALSE(report.operators[0].mapped) << c.body;
      EXPECT_THAT(report.operators[0].reason, HasSubstr(c.reason)) << c.body;
    }
  }
}

TEST(EdgeTpu, RealModelsAreNotMapped) {
  const EdgeTpuReport report = ReportOf(R"(graph "g" {
  input %x f32[1,8]
  %y f32[1,8] = Add(%x, %x) @"y"
  output %y
})");
  ASSERT_EQ(report.operators.size(), 1u);
  EXPECT_THAT(report.operators[0].reason, HasSubstr("FLOAT32"));
}

TEST(EdgeTpu, OtherBytesAreRefused) {
  EXPECT_FALSE(CheckEdgeTpu({}).ok());
  const std::vector<std::byte> bytes(64);
  EXPECT_FALSE(CheckEdgeTpu(bytes).ok());
}

}  // namespace
}  // namespace whet
