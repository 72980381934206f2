#include "ops/activation_common.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ops/elements_common.h"

namespace whet::ops {
namespace {

struct Named {
  std::string_view name;
  ActivationKind kind;
};
constexpr Named kNames[] = {
    {"relu", ActivationKind::kRelu},
    {"clip", ActivationKind::kClip},
    {"leaky_relu", ActivationKind::kLeakyRelu},
    {"prelu", ActivationKind::kPrelu},
    {"hard_swish", ActivationKind::kHardSwish},
    {"hard_sigmoid", ActivationKind::kHardSigmoid},
    {"sigmoid", ActivationKind::kSigmoid},
    {"tanh", ActivationKind::kTanh},
    {"silu", ActivationKind::kSilu},
    {"gelu", ActivationKind::kGelu},
    {"gelu_tanh", ActivationKind::kGeluTanh},
    {"elu", ActivationKind::kElu},
};

}  // namespace

Result<Activation> ReadActivation(const Attributes& attributes) {
  const std::string_view name = attributes.String("activation");
  Activation activation{ActivationKind::kNone, attributes.Float("alpha"), attributes.Float("beta")};
  if (name.empty()) return activation;
  for (const Named& named : kNames) {
    if (named.name != name) continue;
    activation.kind = named.kind;
    return activation;
  }
  return Error(Code::kBadFile, "'%s' is not an activation", std::string(name).c_str());
}

double Activate(const Activation& activation, double x, double slope) {
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  switch (activation.kind) {
    case ActivationKind::kNone: return x;
    case ActivationKind::kRelu: return x < 0 ? 0 : x;
    case ActivationKind::kClip:
      return x < activation.alpha ? activation.alpha : x > activation.beta ? activation.beta : x;
    case ActivationKind::kLeakyRelu: return x < 0 ? activation.alpha * x : x;
    case ActivationKind::kPrelu: return x < 0 ? slope * x : x;
    case ActivationKind::kHardSwish: return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case ActivationKind::kHardSigmoid: return std::clamp(activation.alpha * x + activation.beta, 0.0, 1.0);
    case ActivationKind::kSigmoid: return sigmoid(x);
    case ActivationKind::kTanh: return std::tanh(x);
    case ActivationKind::kSilu: return x * sigmoid(x);
    case ActivationKind::kGelu: return x * 0.5 * (1 + std::erf(x / std::numbers::sqrt2));
    case ActivationKind::kGeluTanh:
      return x * 0.5 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case ActivationKind::kElu: return x < 0 ? activation.alpha * std::expm1(x) : x;
  }
  return x;
}

Status CheckEpilogue(const InferContext& context, size_t bias, const Type& output) {
  WHET_ASSIGN_OR_RETURN(const Activation activation, ReadActivation(context.attributes()));
  const size_t residual = bias + 1, slope = bias + 2;
  if (activation.kind == ActivationKind::kPrelu && !context.HasInput(slope)) {
    return Error(Code::kBadFile, "the activation prelu has no slope");
  }
  if (!output.ranked) return {};
  const Dim channels = output.rank() > 0 ? output.dims.back() : Dim(1);
  const auto may_be = [](const Dim& a, const Dim& b) { return a.lo <= b.hi && b.lo <= a.hi; };
  for (size_t i : {bias, slope}) {
    if (!context.HasInput(i) || !context.input(i).ranked) continue;
    const Type& type = context.input(i);
    if (type.rank() != 1 || !may_be(type.dims[0], channels)) {
      return Error(Code::kBadFile, "input %zu is %s but must have one entry for each of %s channels", i,
                   ToString(type).c_str(), ToString(channels).c_str());
    }
  }
  if (!context.HasInput(residual) || !context.input(residual).ranked) return {};
  const Type& type = context.input(residual);
  bool fits = type.rank() == output.rank();
  for (size_t i = 0; fits && i < type.dims.size(); ++i) fits = may_be(type.dims[i], output.dims[i]);
  if (fits) return {};
  return Error(Code::kBadFile, "the residual %s does not fit the output %s", ToString(type).c_str(),
               ToString(output).c_str());
}

std::shared_ptr<const Constant> ScalarConstant(DType dtype, double value) {
  auto constant = Constant::Allocate(dtype, Shape{});
  StoreFloat(constant->view(), 0, value);
  return constant;
}

bool HasEpilogue(const Node& node, size_t residual) {
  return node.input(residual) != nullptr || node.attributes.Has("activation");
}

namespace {

// A slope of one entry a channel, in the shape in which it broadcasts over [N, C, D1 … Dk].
std::string ChannelsFirstSlope(const Value* slope, int rank, OnnxSink& sink) {
  if (rank <= 2 || slope->type.rank() != 1) return sink.NameOf(slope);
  std::vector<int64_t> shape(static_cast<size_t>(rank - 1), 1);
  shape[0] = -1;
  std::string result = sink.Fresh("slope");
  sink.Node("Reshape", {sink.NameOf(slope), sink.Initializer("shape", Constant::Ints(shape))}, {result});
  return result;
}

}  // namespace

Status ExportEpilogue(const Node& node, OnnxSink& sink, std::string x, size_t residual, bool channels_first,
                      const std::string& result) {
  WHET_ASSIGN_OR_RETURN(const Activation activation, ReadActivation(node.attributes));
  const bool activates = activation.kind != ActivationKind::kNone;
  if (const Value* value = node.input(residual); value != nullptr) {
    std::string sum = activates ? sink.Fresh("sum") : result;
    sink.Node("Add", {x, channels_first ? sink.ChannelsFirst(value) : sink.NameOf(value)}, {sum});
    x = std::move(sum);
  }
  const DType dtype = node.output()->type.dtype;
  const auto scalar = [&](double value) { return sink.Initializer("scalar", ScalarConstant(dtype, value)); };
  const auto unary = [&](std::string_view op, const std::string& input) {
    std::string y = sink.Fresh(op);
    sink.Node(op, {input}, {y});
    return y;
  };
  const auto binary = [&](std::string_view op, const std::string& a, const std::string& b) {
    std::string y = sink.Fresh(op);
    sink.Node(op, {a, b}, {y});
    return y;
  };
  switch (activation.kind) {
    case ActivationKind::kNone: break;
    case ActivationKind::kRelu: sink.Node("Relu", {x}, {result}); break;
    case ActivationKind::kClip:
      sink.Node("Clip", {x, scalar(activation.alpha), scalar(activation.beta)}, {result});
      break;
    case ActivationKind::kLeakyRelu:
      sink.Node("LeakyRelu", {x}, {result}, {{"alpha", activation.alpha}});
      break;
    case ActivationKind::kPrelu: {
      const Value* slope = node.input(residual + 1);
      const int rank = channels_first ? node.output()->type.rank() : 0;
      sink.Node("PRelu", {x, ChannelsFirstSlope(slope, rank, sink)}, {result});
      break;
    }
    case ActivationKind::kHardSwish: sink.Node("HardSwish", {x}, {result}); break;
    case ActivationKind::kHardSigmoid:
      sink.Node("HardSigmoid", {x}, {result}, {{"alpha", activation.alpha}, {"beta", activation.beta}});
      break;
    case ActivationKind::kSigmoid: sink.Node("Sigmoid", {x}, {result}); break;
    case ActivationKind::kTanh: sink.Node("Tanh", {x}, {result}); break;
    case ActivationKind::kSilu: sink.Node("Mul", {x, unary("Sigmoid", x)}, {result}); break;
    case ActivationKind::kGelu:
    case ActivationKind::kGeluTanh: {
      const bool tanh = activation.kind == ActivationKind::kGeluTanh;
      if (sink.opset() >= 20) {
        sink.Node("Gelu", {x}, {result}, {{"approximate", std::string(tanh ? "tanh" : "none")}});
        break;
      }
      std::string gate;
      if (tanh) {
        const std::string cube = binary("Mul", binary("Mul", x, x), binary("Mul", x, scalar(0.044715)));
        gate = unary("Tanh", binary("Mul", binary("Add", x, cube), scalar(std::sqrt(2 / std::numbers::pi))));
      } else {
        gate = unary("Erf", binary("Mul", x, scalar(1 / std::numbers::sqrt2)));
      }
      const std::string half = binary("Mul", x, scalar(0.5));
      sink.Node("Mul", {half, binary("Add", gate, scalar(1))}, {result});
      break;
    }
    case ActivationKind::kElu: sink.Node("Elu", {x}, {result}, {{"alpha", activation.alpha}}); break;
  }
  return {};
}

}  // namespace whet::ops
