#include "passes/phase_convolution.h"

#include <algorithm>
#include <cstring>

#include "ops/elements_common.h"

namespace whet {

// With padding, the output pixel u, counted from the padding's, is the sum over taps k = u - s i of w[k]
// x[i]. With u = s q + r these are k = r + s j and i = q - j for j = 0 … J - 1: phase r of pixel q is a
// convolution with J taps, of which the last is j = 0.

std::optional<PhaseConvolution> PhasesOf(const Node& node) {
  if (!node.Is("ConvTranspose") || node.attributes.Int("group", 1) != 1) return std::nullopt;
  const Type &x = node.input(0)->type, &w = node.input(1)->type, &y = node.output()->type;
  if (!x.IsStatic() || !w.IsStatic() || !y.IsStatic() || x.rank() != 4) return std::nullopt;
  if (node.attributes.Has("auto_pad") && node.attributes.String("auto_pad") != "NOTSET") return std::nullopt;
  const auto strides = node.attributes.Ints("strides"), pads = node.attributes.Ints("pads");
  const auto dilations = node.attributes.Ints("dilations");
  if (strides.size() != 2 || strides[0] != strides[1]) return std::nullopt;
  if (!std::ranges::all_of(dilations, [](int64_t d) { return d == 1; })) return std::nullopt;
  PhaseConvolution phases{};
  phases.stride = strides[0];
  int64_t taps = 1, padded_taps = 1;
  for (int d = 0; d < 2; ++d) {
    const auto at = static_cast<size_t>(d);
    const int64_t in = x.ToShape()[d + 1], kernel = w.ToShape()[d + 1];
    phases.size[d] = y.ToShape()[d + 1];
    phases.first[d] = pads.empty() ? 0 : pads[at];
    if (in < 1 || phases.size[d] < 1 || phases.first[d] < 0) return std::nullopt;
    phases.kernel[d] = (kernel + phases.stride - 1) / phases.stride;
    const int64_t pixels = (phases.first[d] + phases.size[d] + phases.stride - 1) / phases.stride;
    phases.end[d] = std::max<int64_t>(0, pixels - in);
    taps *= kernel;
    padded_taps *= phases.kernel[d] * phases.stride;
  }
  if (padded_taps > 2 * taps) return std::nullopt;
  return phases;
}

std::shared_ptr<const Constant> PhaseWeights(const PhaseConvolution& phases, const Constant& weights,
                                             const Value* zero) {
  const TensorView& from = weights.view();
  const int64_t outputs = from.shape[0], kernel_h = from.shape[1], kernel_w = from.shape[2];
  const int64_t tap_bytes = from.shape[3] * BitsOf(from.dtype) / 8, s = phases.stride;
  auto result = Constant::Allocate(
      from.dtype, Shape{phases.phases() * outputs, phases.kernel[0], phases.kernel[1], from.shape[3]});
  const auto* source = static_cast<const uint8_t*>(from.data);
  auto* to = static_cast<uint8_t*>(result->mutable_data());
  for (int64_t phase = 0; phase < phases.phases(); ++phase) {
    for (int64_t o = 0; o < outputs; ++o) {
      int64_t nothing = 0;
      if (zero != nullptr) {
        const TensorView& zeros = zero->constant()->view();
        nothing = ops::LoadInt(zeros, zeros.elements() == 1 ? 0 : o);
      }
      for (int64_t y = 0; y < phases.kernel[0]; ++y) {
        for (int64_t x = 0; x < phases.kernel[1]; ++x, to += tap_bytes) {
          const int64_t ky = phase / s + (phases.kernel[0] - 1 - y) * s;
          const int64_t kx = phase % s + (phases.kernel[1] - 1 - x) * s;
          if (ky < kernel_h && kx < kernel_w) {
            std::memcpy(to, source + ((o * kernel_h + ky) * kernel_w + kx) * tap_bytes,
                        static_cast<size_t>(tap_bytes));
          } else {
            std::memset(to, static_cast<int>(nothing & 0xff), static_cast<size_t>(tap_bytes));
          }
        }
      }
    }
  }
  return result;
}

Value* RepeatForPhases(GraphBuilder& builder, const PhaseConvolution& phases, Value* vector) {
  const TensorView& once = vector->constant()->view();
  auto repeated = Constant::Allocate(once.dtype, Shape{phases.phases() * once.elements()});
  auto* to = static_cast<std::byte*>(repeated->mutable_data());
  for (int64_t phase = 0; phase < phases.phases(); ++phase, to += once.bytes())
    std::memcpy(to, once.data, once.bytes());
  return builder.Const(std::move(repeated), vector->name());
}

Attributes PhaseAttributes(const PhaseConvolution& phases) {
  Attributes attributes;
  attributes.Set(
      "pads", std::vector<int64_t>{phases.kernel[0] - 1, phases.kernel[1] - 1, phases.end[0], phases.end[1]});
  attributes.Set("strides", std::vector<int64_t>{1, 1});
  return attributes;
}

Value* JoinPhases(GraphBuilder& builder, const PhaseConvolution& phases, Value* y) {
  if (phases.stride > 1)
    y = builder.Emit("DepthToSpace", {y}, {{"blocksize", phases.stride}, {"mode", std::string("DCR")}});
  const Shape whole = y->type.ToShape();
  if (whole[1] == phases.size[0] && whole[2] == phases.size[1]) return y;
  return builder.Emit("Slice",
                      {y, builder.Ints({phases.first[0], phases.first[1]}),
                       builder.Ints({phases.first[0] + phases.size[0], phases.first[1] + phases.size[1]}),
                       builder.Ints({1, 2})});
}

}  // namespace whet
