#include "ir/spelling.h"
#include "ops/spatial_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kRois, kBatchIndices };

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  const Type& rois = context.input(kRois);
  const int64_t height = context.attributes().Int("output_height", 1);
  const int64_t width = context.attributes().Int("output_width", 1);
  const std::string_view mode = context.attributes().String("mode", "avg");
  if (mode != "avg" && mode != "max") return Error(Code::kBadFile, "mode is '%s'", std::string(mode).c_str());
  constexpr int64_t kLargest = 1 << 20;
  const int64_t sampling = context.attributes().Int("sampling_ratio");
  if (height < 1 || width < 1 || height > kLargest || width > kLargest || sampling < 0 ||
      sampling > kLargest) {
    return Error(Code::kBadFile, "the output is %lld x %lld with a sampling ratio of %lld",
                 static_cast<long long>(height), static_cast<long long>(width),
                 static_cast<long long>(sampling));
  }
  if ((x.ranked && x.rank() != 4) ||
      (rois.ranked && (rois.rank() != 2 || rois.dims[1].lo > 4 || rois.dims[1].hi < 4))) {
    return Error(Code::kBadFile, "regions %s do not fit the input %s", ToString(rois).c_str(),
                 ToString(x).c_str());
  }
  const Type& images = context.input(kBatchIndices);
  if (images.ranked && rois.ranked &&
      (images.rank() != 1 || images.dims[0].lo > rois.dims[0].hi || rois.dims[0].lo > images.dims[0].hi)) {
    return Error(Code::kBadFile, "batch_indices %s do not fit the regions %s", ToString(images).c_str(),
                 ToString(rois).c_str());
  }
  context.SetOutput(0, Type(x.dtype, {rois.ranked ? rois.dims[0] : Dim(), Dim(height), Dim(width),
                                      x.ranked ? x.dims[3] : Dim()}));
  return {};
}

// Four neighbours of a point and their weights, linear in both directions.
struct Corners {
  int64_t at[4] = {};
  double weight[4] = {};
};

Corners CornersAt(double y, double x, int64_t height, int64_t width) {
  Corners corners;
  if (!(y >= -1 && y <= static_cast<double>(height) && x >= -1 && x <= static_cast<double>(width)))
    return corners;
  const auto split = [](double at, int64_t size, int64_t* low, int64_t* high) {
    at = std::max(at, 0.0);
    *low = std::min(static_cast<int64_t>(at), size - 1);
    *high = std::min(*low + 1, size - 1);
    return *low == size - 1 ? 0 : at - static_cast<double>(*low);
  };
  int64_t top = 0, bottom = 0, left = 0, right = 0;
  const double dy = split(y, height, &top, &bottom);
  const double dx = split(x, width, &left, &right);
  return {{top * width + left, top * width + right, bottom * width + left, bottom * width + right},
          {(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx}};
}

Status Reference(ReferenceContext& context) {
  const Attributes& attributes = context.attributes();
  const Shape& xs = context.input(kX).shape;
  const Shape& ys = context.output(0).shape;
  const double scale = attributes.Float("spatial_scale", 1);
  const int64_t sampling = attributes.Int("sampling_ratio");
  const bool average = attributes.String("mode", "avg") == "avg";
  const bool half_pixel = attributes.String("coordinate_transformation_mode", "half_pixel") == "half_pixel";
  const double offset = half_pixel ? 0.5 : 0;
  const int64_t height = xs[1], width = xs[2], channels = xs[3];
  const double* x = InputArray<double>(context, kX);
  double* y = OutputArray<double>(context, 0);
  double* to = y;
  if (ys.elements() > 0 && xs.elements() == 0) return Error(Code::kInvalidArgument, "the input is empty");
  for (int64_t r = 0; r < ys[0]; ++r) {
    const int64_t n = LoadInt(context.input(kBatchIndices), r);
    if (n < 0 || n >= xs[0]) {
      return Error(Code::kInvalidArgument, "region %lld is in image %lld of %lld", static_cast<long long>(r),
                   static_cast<long long>(n), static_cast<long long>(xs[0]));
    }
    const double* image = x + n * height * width * channels;
    const auto edge = [&](int64_t i) { return LoadFloat(context.input(kRois), r * 4 + i) * scale - offset; };
    const double left = edge(0), top = edge(1);
    double roi_width = edge(2) - left, roi_height = edge(3) - top;
    if (!half_pixel) {
      roi_width = std::max(roi_width, 1.0);
      roi_height = std::max(roi_height, 1.0);
    }
    const double bin_height = roi_height / static_cast<double>(ys[1]);
    const double bin_width = roi_width / static_cast<double>(ys[2]);
    // Samples of one bin each way. A broken region may ask for any number.
    const auto samples = [&](double bin) {
      const double wanted = sampling > 0 ? static_cast<double>(sampling) : std::ceil(bin);
      return wanted >= 1 ? static_cast<int64_t>(std::min(wanted, 4096.0)) : 0;
    };
    const int64_t rows = samples(bin_height), columns = samples(bin_width);
    const auto count = static_cast<double>(std::max<int64_t>(1, rows * columns));
    for (int64_t bin = 0; bin < ys[1] * ys[2]; ++bin, to += channels) {
      for (int64_t c = 0; c < channels; ++c) to[c] = 0;
      for (int64_t s = 0; s < rows * columns; ++s) {
        const double at_y =
            top + bin_height * (static_cast<double>(bin / ys[2]) +
                                (static_cast<double>(s / columns) + 0.5) / static_cast<double>(rows));
        const double at_x =
            left + bin_width * (static_cast<double>(bin % ys[2]) +
                                (static_cast<double>(s % columns) + 0.5) / static_cast<double>(columns));
        const Corners corners = CornersAt(at_y, at_x, height, width);
        for (int64_t c = 0; c < channels; ++c) {
          double part[4];
          for (int i = 0; i < 4; ++i) part[i] = corners.weight[i] * image[corners.at[i] * channels + c];
          if (average) {
            to[c] += (part[0] + part[1] + part[2] + part[3]) / count;
          } else {
            // ONNX takes the largest of the weighted corners, not of the interpolated points.
            const double largest = std::max(std::max(part[0], part[1]), std::max(part[2], part[3]));
            to[c] = s == 0 ? largest : std::max(to[c], largest);
          }
        }
      }
    }
  }
  StoreArray(context, 0, y);
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  RequireRank(node.input(kX), 4);
  if (node.version < 16) {
    node.attributes.Set("coordinate_transformation_mode", std::string("output_half_pixel"));
  }
  Value* x = builder.ToChannelsLast(node.input(kX));
  Value* y =
      builder.Emit("RoiAlign", {x, node.input(kRois), node.input(kBatchIndices)}, std::move(node.attributes));
  node.SetResult(0, builder.ToChannelsFirst(y));
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  sink.Node("RoiAlign",
            {sink.ChannelsFirst(node.input(kX)), sink.NameOf(node.input(kRois)),
             sink.NameOf(node.input(kBatchIndices))},
            {sink.DefineFromChannelsFirst(node.output())}, node.attributes);
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"mode", AttributeKind::kString},         {"output_height", AttributeKind::kInt},
    {"output_width", AttributeKind::kInt},    {"sampling_ratio", AttributeKind::kInt},
    {"spatial_scale", AttributeKind::kFloat}, {"coordinate_transformation_mode", AttributeKind::kString},
};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "RoiAlign", .since = 10, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_roi_align;
const OpDef op_roi_align = {
    .name = "RoiAlign",
    .summary = "Pools regions of an image, sampled linearly, to one size",
    .min_inputs = 3,
    .max_inputs = 3,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_roi_align;
const OpSpellings spellings_roi_align = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
