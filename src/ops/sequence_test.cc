#include <gtest/gtest.h>

#include "ops/reference_test_common.h"
#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

// Reads a node of ONNX in `graph`; its first result.
Result<Value*> Import(Graph& graph, const char* op, std::vector<Value*> inputs, Attributes attributes = {}) {
  ForeignNode node;
  node.op_type = op;
  node.version = 17;
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  GraphBuilder builder(graph);
  for (const OpDef* def : AllOps()) {
    for (const OnnxSpelling& spelling : def->onnx) {
      if (spelling.op_type != op) continue;
      WHET_RETURN_IF_ERROR(spelling.import(node, builder));
      return node.results[0];
    }
  }
  return Error(Code::kNotFound, "no operator %s", op);
}

class Sequence : public testing::Test {
 protected:
  Value* Input(const char* name) { return graph_.AddInput(name, Type(DType::kF32, {Dim(2)})); }
  Value* At(int64_t position) { return GraphBuilder(graph_).Int(position); }
  Value* Take(Value* sequence, int64_t position) {
    auto taken = Import(graph_, "SequenceAt", {sequence, At(position)});
    EXPECT_TRUE(taken.ok()) << taken.status().ToString();
    return taken.ok() ? (*taken)->producer()->input(0) : nullptr;
  }
  Graph graph_;
};

TEST_F(Sequence, InsertsErasesAndTakes) {
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

TEST_F(Sequence, PositionsOutsideAreErrors) {
  Value* x = Input("x");
  auto one = Import(graph_, "SequenceConstruct", {x});
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(Import(graph_, "SequenceAt", {*one, At(1)}).status().code(), Code::kBadFile);
  EXPECT_EQ(Import(graph_, "SequenceInsert", {*one, x, At(-2)}).status().code(), Code::kBadFile);
  EXPECT_EQ(Import(graph_, "SequenceAt", {x, At(0)}).status().code(), Code::kUnsupported);
  Value* unknown = graph_.AddInput("position", Type(DType::kI64, {}));
  EXPECT_EQ(Import(graph_, "SequenceAt", {*one, unknown}).status().code(), Code::kUnsupported);
}

TEST_F(Sequence, SplitsIntoPartsOfOneSize) {
  Value* x = graph_.AddInput("x", Type(DType::kF32, {Dim(5)}));
  auto parts = Import(graph_, "SplitToSequence", {x, At(2)});
  ASSERT_TRUE(parts.ok()) << parts.status().ToString();
  EXPECT_EQ((*parts)->producer()->inputs().size(), 3u);
  EXPECT_EQ(Take(*parts, 2)->type.dims[0], Dim(1));
}

}  // namespace
}  // namespace whet::ops
