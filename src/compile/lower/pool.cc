#include "kernels/pool/pool.h"

#include "compile/lower/lower.h"
#include "kernels/quantized/pool.h"
#include "ops/quantized_common.h"

namespace whet {
namespace {

namespace kernel = kernels::pool;

// 2-D; a 1-D pool is one of height 1.
struct Window {
  int64_t kernel[2] = {1, 1};
  int64_t stride[2] = {1, 1};
  int64_t dilation[2] = {1, 1};
  int64_t begin[2] = {0, 0};
  int64_t end[2] = {0, 0};
};

bool ReadWindow(const Node& node, int spatial, Window* window) {
  const Attributes& attributes = node.attributes;
  if (attributes.Has("auto_pad") && attributes.String("auto_pad") != "NOTSET") return false;
  const auto kernel_shape = attributes.Ints("kernel_shape");
  if (static_cast<int>(kernel_shape.size()) != spatial) return false;
  const auto read = [&](std::string_view name, int64_t(&to)[2], size_t from) {
    const auto values = attributes.Ints(name);
    for (int i = 0; i < spatial; ++i) {
      const size_t at = from + static_cast<size_t>(i);
      if (at < values.size()) to[2 - spatial + i] = values[at];
    }
  };
  read("kernel_shape", window->kernel, 0);
  read("strides", window->stride, 0);
  read("dilations", window->dilation, 0);
  read("pads", window->begin, 0);
  read("pads", window->end, static_cast<size_t>(spatial));
  return true;
}

// The geometry of a pool over `x`, or false if it has not one or two spatial dimensions.
bool FillParams(const Node& node, kernel::Mode mode, const Window& window, Lowering& lowering, TensorId in,
                TensorId out, kernel::Params* filled) {
  const Value* x = node.input(0);
  if (x->type.rank() < 3 || x->type.rank() > 4 || node.output()->type.ToShape().elements() == 0) return false;
  const TensorDraft& from = lowering.tensor(in);
  const TensorDraft& to = lowering.tensor(out);
  const int last = x->type.rank() - 1;
  const bool flat = last == 2;
  kernel::Params& params = *filled;
  params.mode = mode;
  params.batch = from.shape[0];
  params.channels = from.shape[last];
  params.height = flat ? 1 : from.shape[1];
  params.width = from.shape[last - 1];
  params.out_height = flat ? 1 : to.shape[1];
  params.out_width = to.shape[last - 1];
  params.kernel_height = window.kernel[0];
  params.kernel_width = window.kernel[1];
  params.stride_height = window.stride[0];
  params.stride_width = window.stride[1];
  params.dilation_height = window.dilation[0];
  params.dilation_width = window.dilation[1];
  params.pad_top = window.begin[0];
  params.pad_left = window.begin[1];
  params.pad_bottom = window.end[0];
  params.pad_right = window.end[1];
  params.in_pixel_stride = from.row_stride;
  params.in_row_stride = from.row_stride * params.width;
  params.in_batch_stride = params.in_row_stride * params.height;
  params.out_pixel_stride = to.row_stride;
  params.out_row_stride = to.row_stride * params.out_width;
  params.out_batch_stride = params.out_row_stride * params.out_height;
  return true;
}

Result<bool> AddPool(const Node& node, kernel::Mode mode, const Window& window, Lowering& lowering) {
  const DType type = node.input(0)->type.dtype;
  const bool of_integers = mode == kernel::Mode::kMax && (Is8Bit(type) || Is16Bit(type));
  if (type != DType::kF32 && !of_integers) return false;
  const TensorId in = lowering.TensorOf(node.input(0));
  const TensorId out = lowering.TensorOf(node.output());
  kernels::Choice choice{};
  if (of_integers) {
    kernels::quantized_pool::Params params{};
    params.in_type = params.out_type = type;
    if (!FillParams(node, mode, window, lowering, in, out, &params.window) ||
        !kernels::quantized_pool::Choose(lowering.isa(), &params, &choice).ok()) {
      return false;
    }
    lowering.AddKernel(node, choice, params, {out, in});
    return true;
  }
  kernel::Params params{};
  if (!FillParams(node, mode, window, lowering, in, out, &params) ||
      !kernel::Choose(lowering.isa(), &params, &choice).ok()) {
    return false;
  }
  lowering.AddKernel(node, choice, params, {out, in});
  return true;
}

kernel::Mode AverageMode(const Node& node) {
  return node.attributes.Int("count_include_pad") != 0 ? kernel::Mode::kAverageIncludingPad
                                                       : kernel::Mode::kAverage;
}

}  // namespace

Result<bool> LowerPool(const Node& node, Lowering& lowering) {
  Window window;
  const int spatial = node.input(0)->type.rank() - 2;
  if (spatial < 1 || spatial > 2 || node.outputs().size() != 1 || !ReadWindow(node, spatial, &window))
    return false;
  return AddPool(node, node.Is("AveragePool") ? AverageMode(node) : kernel::Mode::kMax, window, lowering);
}

Result<bool> LowerGlobalPool(const Node& node, Lowering& lowering) {
  const Type& x = node.input(0)->type;
  if (x.rank() < 3 || x.rank() > 4) return false;
  Window window;
  for (int i = 1; i < x.rank() - 1; ++i) window.kernel[i + 3 - x.rank()] = x.ToShape()[i];
  return AddPool(node, node.Is("GlobalMaxPool") ? kernel::Mode::kMax : kernel::Mode::kAverage, window,
                 lowering);
}

Result<bool> LowerQuantizedAveragePool(const Node& node, Lowering& lowering) {
  Window window;
  const int spatial = node.input(0)->type.rank() - 2;
  if (spatial < 1 || spatial > 2 || !ReadWindow(node, spatial, &window)) return false;
  const TensorId in = lowering.TensorOf(node.input(0));
  const TensorId out = lowering.TensorOf(node.output());
  const ops::Quantization x = ops::QuantizationOf(node.attributes, "x");
  const ops::QuantizedOutput y = ops::QuantizedOutputOf(node.attributes);
  kernels::quantized_pool::Params params{};
  if (!FillParams(node, AverageMode(node), window, lowering, in, out, &params.window)) return false;
  params.in_type = node.input(0)->type.dtype;
  params.out_type = y.type;
  params.ratio = ops::RatioOf(x.scale, y.quantization.scale);
  params.x_zero = x.zero_point;
  params.y_zero = y.quantization.zero_point;
  params.low = y.low;
  params.high = y.high;
  kernels::Choice choice{};
  if (!kernels::quantized_pool::Choose(lowering.isa(), &params, &choice).ok()) return false;
  lowering.AddKernel(node, choice, params, {out, in});
  return true;
}

}  // namespace whet
