#include "ops/conv_import_common.h"

#include <algorithm>

namespace whet::ops {

Result<std::vector<int64_t>> KernelSizes(const Type& w) {
  std::vector<int64_t> kernel;
  for (int i = 1; i + 1 < w.rank(); ++i) {
    if (!w.dims[static_cast<size_t>(i)].known()) {
      return Error(Code::kUnsupported, "weights %s whose kernel size is not known", ToString(w).c_str());
    }
    kernel.push_back(w.dims[static_cast<size_t>(i)].lo);
  }
  return kernel;
}

Result<Type> InferConvolution(const InferContext& context, size_t weights) {
  const Type& x = context.input(0);
  const Type& w = context.input(weights);
  if (!x.ranked || !w.ranked) {
    return Type::Unranked(x.dtype);
  }
  if (x.rank() < 3 || x.rank() != w.rank()) {
    return Error(Code::kBadFile,
                 "input %s and weights %s must have the same number of dimensions, at least 3",
                 ToString(x).c_str(), ToString(w).c_str());
  }
  const int64_t group = context.attributes().Int("group", 1);
  const Dim& outputs = w.dims[0];
  if (group < 1 || (outputs.known() && outputs.lo % group != 0)) {
    return Error(Code::kBadFile, "group is %lld but the weights have %s outputs",
                 static_cast<long long>(group), ToString(outputs).c_str());
  }
  const Dim channels = w.dims.back() * Dim(group);
  if (channels.known() && x.dims.back().known() && channels.lo != x.dims.back().lo) {
    return Error(Code::kBadFile, "the input %s has %lld channels but the weights %s (group %lld) need %lld",
                 ToString(x).c_str(), static_cast<long long>(x.dims.back().lo), ToString(w).c_str(),
                 static_cast<long long>(group), static_cast<long long>(channels.lo));
  }
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> kernel, KernelSizes(w));
  WHET_ASSIGN_OR_RETURN(const Window window, ReadWindow(context.attributes(), kernel));
  std::vector<Dim> dims = {x.dims[0]};
  for (size_t i = 0; i < kernel.size(); ++i) {
    const Dim& size = x.dims[i + 1];
    if (size.known() && window.OutputSize(i, size.lo) < 0) {
      return Error(Code::kBadFile, "the kernel %lld (dilated %lld) is larger than the padded input %s",
                   static_cast<long long>(kernel[i]), static_cast<long long>(window.extent(i)),
                   ToString(x).c_str());
    }
    dims.push_back(window.OutputDim(i, size));
  }
  dims.push_back(outputs);
  return Type(x.dtype, std::move(dims));
}

Status AgreeOnRank(ForeignNode& node, size_t w) {
  Value* x = node.input(0);
  Value* weights = node.input(w);
  const int rank = weights->type.ranked ? weights->type.rank() : x->type.rank();
  if (rank < 3) return node.Unsupported("an input whose number of dimensions is not known or below 3");
  RequireRank(x, rank);
  RequireRank(weights, rank);
  if (x->type.rank() == rank) return {};
  return Error(Code::kBadFile, "the input has %d dimensions but the weights have %d", x->type.rank(), rank);
}

Result<Value*> EmitConv(GraphBuilder& builder, Value* x, Value* w, Value* b, Attributes attributes) {
  WHET_RETURN_IF_ERROR(builder.TakeStatus());
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> kernel, KernelSizes(w->type));
  if (const auto given = attributes.Ints("kernel_shape");
      !given.empty() && !std::equal(given.begin(), given.end(), kernel.begin(), kernel.end())) {
    return Error(Code::kBadFile, "kernel_shape does not match the weights %s", ToString(w->type).c_str());
  }
  WHET_RETURN_IF_ERROR(ResolveAutoPad(attributes, x, kernel));
  attributes.Remove("kernel_shape");
  Value* y = b != nullptr ? builder.Emit("Conv", {x, w, b}, std::move(attributes))
                          : builder.Emit("Conv", {x, w}, std::move(attributes));
  WHET_RETURN_IF_ERROR(builder.TakeStatus());
  return y;
}

}  // namespace whet::ops
