#include "ops/spatial_common.h"

#include "ops/elements_common.h"

namespace whet::ops {

int64_t Window::OutputSize(size_t i, int64_t size) const {
  if (same_upper || same_lower) return CeilDiv(size, strides[i]);
  const int64_t span = size + begins[i] + ends[i] - extent(i);
  if (span < 0) return -1;
  if (!ceil_mode) return span / strides[i] + 1;
  int64_t out = CeilDiv(span, strides[i]) + 1;
  // A window must start inside the input or the padding before it.
  if ((out - 1) * strides[i] >= size + begins[i]) --out;
  return out;
}

Dim Window::OutputDim(size_t i, const Dim& size) const {
  const bool same = same_upper || same_lower || begins[i] + ends[i] == extent(i) - 1;
  if (same && strides[i] == 1) return size;
  return {std::max<int64_t>(0, OutputSize(i, size.lo)),
          size.bounded() ? std::max<int64_t>(0, OutputSize(i, size.hi)) : Dim::kUnbounded};
}

void Window::Resolve(std::span<const int64_t> sizes) {
  if (!same_upper && !same_lower) return;
  for (size_t i = 0; i < rank(); ++i) {
    const int64_t out = CeilDiv(sizes[i], strides[i]);
    const int64_t pad = std::max<int64_t>(0, (out - 1) * strides[i] + extent(i) - sizes[i]);
    begins[i] = same_upper ? pad / 2 : pad - pad / 2;
    ends[i] = pad - begins[i];
  }
  same_upper = same_lower = false;
}

Result<Window> ReadWindow(const Attributes& attributes, std::span<const int64_t> kernel) {
  Window window;
  const size_t k = kernel.size();
  // Larger numbers can only come from a broken file; within them no product below overflows.
  constexpr int64_t kLargest = int64_t{1} << 30;
  const auto positive = [&](std::string_view name, std::span<const int64_t> given,
                            std::vector<int64_t>* values) -> Status {
    values->assign(k, 1);
    if (given.empty()) return {};
    if (given.size() != k) {
      return Error(Code::kBadFile, "%s has %zu entries but there are %zu spatial dimensions",
                   std::string(name).c_str(), given.size(), k);
    }
    values->assign(given.begin(), given.end());
    for (int64_t value : *values) {
      if (value < 1 || value > kLargest) {
        return Error(Code::kBadFile, "%s must be at least 1 but has an entry %lld", std::string(name).c_str(),
                     static_cast<long long>(value));
      }
    }
    return {};
  };
  WHET_RETURN_IF_ERROR(positive("kernel_shape", kernel, &window.kernel));
  WHET_RETURN_IF_ERROR(positive("strides", attributes.Ints("strides"), &window.strides));
  WHET_RETURN_IF_ERROR(positive("dilations", attributes.Ints("dilations"), &window.dilations));
  const auto pads = attributes.Ints("pads");
  window.begins.assign(k, 0);
  window.ends.assign(k, 0);
  if (!pads.empty() && pads.size() != 2 * k) {
    return Error(Code::kBadFile, "pads has %zu entries but %zu spatial dimensions need %zu", pads.size(), k,
                 2 * k);
  }
  for (size_t i = 0; i < pads.size(); ++i) {
    if (pads[i] < -kLargest || pads[i] > kLargest) {
      return Error(Code::kBadFile, "pads has an entry %lld", static_cast<long long>(pads[i]));
    }
    (i < k ? window.begins[i] : window.ends[i - k]) = pads[i];
  }
  window.ceil_mode = attributes.Int("ceil_mode") != 0;
  const std::string_view auto_pad = attributes.String("auto_pad");
  window.same_upper = auto_pad == "SAME_UPPER";
  window.same_lower = auto_pad == "SAME_LOWER";
  return window;
}

void RequireRank(Value* x, int rank) {
  if (!x->type.ranked) x->type = Type(x->type.dtype, std::vector<Dim>(static_cast<size_t>(rank)));
}

bool ConstantInts(const Value* value, std::vector<int64_t>* values) {
  if (value == nullptr || !value->IsConstant()) return false;
  const TensorView& view = value->constant()->view();
  values->clear();
  for (int64_t i = 0; i < view.elements(); ++i) values->push_back(LoadInt(view, i));
  return true;
}

Status ResolveAutoPad(Attributes& attributes, const Value* x, std::span<const int64_t> kernel) {
  const std::string auto_pad(attributes.String("auto_pad", "NOTSET"));
  if (auto_pad == "NOTSET" || auto_pad == "VALID") {
    if (auto_pad == "VALID") attributes.Remove("pads");
    attributes.Remove("auto_pad");
    return {};
  }
  if (auto_pad != "SAME_UPPER" && auto_pad != "SAME_LOWER") {
    return Error(Code::kBadFile, "auto_pad is '%s'", auto_pad.c_str());
  }
  attributes.Remove("pads");
  WHET_ASSIGN_OR_RETURN(Window window, ReadWindow(attributes, kernel));
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < kernel.size() && x->type.rank() == static_cast<int>(kernel.size()) + 2; ++i) {
    if (x->type.dims[i + 1].known()) sizes.push_back(x->type.dims[i + 1].lo);
  }
  if (sizes.size() != kernel.size()) return {};
  window.Resolve(sizes);
  std::vector<int64_t> pads = window.begins;
  pads.insert(pads.end(), window.ends.begin(), window.ends.end());
  attributes.Remove("auto_pad");
  attributes.Set("pads", std::move(pads));
  return {};
}

std::vector<int64_t> ChannelsLastOrder(int rank) {
  std::vector<int64_t> order = {0};
  for (int i = 2; i < rank; ++i) order.push_back(i);
  if (rank >= 2) order.push_back(1);
  return order;
}

std::vector<int64_t> ChannelsFirstOrder(int rank) {
  std::vector<int64_t> order = {0};
  if (rank >= 2) order.push_back(rank - 1);
  for (int i = 1; i + 1 < rank; ++i) order.push_back(i);
  return order;
}

Status InferGlobalPool(InferContext& context) {
  const Type& x = context.input(0);
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  if (x.rank() < 2) {
    return Error(Code::kBadFile, "the input %s has no batch and channel dimensions", ToString(x).c_str());
  }
  std::vector<Dim> dims = x.dims;
  for (size_t i = 1; i + 1 < dims.size(); ++i) dims[i] = Dim(1);
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

Status ImportChannelsFirst(std::string_view op, ForeignNode& node, GraphBuilder& builder) {
  if (!node.input(0)->type.ranked) {
    return node.Unsupported("an input whose number of dimensions is not known");
  }
  Value* x = builder.ToChannelsLast(node.input(0));
  node.SetResult(0, builder.ToChannelsFirst(builder.Emit(op, {x}, std::move(node.attributes))));
  return builder.TakeStatus();
}

Status ExportChannelsFirst(std::string_view op, const Node& node, OnnxSink& sink) {
  sink.Node(op, {sink.ChannelsFirst(node.input(0))}, {sink.DefineFromChannelsFirst(node.output())},
            node.attributes);
  return {};
}

}  // namespace whet::ops
