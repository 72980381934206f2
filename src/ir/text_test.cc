#include "ir/text.h"

#include <gtest/gtest.h>

#include "ir/builder.h"
#include "ir/verify.h"

namespace whet {
namespace {

std::unique_ptr<Graph> Parsed(std::string_view text) {
  auto graph = ParseText(text);
  EXPECT_TRUE(graph.ok()) << (graph.ok() ? "" : graph.status().ToString());
  return graph.ok() ? std::move(*graph) : nullptr;
}

std::string ErrorOf(std::string_view text) {
  auto graph = ParseText(text);
  return graph.ok() ? "" : graph.status().ToString();
}

constexpr std::string_view kAll = R"(graph "all of it" {
  metadata "labels" = "cat\ndog \"x\" \\ \x01"
  input %x f32[N,?,3,?[1..4],"a b"[2..]]
  input %"a b" f32[*]
  input %h f32[1]
  input %many seq(f32[?,3])
  input %maybe optional(string[*])
  input %both optional(seq(i64[]))
  const %nan f32[1] = hex:0100c07f
  const %c f32[2,2] = [1, -0.5, 1e-10, inf]
  const %words string[2,2] = ["", "a \"b\"\n", "\x00\x7f\\", "é"]
  const %i i64[] = [-9223372036854775808]
  const %half f16[2] = hex:003c00c0
  const %four i4[3] = hex:2103
  const %empty u8[0] = []
  const %flag bool[2] = [0, 1]
  %y:0 f32[?,N,3,?[1..4],"a b"[2..]] = Transpose(%x) {perm = ints[1, 0, 2, 3, 4]} @"node/1"
  %z f32[1] = Add(%h, %nan) @""
  output %y:0
  output %c
  state "h" = %h -> %z from f32[1] = [0.1]
}
)";

TEST(Text, ParsesAndPrintsTheSame) {
  const auto graph = Parsed(kAll);
  ASSERT_NE(graph, nullptr);
  EXPECT_EQ(ToText(*graph), kAll);
  EXPECT_EQ(ToText(*graph->Clone()), kAll);
  EXPECT_EQ(graph->metadata.at("labels"), "cat\ndog \"x\" \\ \x01");
  const auto& dims = graph->inputs()[0]->type.dims;
  EXPECT_EQ(dims[0], Dim::Symbol("N"));
  EXPECT_EQ(dims[3], Dim(1, 4));
  EXPECT_EQ(dims[4], Dim::Symbol("a b", 2));
}

TEST(Text, AttributesKeepTheirKindAndEveryBit) {
  const auto graph = Parsed(R"(graph "" {
  input %x f32[2,3]
  %y f32[3,2] = Transpose(%x) {perm = ints[1, 0]} @"t"
  output %y
})");
  ASSERT_NE(graph, nullptr);
  // Kinds that no operator here has: printed and scanned without the verifier's help.
  Node& node = *graph->nodes().front();
  node.attributes = {{"a", int64_t{-3}},
                     {"b", 0.1},
                     {"c", static_cast<double>(0.1f)},
                     {"d", 3.0},
                     {"e", std::string("x\"\n")},
                     {"f", std::vector<double>{1, -0.0, 1e300}},
                     {"g", std::vector<std::string>{}}};
  const std::string text = ToText(*graph);
  EXPECT_NE(text.find("{a = -3, b = 0.1, c = 0.1f, d = 3.0, e = \"x\\\"\\n\", f = floats[1.0, -0.0, 1e+300], "
                      "g = strings[]}"),
            std::string::npos)
      << text;
}

TEST(Text, LargeConstantsCanBeLeftOutForDisplay) {
  const auto graph = Parsed(R"(graph "" {
  const %c f32[3] = [1, 2, 3]
  output %c
})");
  ASSERT_NE(graph, nullptr);
  const std::string text = ToText(*graph, {.elide_above = 2});
  EXPECT_NE(text.find("= <12 bytes>"), std::string::npos);
  EXPECT_NE(ErrorOf(text).find("left out"), std::string::npos);
  EXPECT_EQ(ToText(*graph, {.elide_above = 3}), ToText(*graph));
}

TEST(Text, SequencesAndStringsMustBeWhatTheyClaim) {
  const auto error = [](const std::string& line) { return ErrorOf("graph \"\" {\n  " + line + "\n}"); };
  EXPECT_NE(error("input %x seq(seq(f32[*]))").find("no element type 'seq'"), std::string::npos);
  EXPECT_NE(error("input %x seq(optional(f32[*]))").find("no element type 'optional'"), std::string::npos);
  EXPECT_NE(error("input %x seq(f32[*]").find("expected ')'"), std::string::npos);
  EXPECT_NE(error("const %c seq(f32[1]) = [1]").find("must be known"), std::string::npos);
  EXPECT_NE(error("const %c string[2] = [\"a\"]").find("has 1 elements"), std::string::npos);
  EXPECT_NE(error("const %c string[1] = [1]").find("expected '\"'"), std::string::npos);
  EXPECT_NE(error("const %c string[1] = hex:00000000000000000000000000000000").find("expected '['"),
            std::string::npos);
  EXPECT_NE(error("input %x f32[1]\n %y seq(f32[1]) = Relu(%x) @\"r\"").find("but the operator gives"),
            std::string::npos);
}

TEST(Text, ErrorsNameTheLine) {
  EXPECT_NE(ErrorOf("graph \"\" {\n  input %x f33[1]\n}").find("line 2: there is no element type 'f33'"),
            std::string::npos);
  EXPECT_NE(ErrorOf("graph \"\" {\n  output %x\n}").find("line 2: there is no value '%x'"),
            std::string::npos);
  EXPECT_NE(ErrorOf("graph \"\" {\n input %x f32[1]\n input %x f32[1]\n}").find("line 3: two values"),
            std::string::npos);
  EXPECT_NE(ErrorOf(R"(graph "" {
  input %c bool[]
  input %x f32[2]
  %y f32[2] = If(%c) @"if" with graph "then" {
    %r f32[2] = Relu(%x) @"r"
    output %r
  } graph "else" {
    output %r
  }
})")
                .find("line 8: '%r' is a value of a subgraph that has ended"),
            std::string::npos);
  EXPECT_NE(ErrorOf("graph \"\" {\n  %y f32[1] = Nothing() @\"\"\n}").find("no operator 'Nothing'"),
            std::string::npos);
  EXPECT_NE(ErrorOf("graph \"\" {").find("the text ends"), std::string::npos);
  EXPECT_NE(ErrorOf("").find("expected 'graph'"), std::string::npos);
}

TEST(Text, ConstantsMustBeWhatTheyClaim) {
  const auto error = [](std::string constant) {
    return ErrorOf("graph \"\" {\n  const %c " + constant + "\n}");
  };
  EXPECT_NE(error("f32[4294967296] = [1]").find("has 1 elements"), std::string::npos);
  EXPECT_NE(error("f32[1048576,1048576,1048576] = hex:").find("not too large"), std::string::npos);
  EXPECT_NE(error("f32[?] = [1]").find("must be known"), std::string::npos);
  EXPECT_NE(error("f32[2] = hex:00000000").find("more or fewer"), std::string::npos);
  EXPECT_NE(error("bool[1] = [2]").find("0 or 1"), std::string::npos);
  EXPECT_NE(error("i8[1] = [200]").find("number in range"), std::string::npos);
}

TEST(Text, WhatIsParsedIsVerified) {
  EXPECT_NE(ErrorOf(R"(graph "" {
  input %x f32[2,3]
  %y f32[2,3] = Transpose(%x) {perm = ints[1, 0]} @"t"
})")
                .find("but the operator gives f32[3,2]"),
            std::string::npos);
  EXPECT_NE(ErrorOf(R"(graph "" {
  input %x f32[2,3]
  %y f32[2,3] = Relu(%x) {wrong = 1} @"r"
})")
                .find("no attribute 'wrong'"),
            std::string::npos);
}

TEST(Text, NestingIsBounded) {
  std::string text = "graph \"\" {\n input %x f32[1]\n";
  for (int i = 0; i < 100000; ++i)
    text += "%y" + std::to_string(i) + " f32[1] = Relu(%x) @\"\" with graph \"\" {\n";
  EXPECT_NE(ErrorOf(text).find("nested too deep"), std::string::npos);
}

}  // namespace
}  // namespace whet
