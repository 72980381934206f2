// Shape inference of inputs whose sizes are only bounded: what it says must hold for every size within the
// bounds.
#include <gtest/gtest.h>

#include <random>

#include "ir/builder.h"
#include "ir/infer.h"

namespace whet::ops {
namespace {

// A node on inputs of which the first ones have unknown dimensions and the others are constants.
struct Case {
  Graph graph;
  Node* node = nullptr;
  std::string description;
};

std::unique_ptr<Case> Make(std::string_view op, const std::vector<std::vector<Dim>>& inputs,
                           const std::vector<std::vector<int64_t>>& constants, Attributes attributes,
                           size_t outputs = 1) {
  auto test = std::make_unique<Case>();
  GraphBuilder builder(test->graph);
  std::vector<Value*> values;
  test->description = op;
  for (const auto& dims : inputs) {
    values.push_back(test->graph.AddInput(test->graph.UniqueName("x"), Type(DType::kF32, dims)));
    test->description += " " + ToString(values.back()->type);
  }
  for (const auto& constant : constants) {
    values.push_back(builder.Ints(constant));
    test->description += " (";
    for (int64_t value : constant) test->description += std::to_string(value) + " ";
    test->description += ")";
  }
  const auto results = builder.EmitNode(op, values, outputs, std::move(attributes));
  if (builder.ok()) test->node = results[0]->producer();
  return test;
}

// For concrete sizes of the inputs that fit, every inferred dimension fits too. Returns how many sizes were
// tried.
int CheckBounds(const Case& test, std::mt19937& random) {
  if (test.node == nullptr) return 0;
  int tried = 0;
  for (int round = 0; round < 8; ++round) {
    std::vector<Type> types;
    std::vector<const TensorView*> values;
    std::map<std::string, int64_t> symbols;
    for (const Value* input : test.node->inputs()) {
      Type type = input->type;
      for (Dim& dim : type.dims) {
        const int64_t high = std::min<int64_t>(dim.hi, dim.lo + 12);
        int64_t size = std::uniform_int_distribution<int64_t>(dim.lo, high)(random);
        if (!dim.symbol.empty()) size = symbols.emplace(dim.symbol, size).first->second;
        dim = Dim(size);
      }
      types.push_back(std::move(type));
      values.push_back(input->IsConstant() ? &input->constant()->view() : nullptr);
    }
    std::vector<const Type*> pointers;
    for (const Type& type : types) pointers.push_back(&type);
    const auto exact = InferTypes(*test.node, pointers, values);
    if (!exact.ok()) continue;  // these sizes do not go together
    ++tried;
    for (size_t i = 0; i < exact->size(); ++i) {
      const Type& bound = test.node->output(i)->type;
      const Type& sizes = (*exact)[i];
      if (!bound.ranked) continue;
      EXPECT_EQ(bound.rank(), sizes.rank()) << test.description;
      for (size_t d = 0; d < std::min(bound.dims.size(), sizes.dims.size()); ++d) {
        const int64_t size = sizes.dims[d].lo;
        const bool fits = !sizes.dims[d].known() || (size >= bound.dims[d].lo && size <= bound.dims[d].hi);
        EXPECT_TRUE(fits) << test.description << ": for " << ToString(types[0]) << " dimension " << d
                          << " is " << size << ", but was inferred as " << ToString(bound);
        if (!bound.dims[d].symbol.empty()) {
          EXPECT_EQ(size, symbols[bound.dims[d].symbol]) << test.description;
        }
      }
    }
  }
  return tried;
}

class Draw {
 public:
  explicit Draw(unsigned seed) : random(seed) {}
  int64_t Int(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); }
  // Known, bounded, unbounded or named.
  Dim AnyDim() {
    const int64_t low = Int(0, 5);
    switch (Int(0, 3)) {
      case 0: return Dim(low);
      case 1: return Dim(low, low + Int(0, 6));
      case 2: return Dim();
      default: return Dim::Symbol("N", 0, 9);
    }
  }
  std::vector<Dim> Dims(int rank) {
    std::vector<Dim> dims;
    for (int i = 0; i < rank; ++i) dims.push_back(AnyDim());
    return dims;
  }
  std::mt19937 random;
};

TEST(ShapeBounds, Slice) {
  Draw draw(1);
  int tried = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto place = [&]() -> int64_t {
      const int64_t kind = draw.Int(0, 9);
      return kind == 0 ? INT64_MAX : kind == 1 ? INT64_MIN : draw.Int(-8, 8);
    };
    const int64_t step = draw.Int(0, 1) ? draw.Int(1, 3) : draw.Int(-3, -1);
    const std::vector<std::vector<Dim>> x = {draw.Dims(1)};
    const std::vector<std::vector<int64_t>> cut = {{place()}, {place()}, {0}, {step}};
    tried += CheckBounds(*Make("Slice", x, cut, {}), draw.random);
  }
  EXPECT_GT(tried, 10000);
}

TEST(ShapeBounds, Reshape) {
  Draw draw(2);
  int tried = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::vector<std::vector<Dim>> x = {draw.Dims(static_cast<int>(draw.Int(1, 3)))};
    std::vector<int64_t> shape(static_cast<size_t>(draw.Int(1, 3)));
    for (int64_t& dim : shape) dim = draw.Int(-1, 6);
    tried += CheckBounds(*Make("Reshape", x, {shape}, {{"allowzero", draw.Int(0, 1)}}), draw.random);
  }
  EXPECT_GT(tried, 500);
}

TEST(ShapeBounds, OthersThatMoveElements) {
  Draw draw(3);
  int tried = 0;
  for (int i = 0; i < 500; ++i) {
    const std::vector<std::vector<Dim>> one = {draw.Dims(2)};
    const std::vector<std::vector<Dim>> two = {draw.Dims(2), draw.Dims(2)};
    const int64_t axis = draw.Int(-2, 1);
    const auto check = [&](std::unique_ptr<Case> test) { tried += CheckBounds(*test, draw.random); };
    check(Make("Concat", two, {}, {{"axis", axis}}));
    check(Make("Split", one, {}, {{"axis", axis}, {"num_outputs", draw.Int(3, 5)}}, 3));
    check(Make("Flatten", one, {}, {{"axis", draw.Int(-2, 2)}}));
    check(Make("Squeeze", one, {{axis}}, {}));
    check(Make("Squeeze", one, {}, {}));
    check(Make("Unsqueeze", one, {{draw.Int(-3, 2)}}, {}));
    check(Make("Expand", one, {{draw.Int(1, 4), 1, draw.Int(1, 4)}}, {}));
    check(Make("Tile", one, {{draw.Int(0, 4), draw.Int(0, 4)}}, {}));
    check(Make("ReduceSum", one, {{axis}}, {{"keepdims", draw.Int(0, 1)}}));
    check(Make("TopK", one, {{draw.Int(0, 3)}}, {{"axis", axis}}, 2));
    check(Make("Add", two, {}, {}));
    check(Make("CenterCropPad", one, {{draw.Int(0, 5)}}, {{"axes", std::vector<int64_t>{axis}}}));
  }
  EXPECT_GT(tried, 10000);
}

std::string InferredType(std::string_view op, std::vector<std::vector<Dim>> inputs,
                         std::vector<std::vector<int64_t>> constants, Attributes attributes = {}) {
  const auto test = Make(op, inputs, constants, std::move(attributes));
  return test->node == nullptr ? "error" : ToString(test->node->output()->type);
}

TEST(ShapeBounds, AreTight) {
  const Dim n = Dim::Symbol("N", 1, 32);
  const Dim t = Dim::Symbol("T");
  // What is unknown on both sides cancels.
  EXPECT_EQ(InferredType("Reshape", {{n, 8, t, 4}}, {{0, -1, 4}}), "f32[N[1..32],?,4]");
  EXPECT_EQ(InferredType("Reshape", {{n, 8, 4}}, {{0, -1}}), "f32[N[1..32],32]");
  EXPECT_EQ(InferredType("Reshape", {{n, 8, 4}}, {{-1, 32}}), "f32[N[1..32],32]");
  EXPECT_EQ(InferredType("Reshape", {{n, 6}}, {{-1, 4}}), "f32[?[2..48],4]");
  EXPECT_EQ(InferredType("Reshape", {{2, 6}}, {{5, -1}}), "error");
  EXPECT_EQ(InferredType("Slice", {{n, t}}, {{1}, {-1}, {0}}), "f32[?[0..30],T]");
  EXPECT_EQ(InferredType("Slice", {{n, t}}, {{0}, {INT64_MAX}, {1}}), "f32[N[1..32],T]");
  EXPECT_EQ(InferredType("Slice", {{n, t}}, {{0, 2}, {9, 5}}), "f32[?[1..9],?[0..3]]");
  EXPECT_EQ(InferredType("Slice", {{n, t}}, {{-1}, {INT64_MIN}, {0}, {-2}}), "f32[?[1..16],T]");
  EXPECT_EQ(InferredType("Concat", {{n, 3}, {2, 3}}, {}, {{"axis", int64_t{0}}}), "f32[?[3..34],3]");
  EXPECT_EQ(InferredType("NonZero", {{n, 3}}, {}), "i64[2,?[0..96]]");
  EXPECT_EQ(InferredType("Flatten", {{n, 3, 5}}, {}, {{"axis", int64_t{1}}}), "f32[N[1..32],15]");
  EXPECT_EQ(InferredType("Expand", {{n, 1}}, {{7, 1, 5}}), "f32[7,N[1..32],5]");
}

}  // namespace
}  // namespace whet::ops
