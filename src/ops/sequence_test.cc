#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/spelling.h"
#include "ir/text.h"
#include "ops/reference_test_common.h"
#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

using testing::HasSubstr;

// Reads a node of ONNX in `graph`; its first result.
Result<Value*> Import(Graph& graph, const char* op, std::vector<Value*> inputs, Attributes attributes = {}) {
  ForeignNode node;
  node.op_type = op;
  node.version = 17;
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  GraphBuilder builder(graph);
  for (const OpDef* def : AllOps()) {
    for (const OnnxSpelling& spelling : SpellingsOf(*def).onnx) {
      if (spelling.op_type != op) continue;
      if (spelling.import == nullptr) {
        WHET_RETURN_IF_ERROR(EmitSame(op, node, builder));
      } else {
        WHET_RETURN_IF_ERROR(spelling.import(node, builder));
      }
      return node.results[0];
    }
  }
  return Error(Code::kNotFound, "no operator %s", op);
}

// Sequences that are known while a model is read leave nothing in the Graph.
class KnownSequence : public testing::Test {
 protected:
  Value* Input(const char* name) { return graph_.AddInput(name, Type(DType::kF32, {Dim(2)})); }
  Value* At(int64_t position) { return GraphBuilder(graph_).Int(position); }
  Value* Take(Value* sequence, int64_t position) {
    auto taken = Import(graph_, "SequenceAt", {sequence, At(position)});
    EXPECT_TRUE(taken.ok()) << taken.status().ToString();
    if (!taken.ok() || !(*taken)->producer()->Is("Identity")) return nullptr;
    return (*taken)->producer()->input(0);
  }
  Graph graph_;
};

TEST_F(KnownSequence, InsertsErasesAndTakes) {
  Value *x = Input("x"), *y = Input("y"), *z = Input("z");
  auto two = Import(graph_, "SequenceConstruct", {x, y});
  ASSERT_TRUE(two.ok());
  auto three = Import(graph_, "SequenceInsert", {*two, z, At(-1)});
  ASSERT_TRUE(three.ok());
  EXPECT_EQ(Take(*three, 0), x);
  EXPECT_EQ(Take(*three, 1), z);
  EXPECT_EQ(Take(*three, -1), y);
  auto rest = Import(graph_, "SequenceErase", {*three, At(0)});
  ASSERT_TRUE(rest.ok());
  EXPECT_EQ(Take(*rest, 0), z);
  EXPECT_EQ(Take(*three, 0), x);
}

TEST_F(KnownSequence, PositionsOutsideAreErrors) {
  Value* x = Input("x");
  auto one = Import(graph_, "SequenceConstruct", {x});
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(Import(graph_, "SequenceAt", {*one, At(1)}).status().code(), Code::kBadFile);
  EXPECT_EQ(Import(graph_, "SequenceAt", {x, At(0)}).status().code(), Code::kBadFile);
  // What is made with one is not known, and the run says why.
  auto wrong = Import(graph_, "SequenceInsert", {*one, x, At(-2)});
  ASSERT_TRUE(wrong.ok()) << wrong.status().ToString();
  EXPECT_FALSE(KnownElements(*wrong).has_value());
}

TEST_F(KnownSequence, StaysInTheGraphWhereAPositionIsNotKnown) {
  auto one = Import(graph_, "SequenceConstruct", {Input("x")});
  Value* unknown = graph_.AddInput("position", Type(DType::kI64, {}));
  auto taken = Import(graph_, "SequenceAt", {*one, unknown});
  ASSERT_TRUE(taken.ok()) << taken.status().ToString();
  EXPECT_TRUE((*taken)->producer()->Is("SequenceAt"));
  EXPECT_EQ(ToString((*taken)->type), "f32[2]");
}

// Many readers of a long sequence take no longer than many nodes do.
TEST_F(KnownSequence, IsFollowedOnlySoFar) {
  Value* x = Input("x");
  Value* sequence = *Import(graph_, "SequenceEmpty", {});
  for (int i = 0; i < 1024; ++i) sequence = *Import(graph_, "SequenceInsert", {sequence, x});
  EXPECT_EQ(KnownElements(sequence)->size(), 1024u);
  sequence = *Import(graph_, "SequenceErase", {sequence});
  EXPECT_FALSE(KnownElements(sequence).has_value());
  Value* wide = *Import(graph_, "SequenceConstruct", std::vector<Value*>(5000, x));
  EXPECT_FALSE(KnownElements(wide).has_value());
}

TEST_F(KnownSequence, SplitsIntoPartsOfOneSize) {
  Value* x = graph_.AddInput("x", Type(DType::kF32, {Dim(5)}));
  auto parts = Import(graph_, "SplitToSequence", {x, At(2)});
  ASSERT_TRUE(parts.ok()) << parts.status().ToString();
  EXPECT_EQ((*parts)->producer()->inputs().size(), 3u);
  EXPECT_EQ(Take(*parts, 2)->type.dims[0], Dim(1));
}

TensorPtr Floats(std::vector<float> values) {
  return Constant::Vector(DType::kF32, std::span<const float>(values));
}
TensorPtr Int(int64_t value) { return Constant::Copy(DType::kI64, Shape{}, &value); }

// The first result of a Graph in text, or the error.
Result<Datum> Evaluated(const std::string& body, std::vector<Datum> inputs) {
  WHET_ASSIGN_OR_RETURN(const auto graph, ParseText("graph \"g\" {\n" + body + "}\n"));
  WHET_ASSIGN_OR_RETURN(std::vector<Datum> outputs, GraphEvaluator().RunAny(*graph, inputs));
  return std::move(outputs.at(0));
}

std::vector<std::vector<double>> ElementsOf(const Result<Datum>& datum) {
  EXPECT_TRUE(datum.ok()) << datum.status().ToString();
  std::vector<std::vector<double>> elements;
  if (!datum.ok()) return elements;
  EXPECT_TRUE(datum->IsSequence()) << ToString(*datum);
  if (!datum->IsSequence()) return elements;
  for (const TensorPtr& element : datum->elements()) elements.push_back(ReadTensor(element).values);
  return elements;
}

std::vector<double> ValuesOf(const Result<Datum>& datum) {
  EXPECT_TRUE(datum.ok()) << datum.status().ToString();
  if (!datum.ok() || datum->tensor() == nullptr) return {};
  return ReadTensor(datum->tensor()).values;
}

std::string ErrorOf(const Result<Datum>& datum) { return datum.ok() ? "" : datum.status().ToString(); }

using Lists = std::vector<std::vector<double>>;
using List = std::vector<double>;

Datum Three() { return Datum::Sequence({Floats({1}), Floats({2, 3}), Floats({4})}); }

TEST(Sequence, InsertsAndErasesWhereTheRunSays) {
  const std::string insert =
      "input %s seq(f32[?])\ninput %x f32[?]\ninput %p i64[]\n"
      "%y seq(f32[?]) = SequenceInsert(%s, %x, %p) @\"n\"\noutput %y\n";
  EXPECT_EQ(ElementsOf(Evaluated(insert, {Three(), Floats({9}), Int(0)})), (Lists{{9}, {1}, {2, 3}, {4}}));
  EXPECT_EQ(ElementsOf(Evaluated(insert, {Three(), Floats({9}), Int(3)})), (Lists{{1}, {2, 3}, {4}, {9}}));
  EXPECT_EQ(ElementsOf(Evaluated(insert, {Three(), Floats({9}), Int(-1)})), (Lists{{1}, {2, 3}, {9}, {4}}));
  EXPECT_THAT(ErrorOf(Evaluated(insert, {Three(), Floats({9}), Int(4)})),
              HasSubstr("position 4 of a sequence"));
  const std::string erase =
      "input %s seq(f32[?])\ninput %p i64[]\n%y seq(f32[?]) = SequenceErase(%s, %p) @\"n\"\noutput %y\n";
  EXPECT_EQ(ElementsOf(Evaluated(erase, {Three(), Int(1)})), (Lists{{1}, {4}}));
  EXPECT_EQ(ElementsOf(Evaluated(erase, {Three(), Int(-3)})), (Lists{{2, 3}, {4}}));
  EXPECT_THAT(ErrorOf(Evaluated(erase, {Datum::Sequence({}), Int(0)})), HasSubstr("the sequence is empty"));
}

TEST(Sequence, SplitsAndJoins) {
  const std::string split =
      "input %x f32[?,2]\ninput %n i64[*]\n%y seq(f32[?,2]) = SplitToSequence(%x, %n) @\"n\"\noutput %y\n";
  std::vector<float> six = {1, 2, 3, 4, 5, 6};
  const TensorPtr x = Constant::Copy(DType::kF32, Shape{3, 2}, six.data());
  EXPECT_EQ(ElementsOf(Evaluated(split, {x, Int(2)})), (Lists{{1, 2, 3, 4}, {5, 6}}));
  const std::vector<int64_t> sizes = {0, 1, 2};
  EXPECT_EQ(ElementsOf(Evaluated(split, {x, Constant::Ints(sizes)})), (Lists{{}, {1, 2}, {3, 4, 5, 6}}));
  const std::vector<int64_t> wrong = {2, 2};
  EXPECT_THAT(ErrorOf(Evaluated(split, {x, Constant::Ints(wrong)})), HasSubstr("do not add up to 3"));
  EXPECT_THAT(ErrorOf(Evaluated(split, {x, Int(0)})), HasSubstr("at least one element"));
  const std::string columns =
      "input %x f32[?,2]\n%y seq(f32[?]) = SplitToSequence(%x) {axis = 1, keepdims = 0} @\"n\"\noutput %y\n";
  EXPECT_EQ(ElementsOf(Evaluated(columns, {x})), (Lists{{1, 3, 5}, {2, 4, 6}}));

  const std::string join =
      "input %s seq(f32[*])\n%y f32[*] = ConcatFromSequence(%s) {axis = -1} @\"n\"\noutput %y\n";
  EXPECT_EQ(ValuesOf(Evaluated(join, {Three()})), (List{1, 2, 3, 4}));
  const Datum rows = Datum::Sequence({x, Constant::Copy(DType::kF32, Shape{3, 2}, six.data())});
  EXPECT_EQ(ValuesOf(Evaluated(join, {rows})), (List{1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6}));
  EXPECT_THAT(ErrorOf(Evaluated(join, {Datum::Sequence({x, Floats({1})})})), HasSubstr("cannot be joined"));
  const std::string stack =
      "input %s seq(f32[*])\n%y f32[*] = ConcatFromSequence(%s) {axis = 1, new_axis = 1} @\"n\"\noutput %y\n";
  EXPECT_EQ(ValuesOf(Evaluated(stack, {Datum::Sequence({Floats({1, 2}), Floats({3, 4})})})),
            (List{1, 3, 2, 4}));
}

TEST(Sequence, MapsASubgraph) {
  const std::string map =
      "input %s seq(f32[?])\ninput %t seq(f32[?])\ninput %c f32[]\n"
      "%y seq(f32[*]) = SequenceMap(%s, %t, %c) @\"n\" with graph \"body\" {\n"
      "  input %a f32[?]\n  input %b f32[?]\n  input %d f32[]\n"
      "  %e f32[*] = Add(%a, %b) @\"add\"\n  %f f32[*] = Mul(%e, %d) @\"mul\"\n  output %f\n}\n"
      "output %y\n";
  EXPECT_EQ(ElementsOf(Evaluated(map, {Three(), Three(), MakeTensor({{}, {10}})})),
            (Lists{{20}, {40, 60}, {80}}));
  EXPECT_EQ(ElementsOf(Evaluated(map, {Datum::Sequence({}), Datum::Sequence({}), MakeTensor({{}, {10}})})),
            Lists{});
  EXPECT_THAT(ErrorOf(Evaluated(map, {Three(), Datum::Sequence({}), MakeTensor({{}, {10}})})),
              HasSubstr("3 and 0 tensors"));
}

TEST(Sequence, GrowsInALoop) {
  const std::string loop =
      "input %n i64[]\nconst %go bool[] = [1]\n"
      "%empty seq(f32[*]) = SequenceEmpty() @\"empty\"\n"
      "%y seq(f32[*]) = Loop(%n, %go, %empty) @\"loop\" with graph \"body\" {\n"
      "  input %i i64[]\n  input %c bool[]\n  input %s seq(f32[*])\n"
      "  %x f32[] = Cast(%i) {to = 1} @\"cast\"\n"
      "  %t seq(f32[*]) = SequenceInsert(%s, %x) @\"insert\"\n  output %c\n  output %t\n}\n"
      "%length i64[] = SequenceLength(%y) @\"length\"\noutput %y\noutput %length\n";
  EXPECT_EQ(ElementsOf(Evaluated(loop, {Int(3)})), (Lists{{0}, {1}, {2}}));
  EXPECT_EQ(ElementsOf(Evaluated(loop, {Int(0)})), Lists{});
}

TEST(Optional, HoldsSomethingOrNothing) {
  const std::string has =
      "input %x optional(seq(f32[*]))\n%y bool[] = OptionalHasElement(%x) @\"n\"\noutput %y\n";
  EXPECT_EQ(ValuesOf(Evaluated(has, {Three()})), List{1});
  EXPECT_EQ(ValuesOf(Evaluated(has, {Datum()})), List{0});
  const std::string get = "input %x optional(f32[*])\n%y f32[*] = OptionalGetElement(%x) @\"n\"\noutput %y\n";
  EXPECT_EQ(ValuesOf(Evaluated(get, {Floats({5})})), List{5});
  EXPECT_THAT(ErrorOf(Evaluated(get, {Datum()})), HasSubstr("the optional value 'x' is empty"));
  EXPECT_THAT(ErrorOf(Evaluated(get, {Three()})), HasSubstr("input 'x' must be optional(f32[*])"));
  const std::string made =
      "%x optional(seq(f32[*])) = Optional() {dtype = 1, sequence = 1} @\"made\"\n"
      "%y optional(seq(f32[*])) = Identity(%x) @\"n\"\noutput %y\n";
  auto nothing = Evaluated(made, {});
  ASSERT_TRUE(nothing.ok()) << nothing.status().ToString();
  EXPECT_TRUE(nothing->empty());
}

// The first iteration fills what began empty; without one there is nothing to give out.
TEST(Optional, IsFilledByALoop) {
  const std::string loop =
      "input %n i64[]\ninput %o optional(f32[*])\nconst %go bool[] = [1]\n"
      "%y f32[*] = Loop(%n, %go, %o) @\"loop\" with graph \"body\" {\n"
      "  input %i i64[]\n  input %c bool[]\n  input %p optional(f32[*])\n"
      "  %x f32[] = Cast(%i) {to = 1} @\"cast\"\n  output %c\n  output %x\n}\noutput %y\n";
  EXPECT_EQ(ValuesOf(Evaluated(loop, {Int(3), Datum()})), List{2});
  EXPECT_EQ(ValuesOf(Evaluated(loop, {Int(0), Floats({7})})), List{7});
  EXPECT_THAT(ErrorOf(Evaluated(loop, {Int(0), Datum()})), HasSubstr("no iteration ran"));
}

// What one branch gives and the other may lack is optional.
TEST(Optional, JoinsInABranch) {
  const std::string branch =
      "input %c bool[]\ninput %x f32[1]\n"
      "%y optional(f32[*]) = If(%c) @\"if\" with graph \"then\" { output %x } graph \"else\" {\n"
      "  %n optional(f32[*]) = Optional() {dtype = 1} @\"none\"\n  output %n\n}\n"
      "output %y\n";
  EXPECT_EQ(ValuesOf(Evaluated(branch, {MakeTensor({{}, {1}, DType::kBool}), Floats({7})})), List{7});
  auto nothing = Evaluated(branch, {MakeTensor({{}, {0}, DType::kBool}), Floats({7})});
  ASSERT_TRUE(nothing.ok()) << nothing.status().ToString();
  EXPECT_TRUE(nothing->empty());
}

TEST(Sequence, OperatorsOfTensorsRefuseThem) {
  EXPECT_THAT(ErrorOf(Evaluated("input %s seq(f32[*])\n%y f32[*] = Relu(%s) @\"n\"\noutput %y\n", {Three()})),
              HasSubstr("input 0 is seq(f32[*]); the operator takes tensors"));
  EXPECT_THAT(ErrorOf(Evaluated("input %s seq(f32[*])\n%y seq(seq(f32[*])) = SequenceConstruct(%s) @\"n\"\n",
                                {Three()})),
              HasSubstr("line 3"));
  EXPECT_THAT(ErrorOf(Evaluated("input %s seq(f32[*])\ninput %x i64[]\n"
                                "%y seq(f32[*]) = SequenceInsert(%s, %x) @\"n\"\noutput %y\n",
                                {Three(), Int(1)})),
              HasSubstr("cannot hold both f32[*] and i64[]"));
}

}  // namespace
}  // namespace whet::ops
