#include <algorithm>
#include <cmath>
#include <numeric>

#include "ir/evaluate.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/resize_common.h"
#include "ops/resize_sampler_common.h"
#include "ops/spatial_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kRoi, kScales, kSizes };

int64_t ScaledSize(int64_t size, double scale) {
  // In float, as the scales are given: 10 * 0.7f is 7.
  const float product = std::floor(static_cast<float>(size) * static_cast<float>(scale));
  return product > 0x1p40F ? int64_t{1} << 40 : static_cast<int64_t>(product);
}

// The dimensions that scales, sizes and roi speak of. Empty attribute: all.
Result<std::vector<int>> AxesOf(const Attributes& attributes, int rank) {
  std::vector<int> axes;
  for (int64_t axis : attributes.Ints("axes")) {
    axes.push_back(NormalizeAxis(axis, rank));
    if (axes.back() < 0) {
      return Error(Code::kBadFile, "axis %lld is not one of %d dimensions", static_cast<long long>(axis),
                   rank);
    }
  }
  if (axes.empty()) {
    axes.resize(static_cast<size_t>(rank));
    std::iota(axes.begin(), axes.end(), 0);
  }
  return axes;
}

Status CheckCount(std::string_view what, int64_t count, size_t axes) {
  if (count == static_cast<int64_t>(axes)) return {};
  return Error(Code::kBadFile, "%s has %lld entries but must have %zu", std::string(what).c_str(),
               static_cast<long long>(count), axes);
}

// With keep_aspect_ratio_policy one scale serves all axes. Given the input's sizes along `axes`.
double CommonScale(std::string_view policy, std::span<const int64_t> sizes, std::span<const int64_t> in) {
  double scale = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const double ratio = static_cast<double>(sizes[i]) / static_cast<double>(std::max<int64_t>(1, in[i]));
    scale = i == 0 ? ratio : policy == "not_larger" ? std::min(scale, ratio) : std::max(scale, ratio);
  }
  return scale;
}

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  WHET_ASSIGN_OR_RETURN(const std::vector<int> axes, AxesOf(context.attributes(), x.rank()));
  const std::string_view policy = context.attributes().String("keep_aspect_ratio_policy", "stretch");
  std::vector<Dim> dims = x.dims;
  std::vector<int64_t> sizes;
  if (context.HasInput(kSizes)) {
    if (!context.IntValues(kSizes, &sizes)) {
      for (int axis : axes) dims[static_cast<size_t>(axis)] = Dim();
      context.SetOutput(0, Type(x.dtype, std::move(dims)));
      return {};
    }
    WHET_RETURN_IF_ERROR(CheckCount("sizes", static_cast<int64_t>(sizes.size()), axes.size()));
    std::vector<int64_t> in;
    for (int axis : axes) {
      if (x.dims[static_cast<size_t>(axis)].known()) in.push_back(x.dims[static_cast<size_t>(axis)].lo);
    }
    for (size_t i = 0; i < axes.size(); ++i) {
      Dim& dim = dims[static_cast<size_t>(axes[i])];
      if (sizes[i] < 0)
        return Error(Code::kBadFile, "sizes has an entry %lld", static_cast<long long>(sizes[i]));
      if (policy == "stretch") {
        dim = Dim(sizes[i]);
      } else if (in.size() == axes.size()) {
        const double size = CommonScale(policy, sizes, in) * static_cast<double>(in[i]);
        dim = Dim(static_cast<int64_t>(std::floor(std::min(size, 0x1p40) + 0.5)));
      } else {
        dim = Dim();
      }
    }
  } else if (context.HasInput(kScales)) {
    const TensorView* scales = context.InputValue(kScales);
    if (scales != nullptr) {
      WHET_RETURN_IF_ERROR(CheckCount("scales", scales->elements(), axes.size()));
    }
    for (size_t i = 0; i < axes.size(); ++i) {
      Dim& dim = dims[static_cast<size_t>(axes[i])];
      if (scales == nullptr) {
        dim = Dim();
        continue;
      }
      const double scale = LoadFloat(*scales, static_cast<int64_t>(i));
      if (!(scale > 0 && scale < 0x1p40))
        return Error(Code::kBadFile, "a scale of %g; scales must be positive", scale);
      if (scale == 1) continue;
      dim = Dim(ScaledSize(dim.lo, scale), dim.bounded() ? ScaledSize(dim.hi, scale) : Dim::kUnbounded);
    }
  } else {
    return Error(Code::kBadFile, "neither scales nor sizes are given");
  }
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

// The output's shape is set, so all that is left are scales.
Result<std::vector<ResizeAxis>> AxesToResize(const ReferenceContext& context) {
  const Shape& in = context.input(kX).shape;
  const Shape& out = context.output(0).shape;
  const Attributes& attributes = context.attributes();
  WHET_ASSIGN_OR_RETURN(const std::vector<int> axes, AxesOf(attributes, in.rank()));
  const std::string_view policy = attributes.String("keep_aspect_ratio_policy", "stretch");
  std::vector<ResizeAxis> result(static_cast<size_t>(in.rank()));
  for (int d = 0; d < in.rank(); ++d) result[static_cast<size_t>(d)] = {.in = in[d], .out = out[d]};
  double common = 0;
  if (context.HasInput(kSizes) && policy != "stretch") {
    std::vector<int64_t> sizes, from;
    for (size_t i = 0; i < axes.size(); ++i) {
      sizes.push_back(LoadInt(context.input(kSizes), static_cast<int64_t>(i)));
      from.push_back(in[axes[i]]);
    }
    common = CommonScale(policy, sizes, from);
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    ResizeAxis& axis = result[static_cast<size_t>(axes[i])];
    const auto k = static_cast<int64_t>(i);
    if (common > 0) {
      axis.scale = common;
    } else if (context.HasInput(kSizes)) {
      axis.scale = static_cast<double>(axis.out) / static_cast<double>(std::max<int64_t>(1, axis.in));
    } else {
      axis.scale = LoadFloat(context.input(kScales), k);
    }
    if (context.HasInput(kRoi) && context.input(kRoi).elements() == 2 * static_cast<int64_t>(axes.size())) {
      axis.start = LoadFloat(context.input(kRoi), k);
      axis.end = LoadFloat(context.input(kRoi), k + static_cast<int64_t>(axes.size()));
    }
  }
  return result;
}

Status RunNearest(ReferenceContext& context, std::span<const ResizeAxis> axes, const ResizeSampler& sampler) {
  const TensorView& x = context.input(kX);
  const TensorView& y = context.output(0);
  const auto strides = StridesOf(x.shape);
  std::vector<std::vector<int64_t>> offsets(axes.size());
  for (size_t d = 0; d < axes.size(); ++d) {
    for (int64_t i = 0; i < axes[d].out; ++i) {
      int64_t source = i;
      if (!sampler.IsIdentity(axes[d])) {
        const ResizeTaps taps = sampler.At(axes[d], i);
        source = taps.outside ? -1 : std::clamp<int64_t>(taps.first, 0, std::max<int64_t>(0, axes[d].in - 1));
      }
      offsets[d].push_back(source < 0 ? -1 : source * strides[d]);
    }
  }
  const double extrapolation = context.attributes().Float("extrapolation_value");
  int64_t to = 0;
  for (IndexWalk walk(y.shape, {}); !walk.done(); walk.Next(), ++to) {
    int64_t from = 0;
    for (size_t d = 0; d < axes.size() && from >= 0; ++d) {
      const int64_t offset = offsets[d][static_cast<size_t>(walk.index()[static_cast<int>(d)])];
      from = offset < 0 ? -1 : from + offset;
    }
    if (from < 0) {
      StoreFloat(y, to, extrapolation);
    } else {
      CopyElement(x, from, y, to);
    }
  }
  return {};
}

// One dimension after the other.
template <typename T>
Status RunWeighted(ReferenceContext& context, std::span<const ResizeAxis> axes,
                   const ResizeSampler& sampler) {
  const auto extrapolation = static_cast<T>(context.attributes().Float("extrapolation_value"));
  const T* from = InputArray<T>(context, kX);
  for (size_t d = 0; d < axes.size(); ++d) {
    const ResizeAxis& axis = axes[d];
    if (sampler.IsIdentity(axis)) continue;
    int64_t outer = 1, inner = 1;
    for (size_t i = 0; i < d; ++i) outer *= axes[i].out;
    for (size_t i = d + 1; i < axes.size(); ++i) inner *= axes[i].in;
    T* to = context.Scratch<T>(outer * axis.out * inner).data();
    for (int64_t i = 0; i < axis.out; ++i) {
      const ResizeTaps taps = sampler.At(axis, i);
      for (int64_t o = 0; o < outer; ++o) {
        T* target = to + (o * axis.out + i) * inner;
        for (int64_t k = 0; k < inner; ++k) target[k] = taps.outside ? extrapolation : 0;
        for (size_t t = 0; t < taps.weights.size(); ++t) {
          const int64_t at = std::clamp<int64_t>(taps.first + static_cast<int64_t>(t), 0, axis.in - 1);
          const T* source = from + (o * axis.in + at) * inner;
          const auto weight = static_cast<T>(taps.weights[t]);
          for (int64_t k = 0; k < inner; ++k) target[k] += weight * source[k];
        }
      }
    }
    from = to;
  }
  T* y = OutputArray<T>(context, 0);
  std::copy_n(from, context.output(0).elements(), y);
  StoreArray(context, 0, y);
  return {};
}

Status Reference(ReferenceContext& context) {
  WHET_ASSIGN_OR_RETURN(const std::vector<ResizeAxis> axes, AxesToResize(context));
  if (context.output(0).elements() == 0) return {};
  if (context.input(kX).elements() == 0) {
    return Error(Code::kInvalidArgument, "the input is empty but the output is not");
  }
  const ResizeSampler sampler(context.attributes());
  if (sampler.nearest()) return RunNearest(context, axes, sampler);
  return context.input(kX).dtype == DType::kF32 ? RunWeighted<float>(context, axes, sampler)
                                                : RunWeighted<double>(context, axes, sampler);
}

// --- ONNX

// An input that is absent or has no elements; old writers give an empty tensor for "not given".
Value* PresentInput(const ForeignNode& node, size_t i) {
  Value* value = node.input(i);
  const bool empty = value != nullptr && value->type.IsStatic() && value->type.ToShape().elements() == 0;
  return empty ? nullptr : value;
}

// `values` has one entry a dimension (roi: twice that), in the other order of dimensions.
Value* Reorder(GraphBuilder& builder, Value* values, std::span<const int64_t> order, bool twice) {
  if (values == nullptr) return nullptr;
  std::vector<int64_t> indices(order.begin(), order.end());
  for (size_t i = 0; twice && i < order.size(); ++i) {
    indices.push_back(order[i] + static_cast<int64_t>(order.size()));
  }
  return builder.EmitFolded("Gather", {values, builder.Ints(indices)});
}

// The scales of some axes as the scales of all.
Value* SpreadScales(GraphBuilder& builder, const Value* scales, std::span<const int64_t> axes, int rank) {
  auto all = Constant::Allocate(DType::kF32, Shape{rank});
  for (int i = 0; i < rank; ++i) StoreFloat(all->view(), i, 1);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = NormalizeAxis(axes[i], rank);
    if (axis >= 0) {
      StoreFloat(all->view(), axis, LoadFloat(scales->constant()->view(), static_cast<int64_t>(i)));
    }
  }
  return builder.Const(std::move(all), scales->name());
}

// Nearest by the floor of x / scale, or linear between the pixels' corners.
void SetOldCoordinates(Attributes& attributes) {
  attributes.Set("coordinate_transformation_mode", std::string("asymmetric"));
  attributes.Set("nearest_mode", std::string("floor"));
}

Status Build(ForeignNode& node, GraphBuilder& builder, Value* roi, Value* scales, Value* sizes) {
  Value* x = node.input(0);
  if (!x->type.ranked) return node.Unsupported("an input whose number of dimensions is not known");
  if (sizes != nullptr) scales = nullptr;
  const int rank = x->type.rank();
  const std::vector<int64_t> order = ChannelsLastOrder(rank);
  const auto given = node.attributes.Ints("axes");
  std::vector<int64_t> axes(given.begin(), given.end());
  if (!axes.empty() && scales != nullptr && roi == nullptr && scales->IsConstant() &&
      scales->constant()->shape().elements() == static_cast<int64_t>(axes.size())) {
    scales = SpreadScales(builder, scales, axes, rank);
    axes.clear();
  }
  if (axes.empty()) {
    node.attributes.Remove("axes");
    roi = Reorder(builder, roi, order, true);
    scales = Reorder(builder, scales, order, false);
    sizes = Reorder(builder, sizes, order, false);
  } else {
    // Where dimension `axis` of ONNX stands in ours.
    const std::vector<int64_t> place = ChannelsFirstOrder(rank);
    for (int64_t& axis : axes) {
      const int at = NormalizeAxis(axis, rank);
      if (at >= 0) axis = place[static_cast<size_t>(at)];
    }
    node.attributes.Set("axes", axes);
  }
  Value* image = builder.ToChannelsLast(x);
  Value* y = sizes != nullptr
                 ? builder.Emit("Resize", {image, roi, nullptr, sizes}, std::move(node.attributes))
                 : builder.Emit("Resize", {image, roi, scales}, std::move(node.attributes));
  node.SetResult(0, builder.ToChannelsFirst(y));
  return builder.TakeStatus();
}

Status ImportResize(ForeignNode& node, GraphBuilder& builder) {
  const bool crops = node.attributes.String("coordinate_transformation_mode") == "tf_crop_and_resize";
  return Build(node, builder, crops ? PresentInput(node, 1) : nullptr, PresentInput(node, 2),
               PresentInput(node, 3));
}

Status ImportResize10(ForeignNode& node, GraphBuilder& builder) {
  SetOldCoordinates(node.attributes);
  return Build(node, builder, nullptr, node.input(1), nullptr);
}

Status ImportUpsample(ForeignNode& node, GraphBuilder& builder) {
  SetOldCoordinates(node.attributes);
  Value* scales = node.input(1);
  if (scales == nullptr) {
    std::vector<float> values;
    for (double scale : node.attributes.Floats("scales")) values.push_back(static_cast<float>(scale));
    scales = builder.Const(Constant::Vector(DType::kF32, std::span<const float>(values)), "scales");
    node.attributes.Remove("scales");
  }
  if (node.attributes.String("mode") == "bilinear") node.attributes.Set("mode", std::string("linear"));
  return Build(node, builder, nullptr, scales, nullptr);
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  if (!node.input(kX)->type.ranked) {
    return Error(Code::kUnsupported, "a Resize whose number of dimensions is not known");
  }
  return ExportResize(node, sink.ChannelsFirst(node.input(kX)), node.input(kRoi), node.input(kScales),
                      node.input(kSizes), node.attributes, sink.DefineFromChannelsFirst(node.output()), sink);
}

// [N, H, W, C] to the height and width of input 1.
Status ImportTflite(ForeignNode& node, GraphBuilder& builder, const char* mode) {
  Value* x = node.input(0);
  if (x->type.rank() != 4)
    return Error(Code::kBadFile, "the input is %s; 4 dimensions are needed", ToString(x->type).c_str());
  Value* size = TfliteIntVector(builder, node.input(1));
  Value* sizes = nullptr;
  if (size->IsConstant() && x->type.dims[0].known() && x->type.dims[3].known()) {
    const TensorView& view = size->constant()->view();
    if (view.elements() != 2)
      return Error(Code::kBadFile, "the size has %lld entries", static_cast<long long>(view.elements()));
    sizes = builder.Ints({x->type.dims[0].lo, LoadInt(view, 0), LoadInt(view, 1), x->type.dims[3].lo});
  } else {
    Value* shape = builder.Emit("Shape", {x});
    Value* batch = builder.Emit("Slice", {shape, builder.Ints({0}), builder.Ints({1})});
    Value* channels = builder.Emit("Slice", {shape, builder.Ints({3}), builder.Ints({4})});
    sizes = builder.Emit("Concat", {batch, size, channels}, {{"axis", int64_t{0}}});
  }
  const bool align_corners = node.attributes.Int("align_corners") != 0;
  const bool half_pixel = node.attributes.Int("half_pixel_centers") != 0;
  Attributes attributes = {{"mode", std::string(mode)}};
  attributes.Set("coordinate_transformation_mode", std::string(align_corners ? "align_corners"
                                                               : half_pixel  ? "half_pixel"
                                                                             : "asymmetric"));
  if (mode == std::string_view("nearest")) {
    attributes.Set("nearest_mode", std::string(align_corners ? "round_prefer_ceil" : "floor"));
    // TFLite takes the pixel that the new pixel's centre falls into.
    if (half_pixel) attributes.Set("nearest_mode", std::string("round_prefer_ceil"));
  }
  node.SetResult(0, builder.Emit("Resize", {x, nullptr, nullptr, sizes}, std::move(attributes)));
  return builder.TakeStatus();
}
Status ImportBilinear(ForeignNode& node, GraphBuilder& builder) {
  return ImportTflite(node, builder, "linear");
}
Status ImportNearest(ForeignNode& node, GraphBuilder& builder) {
  return ImportTflite(node, builder, "nearest");
}

struct TfliteResize {
  std::string_view builtin;
  bool align_corners = false, half_pixel_centers = false;
};

// Which pixel of a line of `in` each of `out` takes.
std::vector<int64_t> NearestOf(const TfliteResize& form, int64_t in, int64_t out) {
  std::vector<int64_t> positions;
  const float scale = form.align_corners && out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                                                    : static_cast<float>(in) / static_cast<float>(out);
  for (int64_t i = 0; i < out; ++i) {
    const float at = (static_cast<float>(i) + (form.half_pixel_centers ? 0.5f : 0)) * scale;
    const float whole = form.align_corners ? std::round(at) : std::floor(at);
    positions.push_back(std::clamp(static_cast<int64_t>(whole), int64_t{0}, in - 1));
  }
  return positions;
}

// The same for the node, along the axis, by resizing the pixels' numbers. Empty if it cannot be told.
std::vector<int64_t> NearestOf(const Node& node, int axis) {
  const Type& x = node.input(kX)->type;
  const Type& y = node.output()->type;
  constexpr int64_t kMost = 1 << 14;
  if (!x.IsStatic() || !y.IsStatic() || x.rank() != 4) return {};
  const int64_t in = x.dims[static_cast<size_t>(axis)].lo, out = y.dims[static_cast<size_t>(axis)].lo;
  if (in < 1 || in > kMost || out > kMost) return {};
  Shape line = {1, 1, 1, 1}, wanted = {1, 1, 1, 1};
  line[axis] = in;
  wanted[axis] = out;
  auto numbers = Constant::Allocate(DType::kF32, line);
  for (int64_t i = 0; i < in; ++i) static_cast<float*>(numbers->mutable_data())[i] = static_cast<float>(i);
  Graph scratch;
  GraphBuilder builder(scratch);
  Attributes attributes = node.attributes;
  attributes.Remove("axes");
  attributes.Remove("keep_aspect_ratio_policy");
  Value* scales = nullptr;
  Value* sizes = nullptr;
  if (node.input(kScales) != nullptr && node.input(kScales)->IsConstant() && !node.attributes.Has("axes")) {
    float values[4] = {1, 1, 1, 1};
    values[axis] = static_cast<float>(LoadFloat(node.input(kScales)->constant()->view(), axis));
    scales = builder.Const(Constant::Vector(DType::kF32, std::span<const float>(values)));
  } else {
    sizes = builder.Ints(wanted.dims());
  }
  Value* resized =
      builder.Emit("Resize", {scratch.AddConstant("x", std::move(numbers)), nullptr, scales, sizes},
                   std::move(attributes));
  if (!builder.ok()) return {};
  std::vector<TensorPtr> inputs;
  for (const Value* input : resized->producer()->inputs()) {
    inputs.push_back(input != nullptr ? input->constant() : nullptr);
  }
  const auto result = EvaluateNode(*resized->producer(), inputs);
  if (!result.ok() || (*result)[0]->view().elements() != out) return {};
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < out; ++i)
    positions.push_back(static_cast<int64_t>((*result)[0]->view().as<float>()[i]));
  return positions;
}

// The operator of TFLite that resizes the same way; an error where there is none.
Result<TfliteResize> TfliteResizeOf(const Node& node) {
  const Type& x = node.input(kX)->type;
  const Type& y = node.output()->type;
  const std::string_view mode = node.attributes.String("mode", "nearest");
  const std::string_view place = node.attributes.String("coordinate_transformation_mode", "half_pixel");
  if (x.rank() != 4 || y.rank() != 4 || !x.dims[0].Same(y.dims[0]) || !x.dims[3].Same(y.dims[3])) {
    return Error(Code::kUnsupported, "other than height and width of 4 dimensions change");
  }
  if (node.attributes.Int("antialias") != 0) return Error(Code::kUnsupported, "antialias");
  TfliteResize form;
  if (mode == "nearest") {
    form.builtin = "RESIZE_NEAREST_NEIGHBOR";
    const std::vector<int64_t> rows = NearestOf(node, 1), columns = NearestOf(node, 2);
    if (!rows.empty() && !columns.empty()) {
      // Where several would do, the one that is named.
      const std::pair<bool, bool> named = {place == "align_corners", place == "half_pixel"};
      for (const auto& [corners, centers] : {named, {false, false}, {false, true}, {true, false}}) {
        form.align_corners = corners;
        form.half_pixel_centers = centers;
        if (NearestOf(form, x.dims[1].lo, y.dims[1].lo) == rows &&
            NearestOf(form, x.dims[2].lo, y.dims[2].lo) == columns) {
          return form;
        }
      }
      return Error(Code::kUnsupported, "no way of choosing pixels that TFLite has");
    }
    const std::string_view rounding = node.attributes.String("nearest_mode", "round_prefer_floor");
    form.align_corners = place == "align_corners" && rounding == "round_prefer_ceil";
    form.half_pixel_centers = place == "half_pixel" && rounding == "round_prefer_ceil";
    if (form.align_corners || form.half_pixel_centers || (place == "asymmetric" && rounding == "floor"))
      return form;
    return Error(Code::kUnsupported, "nearest pixels of an input of open size");
  }
  if (mode != "linear") return Error(Code::kUnsupported, "mode is %s", std::string(mode).c_str());
  form.builtin = "RESIZE_BILINEAR";
  form.align_corners = place == "align_corners";
  form.half_pixel_centers = place == "half_pixel" || place == "pytorch_half_pixel";
  if (!form.align_corners && !form.half_pixel_centers && place != "asymmetric") {
    return Error(Code::kUnsupported, "coordinate_transformation_mode is %s", std::string(place).c_str());
  }
  // TFLite takes the ratio of the sizes for the scale.
  const Value* scales = node.input(kScales);
  for (size_t d = 1; d <= 2 && scales != nullptr && !form.align_corners; ++d) {
    const bool known =
        scales->IsConstant() && x.dims[d].known() && y.dims[d].known() && !node.attributes.Has("axes");
    const double scale = known ? LoadFloat(scales->constant()->view(), static_cast<int64_t>(d)) : 0;
    if (!known ||
        std::abs(static_cast<double>(x.dims[d].lo) * scale - static_cast<double>(y.dims[d].lo)) > 1e-3) {
      return Error(Code::kUnsupported, "a scale that is not the ratio of the sizes");
    }
  }
  const bool pytorch = place == "pytorch_half_pixel" &&
                       ((y.dims[1].known() && y.dims[1].lo == 1) || (y.dims[2].known() && y.dims[2].lo == 1));
  if (pytorch) return Error(Code::kUnsupported, "pytorch_half_pixel to a size of 1");
  return form;
}

// Nearest pixels are gathered where TFLite would choose others.
Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  if (node.attributes.String("mode", "nearest") != "nearest" || TfliteResizeOf(node).ok()) return {};
  const std::vector<int64_t> rows = NearestOf(node, 1), columns = NearestOf(node, 2);
  const Type& x = node.input(kX)->type;
  if (rows.empty() || columns.empty() || !x.dims[0].Same(node.output()->type.dims[0]) ||
      !x.dims[3].Same(node.output()->type.dims[3])) {
    return {};
  }
  Value* y = builder.Emit("Gather", {node.input(kX), builder.Ints(rows)}, {{"axis", int64_t{1}}});
  results = {builder.Emit("Gather", {y, builder.Ints(columns)}, {{"axis", int64_t{2}}})};
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  WHET_ASSIGN_OR_RETURN(const TfliteResize form, TfliteResizeOf(node));
  const Type& y = node.output()->type;
  if (!y.dims[1].known() || !y.dims[2].known()) return Error(Code::kUnsupported, "an output of open size");
  sink.Operator(form.builtin, {sink.Of(node.input(kX)), sink.Ints({y.dims[1].lo, y.dims[2].lo})},
                {sink.Result(node)},
                {{"align_corners", int64_t{form.align_corners}},
                 {"half_pixel_centers", int64_t{form.half_pixel_centers}}});
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"mode", AttributeKind::kString},
    {"coordinate_transformation_mode", AttributeKind::kString},
    {"nearest_mode", AttributeKind::kString},
    {"cubic_coeff_a", AttributeKind::kFloat},
    {"exclude_outside", AttributeKind::kInt},
    {"extrapolation_value", AttributeKind::kFloat},
    {"antialias", AttributeKind::kInt},
    {"axes", AttributeKind::kInts},
    {"keep_aspect_ratio_policy", AttributeKind::kString},
};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "Resize", .since = 11, .import = ImportResize},
                                  {.op_type = "Resize", .since = 10, .until = 10, .import = ImportResize10},
                                  {.op_type = "Upsample", .since = 7, .import = ImportUpsample}};
constexpr TfliteSpelling kTflite[] = {{"RESIZE_BILINEAR", ImportBilinear, 2},
                                      {"RESIZE_NEAREST_NEIGHBOR", ImportNearest, 2}};

}  // namespace

extern const OpDef op_resize;
const OpDef op_resize = {
    .name = "Resize",
    .summary = "Samples a tensor at another resolution: nearest, linear or cubic",
    .min_inputs = 1,
    .max_inputs = 4,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .value_inputs = 1u << kScales | 1u << kSizes,
};

extern const OpSpellings spellings_resize;
const OpSpellings spellings_resize = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_onnx = ExportOnnx,
    .to_tflite = {.expand = ExpandTflite,
                  .write = WriteTflite,
                  .scales = TfliteScales::kEqual,
                  .unquantized_inputs = 0b1110},
};

}  // namespace whet::ops
