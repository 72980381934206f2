#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/text.h"
#include "ops/reference_test_common.h"
#include "ops/string_common.h"

namespace whet::ops {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Texts = std::vector<std::string>;

TensorPtr MakeStrings(const Shape& shape, const Texts& texts) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return Constant::Strings(shape, views);
}
TensorPtr MakeStrings(const Texts& texts) {
  return MakeStrings(Shape{static_cast<int64_t>(texts.size())}, texts);
}

// The results of the one node `node` of inputs %a, %b …, whose types are any.
Result<std::vector<TensorPtr>> Evaluated(const std::string& node, std::vector<TensorPtr> inputs) {
  std::string text = "graph \"g\" {\n";
  for (size_t i = 0; i < inputs.size(); ++i) {
    text += Format("input %%%c %s[*]\n", static_cast<int>('a' + i),
                   std::string(DTypeName(inputs[i]->dtype())).c_str());
  }
  WHET_ASSIGN_OR_RETURN(const auto graph, ParseText(text + node + "\noutput %y\n}\n"));
  return EvaluateNode(*graph->nodes().back(), inputs);
}

Texts TextsOf(const Result<std::vector<TensorPtr>>& results) {
  EXPECT_TRUE(results.ok()) << results.status().ToString();
  if (!results.ok()) return {};
  const auto strings = (*results)[0]->strings();
  return {strings.begin(), strings.end()};
}

Texts Changed(const Texts& texts, StringCase to) {
  Texts changed;
  for (const std::string& text : texts) AppendInCase(text, to, &changed.emplace_back());
  return changed;
}

TEST(Strings, ChangeCaseAsInEnUs) {
  EXPECT_THAT(Changed({"Az09[`{", "éÿñß÷×", "šžŸ", "αωςΆ", "жёї", "ա", "ạ", "ｚ"}, StringCase::kUpper),
              ElementsAre("AZ09[`{", "ÉŸÑß÷×", "ŠŽŸ", "ΑΩςΆ", "ЖЁЇ", "Ա", "Ạ", "Ｚ"));
  EXPECT_THAT(Changed({"Az09[`{", "ÉŸÑß÷×", "ŠŽ", "ΑΩΆΏ", "ЖЁЇ", "Ա", "Ạ", "Ｚ"}, StringCase::kLower),
              ElementsAre("az09[`{", "éÿñß÷×", "šž", "αωάώ", "жёї", "ա", "ạ", "ｚ"));
  // Not UTF-8: a lone continuation, a lead byte without the rest, an impossible byte.
  EXPECT_THAT(Changed({"a\x80z", "a\xc3", "\xe2\x82z", "\xffz"}, StringCase::kUpper),
              ElementsAre("A\x80Z", "A\xc3", "\xe2\x82Z", "\xffZ"));
  EXPECT_THAT(Changed({"aÉ\xff"}, StringCase::kSame), ElementsAre("aÉ\xff"));
}

TEST(Strings, NumbersAsText) {
  EXPECT_EQ(TextsOf(Evaluated("%y string[*] = Cast(%a) {to = 8} @\"n\"",
                              {MakeTensor({{6}, {0.1, -2, 1e-5, 3e38, HUGE_VAL, NAN}})})),
            (Texts{"0.1", "-2", "0.00001", "300000000549775575777803994281145270272", "INF", "NaN"}));
  EXPECT_EQ(
      TextsOf(Evaluated("%y string[*] = Cast(%a) {to = 8} @\"n\"", {MakeTensor({{2}, {-9, 7}, DType::kI8})})),
      (Texts{"-9", "7"}));
  const uint64_t most = UINT64_MAX;
  EXPECT_EQ(TextsOf(Evaluated("%y string[*] = Cast(%a) {to = 8} @\"n\"",
                              {Constant::Copy(DType::kU64, Shape{}, &most)})),
            (Texts{"18446744073709551615"}));
}

TEST(Strings, TextAsNumbers) {
  const std::string to_f32 = "%y f32[*] = Cast(%a) {to = 1} @\"n\"";
  auto floats =
      Evaluated(to_f32, {MakeStrings({"3.14", "1e-5", "+1E8", "-INF", "+inf", "nAn", "1e99", "-.5"})});
  ASSERT_TRUE(floats.ok()) << floats.status().ToString();
  const float* values = (*floats)[0]->view().as<float>();
  EXPECT_EQ(values[0], 3.14f);
  EXPECT_EQ(values[1], 1e-5f);
  EXPECT_EQ(values[2], 1e8f);
  EXPECT_EQ(values[3], -HUGE_VALF);
  EXPECT_EQ(values[4], HUGE_VALF);
  EXPECT_TRUE(std::isnan(values[5]));
  EXPECT_EQ(values[6], HUGE_VALF);
  EXPECT_EQ(values[7], -0.5f);
  for (const char* wrong : {"", "x", "1x", "--1", "+-1", " 1", "infinity", "nan(1)", "0x10", "-"}) {
    EXPECT_THAT(Evaluated(to_f32, {MakeStrings({"1", wrong})}).status().ToString(),
                HasSubstr("is not a number"))
        << wrong;
  }
  auto ints = Evaluated("%y i64[*] = Cast(%a) {to = 7} @\"n\"",
                        {MakeStrings({"-9223372036854775808", "100.5", "+7"})});
  ASSERT_TRUE(ints.ok()) << ints.status().ToString();
  EXPECT_EQ(IntsOf((*ints)[0]->view()), (std::vector<int64_t>{INT64_MIN, 100, 7}));
  auto wide = Evaluated("%y u64[*] = Cast(%a) {to = 13} @\"n\"", {MakeStrings({"18446744073709551615"})});
  ASSERT_TRUE(wide.ok()) << wide.status().ToString();
  EXPECT_EQ((*wide)[0]->view().as<uint64_t>()[0], UINT64_MAX);
}

TEST(Strings, NormalizerDropsStopwords) {
  const Texts days = {"Monday", "tuesday", "MONDAY", "Žid"};
  EXPECT_EQ(TextsOf(Evaluated("%y string[*] = StringNormalizer(%a) {case_change_action = \"UPPER\", "
                              "stopwords = strings[\"monday\"]} @\"n\"",
                              {MakeStrings(days)})),
            (Texts{"TUESDAY", "ŽID"}));
  EXPECT_EQ(TextsOf(Evaluated("%y string[*] = StringNormalizer(%a) {is_case_sensitive = 1, "
                              "stopwords = strings[\"Monday\", \"žid\"]} @\"n\"",
                              {MakeStrings(days)})),
            (Texts{"tuesday", "MONDAY", "Žid"}));
  auto none = Evaluated("%y string[*] = StringNormalizer(%a) {stopwords = strings[\"a\"]} @\"n\"",
                        {MakeStrings(Shape{1, 2}, {"a", "A"})});
  EXPECT_EQ(TextsOf(none), Texts{""});
  EXPECT_EQ((*none)[0]->shape(), (Shape{1, 1}));
  EXPECT_THAT(Evaluated("%y string[*] = StringNormalizer(%a) @\"n\"", {MakeStrings(Shape{2, 1}, {"a", "b"})})
                  .status()
                  .ToString(),
              HasSubstr("[C] or [1,C]"));
  EXPECT_THAT(
      Evaluated("%y string[*] = StringNormalizer(%a) {locale = \"tr_TR\"} @\"n\"", {MakeStrings({"i"})})
          .status()
          .ToString(),
      HasSubstr("the locale 'tr_TR'"));
}

TEST(Strings, ConcatBroadcasts) {
  EXPECT_EQ(TextsOf(Evaluated("%y string[*] = StringConcat(%a, %b) @\"n\"",
                              {MakeStrings(Shape{2, 1}, {"a", "b"}), MakeStrings({"", "x", "yz"})})),
            (Texts{"a", "ax", "ayz", "b", "bx", "byz"}));
}

TEST(Strings, SplitFillsUp) {
  const auto split = [&](const std::string& attributes, const Texts& texts) {
    return Evaluated("%y string[*], %n i64[*] = StringSplit(%a) " + attributes + " @\"n\"",
                     {MakeStrings(texts)});
  };
  auto spaces = split("", {"  a b\t c ", "", "d"});
  EXPECT_EQ(TextsOf(spaces), (Texts{"a", "b", "c", "", "", "", "d", "", ""}));
  EXPECT_EQ(IntsOf((*spaces)[1]->view()), (std::vector<int64_t>{3, 0, 1}));
  EXPECT_EQ(TextsOf(split("{maxsplit = 1}", {" a  b c "})), (Texts{"a", "b c "}));
  EXPECT_EQ(TextsOf(split("{delimiter = \"--\"}", {"a----b--", ""})),
            (Texts{"a", "", "b", "", "", "", "", ""}));
  EXPECT_EQ(TextsOf(split("{delimiter = \",\", maxsplit = 1}", {"a,b,c"})), (Texts{"a", "b,c"}));
}

// Operators that move elements about move strings too, and the results own their characters.
TEST(Strings, MoveLikeOtherElements) {
  auto moved = [] {
    const std::vector<int64_t> order = {2, 0};
    auto results = Evaluated(
        "%y string[*] = Gather(%a, %b) @\"n\"",
        {MakeStrings({"a text that is too long to be stored in place", "b", "c"}), Constant::Ints(order)});
    return TextsOf(results);
  }();
  EXPECT_EQ(moved, (Texts{"c", "a text that is too long to be stored in place"}));
  EXPECT_EQ(TextsOf(Evaluated("%y string[*] = Concat(%a, %b) {axis = 0} @\"n\"",
                              {MakeStrings({"a"}), MakeStrings({"b", "c"})})),
            (Texts{"a", "b", "c"}));
  EXPECT_EQ(TextsOf(Evaluated("%y string[*] = Transpose(%a) {perm = ints[1, 0]} @\"n\"",
                              {MakeStrings(Shape{2, 2}, {"a", "b", "c", "d"})})),
            (Texts{"a", "c", "b", "d"}));
  auto equal = Evaluated("%y bool[*] = Equal(%a, %b) @\"n\"", {MakeStrings({"a", "b"}), MakeStrings({"b"})});
  ASSERT_TRUE(equal.ok()) << equal.status().ToString();
  EXPECT_EQ(IntsOf((*equal)[0]->view()), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(TextsOf(Evaluated("%y string[*], %i i64[*], %v i64[*], %c i64[*] = Unique(%a) @\"n\"",
                              {MakeStrings({"b", "a", "b"})})),
            (Texts{"a", "b"}));
}

TEST(Strings, OperatorsOfNumbersRefuseThem) {
  EXPECT_THAT(Evaluated("%y string[*] = Relu(%a) @\"n\"", {MakeStrings({"a"})}).status().ToString(),
              HasSubstr("the operator takes numbers only"));
  EXPECT_THAT(Evaluated("%y string[*] = EyeLike(%a) {dtype = 8} @\"n\"", {MakeTensor({{2, 2}, {1, 2, 3, 4}})})
                  .status()
                  .ToString(),
              HasSubstr("the operator gives numbers only"));
  EXPECT_THAT(Evaluated("%y bool[*] = Equal(%a, %b) @\"n\"", {MakeStrings({"a"}), MakeTensor({{1}, {1}})})
                  .status()
                  .ToString(),
              HasSubstr("strings are equal to strings only"));
}

}  // namespace
}  // namespace whet::ops
