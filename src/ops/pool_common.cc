#include "ops/pool_common.h"

#include <algorithm>

#include "ops/elements_common.h"

namespace whet::ops {

Status InferPool(InferContext& context) {
  const Type& x = context.input(0);
  context.SetOutput(1, Type::Unranked(DType::kI64));
  context.SetOutput(0, Type::Unranked(x.dtype));
  const auto kernel = context.attributes().Ints("kernel_shape");
  WHET_ASSIGN_OR_RETURN(const Window window, ReadWindow(context.attributes(), kernel));
  if (!x.ranked) return {};
  if (x.rank() != static_cast<int>(kernel.size()) + 2) {
    return Error(Code::kBadFile, "kernel_shape has %zu entries but the input is %s", kernel.size(),
                 ToString(x).c_str());
  }
  std::vector<Dim> dims = {x.dims[0]};
  for (size_t i = 0; i < kernel.size(); ++i) {
    const Dim& size = x.dims[i + 1];
    if (size.known() && window.OutputSize(i, size.lo) < 0) {
      return Error(Code::kBadFile, "the window %lld (dilated %lld) is larger than the padded input %s",
                   static_cast<long long>(kernel[i]), static_cast<long long>(window.extent(i)),
                   ToString(x).c_str());
    }
    dims.push_back(window.OutputDim(i, size));
  }
  dims.push_back(x.dims.back());
  context.SetOutput(1, Type(DType::kI64, dims));
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

Result<Window> PoolWindow(const Attributes& attributes, const Shape& x) {
  WHET_ASSIGN_OR_RETURN(Window window, ReadWindow(attributes, attributes.Ints("kernel_shape")));
  window.Resolve(SpatialDims(x));
  return window;
}

int64_t PaddedTaps(const Window& window, std::span<const int64_t> sizes, const int64_t* position) {
  int64_t count = 1;
  for (size_t d = 0; d < window.rank(); ++d) {
    const int64_t start = position[d] * window.strides[d] - window.begins[d];
    const int64_t inside = CeilDiv(sizes[d] + window.ends[d] - start, window.dilations[d]);
    count *= std::clamp<int64_t>(inside, 0, window.kernel[d]);
  }
  return count;
}

Status ImportPool(std::string_view op, ForeignNode& node, GraphBuilder& builder) {
  const auto given = node.attributes.Ints("kernel_shape");
  const std::vector<int64_t> kernel(given.begin(), given.end());
  RequireRank(node.input(0), static_cast<int>(kernel.size()) + 2);
  Value* x = builder.ToChannelsLast(node.input(0));
  WHET_RETURN_IF_ERROR(builder.TakeStatus());
  WHET_RETURN_IF_ERROR(ResolveAutoPad(node.attributes, x, kernel));
  const size_t outputs = node.HasOutput(1) ? 2 : 1;
  const auto results = builder.EmitNode(op, std::span(&x, 1), outputs, std::move(node.attributes));
  for (size_t i = 0; i < outputs; ++i) node.SetResult(i, builder.ToChannelsFirst(results[i]));
  return builder.TakeStatus();
}

Status ExportPool(std::string_view op, const Node& node, OnnxSink& sink) {
  std::vector<std::string> outputs;
  for (const Value* output : node.outputs()) {
    outputs.push_back(output != nullptr ? sink.DefineFromChannelsFirst(output) : std::string());
  }
  const std::string input = sink.ChannelsFirst(node.input(0));
  sink.Node(op, std::span(&input, 1), outputs, node.attributes);
  return {};
}

Status GlobalPoolReference(ReferenceContext& context, double start,
                           double (*add)(double sum, double x, double p),
                           double (*finish)(double sum, double count, double p), double p) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const int64_t channels = x.shape.back();
  int64_t pixels = 1;
  for (int64_t size : SpatialDims(x.shape)) pixels *= size;
  std::span<double> sums = context.Scratch<double>(channels);
  int64_t at = 0;
  for (int64_t n = 0; n < x.shape[0]; ++n) {
    std::fill(sums.begin(), sums.end(), start);
    for (int64_t i = 0; i < pixels; ++i) {
      for (double& sum : sums) sum = add(sum, LoadFloat(x, at++), p);
    }
    for (int64_t c = 0; c < channels; ++c) {
      StoreFloat(y, n * channels + c, finish(sums[static_cast<size_t>(c)], static_cast<double>(pixels), p));
    }
  }
  return {};
}

}  // namespace whet::ops
