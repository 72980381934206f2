// Operators that work on rows or along an axis: softmax, normalizations, reductions.
#include <algorithm>

#include "compile/lower/lower.h"
#include "kernels/normalize/group_norm.h"
#include "kernels/normalize/row_norm.h"
#include "kernels/reduce/reduce.h"
#include "kernels/softmax/softmax.h"

namespace whet {
namespace {

bool IsF32(const Node& node) {
  return node.input(0)->type.dtype == DType::kF32 && node.output()->type.ToShape().elements() > 0 &&
         node.input(0)->type.ToShape().elements() > 0;
}

int64_t Product(const Shape& shape, int from, int to) {
  int64_t product = 1;
  for (int i = from; i < to; ++i) product *= shape[i];
  return product;
}

// -1 if it is none.
int AxisOf(const Node& node, int64_t fallback) {
  const int rank = node.input(0)->type.rank();
  int64_t axis = node.attributes.Int("axis", fallback);
  if (axis < 0) axis += rank;
  return axis >= 0 && axis < rank ? static_cast<int>(axis) : -1;
}

}  // namespace

Result<bool> LowerSoftmax(const Node& node, Lowering& lowering) {
  const int axis = AxisOf(node, -1);
  if (!IsF32(node) || axis < 0) return false;
  const Shape shape = node.input(0)->type.ToShape();
  kernels::softmax::Params params{};
  params.logarithm = node.Is("LogSoftmax") ? 1 : 0;
  params.scale = 1;
  params.outer = Product(shape, 0, axis);
  params.axis = shape[axis];
  params.inner = Product(shape, axis + 1, shape.rank());
  params.outer_stride = params.axis * params.inner;
  params.axis_stride = params.inner;
  kernels::Choice choice{};
  if (!kernels::softmax::Choose(lowering.isa(), &params, &choice).ok()) return false;
  const TensorId in = lowering.DenseInput(node.input(0));
  const TensorId out = lowering.DenseOutput(node.output());
  lowering.AddKernel(node, choice, params, {out, in});
  lowering.MayWriteOver(0, 1);
  WHET_RETURN_IF_ERROR(lowering.FinishOutput(node.output(), out));
  return true;
}

Result<bool> LowerRowNorm(const Node& node, Lowering& lowering) {
  if (!IsF32(node) || node.output(1) != nullptr || node.output(2) != nullptr) return false;
  const Shape shape = node.input(0)->type.ToShape();
  kernels::row_norm::Params params{};
  int axis = AxisOf(node, -1);
  if (axis < 0) return false;
  if (node.Is("LpNormalization")) {
    if (node.attributes.Int("p", 2) != 2 || axis != shape.rank() - 1) return false;
    params.kind = kernels::row_norm::Kind::kL2;
  } else {
    params.kind =
        node.Is("LayerNormalization") ? kernels::row_norm::Kind::kLayer : kernels::row_norm::Kind::kRms;
    params.epsilon = static_cast<float>(node.attributes.Float("epsilon", 1e-5));
  }
  params.rows = Product(shape, 0, axis);
  params.size = Product(shape, axis, shape.rank());
  params.in_stride = params.out_stride = params.size;
  for (size_t i : {1u, 2u}) {
    if (node.input(i) != nullptr && node.input(i)->type.ToShape().elements() != params.size) return false;
  }
  kernels::Choice choice{};
  if (!kernels::row_norm::Choose(lowering.isa(), params, &choice).ok()) return false;
  const TensorId in = lowering.DenseInput(node.input(0));
  const TensorId scale = node.input(1) != nullptr ? lowering.DenseInput(node.input(1)) : kNoTensor;
  const TensorId shift = node.input(2) != nullptr ? lowering.DenseInput(node.input(2)) : kNoTensor;
  const TensorId out = lowering.DenseOutput(node.output());
  lowering.AddKernel(node, choice, params, {out, in, scale, shift});
  lowering.MayWriteOver(0, 1);
  WHET_RETURN_IF_ERROR(lowering.FinishOutput(node.output(), out));
  return true;
}

Result<bool> LowerGroupNorm(const Node& node, Lowering& lowering) {
  if (!IsF32(node)) return false;
  const Shape shape = node.input(0)->type.ToShape();
  kernels::group_norm::Params params{};
  params.epsilon = static_cast<float>(node.attributes.Float("epsilon", 1e-5));
  params.batch = shape[0];
  params.positions = Product(shape, 1, shape.rank() - 1);
  params.channels = shape.back();
  const int64_t groups =
      node.Is("InstanceNormalization") ? params.channels : node.attributes.Int("num_groups");
  if (groups < 1 || params.channels % groups != 0) return false;
  params.group = params.channels / groups;
  params.position_stride = params.channels;
  params.batch_stride = params.channels * params.positions;
  for (size_t i : {1u, 2u}) {
    if (node.input(i) == nullptr || node.input(i)->type.ToShape().elements() != params.channels) return false;
  }
  kernels::Choice choice{};
  if (!kernels::group_norm::Choose(lowering.isa(), &params, &choice).ok()) return false;
  const TensorId in = lowering.DenseInput(node.input(0));
  const TensorId out = lowering.DenseOutput(node.output());
  lowering.AddKernel(node, choice, params,
                     {out, in, lowering.DenseInput(node.input(1)), lowering.DenseInput(node.input(2))});
  lowering.MayWriteOver(0, 1);
  WHET_RETURN_IF_ERROR(lowering.FinishOutput(node.output(), out));
  return true;
}

Result<bool> LowerReduce(const Node& node, Lowering& lowering) {
  using kernels::reduce::Op;
  struct Named {
    std::string_view name;
    Op op;
  };
  constexpr Named kOps[] = {
      {"ReduceSum", Op::kSum},       {"ReduceMean", Op::kMean},
      {"ReduceMax", Op::kMax},       {"ReduceMin", Op::kMin},
      {"ReduceProd", Op::kProd},     {"ReduceL1", Op::kL1},
      {"ReduceL2", Op::kL2},         {"ReduceSumSquare", Op::kSumSquare},
      {"ReduceLogSum", Op::kLogSum}, {"ReduceLogSumExp", Op::kLogSumExp},
  };
  const auto* op =
      std::find_if(std::begin(kOps), std::end(kOps), [&](const Named& named) { return node.Is(named.name); });
  if (op == std::end(kOps) || !IsF32(node)) return false;
  const Shape shape = node.input(0)->type.ToShape();
  std::vector<bool> reduced(static_cast<size_t>(shape.rank()), false);
  const Value* axes = node.input(1);
  if (axes != nullptr && !axes->IsConstant()) return false;
  const bool empty = axes == nullptr || axes->constant()->view().elements() == 0;
  if (empty) {
    if (node.attributes.Int("noop_with_empty_axes") != 0) return false;
    reduced.assign(reduced.size(), true);
  } else {
    const TensorView& view = axes->constant()->view();
    if (view.dtype != DType::kI64) return false;
    for (int64_t i = 0; i < view.elements(); ++i) {
      const int64_t axis = view.as<int64_t>()[i];
      reduced[static_cast<size_t>(axis < 0 ? axis + shape.rank() : axis)] = true;
    }
  }
  const TensorId in = lowering.TensorOf(node.input(0));
  const TensorDraft& source = lowering.tensor(in);
  std::vector<int64_t> strides(static_cast<size_t>(shape.rank()));
  int64_t stride = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    strides[static_cast<size_t>(d)] = stride;
    stride = d == shape.rank() - 1 ? source.row_stride : stride * shape[d];
  }
  kernels::reduce::Params params{};
  kernels::Choice choice{};
  if (!kernels::reduce::Choose(lowering.isa(), op->op, shape.dims(), strides, reduced, &params, &choice).ok())
    return false;
  const TensorId out = lowering.DenseOutput(node.output());
  lowering.AddKernel(node, choice, params, {out, in});
  WHET_RETURN_IF_ERROR(lowering.FinishOutput(node.output(), out));
  return true;
}

}  // namespace whet
