#include "export/edgetpu/edgetpu_check.h"

#include <algorithm>

#include "tflite_schema_generated.h"

namespace whet {

namespace fb = tflite_fb;

namespace {

using Op = fb::BuiltinOperator;

constexpr int kMostSoftmaxElements = 16000;

// One operator of the model, with what the rules ask about it.
class View {
 public:
  View(const fb::Model& model, const fb::SubGraph& subgraph, const fb::Operator& op)
      : model_(model), subgraph_(subgraph), op_(op) {}

  uint32_t input_count() const { return op_.inputs() != nullptr ? op_.inputs()->size() : 0; }
  uint32_t output_count() const { return op_.outputs() != nullptr ? op_.outputs()->size() : 0; }
  // Null if absent.
  const fb::Tensor* input(uint32_t i) const {
    return i < input_count() ? TensorAt(op_.inputs()->Get(i)) : nullptr;
  }
  const fb::Tensor* output(uint32_t i) const {
    return i < output_count() ? TensorAt(op_.outputs()->Get(i)) : nullptr;
  }
  template <typename Options>
  const Options* options() const {
    return op_.builtin_options_as<Options>();
  }

  bool IsConstant(const fb::Tensor& tensor) const { return !Bytes(tensor).empty(); }
  std::span<const uint8_t> Bytes(const fb::Tensor& tensor) const {
    const auto* buffers = model_.buffers();
    if (buffers == nullptr || tensor.buffer() >= buffers->size()) return {};
    const auto* data = buffers->Get(tensor.buffer())->data();
    return data != nullptr ? std::span(data->data(), data->size()) : std::span<const uint8_t>();
  }
  // The elements of a constant of 32-bit integers.
  std::vector<int32_t> Ints(const fb::Tensor* tensor) const {
    if (tensor == nullptr || tensor->type() != fb::TensorType::INT32) return {};
    const auto bytes = Bytes(*tensor);
    std::vector<int32_t> values(bytes.size() / sizeof(int32_t));
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = flatbuffers::ReadScalar<int32_t>(bytes.data() + i * sizeof(int32_t));
    }
    return values;
  }

 private:
  const fb::Tensor* TensorAt(int32_t index) const {
    const auto* tensors = subgraph_.tensors();
    const bool exists = tensors != nullptr && index >= 0 && static_cast<uint32_t>(index) < tensors->size();
    return exists ? tensors->Get(static_cast<uint32_t>(index)) : nullptr;
  }

  const fb::Model& model_;
  const fb::SubGraph& subgraph_;
  const fb::Operator& op_;
};

int RankOf(const fb::Tensor& tensor) {
  return tensor.shape() != nullptr ? static_cast<int>(tensor.shape()->size()) : 0;
}
int DimOf(const fb::Tensor& tensor, int i) { return tensor.shape()->Get(static_cast<uint32_t>(i)); }

bool IsOpen(const fb::Tensor& tensor) {
  const auto* signature = tensor.shape_signature();
  for (uint32_t i = 0; signature != nullptr && i < signature->size(); ++i) {
    if (signature->Get(i) < 0) return true;
  }
  return false;
}

bool IsByte(const fb::Tensor& tensor) {
  return tensor.type() == fb::TensorType::INT8 || tensor.type() == fb::TensorType::UINT8;
}

// Dimensions but for leading ones.
int SignificantRank(const fb::Tensor& tensor) {
  int first = 0;
  while (first < RankOf(tensor) && DimOf(tensor, first) == 1) ++first;
  return RankOf(tensor) - first;
}

std::string CheckTensor(const fb::Tensor& tensor) {
  if (IsOpen(tensor)) return "a tensor's size is not fixed";
  if (!IsByte(tensor)) {
    return std::string("a tensor of type ") + fb::EnumNameTensorType(tensor.type()) +
           "; only 8-bit integers are mapped";
  }
  if (tensor.quantization() == nullptr || tensor.quantization()->scale() == nullptr ||
      tensor.quantization()->scale()->size() == 0) {
    return "a tensor of integers that is not quantized";
  }
  if (SignificantRank(tensor) > 3) return "more than the 3 innermost dimensions are larger than 1";
  return {};
}

// --- limits of single operators

std::string NoActivation(fb::ActivationFunctionType activation) {
  return activation == fb::ActivationFunctionType::NONE ? std::string() : "it has a fused activation";
}

fb::ActivationFunctionType ActivationOf(const View& view) {
  const auto* options = view.options<fb::Pool2DOptions>();
  return options != nullptr ? options->fused_activation_function() : fb::ActivationFunctionType::NONE;
}

// Whether one of the axes, which may count from the end, is that dimension.
bool Touches(std::span<const int32_t> axes, int rank, int dimension) {
  return std::any_of(axes.begin(), axes.end(),
                     [&](int32_t axis) { return (axis < 0 ? axis + rank : axis) == dimension; });
}

std::string Concatenation(const View& view) {
  const auto* options = view.options<fb::ConcatenationOptions>();
  if (options != nullptr && options->fused_activation_function() != fb::ActivationFunctionType::NONE) {
    return "it has a fused activation";
  }
  for (uint32_t i = 0; i < view.input_count(); ++i) {
    const fb::Tensor* input = view.input(i);
    if (input == nullptr || !view.IsConstant(*input)) continue;
    const auto bytes = view.Bytes(*input);
    const auto* zero_points =
        input->quantization() != nullptr ? input->quantization()->zero_point() : nullptr;
    const int64_t zero = zero_points != nullptr && zero_points->size() > 0 ? zero_points->Get(0) : 0;
    const bool zeros = std::all_of(bytes.begin(), bytes.end(),
                                   [&](uint8_t byte) { return byte == static_cast<uint8_t>(zero); });
    if (view.input_count() != 2 || !zeros)
      return "a constant is joined that is not all zeros, or not one of two";
  }
  return {};
}

std::string Reduction(const View& view, bool mean) {
  const fb::Tensor& x = *view.input(0);
  const std::vector<int32_t> axes = view.Ints(view.input(1));
  if (Touches(axes, RankOf(x), 0) && RankOf(x) > 1) return "it reduces the batch";
  const int last = RankOf(x) - 1;
  if (mean && RankOf(x) == 4 && Touches(axes, RankOf(x), last) && DimOf(x, last) % 4 != 0) {
    return "it reduces channels whose number is not a multiple of 4";
  }
  return {};
}

std::string FullyConnected(const View& view) {
  const auto* options = view.options<fb::FullyConnectedOptions>();
  if (options != nullptr && options->weights_format() != fb::WeightsFormat::DEFAULT)
    return "its weights are shuffled";
  if (SignificantRank(*view.output(0)) > 1) return "its output has more than one dimension";
  return {};
}

std::string Padding(const View& view) {
  const std::vector<int32_t> pads = view.Ints(view.input(1));
  const bool batch = pads.size() >= 2 && (pads[0] != 0 || pads[1] != 0) && RankOf(*view.input(0)) > 3;
  return batch ? "it pads the batch" : std::string();
}

std::string StridedSlice(const View& view) {
  const std::vector<int32_t> strides = view.Ints(view.input(3));
  if (std::any_of(strides.begin(), strides.end(), [](int32_t stride) { return stride != 1; })) {
    return "a stride is not 1";
  }
  const auto* options = view.options<fb::StridedSliceOptions>();
  const bool masked = options != nullptr && (options->ellipsis_mask() != 0 || options->new_axis_mask() != 0);
  return masked ? "it has an ellipsis or a new axis" : std::string();
}

std::string Prelu(const View& view) {
  const fb::Tensor& alpha = *view.input(1);
  return SignificantRank(alpha) > 1 ? "its slopes have more than one dimension" : std::string();
}

std::string SoftmaxLimit(const View& view) {
  if (SignificantRank(*view.input(0)) > 1) return "its input has more than one dimension";
  int elements = 1;
  for (int i = 0; i < RankOf(*view.input(0)); ++i) elements *= std::max(DimOf(*view.input(0), i), 1);
  return elements > kMostSoftmaxElements ? "its input has more than 16000 elements" : std::string();
}

std::string OneDilation(int32_t h, int32_t w) { return h == w ? std::string() : "its dilations differ"; }

// Operators with weights: these and the bias are constants.
std::string ConstantWeights(const View& view, uint32_t weights, uint32_t bias) {
  for (const uint32_t i : {weights, bias}) {
    const fb::Tensor* tensor = view.input(i);
    if (tensor != nullptr && !view.IsConstant(*tensor)) return "its weights or bias are not constant";
  }
  return {};
}

struct Rule {
  Op op;
  uint32_t parameters = 0;  // bit i: input i is a constant of another type (axes, sizes, a bias)
  std::string (*limit)(const View& view) = nullptr;
};

const Rule kRules[] = {
    {Op::ADD},
    {Op::AVERAGE_POOL_2D, 0, [](const View& view) { return NoActivation(ActivationOf(view)); }},
    {Op::CONCATENATION, 0, Concatenation},
    {Op::CONV_2D, 0b100,
     [](const View& view) {
       const auto* options = view.options<fb::Conv2DOptions>();
       const std::string reason = ConstantWeights(view, 1, 2);
       if (!reason.empty() || options == nullptr) return reason;
       return OneDilation(options->dilation_h_factor(), options->dilation_w_factor());
     }},
    {Op::DEPTHWISE_CONV_2D, 0b100,
     [](const View& view) {
       const auto* options = view.options<fb::DepthwiseConv2DOptions>();
       const std::string reason = ConstantWeights(view, 1, 2);
       if (!reason.empty() || options == nullptr) return reason;
       return OneDilation(options->dilation_h_factor(), options->dilation_w_factor());
     }},
    {Op::EXPAND_DIMS, 0b10},
    {Op::FULLY_CONNECTED, 0b100,
     [](const View& view) {
       const std::string reason = ConstantWeights(view, 1, 2);
       return reason.empty() ? FullyConnected(view) : reason;
     }},
    {Op::L2_NORMALIZATION},
    {Op::LOGISTIC},
    {Op::MAXIMUM},
    {Op::MAX_POOL_2D, 0, [](const View& view) { return NoActivation(ActivationOf(view)); }},
    {Op::MEAN, 0b10, [](const View& view) { return Reduction(view, true); }},
    {Op::MINIMUM},
    {Op::MUL},
    {Op::PACK, 0,
     [](const View& view) {
       const auto* options = view.options<fb::PackOptions>();
       return options != nullptr && options->axis() == 0 ? std::string("it packs the batch") : std::string();
     }},
    {Op::PAD, 0b10, Padding},
    {Op::PRELU, 0, Prelu},
    {Op::QUANTIZE},
    {Op::REDUCE_MAX, 0b10, [](const View& view) { return Reduction(view, false); }},
    {Op::REDUCE_MIN, 0b10, [](const View& view) { return Reduction(view, false); }},
    {Op::RELU},
    {Op::RELU6},
    {Op::RELU_N1_TO_1},
    {Op::RESHAPE, 0b10},
    {Op::RESIZE_BILINEAR, 0b10},
    {Op::RESIZE_NEAREST_NEIGHBOR, 0b10},
    {Op::RSQRT},
    {Op::SLICE, 0b110},
    {Op::SOFTMAX, 0, SoftmaxLimit},
    {Op::SPACE_TO_DEPTH},
    {Op::SPLIT, 0b1,
     [](const View& view) {
       const std::vector<int32_t> axis = view.Ints(view.input(0));
       const bool batch = Touches(axis, RankOf(*view.input(1)), 0) && RankOf(*view.input(1)) > 1;
       return batch ? std::string("it splits the batch") : std::string();
     }},
    {Op::SQUARED_DIFFERENCE},
    {Op::SQUEEZE},
    {Op::STRIDED_SLICE, 0b1110, StridedSlice},
    {Op::SUB},
    {Op::SUM, 0b10, [](const View& view) { return Reduction(view, false); }},
    {Op::TANH},
    {Op::TRANSPOSE, 0b10},
    {Op::TRANSPOSE_CONV, 0b1001, [](const View& view) { return ConstantWeights(view, 1, 3); }},
    {Op::UNIDIRECTIONAL_SEQUENCE_LSTM},
};

// Why the operator is not mapped; empty if it is.
std::string Refusal(Op op, const View& view) {
  const auto* rule =
      std::find_if(std::begin(kRules), std::end(kRules), [&](const Rule& r) { return r.op == op; });
  if (rule == std::end(kRules)) return "the Edge TPU does not have the operator";
  if (view.output(0) == nullptr || view.input(0) == nullptr) return "an operand is missing";
  const bool second = op == Op::SPLIT || op == Op::PRELU;
  if (second && view.input(1) == nullptr) return "an operand is missing";
  for (uint32_t i = 0; i < view.input_count(); ++i) {
    const fb::Tensor* tensor = view.input(i);
    if (tensor == nullptr) continue;
    if ((rule->parameters >> i & 1) != 0) {
      if (!view.IsConstant(*tensor)) return "a parameter is not constant";
      continue;
    }
    if (std::string reason = CheckTensor(*tensor); !reason.empty()) return reason;
  }
  for (uint32_t i = 0; i < view.output_count(); ++i) {
    if (view.output(i) == nullptr) continue;
    if (std::string reason = CheckTensor(*view.output(i)); !reason.empty()) return reason;
  }
  return rule->limit != nullptr ? rule->limit(view) : std::string();
}

bool Contains(const flatbuffers::Vector<int32_t>* list, int32_t tensor) {
  return list != nullptr && std::find(list->begin(), list->end(), tensor) != list->end();
}

// Reals become integers where they come in, and integers reals where they go out.
bool IsBorder(Op op, const fb::SubGraph& subgraph, const fb::Operator& node, const View& view) {
  if (op == Op::QUANTIZE) {
    return view.input(0) != nullptr && view.input(0)->type() == fb::TensorType::FLOAT32 &&
           Contains(subgraph.inputs(), node.inputs()->Get(0));
  }
  return op == Op::DEQUANTIZE && view.output(0) != nullptr &&
         Contains(subgraph.outputs(), node.outputs()->Get(0));
}

}  // namespace

size_t EdgeTpuReport::mapped() const {
  return static_cast<size_t>(
      std::count_if(operators.begin(), operators.end(), [](const EdgeTpuOperator& op) { return op.mapped; }));
}

bool EdgeTpuReport::all_mapped() const {
  return std::all_of(operators.begin(), operators.end(),
                     [](const EdgeTpuOperator& op) { return op.mapped || op.border; });
}

Result<EdgeTpuReport> CheckEdgeTpu(std::span<const std::byte> bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  flatbuffers::Verifier verifier(data, bytes.size(), /*max_depth=*/64, /*max_tables=*/1u << 30);
  if (bytes.size() < 8 || !fb::ModelBufferHasIdentifier(data) || !fb::VerifyModelBuffer(verifier)) {
    return Error(Code::kBadFile, "is not a TFLite model");
  }
  const fb::Model& model = *fb::GetModel(data);
  if (model.subgraphs() == nullptr || model.subgraphs()->size() == 0 || model.operator_codes() == nullptr) {
    return Error(Code::kBadFile, "has no subgraph");
  }
  const fb::SubGraph& subgraph = *model.subgraphs()->Get(0);
  EdgeTpuReport report;
  std::string stopped_at;
  for (uint32_t i = 0; subgraph.operators() != nullptr && i < subgraph.operators()->size(); ++i) {
    const fb::Operator& node = *subgraph.operators()->Get(i);
    if (node.opcode_index() >= model.operator_codes()->size()) {
      return Error(Code::kBadFile, "an operator refers to an operator code that does not exist");
    }
    const fb::OperatorCode& code = *model.operator_codes()->Get(node.opcode_index());
    const auto op = static_cast<Op>(
        std::max(static_cast<int>(code.builtin_code()), static_cast<int>(code.deprecated_builtin_code())));
    const View view(model, subgraph, node);
    EdgeTpuOperator entry;
    entry.op = fb::EnumNameBuiltinOperator(op);
    const fb::Tensor* first = view.output(0);
    if (first != nullptr && first->name() != nullptr) entry.name = first->name()->str();
    entry.border = IsBorder(op, subgraph, node, view);
    if (entry.border) {
      entry.reason = "reals at the border of the model";
    } else if (entry.reason = Refusal(op, view); !entry.reason.empty()) {
      if (stopped_at.empty()) stopped_at = entry.name;
    } else if (!stopped_at.empty()) {
      entry.reason = "it stands after '" + stopped_at + "', which is not mapped";
    } else {
      entry.mapped = true;
    }
    report.operators.push_back(std::move(entry));
  }
  return report;
}

}  // namespace whet
