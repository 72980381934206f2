#include "export/tflite/graph_writer.h"

#include <algorithm>
#include <cmath>

#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ir/op_def.h"
#include "ops/elements_common.h"
#include "ops/quantize_common.h"

namespace whet {
namespace {

bool ScalarIs(const Value* value, double expected) {
  return value != nullptr && value->IsConstant() && value->constant()->view().elements() == 1 &&
         ops::LoadFloat(value->constant()->view(), 0) == expected;
}

// The fused activation that the node is; empty if it is none.
std::string_view FusedName(const Node& node) {
  if (node.Is("Relu")) return "RELU";
  if (!node.Is("Clip")) return {};
  if (ScalarIs(node.input(1), 0) && node.input(2) == nullptr) return "RELU";
  if (ScalarIs(node.input(1), 0) && ScalarIs(node.input(2), 6)) return "RELU6";
  return ScalarIs(node.input(1), -1) && ScalarIs(node.input(2), 1) ? "RELU_N1_TO_1" : std::string_view();
}

// A constant in another order of its dimensions.
std::shared_ptr<const Constant> Transposed(const std::shared_ptr<const Constant>& constant,
                                           std::span<const int64_t> perm) {
  Graph scratch;
  GraphBuilder builder(scratch);
  const Value* result = builder.Transpose(scratch.AddConstant("c", constant), perm);
  return builder.ok() && result->IsConstant() ? result->constant() : nullptr;
}

// What a node computes of constants; null if it has other inputs.
std::shared_ptr<const Constant> Folded(const Node& node) {
  std::vector<TensorPtr> inputs;
  for (const Value* input : node.inputs()) {
    if (input != nullptr && !input->IsConstant()) return nullptr;
    inputs.push_back(input != nullptr ? input->constant() : nullptr);
  }
  auto results = EvaluateNode(node, inputs);
  return results.ok() ? (*results)[0] : nullptr;
}

bool IsIdentityOrder(std::span<const int64_t> perm) {
  for (size_t i = 0; i < perm.size(); ++i) {
    if (perm[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

bool IsCopy(const Node& node) {
  return node.Is("Identity") || (node.Is("Dropout") && node.outputs().size() == 1);
}

// Half precision weights, which are written where they are read: TFLite may want them in another order.
bool IsHalfWeights(const Node& node) {
  return node.Is("Cast") && node.input(0)->IsConstant() && node.input(0)->type.dtype == DType::kF16 &&
         node.output()->type.dtype == DType::kF32;
}

// The operator's builtin of the same inputs, outputs and options; empty if there is none.
std::string_view PlainBuiltin(const OpDef& op) {
  for (const TfliteSpelling& spelling : op.tflite) {
    if (spelling.import == nullptr) return spelling.builtin;
  }
  return {};
}

}  // namespace

// --- tensors

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

// --- operators

void TfliteGraphWriter::Operator(std::string_view builtin, std::span<const Tensor> inputs,
                                 std::span<const Tensor> outputs, const Attributes& options) {
  if (!status_.ok()) return;
  const auto operands = [&](std::span<const Tensor> list) {
    std::vector<TfliteOperand> result;
    for (const Tensor tensor : list) {
      if (tensor == kAbsent) {
        result.emplace_back();
        continue;
      }
      const TensorEntry& entry = main_.tensors[static_cast<size_t>(tensor)];
      result.push_back(
          {&entry.type, entry.quantization ? &*entry.quantization : nullptr, entry.constant != nullptr});
    }
    return result;
  };
  const auto ins = operands(inputs), outs = operands(outputs);
  if (Status status = CheckTfliteOperator(builtin, ins, outs, options); !status.ok()) {
    Fail(std::move(status));
    return;
  }
  main_.operators.push_back({std::string(builtin), TfliteOperatorVersion(builtin, ins, outs, options),
                             std::vector<Tensor>(inputs.begin(), inputs.end()),
                             std::vector<Tensor>(outputs.begin(), outputs.end()), options});
}

const Node* TfliteGraphWriter::FusableActivation(const Node& node) const {
  if (!TfliteFormOf(node.op()).activation || node.outputs().empty()) return nullptr;
  const Value* output = node.output();
  if (output->uses().size() != 1 || graph_.IsLive(output) || output->type.dtype != DType::kF32)
    return nullptr;
  const Node* reader = output->uses()[0].node;
  return reader->graph() == &graph_ && output->uses()[0].input == 0 && !FusedName(*reader).empty() ? reader
                                                                                                   : nullptr;
}

bool TfliteGraphWriter::CanBeQuantized(const Node& node, const Value* result) {
  const TfliteForm& form = TfliteFormOf(node.op());
  if (form.scales == TfliteScales::kNone) return false;
  const bool equal = form.scales == TfliteScales::kEqual || form.scales == TfliteScales::kMoved;
  std::optional<QuantizationParameters> first;
  DType dtype = DType::kUndefined;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    const Value* input = node.input(i);
    if (input == nullptr || input->type.dtype != DType::kF32 || (form.unquantized_inputs >> i & 1) != 0)
      continue;
    QuantizationParameters parameters;
    const Value* integers = IntegersFor(input, &parameters);
    if (integers == nullptr || BitsOf(integers->type.dtype) > 16) return false;
    if (!first) {
      // Weights may be of another type, and have several scales.
      if (!parameters.per_tensor()) return false;
      dtype = integers->type.dtype;
      first = std::move(parameters);
      continue;
    }
    if (equal && (!(*first == parameters) || integers->type.dtype != dtype)) return false;
  }
  if (!first) return false;
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    const Value* output = i == 0 ? result : node.output(i);
    if (output == nullptr || output->type.dtype != DType::kF32) continue;
    if (equal && output->uses().empty() && !graph_.IsLive(output)) continue;
    QuantizationParameters parameters;
    const Value* integers = IntegersFor(output, &parameters);
    if (integers == nullptr || !parameters.per_tensor() || integers->type.dtype != dtype) return false;
    if (equal && !(*first == parameters)) return false;
  }
  operands_ = {dtype, std::move(*first)};
  return true;
}

Status TfliteGraphWriter::TryNode(const Node& node, const Manner& manner) {
  quantized_ = manner.quantized;
  activation_ = manner.activation != nullptr ? FusedName(*manner.activation) : "NONE";
  end_ = manner.activation != nullptr ? manner.activation->output() : node.output();
  status_ = {};
  const size_t tensors = main_.tensors.size(), operators = main_.operators.size();
  const auto old_tensors = tensors_;
  const auto old_weights = weights_;
  const auto old_small = small_;
  const auto old_names = names_;
  const TfliteForm& form = TfliteFormOf(node.op());
  Status status;
  if (form.write != nullptr) {
    status = form.write(node, *this);
  } else if (const std::string_view builtin = PlainBuiltin(node.op()); !builtin.empty()) {
    std::vector<Tensor> inputs, outputs;
    for (const Value* input : node.inputs()) inputs.push_back(Of(input));
    for (size_t i = 0; i < node.outputs().size(); ++i) outputs.push_back(Result(node, i));
    Operator(builtin, inputs, outputs, {});
  } else {
    status = Error(Code::kUnsupported, "TFLite has no such operator");
  }
  if (status.ok()) status = std::move(status_);
  status_ = {};
  if (status.ok()) {
    if (manner.activation != nullptr) fused_[manner.activation] = true;
    return {};
  }
  main_.tensors.resize(tensors);
  main_.operators.resize(operators);
  tensors_ = old_tensors;
  weights_ = old_weights;
  small_ = old_small;
  names_ = old_names;
  return status;
}

Status TfliteGraphWriter::WriteQuantize(const Node& node) {
  const Value* real = node.input(0);
  QuantizationParameters parameters, own;
  if (!ParametersOf(node, &parameters)) {
    return Error(Code::kUnsupported, "the scale is not constant, or one for each block");
  }
  quantized_ = false;
  if (tensors_.contains(node.output())) return {};
  if (real->IsConstant()) {
    auto folded = Folded(node);
    if (folded == nullptr) return Error(Code::kUnsupported, "a constant that cannot be quantized");
    const Value* y = node.output();
    tensors_[y] =
        AddTensor({y->name(), Type::Of(folded->dtype(), folded->shape().dims()), folded, parameters, false});
    return {};
  }
  const Node* producer = real->producer();
  Tensor from = kAbsent;
  // Another node that quantizes the same value the same way has been written.
  for (const Use& use : real->uses()) {
    const bool same = use.node->Is("QuantizeLinear") && use.node != &node && ParametersOf(*use.node, &own) &&
                      own == parameters && use.node->output()->type.dtype == node.output()->type.dtype;
    const auto it = same ? tensors_.find(use.node->output()) : tensors_.end();
    if (it != tensors_.end() && !graph_.IsLive(node.output())) {
      tensors_[node.output()] = it->second;
      return {};
    }
  }
  if (producer != nullptr && producer->Is("DequantizeLinear") && ParametersOf(*producer, &own)) {
    const Value* integers = producer->input(0);
    if (own == parameters && integers->type.dtype == node.output()->type.dtype &&
        !graph_.IsLive(node.output())) {
      tensors_[node.output()] = TensorOf(integers);
      return {};
    }
    // Integers to integers, where TFLite can.
    const size_t operators = main_.operators.size(), tensors = main_.tensors.size();
    const auto old_tensors = tensors_;
    from = TensorOf(integers);
    const Tensor to = Define(node.output());
    Operator("QUANTIZE", std::span(&from, 1), std::span(&to, 1), {});
    if (status_.ok()) return {};
    status_ = {};
    main_.operators.resize(operators);
    main_.tensors.resize(tensors);
    tensors_ = old_tensors;
  }
  from = TensorOf(real);
  const Tensor to = Define(node.output());
  Operator("QUANTIZE", std::span(&from, 1), std::span(&to, 1), {});
  return std::move(status_);
}

Status TfliteGraphWriter::WriteNode(const Node& node) {
  status_ = {};
  if (fused_.contains(&node) || node.Is("DequantizeLinear") || IsCopy(node) || IsHalfWeights(node)) return {};
  if (node.Is("QuantizeLinear")) return WriteQuantize(node);
  if (!node.subgraphs.empty()) return Error(Code::kUnsupported, "control flow");
  const Node* activation = FusableActivation(node);
  const Value* end = activation != nullptr ? activation->output() : node.output();
  Status status;
  if (CanBeQuantized(node, end)) {
    status = TryNode(node, {true, activation});
    if (status.ok()) return status;
  }
  if (activation != nullptr && CanBeQuantized(node, node.output())) {
    status = TryNode(node, {true, nullptr});
    if (status.ok()) return status;
  }
  if (activation != nullptr) {
    status = TryNode(node, {false, activation});
    if (status.ok()) return status;
  }
  return TryNode(node, {false, nullptr});
}

// --- the graph

Status TfliteGraphWriter::WriteInputs() {
  for (const Value* input : graph_.inputs()) {
    const bool is_state = std::any_of(graph_.states.begin(), graph_.states.end(),
                                      [&](const State& state) { return state.input == input; });
    if (is_state) continue;
    if (!input->type.ranked) {
      return Error(Code::kUnsupported, "input '%s' has no known number of dimensions; give its shape",
                   input->name().c_str());
    }
    main_.inputs.push_back(Define(input));
  }
  return {};
}

Status TfliteGraphWriter::WriteOutputs() {
  std::vector<Tensor> seen;
  for (const Value* output : graph_.outputs()) {
    quantized_ = false;
    Tensor tensor = TensorOf(output);
    WHET_RETURN_IF_ERROR(std::move(status_));
    status_ = {};
    // An output is a tensor of its own.
    const bool own = tensor >= 0 && main_.tensors[static_cast<size_t>(tensor)].constant == nullptr &&
                     std::find(main_.inputs.begin(), main_.inputs.end(), tensor) == main_.inputs.end() &&
                     std::find(seen.begin(), seen.end(), tensor) == seen.end();
    if (!own) {
      const TensorEntry source = main_.tensors[static_cast<size_t>(tensor)];
      if (!output->type.IsStatic()) {
        return Error(Code::kUnsupported, "output '%s' is a copy whose shape is not known",
                     output->name().c_str());
      }
      std::vector<int64_t> sizes;
      for (const Dim& dim : output->type.dims) sizes.push_back(dim.lo);
      const Tensor inputs[] = {tensor, Ints(sizes)};
      tensor = AddTensor({output->name(), source.type, nullptr, source.quantization, false});
      Operator("RESHAPE", inputs, std::span(&tensor, 1), {{"new_shape", sizes}});
      WHET_RETURN_IF_ERROR(std::move(status_));
      status_ = {};
    } else if (output->producer() != nullptr && IsCopy(*output->producer())) {
      // The name is part of the model's interface.
      main_.tensors[static_cast<size_t>(tensor)].name = output->name();
    }
    seen.push_back(tensor);
    main_.outputs.push_back(tensor);
  }
  return {};
}

TfliteSink::Tensor TfliteGraphWriter::Handle(SubgraphEntry& subgraph, const State& state) {
  TensorEntry handle{state.name + ":handle", Type(DType::kI32, {}), nullptr, {}, true};
  subgraph.tensors.push_back(std::move(handle));
  const auto tensor = static_cast<Tensor>(subgraph.tensors.size()) - 1;
  subgraph.operators.push_back(
      {"VAR_HANDLE", 1, {}, {tensor}, {{"container", std::string()}, {"shared_name", state.name}}});
  return tensor;
}

void TfliteGraphWriter::WriteReads() {
  if (graph_.states.empty()) return;
  main_.operators.push_back({"CALL_ONCE", 1, {}, {}, {{"init_subgraph_index", int64_t{1}}}});
  initial_.name = "initial";
  for (const State& state : graph_.states) {
    const Tensor handle = Handle(main_, state);
    const Tensor now = Define(state.input);
    main_.operators.push_back({"READ_VARIABLE", 1, {handle}, {now}, {}});
    auto first = state.initial;
    if (first == nullptr) {
      first = whet::Constant::Copy(state.input->type.dtype, state.input->type.ToShape(), nullptr);
    }
    const Tensor target = Handle(initial_, state);
    initial_.tensors.push_back({state.name + ":initial", state.input->type, std::move(first), {}, false});
    const auto value = static_cast<Tensor>(initial_.tensors.size()) - 1;
    initial_.operators.push_back({"ASSIGN_VARIABLE", 1, {target, value}, {}, {}});
  }
}

void TfliteGraphWriter::WriteAssignments() {
  // All are read before any is assigned.
  std::vector<Tensor> values;
  for (const State& state : graph_.states) values.push_back(TensorOf(state.output));
  for (size_t i = 0; i < values.size(); ++i) {
    const Tensor handle = Handle(main_, graph_.states[i]);
    main_.operators.push_back({"ASSIGN_VARIABLE", 1, {handle, values[i]}, {}, {}});
  }
}

Status TfliteGraphWriter::Write(TfliteRefusals* refusals) {
  main_.name = graph_.name();
  for (const Value* value : graph_.values()) {
    if (value->IsGraphInput() || graph_.IsOutput(value)) names_.try_emplace(value->name(), 0);
  }
  WHET_RETURN_IF_ERROR(WriteInputs());
  for (const State& state : graph_.states) {
    if (!state.input->type.IsStatic()) {
      return Error(Code::kUnsupported, "state '%s' has no known shape", state.name.c_str());
    }
  }
  WriteReads();
  for (const auto& node : graph_.nodes()) {
    Status status = WriteNode(*node);
    if (status.ok()) continue;
    if (status.code() != Code::kUnsupported) {
      return std::move(status).At("node '" + node->name() + "' (" + std::string(node->op_name()) + ")");
    }
    refusals->Add(*node, std::string(status.what()));
  }
  if (!refusals->empty()) return {};
  WHET_RETURN_IF_ERROR(WriteOutputs());
  WriteAssignments();
  return std::move(status_);
}

}  // namespace whet
