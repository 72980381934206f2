// One node of any operator with inputs of random types, shapes and values and with random attributes, absurd
// ones included, drawn from a fuzzer's bytes: for the fuzz targets.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ir/evaluate.h"
#include "ir/graph.h"
#include "ir/op_def.h"
#include "ir/text.h"

namespace whet::ops {

// The bytes first; when they are used up, numbers that follow from them, so that short inputs say much, too.
class ByteDraw {
 public:
  ByteDraw(const uint8_t* data, size_t size) : data_(data), size_(size) {
    for (size_t i = 0; i < size; ++i) state_ = (state_ ^ data[i]) * 0x100000001b3u;
  }
  uint8_t Byte() {
    if (at_ < size_) return data_[at_++];
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<uint8_t>(state_ >> 32);
  }
  // Below `count`, which is at most 65536.
  size_t Below(size_t count) { return (Byte() | size_t{Byte()} << 8) % std::max<size_t>(1, count); }
  int64_t Int(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Below(static_cast<size_t>(high - low + 1)));
  }
  bool OneIn(size_t n) { return Byte() % n == 0; }
  template <typename T, size_t n>
  T OneOf(const T (&values)[n]) {
    return values[Byte() % n];
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
  uint64_t state_ = 0xcbf29ce484222325u;
};

struct RandomNode {
  Graph graph;
  Node* node = nullptr;
  std::vector<TensorPtr> values;  // of the node's inputs; null where absent
};

// Prints the node and ends the program, for the fuzzer to notice.
[[noreturn]] inline void FailNode(const RandomNode& random, const std::string& what) {
  std::fprintf(stderr, "%s\n%s\n", ToText(random.graph).c_str(), what.c_str());
  std::abort();
}

inline int64_t RandomInt(ByteDraw& draw) {
  constexpr int64_t kAbsurd[] = {INT64_MAX,
                                 INT64_MIN,
                                 INT64_MAX - 1,
                                 INT64_MIN + 1,
                                 INT32_MAX,
                                 INT32_MIN,
                                 int64_t{1} << 31,
                                 int64_t{1} << 32,
                                 int64_t{1} << 40,
                                 int64_t{1} << 62,
                                 -(int64_t{1} << 40),
                                 1000,
                                 -1000,
                                 65536};
  return draw.OneIn(8) ? draw.OneOf(kAbsurd) : draw.Int(-2, 4);
}

inline double RandomFloat(ByteDraw& draw) {
  constexpr double kAbsurd[] = {std::numeric_limits<double>::infinity(),
                                -std::numeric_limits<double>::infinity(),
                                std::numeric_limits<double>::quiet_NaN(),
                                1e300,
                                -1e300,
                                1e-320,
                                9.3e18,
                                -1e10,
                                255,
                                0};
  return draw.OneIn(8) ? draw.OneOf(kAbsurd) : static_cast<double>(draw.Int(-32, 32)) / 8;
}

inline std::string RandomWord(ByteDraw& draw) {
  constexpr std::string_view kWords[] = {"SAME_UPPER",
                                         "SAME_LOWER",
                                         "VALID",
                                         "NOTSET",
                                         "nearest",
                                         "linear",
                                         "cubic",
                                         "bilinear",
                                         "bicubic",
                                         "constant",
                                         "edge",
                                         "reflect",
                                         "wrap",
                                         "zeros",
                                         "border",
                                         "reflection",
                                         "forward",
                                         "reverse",
                                         "bidirectional",
                                         "add",
                                         "mul",
                                         "min",
                                         "max",
                                         "none",
                                         "mean",
                                         "sum",
                                         "tanh",
                                         "relu",
                                         "sigmoid",
                                         "elu",
                                         "clip",
                                         "leaky_relu",
                                         "hard_sigmoid",
                                         "hard_swish",
                                         "gelu",
                                         "gelu_tanh",
                                         "silu",
                                         "prelu",
                                         "softplus",
                                         "Relu",
                                         "Tanh",
                                         "Sigmoid",
                                         "Affine",
                                         "LeakyRelu",
                                         "ThresholdedRelu",
                                         "ScaledTanh",
                                         "HardSigmoid",
                                         "Elu",
                                         "Softsign",
                                         "DCR",
                                         "CRD",
                                         "LEFT",
                                         "RIGHT",
                                         "TF",
                                         "IDF",
                                         "TFIDF",
                                         "half_pixel",
                                         "asymmetric",
                                         "align_corners",
                                         "pytorch_half_pixel",
                                         "tf_crop_and_resize",
                                         "half_pixel_symmetric",
                                         "tf_half_pixel_for_nn",
                                         "floor",
                                         "ceil",
                                         "round_prefer_floor",
                                         "round_prefer_ceil",
                                         "stretch",
                                         "not_larger",
                                         "not_smaller",
                                         "avg",
                                         "ij,jk->ik",
                                         "ii->i",
                                         "...ij->...ji",
                                         "bij,bjk",
                                         "i,i->",
                                         "->",
                                         "ab...,b...->a",
                                         "i"};
  return std::string(draw.OneOf(kWords));
}

inline Attribute RandomAttribute(ByteDraw& draw, AttributeKind kind, int rank) {
  // As many entries as operators ask for: one per dimension, per spatial dimension, or two.
  const int lengths[] = {rank,           rank - 2, 2 * rank,
                         2 * (rank - 2), rank - 1, static_cast<int>(draw.Int(0, 9))};
  const auto count = static_cast<size_t>(std::max(0, draw.OneOf(lengths)));
  switch (kind) {
    case AttributeKind::kInt: return RandomInt(draw);
    case AttributeKind::kFloat: return RandomFloat(draw);
    case AttributeKind::kString: return RandomWord(draw);
    case AttributeKind::kInts: {
      std::vector<int64_t> values(count);
      const bool permutation = draw.OneIn(3);
      for (size_t i = 0; i < count; ++i) {
        values[i] = permutation ? static_cast<int64_t>(count - 1 - i) : RandomInt(draw);
      }
      return values;
    }
    case AttributeKind::kFloats: {
      std::vector<double> values(count);
      for (double& value : values) value = RandomFloat(draw);
      return values;
    }
    case AttributeKind::kStrings: {
      std::vector<std::string> values(count);
      for (std::string& value : values) value = RandomWord(draw);
      return values;
    }
  }
  return int64_t{0};
}

// Of bool, only 0 and 1.
inline void FillRandom(ByteDraw& draw, const TensorView& view) {
  const auto put = [&]<typename T>(T value, int64_t i) { std::memcpy(view.as<T>() + i, &value, sizeof(T)); };
  const bool tame = draw.OneIn(2);
  if (BitsOf(view.dtype) < 8) {
    for (uint64_t i = 0; i < view.bytes(); ++i) put(draw.Byte(), static_cast<int64_t>(i));
    return;
  }
  for (int64_t i = 0; i < view.elements(); ++i) {
    const double real = tame ? static_cast<double>(draw.Int(-8, 8)) / 4 : RandomFloat(draw);
    const int64_t whole = tame ? draw.Int(0, 3) : RandomInt(draw);
    switch (view.dtype) {
      case DType::kF32: put(static_cast<float>(std::clamp(real, -3e38, 3e38)), i); break;
      case DType::kF64: put(real, i); break;
      case DType::kF16: put(F32ToF16(static_cast<float>(std::clamp(real, -3e38, 3e38))), i); break;
      case DType::kBF16: put(F32ToBF16(static_cast<float>(std::clamp(real, -3e38, 3e38))), i); break;
      case DType::kBool: put(static_cast<uint8_t>(whole & 1), i); break;
      case DType::kI8:
      case DType::kU8: put(static_cast<uint8_t>(whole), i); break;
      case DType::kI16:
      case DType::kU16: put(static_cast<uint16_t>(whole), i); break;
      case DType::kI32:
      case DType::kU32: put(static_cast<uint32_t>(whole), i); break;
      default: put(whole, i); break;
    }
  }
}

// Null where the operator has no reference of its own (those with subgraphs).
inline std::unique_ptr<RandomNode> DrawNode(ByteDraw& draw, bool constant_inputs) {
  const auto ops = AllOps();
  const OpDef& op = *ops[draw.Below(ops.size())];
  if (op.reference == nullptr || op.infer == nullptr) return nullptr;
  auto random = std::make_unique<RandomNode>();
  constexpr DType kTypes[] = {DType::kF32, DType::kF32, DType::kF32, DType::kF32,  DType::kF16, DType::kBF16,
                              DType::kF64, DType::kI8,  DType::kU8,  DType::kI16,  DType::kU16, DType::kI32,
                              DType::kU32, DType::kI64, DType::kU64, DType::kBool, DType::kI4,  DType::kU4};
  const DType main_type = draw.OneOf(kTypes);
  const auto size = [&]() -> int64_t { return draw.OneIn(24) ? 0 : draw.Int(1, 4); };
  Shape main_shape;
  for (int64_t rank = draw.Int(0, 5); rank > 0; --rank) main_shape.push_back(size());

  const int more = static_cast<int>(draw.Int(0, 3));
  const int inputs =
      op.max_inputs < 0 ? op.min_inputs + more : static_cast<int>(draw.Int(op.min_inputs, op.max_inputs));
  std::vector<Value*> operands;
  for (int i = 0; i < inputs; ++i) {
    if (i >= op.min_inputs && op.max_inputs >= 0 && draw.OneIn(4)) {
      operands.push_back(nullptr);
      random->values.push_back(nullptr);
      continue;
    }
    DType type = draw.OneIn(4) ? draw.OneOf(kTypes) : main_type;
    Shape shape = main_shape;
    const bool value_input = (op.value_inputs >> std::min(i, 31) & 1u) != 0;
    if (value_input && !draw.OneIn(6)) {
      // Sizes, axes and the like.
      type = draw.OneIn(3) ? DType::kI32 : DType::kI64;
      shape = draw.OneIn(4) ? Shape{} : Shape{draw.OneIn(2) ? main_shape.rank() : draw.Int(0, 5)};
    } else if (draw.OneIn(2)) {
      switch (draw.Int(0, 4)) {
        case 0:  // spread over the others
          for (int d = 0; d < shape.rank(); ++d) shape[d] = draw.OneIn(2) ? 1 : shape[d];
          break;
        case 1:  // one number per something
          shape = Shape{main_shape.rank() > 0
                            ? main_shape[static_cast<int>(draw.Below(static_cast<size_t>(main_shape.rank())))]
                            : 1};
          break;
        case 2:  // as many dimensions, of other sizes
          for (int d = 0; d < shape.rank(); ++d) shape[d] = draw.OneIn(2) ? size() : shape[d];
          break;
        case 3: shape = Shape{}; break;
        default:
          shape = Shape{};
          for (int64_t rank = draw.Int(0, 6); rank > 0; --rank) shape.push_back(size());
          break;
      }
    }
    const auto tensor = Constant::Allocate(type, shape);
    FillRandom(draw, tensor->view());
    const bool constant = constant_inputs || (value_input ? !draw.OneIn(8) : draw.OneIn(4));
    operands.push_back(
        constant ? random->graph.AddConstant(random->graph.UniqueName("c"), tensor)
                 : random->graph.AddInput(random->graph.UniqueName("x"), Type::Of(type, shape.dims())));
    random->values.push_back(tensor);
  }
  Attributes attributes;
  for (const AttributeDef& def : op.attributes) {
    if (!def.required && draw.OneIn(2)) continue;
    attributes.Set(def.name, RandomAttribute(draw, def.kind, main_shape.rank()));
  }
  const int outputs =
      op.max_outputs < 0 ? op.min_outputs + more : static_cast<int>(draw.Int(op.min_outputs, op.max_outputs));
  const std::vector<std::string> names(static_cast<size_t>(outputs));
  random->node = random->graph.AddNode(op, "node", operands, names, std::move(attributes));
  random->values.resize(random->node->inputs().size());  // trailing absent ones are not kept
  return random;
}

}  // namespace whet::ops
