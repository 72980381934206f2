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
