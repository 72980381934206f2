#include "ir/verify.h"

#include <gtest/gtest.h>

#include "ir/builder.h"

namespace whet {
namespace {

// x -> Relu -> Relu -> out, with a constant added.
struct Fixture {
  Fixture() {
    GraphBuilder builder(graph);
    x = graph.AddInput("x", Type(DType::kF32, {Dim(2), Dim::Symbol("N")}));
    first = builder.Emit("Relu", {x});
    constant = builder.Const(Constant::ScalarF32(1));
    sum = builder.Emit("Add", {first, constant});
    graph.AddOutput(sum);
    EXPECT_TRUE(builder.ok());
  }
  std::string Error() const { return VerifyGraph(graph).ToString(); }

  Graph graph{"model"};
  Value* x;
  Value* first;
  Value* constant;
  Value* sum;
};

TEST(Verify, AcceptsWhatTheBuilderMakes) { EXPECT_EQ(Fixture().Error(), "ok"); }

TEST(Verify, OrderOfNodes) {
  Fixture f;
  f.graph.MoveNode(f.sum->producer(), f.first->producer());
  EXPECT_NE(f.Error().find("read before it is computed"), std::string::npos);
}

TEST(Verify, TypesAgreeWithInference) {
  Fixture f;
  f.first->type.dims[0] = Dim(3);
  EXPECT_NE(f.Error().find("is f32[3,N] but the operator gives f32[2,N]"), std::string::npos);
}

TEST(Verify, KnowingLessThanInferenceIsNoError) {
  Fixture f;
  f.sum->type = Type::Unranked(DType::kF32);
  EXPECT_EQ(f.Error(), "ok");
}

TEST(Verify, Attributes) {
  Fixture f;
  f.first->producer()->attributes.Set("axis", int64_t{1});
  EXPECT_NE(f.Error().find("no attribute 'axis'"), std::string::npos);
}

TEST(Verify, InputsThatAreRequired) {
  Fixture f;
  f.sum->producer()->SetInput(1, nullptr);
  EXPECT_NE(f.Error().find("has 1 inputs but the operator takes 2"), std::string::npos);
}

TEST(Verify, ConstantsHaveTheirValuesType) {
  Fixture f;
  f.constant->type.dtype = DType::kI32;
  EXPECT_NE(f.Error().find("constant of another type"), std::string::npos);
}

TEST(Verify, ValuesOfAnotherGraphAreNotSeen) {
  Fixture f;
  Graph other;
  Value* stranger = other.AddInput("stranger", f.x->type);
  f.first->producer()->SetInput(0, stranger);
  EXPECT_NE(f.Error().find("from where it is not seen"), std::string::npos);
  f.first->producer()->SetInput(0, f.x);
  f.graph.SetOutput(0, stranger);
  EXPECT_NE(f.Error().find("gives out a value that it does not see"), std::string::npos);
}

TEST(Verify, States) {
  Fixture f;
  f.graph.states.push_back({"s", f.x, f.sum, nullptr});
  EXPECT_EQ(f.Error(), "ok");
  f.graph.states.push_back({"s", f.x, f.sum, nullptr});
  EXPECT_NE(f.Error().find("name of another state"), std::string::npos);
  f.graph.states.pop_back();
  f.graph.states[0].input = f.first;
  EXPECT_NE(f.Error().find("does not start at an input"), std::string::npos);
  f.graph.states[0].input = f.x;
  f.graph.states[0].initial = Constant::ScalarF32(0);
  EXPECT_NE(f.Error().find("initial value of another type"), std::string::npos);
}

}  // namespace
}  // namespace whet
