// The tensors of the file: those of the Graph's values, and those that operators ask for.

#include "export/tflite/graph_writer.h"

#include <algorithm>
#include <cmath>

#include "export/tflite/node_kinds.h"
#include "ir/builder.h"
#include "ops/elements_common.h"
#include "ops/quantize_common.h"

namespace whet {
namespace {

// A constant in another order of its dimensions.
std::shared_ptr<const Constant> Transposed(const std::shared_ptr<const Constant>& constant,
                                           std::span<const int64_t> perm) {
  Graph scratch;
  GraphBuilder builder(scratch);
  const Value* result = builder.Transpose(scratch.AddConstant("c", constant), perm);
  return builder.ok() && result->IsConstant() ? result->constant() : nullptr;
}

bool IsIdentityOrder(std::span<const int64_t> perm) {
  for (size_t i = 0; i < perm.size(); ++i) {
    if (perm[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

}  // namespace

TfliteSink::Tensor TfliteGraphWriter::AddTensor(TensorEntry tensor) {
  const std::string base = tensor.name;
  for (int& uses = names_[base]; uses++ > 0;) {
    tensor.name = base + ':' + std::to_string(uses - 1);
    if (!names_.contains(tensor.name)) {
      names_[tensor.name] = 1;
      break;
    }
  }
  main_.tensors.push_back(std::move(tensor));
  return static_cast<Tensor>(main_.tensors.size()) - 1;
}

TfliteSink::Tensor TfliteGraphWriter::Define(const Value* value) {
  const auto [it, added] = tensors_.try_emplace(value, kAbsent);
  if (!added) return it->second;
  TensorEntry tensor{value->name(), value->type, value->constant(), {}, false};
  QuantizationParameters parameters;
  const DType dtype = value->type.dtype;
  const bool may_be_quantized = BitsOf(dtype) <= 16 && IsInteger(dtype);
  if (may_be_quantized && ParametersOfIntegers(value, &parameters))
    tensor.quantization = std::move(parameters);
  // AddTensor may not run between this and the lookup above.
  const Tensor index = AddTensor(std::move(tensor));
  tensors_[value] = index;
  return index;
}

TfliteSink::Tensor TfliteGraphWriter::Dequantized(const Node& node) {
  const Value* real = node.output();
  const Value* integers = node.input(0);
  QuantizationParameters parameters;
  if (!ParametersOf(node, &parameters)) {
    Fail(Error(Code::kUnsupported, "the scale is not constant, or one for each block"));
    return kAbsent;
  }
  const DType dtype = integers->type.dtype;
  const bool takes =
      dtype == DType::kI8 || dtype == DType::kU8 || dtype == DType::kI16 || dtype == DType::kI4;
  const bool constant = integers->IsConstant();
  // By axis, TFLite dequantizes i8 and i4 only.
  const bool by_axis = !parameters.per_tensor() && dtype != DType::kI8 && dtype != DType::kI4;
  if (constant && (!takes || by_axis)) {
    auto folded = Folded(node);
    if (folded == nullptr) {
      Fail(Error(Code::kUnsupported, "a constant that cannot be dequantized"));
      return kAbsent;
    }
    return tensors_[real] = AddTensor({real->name(), real->type, std::move(folded), {}, false});
  }
  QuantizationParameters own;
  const Tensor from = TensorOf(integers);
  if (!ParametersOfIntegers(integers, &own) || !(own == parameters)) {
    Fail(Error(Code::kUnsupported, "the same integers stand for two different sets of values"));
    return kAbsent;
  }
  const Tensor to = Define(real);
  Operator("DEQUANTIZE", std::span(&from, 1), std::span(&to, 1), {});
  return to;
}

TfliteSink::Tensor TfliteGraphWriter::TensorOf(const Value* value) {
  if (value == nullptr) return kAbsent;
  if (const auto it = tensors_.find(value); it != tensors_.end()) return it->second;
  if (value->IsConstant()) return Define(value);
  const Node* producer = value->producer();
  if (producer != nullptr && producer->Is("DequantizeLinear")) return Dequantized(*producer);
  if (producer != nullptr && IsHalfWeights(*producer)) {
    const Tensor from = TensorOf(producer->input(0));
    const Tensor to = Define(value);
    Operator("DEQUANTIZE", std::span(&from, 1), std::span(&to, 1), {});
    return to;
  }
  if (producer != nullptr && IsCopy(*producer)) {
    const Tensor from = TensorOf(producer->input(0));
    tensors_[value] = from;
    return from;
  }
  // Of a node that was refused: a placeholder.
  return Define(value);
}

TfliteSink::Tensor TfliteGraphWriter::Of(const Value* value) {
  if (quantized_ && value != nullptr && value->type.dtype == DType::kF32) {
    if (const Value* integers = IntegersFor(value, nullptr); integers != nullptr) return TensorOf(integers);
  }
  return TensorOf(value);
}

TfliteSink::Tensor TfliteGraphWriter::Result(const Node& node, size_t i) {
  const Value* value = i == 0 && end_ != nullptr ? end_ : node.output(i);
  if (quantized_ && value->type.dtype == DType::kF32) {
    if (const Value* integers = IntegersFor(value, nullptr); integers != nullptr) return Define(integers);
    // Nobody reads it, but it is there: like the operands.
    TensorEntry unread{value->name(), value->type, nullptr, operands_.parameters, false};
    unread.type.dtype = operands_.dtype;
    return AddTensor(std::move(unread));
  }
  return Define(value);
}

TfliteSink::Tensor TfliteGraphWriter::Fresh(std::string_view base, const Type& type) {
  return AddTensor({std::string(base), type, nullptr, {}, false});
}

TfliteSink::Tensor TfliteGraphWriter::Constant(std::string_view base,
                                               std::shared_ptr<const whet::Constant> constant) {
  const Type type = Type::Of(constant->dtype(), constant->shape().dims());
  return AddTensor({std::string(base), type, std::move(constant), {}, false});
}

// --- small integers

namespace {

bool FitsInt32(int64_t value) { return value >= INT32_MIN && value <= INT32_MAX; }

}  // namespace

TfliteSink::Tensor TfliteGraphWriter::IntMatrix(std::span<const int64_t> values, int64_t rows,
                                                int64_t columns) {
  Shape shape;
  if (rows >= 0) shape.push_back(rows);
  if (columns >= 0) shape.push_back(columns);
  std::string key = shape.ToString();
  auto constant = whet::Constant::Allocate(DType::kI32, shape);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!FitsInt32(values[i])) Fail(Error(Code::kUnsupported, "a number that does not fit 32 bits"));
    static_cast<int32_t*>(constant->mutable_data())[i] = static_cast<int32_t>(values[i]);
    key += ' ' + std::to_string(values[i]);
  }
  const auto [it, added] = small_.try_emplace(std::move(key), kAbsent);
  if (added) it->second = Constant("const", std::move(constant));
  return it->second;
}

TfliteSink::Tensor TfliteGraphWriter::Ints(std::span<const int64_t> values) {
  return IntMatrix(values, static_cast<int64_t>(values.size()), -1);
}

TfliteSink::Tensor TfliteGraphWriter::Int(int64_t value) { return IntMatrix(std::span(&value, 1), -1, -1); }

TfliteSink::Tensor TfliteGraphWriter::Ints(const Value* value) {
  if (value->type.dtype == DType::kI32) return TensorOf(value);
  if (value->IsConstant()) {
    const std::vector<int64_t> ints = ops::IntsOf(value->constant()->view());
    const Shape& shape = value->constant()->shape();
    if (shape.rank() == 0) return Int(ints[0]);
    if (shape.rank() == 1) return Ints(ints);
    auto narrow = whet::Constant::Allocate(DType::kI32, shape);
    for (size_t i = 0; i < ints.size(); ++i) {
      if (!FitsInt32(ints[i])) Fail(Error(Code::kUnsupported, "a number that does not fit 32 bits"));
      static_cast<int32_t*>(narrow->mutable_data())[i] = static_cast<int32_t>(ints[i]);
    }
    return Constant(value->name(), std::move(narrow));
  }
  Type type = value->type;
  type.dtype = DType::kI32;
  const Tensor from = TensorOf(value);
  const Tensor to = Fresh(value->name() + ":i32", type);
  Operator("CAST", std::span(&from, 1), std::span(&to, 1),
           {{"in_data_type", std::string("INT64")}, {"out_data_type", std::string("INT32")}});
  return to;
}

// --- weights

TfliteSink::Tensor TfliteGraphWriter::Weights(const Value* value, std::span<const int64_t> perm) {
  const Value* source = value;
  const Node* producer = value->producer();
  const bool dequantized = producer != nullptr && producer->Is("DequantizeLinear");
  const bool converted =
      producer != nullptr && producer->Is("Cast") && producer->input(0)->type.dtype == DType::kF16;
  if (dequantized || converted) source = producer->input(0);
  if (!source->IsConstant()) {
    if (IsIdentityOrder(perm)) return Of(value);
    if (quantized_) {
      Fail(Error(Code::kUnsupported, "weights that are computed"));
      return kAbsent;
    }
    Type type = value->type;
    for (size_t i = 0; i < perm.size(); ++i) type.dims[i] = value->type.dims[static_cast<size_t>(perm[i])];
    const Tensor inputs[] = {TensorOf(value), Ints(perm)};
    const Tensor to = Fresh(value->name() + ":transposed", type);
    Operator("TRANSPOSE", inputs, std::span(&to, 1), {});
    return to;
  }
  if (IsIdentityOrder(perm)) return Of(value);
  const Value* wanted = quantized_ ? source : value;
  const auto key = std::pair(wanted, std::vector<int64_t>(perm.begin(), perm.end()));
  if (const auto it = weights_.find(key); it != weights_.end()) return it->second;
  TensorEntry tensor{source->name(), {}, Transposed(source->constant(), perm), {}, false};
  if (tensor.constant == nullptr) {
    Fail(Error(Code::kUnsupported, "weights that cannot be put in TFLite's order"));
    return kAbsent;
  }
  tensor.type = Type::Of(tensor.constant->dtype(), tensor.constant->shape().dims());
  QuantizationParameters parameters;
  if (dequantized) {
    if (!ParametersOf(*producer, &parameters)) {
      Fail(Error(Code::kUnsupported, "the scale of the weights is not constant, or one for each block"));
      return kAbsent;
    }
    if (!parameters.per_tensor()) {
      parameters.axis =
          static_cast<int>(std::find(perm.begin(), perm.end(), int64_t{parameters.axis}) - perm.begin());
    }
    tensor.quantization = std::move(parameters);
  }
  Type real = tensor.type;
  real.dtype = DType::kF32;
  Tensor result = AddTensor(std::move(tensor));
  if (!quantized_ && (dequantized || converted)) {
    const Tensor from = result;
    result = Fresh(value->name(), real);
    Operator("DEQUANTIZE", std::span(&from, 1), std::span(&result, 1), {});
  }
  weights_[key] = result;
  return result;
}

TfliteSink::Tensor TfliteGraphWriter::Bias(const Value* bias, const Value* x, const Value* w) {
  if (!quantized_) return TensorOf(bias);
  QuantizationParameters of_x, of_w;
  const Value* integers = IntegersFor(x, &of_x);
  if (integers == nullptr || IntegersFor(w, &of_w) == nullptr) {
    Fail(Error(Code::kInternal, "a quantized product of reals"));
    return kAbsent;
  }
  const Node* producer = bias->producer();
  const bool dequantized =
      producer != nullptr && producer->Is("DequantizeLinear") && producer->input(0)->IsConstant();
  const auto reals = dequantized ? Folded(*producer) : bias->constant();
  if (reals == nullptr || reals->dtype() != DType::kF32) {
    Fail(Error(Code::kUnsupported, "a bias that is not constant"));
    return kAbsent;
  }
  const int64_t count = reals->view().elements();
  if (of_w.scales.size() != 1 && static_cast<int64_t>(of_w.scales.size()) != count) {
    Fail(Error(Code::kUnsupported, "scales of the weights that are not one for each output"));
    return kAbsent;
  }
  // Every step of the bias is one of the sum's.
  TensorEntry tensor;
  tensor.name = bias->name();
  tensor.quantization.emplace();
  for (const float scale : of_w.scales) {
    tensor.quantization->scales.push_back(of_x.scales[0] * scale);
    tensor.quantization->zero_points.push_back(0);
  }
  const bool wide = integers->type.dtype == DType::kI16;
  auto rounded = whet::Constant::Allocate(wide ? DType::kI64 : DType::kI32, reals->shape());
  const double limit = wide ? 0x1p+39 : 0x1p+31 - 1;
  for (int64_t i = 0; i < count; ++i) {
    const float scale = tensor.quantization->scales[of_w.scales.size() == 1 ? 0 : static_cast<size_t>(i)];
    const double steps =
        scale > 0 ? static_cast<double>(reals->view().as<float>()[i]) / static_cast<double>(scale) : 0;
    ops::StoreInt(rounded->view(), i, static_cast<int64_t>(std::clamp(std::nearbyint(steps), -limit, limit)));
  }
  // Integers that already have that scale are taken as they are.
  if (QuantizationParameters own; dequantized && !wide && ParametersOf(*producer, &own) &&
                                  producer->input(0)->type.dtype == DType::kI32 &&
                                  own == *tensor.quantization) {
    tensor.constant = producer->input(0)->constant();
  } else {
    tensor.constant = std::move(rounded);
  }
  tensor.type = Type::Of(tensor.constant->dtype(), tensor.constant->shape().dims());
  return AddTensor(std::move(tensor));
}

TfliteSink::Tensor TfliteGraphWriter::ConstantLike(const Value* constant, const Value* like) {
  QuantizationParameters parameters;
  const Value* integers = quantized_ ? IntegersFor(like, &parameters) : nullptr;
  if (integers == nullptr) return TensorOf(constant);
  const DType dtype = integers->type.dtype;
  const auto [low, high] = ops::RangeOf(dtype);
  auto steps = whet::Constant::Allocate(dtype, constant->constant()->shape());
  for (int64_t i = 0; i < steps->view().elements(); ++i) {
    const double ratio =
        ops::LoadFloat(constant->constant()->view(), i) / static_cast<double>(parameters.scales[0]);
    const double rounded = std::clamp(
        std::nearbyint(std::isnan(ratio) ? 0 : ratio) + static_cast<double>(parameters.zero_points[0]), low,
        high);
    ops::StoreInt(steps->view(), i, static_cast<int64_t>(rounded));
  }
  TensorEntry tensor{constant->name(), Type::Of(dtype, steps->shape().dims()), nullptr, parameters, false};
  tensor.constant = std::move(steps);
  return AddTensor(std::move(tensor));
}

}  // namespace whet
