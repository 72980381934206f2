#include "export/tflite/operator_rules.h"

#include <algorithm>

namespace whet {
namespace {

// Types as letters: f F h are f32, f64, f16; b is bool; 1 2 4 8 are i8, i16, i32, i64 as they are; u is u8, U
// u32, s u16. q Q are i8 and i16 that stand for reals, and y is u8 that does; n is i4.
struct Rule {
  std::string_view builtin;
  std::string_view types;  // of the operand `data`
  size_t data = 0;         // the input whose type decides
  int max_rank = 8;        // of any operand
  int max_broadcast = 8;   // of operands whose shapes differ
};

constexpr Rule kRules[] = {
    {"ABS", "f4qQ"},
    {"ADD", "f48qQy", 0, 8, 6},
    {"ADD_N", "f4"},
    {"ARG_MAX", "f41uqyb"},
    {"ARG_MIN", "f41uqyb"},
    {"AVERAGE_POOL_2D", "fqQy", 0, 4},
    {"BATCH_MATMUL", "fqQ", 0, 5},
    {"BITWISE_XOR", "481u2Us", 0, 8, 4},
    {"BROADCAST_TO", "f48b1u2qQy"},
    {"CALL_ONCE", ""},
    {"CAST", "fFh48b1u2sUn"},
    {"CEIL", "f"},
    {"CONCATENATION", "f48b1u2UqQy"},
    {"CONV_2D", "fqQy", 0, 4},
    {"CONV_3D", "f", 0, 5},
    {"COS", "f"},
    {"CUMSUM", "f48"},
    {"DEPTHWISE_CONV_2D", "fqQy", 0, 4},
    {"DEPTH_TO_SPACE", "f481uqy", 0, 4},
    {"DEQUANTIZE", "hqQyn"},
    {"DIV", "f4y", 0, 8, 5},
    {"ELU", "fq"},
    {"EQUAL", "f48buqy", 0, 8, 4},
    {"EXP", "fqQ"},
    {"EXPAND_DIMS", "f48b1u2UqQyFh"},
    {"FLOOR", "f"},
    {"FLOOR_DIV", "f4", 0, 8, 4},
    {"FLOOR_MOD", "f48", 0, 8, 4},
    {"FULLY_CONNECTED", "fqQy"},
    {"GATHER", "f48b1u2qQy"},
    {"GATHER_ND", "f48b1u2qQy"},
    {"GELU", "fqy"},
    {"GREATER", "f48uqy", 0, 8, 4},
    {"GREATER_EQUAL", "f48uqyQ", 0, 8, 4},
    {"HARD_SWISH", "fqy"},
    {"LEAKY_RELU", "fqyQ"},
    {"LESS", "f48uqyQ", 0, 8, 4},
    {"LESS_EQUAL", "f48uqy", 0, 8, 4},
    {"LOCAL_RESPONSE_NORMALIZATION", "f", 0, 4},
    {"LOG", "fqQ"},
    {"LOGICAL_AND", "b", 0, 8, 4},
    {"LOGICAL_NOT", "b"},
    {"LOGICAL_OR", "b", 0, 8, 4},
    {"LOGISTIC", "fqyQ"},
    {"LOG_SOFTMAX", "fqy"},
    {"MAXIMUM", "f48qyQ", 0, 8, 5},
    {"MAX_POOL_2D", "fqQy", 0, 4},
    {"MEAN", "f48qQy"},
    {"MINIMUM", "f48qyQ", 0, 8, 5},
    {"MIRROR_PAD", "f481uqQy", 0, 5},
    {"MUL", "f48qQy", 0, 8, 6},
    {"NEG", "f48"},
    {"NOT_EQUAL", "f48buqy", 0, 8, 4},
    {"ONE_HOT", "48"},
    {"PAD", "f481u2qQyb", 0, 5},
    {"PADV2", "f481u2qQyb", 0, 5},
    {"POW", "f4", 0, 8, 4},
    {"PRELU", "fqy", 0, 8, 4},
    {"QUANTIZE", "fqQy"},
    {"RANGE", "f48"},
    {"REDUCE_MAX", "f48qQy"},
    {"REDUCE_MIN", "f48qQy"},
    {"REDUCE_PROD", "f48"},
    {"RELU", "fqyQ"},
    {"RELU6", "fqyQ"},
    {"RELU_N1_TO_1", "fqy"},
    {"RESHAPE", "f48b1u2UsqQyFhn"},
    {"RESIZE_BILINEAR", "fqQy", 0, 4},
    {"RESIZE_NEAREST_NEIGHBOR", "f1u2qQy", 0, 4},
    {"REVERSE_SEQUENCE", "f482u"},
    {"ROUND", "f"},
    {"SCATTER_ND", "f481ub", 1},
    {"SELECT_V2", "f48b1u2qQy", 1, 8, 5},
    {"SHAPE", "f48b1u2UsqQyFh"},
    {"SIGN", "fF4"},
    {"SIN", "f"},
    {"SLICE", "f48b1u2UqQy", 0, 5},
    {"SOFTMAX", "fqQy"},
    {"SPACE_TO_DEPTH", "f481uqy", 0, 4},
    {"SPLIT", "f4qQy1u2", 1},
    {"SPLIT_V", "f481u2qQy"},
    {"SQRT", "f"},
    {"SQUEEZE", "f48b1u2UsqQyFh"},
    {"STRIDED_SLICE", "f48b1u2UqQy", 0, 5},
    {"SUB", "f48qQy", 0, 8, 5},
    {"SUM", "f48qyQ"},
    {"TANH", "fqyQ"},
    {"TILE", "f48buqy"},
    {"TOPK_V2", "f48uqyQ"},
    {"TRANSPOSE", "f48b1u2qQy", 0, 6},
    {"TRANSPOSE_CONV", "fqQy", 2, 4},
    {"VAR_HANDLE", ""},
    {"READ_VARIABLE", ""},
    {"ASSIGN_VARIABLE", ""},
};

char LetterOf(const TfliteOperand& operand) {
  const bool quantized = operand.quantization != nullptr;
  switch (operand.type->dtype) {
    case DType::kF32: return 'f';
    case DType::kF64: return 'F';
    case DType::kF16: return 'h';
    case DType::kBool: return 'b';
    case DType::kI8: return quantized ? 'q' : '1';
    case DType::kI16: return quantized ? 'Q' : '2';
    case DType::kU8: return quantized ? 'y' : 'u';
    case DType::kU16: return 's';
    case DType::kU32: return 'U';
    case DType::kI32: return '4';
    case DType::kI64: return '8';
    case DType::kI4: return 'n';
    default: return '?';
  }
}

bool SameShape(const TfliteOperand& a, const TfliteOperand& b) { return a.type->dims == b.type->dims; }

// Broadcasting stands in the kernels with a fixed number of dimensions.
bool Broadcasts(std::span<const TfliteOperand> inputs, int* rank) {
  bool differ = false;
  *rank = 0;
  for (const TfliteOperand& input : inputs) {
    if (input.type == nullptr) continue;
    *rank = std::max(*rank, input.type->rank());
    const bool scalar = input.type->IsStatic() && input.type->ToShape().elements() == 1;
    differ = differ || (!scalar && !SameShape(input, inputs[0]));
  }
  return differ;
}

const Rule* Find(std::string_view builtin) {
  const auto* rule = std::find_if(std::begin(kRules), std::end(kRules),
                                  [&](const Rule& candidate) { return candidate.builtin == builtin; });
  return rule != std::end(kRules) ? rule : nullptr;
}

// Weights of integers are symmetric and go with integers of at least their width.
Status CheckWeights(std::string_view builtin, const TfliteOperand& x, const TfliteOperand& w) {
  if (x.type->dtype == DType::kF32) {
    if (w.type->dtype == DType::kF32) return {};
    return Error(Code::kUnsupported, "%s with weights of another type", std::string(builtin).c_str());
  }
  if (w.quantization == nullptr) return Error(Code::kUnsupported, "weights that are not quantized");
  const bool symmetric = std::all_of(w.quantization->zero_points.begin(), w.quantization->zero_points.end(),
                                     [](int64_t zero) { return zero == 0; });
  switch (x.type->dtype) {
    case DType::kU8:
      if (w.type->dtype == DType::kU8 && w.quantization->per_tensor()) return {};
      break;
    case DType::kI8:
      if ((w.type->dtype == DType::kI8 || (w.type->dtype == DType::kI4 && builtin != "TRANSPOSE_CONV")) &&
          symmetric) {
        return {};
      }
      break;
    case DType::kI16:
      if (w.type->dtype == DType::kI8 && symmetric) return {};
      break;
    default: break;
  }
  return Error(Code::kUnsupported, "quantized weights that TFLite has no kernel for");
}

bool Requantizes(DType from, DType to) {
  const bool bytes = (from == DType::kI8 || from == DType::kU8) && (to == DType::kI8 || to == DType::kU8);
  return bytes || (from == DType::kI16 && (to == DType::kI16 || to == DType::kI8));
}

}  // namespace

Status CheckTfliteOperator(std::string_view builtin, std::span<const TfliteOperand> inputs,
                           std::span<const TfliteOperand> outputs, const Attributes& options) {
  const Rule* rule = Find(builtin);
  const std::string name(builtin);
  if (rule == nullptr) return Error(Code::kInternal, "no rule for %s", name.c_str());
  if (rule->types.empty()) return {};
  const TfliteOperand& data = inputs[rule->data];
  if (rule->types.find(LetterOf(data)) == std::string_view::npos) {
    return Error(Code::kUnsupported, "TFLite's %s does not take %s", name.c_str(),
                 std::string(DTypeName(data.type->dtype)).c_str());
  }
  for (const auto list : {inputs, outputs}) {
    for (const TfliteOperand& operand : list) {
      if (operand.type == nullptr) continue;
      if (!operand.type->ranked) return Error(Code::kUnsupported, "a number of dimensions that is not known");
      if (operand.type->rank() > rule->max_rank) {
        return Error(Code::kUnsupported, "TFLite's %s takes at most %d dimensions", name.c_str(),
                     rule->max_rank);
      }
      const bool wide = operand.type->dtype == DType::kI16 && operand.quantization != nullptr;
      if (wide && operand.quantization->zero_points[0] != 0) {
        return Error(Code::kUnsupported, "16-bit values whose zero point is not 0");
      }
    }
  }
  int rank = 0;
  if (rule->max_broadcast < 8 && Broadcasts(inputs, &rank) && rank > rule->max_broadcast) {
    return Error(Code::kUnsupported, "TFLite's %s broadcasts at most %d dimensions", name.c_str(),
                 rule->max_broadcast);
  }
  if (builtin == "CONV_2D" || builtin == "DEPTHWISE_CONV_2D" || builtin == "FULLY_CONNECTED" ||
      builtin == "CONV_3D") {
    return CheckWeights(builtin, inputs[0], inputs[1]);
  }
  if (builtin == "TRANSPOSE_CONV") return CheckWeights(builtin, inputs[2], inputs[1]);
  if (builtin == "BATCH_MATMUL") {
    if (inputs[0].type->dtype != inputs[1].type->dtype) {
      return Error(Code::kUnsupported, "a product of matrices of two types");
    }
    for (const TfliteOperand& input : inputs) {
      if (input.quantization != nullptr && !input.quantization->per_tensor()) {
        return Error(Code::kUnsupported, "a product of matrices with several scales");
      }
    }
  }
  if (builtin == "QUANTIZE" && data.type->dtype != DType::kF32 &&
      !Requantizes(data.type->dtype, outputs[0].type->dtype)) {
    return Error(Code::kUnsupported, "requantization between these types");
  }
  if ((builtin == "RESIZE_BILINEAR" || builtin == "RESIZE_NEAREST_NEIGHBOR") &&
      options.Int("align_corners") != 0 && options.Int("half_pixel_centers") != 0) {
    return Error(Code::kInternal, "align_corners together with half_pixel_centers");
  }
  return {};
}

int TfliteOperatorVersion(std::string_view builtin, std::span<const TfliteOperand> inputs,
                          std::span<const TfliteOperand> outputs, const Attributes& options) {
  const Rule* rule = Find(builtin);
  if (rule == nullptr || rule->types.empty()) return 1;
  const DType x = inputs[rule->data].type->dtype;
  const bool quantized = inputs[rule->data].quantization != nullptr;
  const int rank = inputs[rule->data].type->rank();
  const auto is = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), builtin) != names.end();
  };
  const bool i8 = x == DType::kI8, i16 = x == DType::kI16, u8 = x == DType::kU8, i64 = x == DType::kI64;
  int broadcast_rank = 0;
  const bool broadcasts = inputs.size() > 1 && Broadcasts(inputs, &broadcast_rank);
  const bool wide_broadcast = broadcasts && broadcast_rank > 4;

  if (is({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})) {
    const DType w = inputs[1].type->dtype;
    const bool depthwise = builtin == "DEPTHWISE_CONV_2D";
    if (builtin == "FULLY_CONNECTED") {
      if (i16) return 7;
      if (i8 && w == DType::kI4) return 10;
      if (inputs.size() == 2) return 6;
      if (options.Int("keep_num_dims") != 0) return 5;
      return i8 ? 4 : 1;
    }
    if (i16) return depthwise ? 5 : 4;
    if (i8 && w == DType::kI4) return 7;
    if (!depthwise && inputs[0].type->dims.back() != inputs[1].type->dims.back()) return 6;  // in groups
    if (i8) return 3;
    const bool dilated = options.Int("dilation_h_factor", 1) != 1 || options.Int("dilation_w_factor", 1) != 1;
    return depthwise && dilated ? 2 : 1;
  }
  if (builtin == "TRANSPOSE_CONV") {
    if (options.String("fused_activation_function", "NONE") != "NONE") return 4;
    return inputs.size() == 4 ? 3 : i8 ? 2 : 1;
  }
  if (builtin == "MUL") {
    if (i64) return 5;
    if (i16) return quantized ? 4 : 7;
    if (quantized && inputs[1].quantization != nullptr && outputs[0].quantization != nullptr) {
      const float ratio = inputs[0].quantization->scales[0] * inputs[1].quantization->scales[0] /
                          outputs[0].quantization->scales[0];
      if (ratio >= 1) return 3;
    }
    return i8 ? 2 : 1;
  }
  if (builtin == "ADD") return i64 ? 4 : i16 ? (quantized ? 3 : 5) : i8 ? 2 : 1;
  if (builtin == "SUB") return i16 ? 5 : i64 ? 4 : wide_broadcast ? 3 : i8 ? 2 : 1;
  if (builtin == "DIV") return wide_broadcast ? 2 : 1;
  if (is({"MAXIMUM", "MINIMUM"})) return i16 ? 4 : wide_broadcast ? 3 : i8 ? 2 : 1;
  if (builtin == "GATHER") return i16 ? 4 : x == DType::kBool ? 3 : i8 ? 2 : 1;
  if (builtin == "GATHER_ND") return x == DType::kBool ? 5 : i16 ? 3 : 1;
  if (builtin == "TRANSPOSE")
    return rank > 5 ? 6 : i16 ? 5 : rank > 4 ? 4 : x == DType::kBool ? 3 : i8 ? 2 : 1;
  if (builtin == "SPLIT") return i16 ? 4 : x == DType::kI32 ? 3 : i8 ? 2 : 1;
  if (builtin == "SLICE") return x == DType::kU32 ? 6 : rank > 4 ? 5 : i16 ? 4 : i8 ? 2 : 1;
  if (builtin == "STRIDED_SLICE")
    return x == DType::kU32 ? 7 : rank > 4 ? 4 : x == DType::kBool ? 3 : i8 ? 2 : 1;
  if (builtin == "DEQUANTIZE") {
    if (x == DType::kI4) return 6;
    if (i16 || x == DType::kF16) return 3;
    return i8 ? (inputs[0].quantization->per_tensor() ? 2 : 5) : 1;
  }
  if (builtin == "QUANTIZE") {
    if (!outputs[0].quantization->per_tensor()) return 3;
    return outputs[0].type->dtype == DType::kI16 ? 2 : 1;
  }
  if (builtin == "ABS") return x == DType::kI32 ? 5 : i16 ? (quantized ? 3 : 4) : i8 || u8 ? 2 : 1;
  if (builtin == "RELU") return i16 ? 3 : i8 || u8 ? 2 : 1;
  if (builtin == "GELU") return i8 || u8 ? 2 : 1;
  if (builtin == "SIGN") return x == DType::kI32 ? 2 : 1;
  if (is({"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"})) {
    if (i16) return 4;
    const bool corners = builtin == "RESIZE_NEAREST_NEIGHBOR" && options.Int("align_corners") != 0;
    return options.Int("half_pixel_centers") != 0 || corners ? 3 : i8 ? 2 : 1;
  }
  if (is({"PAD", "PADV2"})) return rank > 4 ? 4 : i16 ? 3 : i8 ? 2 : 1;
  if (builtin == "CONCATENATION") return x == DType::kU32 ? 4 : i16 ? 3 : i8 ? 2 : 1;
  if (is({"SOFTMAX", "MEAN", "MIRROR_PAD", "REDUCE_MAX", "REDUCE_MIN", "RELU6", "TANH", "LOGISTIC",
          "AVERAGE_POOL_2D", "MAX_POOL_2D", "BATCH_MATMUL", "TOPK_V2", "LESS", "GREATER_EQUAL"})) {
    return i16 ? 3 : i8 ? 2 : 1;
  }
  if (is({"ARG_MAX", "ARG_MIN"})) return x == DType::kBool ? 3 : i8 ? 2 : 1;
  if (is({"SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "SPLIT_V", "SUM", "LOG_SOFTMAX", "GREATER", "LESS_EQUAL",
          "EQUAL", "NOT_EQUAL"})) {
    return i8 ? 2 : 1;
  }
  if (is({"EXP", "LOG", "REDUCE_PROD"})) return i8 || i16 ? 2 : 1;
  if (builtin == "LEAKY_RELU") return i16 ? 2 : 1;
  if (builtin == "BROADCAST_TO") return i8 || i16 ? 3 : 2;
  if (builtin == "TILE") return i8 ? 3 : 1;
  if (builtin == "RANGE") return i64 ? 2 : 1;
  if (builtin == "FLOOR_DIV") return x == DType::kF32 ? 2 : 1;
  if (builtin == "CAST") {
    const DType y = outputs[0].type->dtype;
    const auto either = [&](DType type) { return x == type || y == type; };
    if (x == DType::kI4) return 6;
    if (either(DType::kF64) || either(DType::kF16)) return 5;
    if (either(DType::kU16)) return 4;
    if (either(DType::kI8)) return 3;
    return either(DType::kU32) ? 2 : 1;
  }
  return 1;
}

}  // namespace whet
