#include "export/onnx/lower.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace whet {
namespace {

// Operators that did not exist before.
struct Since {
  std::string_view op_type;
  int opset;
};
constexpr Since kSince[] = {
    {"AffineGrid", 20},
    {"Attention", 23},
    {"BitwiseAnd", 18},
    {"BitwiseNot", 18},
    {"BitwiseOr", 18},
    {"BitwiseXor", 18},
    {"CenterCropPad", 18},
    {"Col2Im", 18},
    {"DeformConv", 19},
    {"Gelu", 20},
    {"GroupNormalization", 21},
    {"Mish", 18},
    {"RMSNormalization", 23},
    {"RotaryEmbedding", 23},
    {"Swish", 24},
};

// Their axes became an input in opset 18.
constexpr std::string_view kReductions[] = {"ReduceL1",        "ReduceL2",   "ReduceLogSum",
                                            "ReduceLogSumExp", "ReduceMax",  "ReduceMean",
                                            "ReduceMin",       "ReduceProd", "ReduceSumSquare"};

onnx::AttributeProto* Find(onnx::NodeProto& node, std::string_view name) {
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

void Remove(onnx::NodeProto& node, std::string_view name) {
  for (int i = 0; i < node.attribute_size(); ++i) {
    if (node.attribute(i).name() == name) {
      node.mutable_attribute()->DeleteSubrange(i, 1);
      return;
    }
  }
}

int64_t Int(onnx::NodeProto& node, std::string_view name, int64_t fallback) {
  const auto* attribute = Find(node, name);
  return attribute != nullptr ? attribute->i() : fallback;
}

std::string_view String(onnx::NodeProto& node, std::string_view name) {
  const auto* attribute = Find(node, name);
  return attribute != nullptr ? std::string_view(attribute->s()) : std::string_view();
}

bool HasInput(const onnx::NodeProto& node, int i) { return i < node.input_size() && !node.input(i).empty(); }

bool LowerReduction(onnx::NodeProto& node, const FindOnnxConstant& find) {
  if (HasInput(node, 1)) {
    const auto axes = find(node.input(1));
    if (axes == nullptr || axes->dtype() != DType::kI64 || axes->view().elements() == 0) return false;
    auto* attribute = node.add_attribute();
    attribute->set_name("axes");
    attribute->set_type(onnx::AttributeProto::INTS);
    for (int64_t i = 0; i < axes->view().elements(); ++i) {
      attribute->add_ints(axes->view().as<int64_t>()[i]);
    }
  } else if (Int(node, "noop_with_empty_axes", 0) != 0) {
    return false;
  }
  if (node.input_size() > 1) node.mutable_input()->DeleteSubrange(1, node.input_size() - 1);
  Remove(node, "noop_with_empty_axes");
  return true;
}

bool AllOnes(const onnx::AttributeProto* attribute) {
  return attribute == nullptr || std::all_of(attribute->ints().begin(), attribute->ints().end(),
                                             [](int64_t dilation) { return dilation == 1; });
}

// What depends on more than the operator's name.
int FormOf(onnx::NodeProto& node) {
  const std::string& op = node.op_type();
  if (op == "Pad") return String(node, "mode") == "wrap" ? 19 : HasInput(node, 3) ? 18 : 13;
  if (op == "AveragePool") return AllOnes(Find(node, "dilations")) ? 11 : 19;
  if (op == "LpPool") return AllOnes(Find(node, "dilations")) && Int(node, "ceil_mode", 0) == 0 ? 11 : 18;
  if (op == "Resize") {
    const bool policy = Find(node, "keep_aspect_ratio_policy") != nullptr;
    const bool half_pixel_symmetric =
        String(node, "coordinate_transformation_mode") == "half_pixel_symmetric";
    if (half_pixel_symmetric) return 19;
    return policy || Find(node, "axes") != nullptr || Int(node, "antialias", 0) != 0 ? 18 : 13;
  }
  if (op == "ScatterElements" || op == "ScatterND") {
    const std::string_view reduction = String(node, "reduction");
    return reduction == "max" || reduction == "min" ? 18 : 16;
  }
  if (op == "QuantizeLinear" || op == "DequantizeLinear") {
    return Int(node, "block_size", 0) != 0 || Find(node, "output_dtype") != nullptr ? 21 : 13;
  }
  return 0;
}

}  // namespace

int LowerOnnxNode(onnx::NodeProto& node, int since, int opset, const FindOnnxConstant& find) {
  if (!node.domain().empty()) return 0;
  const std::string& op = node.op_type();
  for (const Since& entry : kSince) {
    if (entry.op_type == op) since = std::max(since, entry.opset);
  }
  if (const int form = FormOf(node); form != 0) since = form;
  if (opset < 19) Remove(node, "saturate");  // of 8-bit floats, which the Graph does not have
  if (opset < 18) {
    if (op == "Resize") Remove(node, "antialias");
    if (std::find(std::begin(kReductions), std::end(kReductions), op) != std::end(kReductions)) {
      return LowerReduction(node, find) ? 17 : 18;
    }
    if (op == "Split" && HasInput(node, 1)) return 17;
  }
  if (op == "GridSample" && opset < 20) {
    auto* mode = Find(node, "mode");
    if (mode != nullptr && mode->s() == "linear") mode->set_s("bilinear");
    if (mode != nullptr && mode->s() == "cubic") mode->set_s("bicubic");
    return 16;
  }
  return since;
}

}  // namespace whet
