#include "kernels/grid_sample/grid_sample.h"

#include "compile/lower/lower.h"

namespace whet {

// Images; volumes and cubic samples run on the reference.
Result<bool> LowerGridSample(const Node& node, Lowering& lowering) {
  namespace kernel = kernels::grid_sample;
  const Value *x = node.input(0), *grid = node.input(1);
  const std::string_view mode = node.attributes.String("mode", "linear");
  const std::string_view border = node.attributes.String("padding_mode", "zeros");
  if (x->type.dtype != DType::kF32 || grid->type.dtype != DType::kF32 || x->type.rank() != 4 ||
      mode == "cubic") {
    return false;
  }
  const Shape out_shape = node.output()->type.ToShape();
  const TensorId in = lowering.TensorOf(x);
  const TensorId out = lowering.TensorOf(node.output());
  const TensorDraft& from = lowering.tensor(in);
  kernel::Params params{};
  params.mode = mode == "nearest" ? kernel::Mode::kNearest : kernel::Mode::kLinear;
  params.border = border == "border"       ? kernel::Border::kEdge
                  : border == "reflection" ? kernel::Border::kReflect
                                           : kernel::Border::kZeros;
  params.align_corners = node.attributes.Int("align_corners") != 0 ? 1 : 0;
  params.batch = from.shape[0];
  params.height = from.shape[1];
  params.width = from.shape[2];
  params.channels = from.shape[3];
  params.points = out_shape[1] * out_shape[2];
  params.in_pixel_stride = from.row_stride;
  params.out_pixel_stride = lowering.tensor(out).row_stride;
  kernels::Choice choice{};
  if (!kernel::Choose(lowering.isa(), params, &choice).ok()) return false;
  lowering.AddKernel(node, choice, params, {out, in, lowering.DenseInput(grid)});
  return true;
}

}  // namespace whet
