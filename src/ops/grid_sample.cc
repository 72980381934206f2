#include "ir/spelling.h"
#include "ops/spatial_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kGrid };
enum class Mode { kLinear, kNearest, kCubic };
enum class Border { kZeros, kEdge, kReflect };

struct Options {
  Mode mode = Mode::kLinear;
  Border border = Border::kZeros;
  bool align_corners = false;
};

Result<Options> ReadOptions(const Attributes& attributes) {
  Options options;
  const std::string_view mode = attributes.String("mode", "linear");
  const std::string_view border = attributes.String("padding_mode", "zeros");
  options.mode = mode == "nearest" ? Mode::kNearest : mode == "cubic" ? Mode::kCubic : Mode::kLinear;
  options.border = border == "border"       ? Border::kEdge
                   : border == "reflection" ? Border::kReflect
                                            : Border::kZeros;
  options.align_corners = attributes.Int("align_corners") != 0;
  if (options.mode == Mode::kLinear && mode != "linear") {
    return Error(Code::kBadFile, "mode is '%s'", std::string(mode).c_str());
  }
  if (options.border == Border::kZeros && border != "zeros") {
    return Error(Code::kBadFile, "padding_mode is '%s'", std::string(border).c_str());
  }
  return options;
}

Status Infer(InferContext& context) {
  WHET_ASSIGN_OR_RETURN(const Options options, ReadOptions(context.attributes()));
  const Type& x = context.input(kX);
  const Type& grid = context.input(kGrid);
  if (!x.ranked || !grid.ranked) {
    context.SetOutput(0, Type::Unranked(x.dtype));
    return {};
  }
  const Dim& coordinates = grid.rank() > 0 ? grid.dims.back() : Dim(0);
  if (x.rank() < 3 || grid.rank() != x.rank() || x.dims[0].lo > grid.dims[0].hi ||
      grid.dims[0].lo > x.dims[0].hi || (coordinates.known() && coordinates.lo != x.rank() - 2)) {
    return Error(Code::kBadFile, "grid %s does not fit the input %s", ToString(grid).c_str(),
                 ToString(x).c_str());
  }
  if (options.mode == Mode::kCubic && x.rank() != 4) {
    return Error(Code::kUnsupported, "cubic sampling of anything but images");
  }
  std::vector<Dim> dims = grid.dims;
  dims[0] = x.dims[0].known() ? x.dims[0] : grid.dims[0];
  dims.back() = x.dims.back();
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

double Reflect(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double phase = std::fmod(x < low ? low - x : x - low, 2 * range);
  const double inside = phase <= range ? phase : 2 * range - phase;
  return low + inside;
}

// One dimension: where to read, and how much of it.
struct Taps {
  int64_t at[4] = {};
  double weight[4] = {};
  int count = 0;
};

// -1: zero.
int64_t Resolve(int64_t at, int64_t size, const Options& options) {
  if (at >= 0 && at < size) return at;
  switch (options.border) {
    case Border::kZeros: return -1;
    case Border::kEdge: return std::clamp<int64_t>(at, 0, size - 1);
    case Border::kReflect: break;
  }
  const double margin = options.align_corners ? 0 : 0.5;
  const double inside = Reflect(static_cast<double>(at), -margin, static_cast<double>(size - 1) + margin);
  return std::clamp<int64_t>(static_cast<int64_t>(inside), 0, size - 1);
}

Taps TapsAt(double coordinate, int64_t size, const Options& options) {
  constexpr double kA = -0.75;
  const auto length = static_cast<double>(size);
  double x =
      options.align_corners ? (coordinate + 1) / 2 * (length - 1) : ((coordinate + 1) * length - 1) / 2;
  // Beyond these nothing is left to see, and the conversions below stay defined; so for NaN.
  x = std::isnan(x) ? -2 * length - 4 : std::clamp(x, -1e9, 1e9);
  const double margin = options.align_corners ? 0 : 0.5;
  if (options.mode == Mode::kNearest) x = std::nearbyint(x);
  if (x < -margin || x > length - 1 + margin) {
    if (options.border == Border::kEdge) x = std::clamp(x, 0.0, length - 1);
    if (options.border == Border::kReflect) x = Reflect(x, -margin, length - 1 + margin);
  }
  Taps taps;
  const auto add = [&](int64_t at, double weight) {
    taps.at[taps.count] = Resolve(at, size, options);
    taps.weight[taps.count++] = weight;
  };
  const auto base = static_cast<int64_t>(std::floor(x));
  const double t = x - static_cast<double>(base);
  switch (options.mode) {
    case Mode::kNearest: add(static_cast<int64_t>(x), 1); break;
    case Mode::kLinear:
      add(base, 1 - t);
      add(base + 1, t);
      break;
    case Mode::kCubic: {
      const auto far = [](double d) { return ((kA * d - 5 * kA) * d + 8 * kA) * d - 4 * kA; };
      const auto near = [](double d) { return ((kA + 2) * d - (kA + 3)) * d * d + 1; };
      add(base - 1, far(t + 1));
      add(base, near(t));
      add(base + 1, near(1 - t));
      add(base + 2, far(2 - t));
      break;
    }
  }
  return taps;
}

Status Reference(ReferenceContext& context) {
  WHET_ASSIGN_OR_RETURN(const Options options, ReadOptions(context.attributes()));
  const Shape& xs = context.input(kX).shape;
  const TensorView& grid = context.input(kGrid);
  const size_t k = static_cast<size_t>(xs.rank() - 2);
  const auto sizes = SpatialDims(xs);
  const int64_t channels = xs.back();
  int64_t pixels = 1;
  for (int64_t size : sizes) pixels *= size;
  if (pixels == 0 && context.output(0).elements() > 0) {
    return Error(Code::kInvalidArgument, "the input has no pixels");
  }
  const double* x = InputArray<double>(context, kX);
  double* y = OutputArray<double>(context, 0);
  const int64_t samples = grid.elements() / static_cast<int64_t>(k);
  for (int64_t s = 0; s < samples; ++s) {
    const double* image = x + s / (samples / xs[0]) * pixels * channels;
    double* to = y + s * channels;
    for (int64_t c = 0; c < channels; ++c) to[c] = 0;
    Taps taps[kMaxRank];
    // The grid's last dimension counts from the innermost dimension outwards.
    for (size_t d = 0; d < k; ++d) {
      taps[d] = TapsAt(LoadFloat(grid, s * static_cast<int64_t>(k) + static_cast<int64_t>(k - 1 - d)),
                       sizes[d], options);
    }
    const std::vector<int64_t> counts(k, taps[0].count);
    ForPositions(counts, [&](const int64_t* index, int64_t) {
      double weight = 1;
      int64_t offset = 0;
      for (size_t d = 0; d < k; ++d) {
        const int64_t at = taps[d].at[index[d]];
        weight = at < 0 ? 0 : weight * taps[d].weight[index[d]];
        offset = offset * sizes[d] + std::max<int64_t>(at, 0);
      }
      if (weight == 0) return;
      for (int64_t c = 0; c < channels; ++c) to[c] += weight * image[offset * channels + c];
    });
  }
  StoreArray(context, 0, y);
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(kX);
  if (!x->type.ranked && node.input(kGrid)->type.ranked) RequireRank(x, node.input(kGrid)->type.rank());
  if (!x->type.ranked) return node.Unsupported("an input whose number of dimensions is not known");
  const std::string_view mode = node.attributes.String("mode");
  if (mode == "bilinear") node.attributes.Set("mode", std::string("linear"));
  if (mode == "bicubic") node.attributes.Set("mode", std::string("cubic"));
  Value* y =
      builder.Emit("GridSample", {builder.ToChannelsLast(x), node.input(kGrid)}, std::move(node.attributes));
  node.SetResult(0, builder.ToChannelsFirst(y));
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  Attributes attributes = node.attributes;
  if (sink.opset() < 20) {
    if (node.input(kX)->type.rank() != 4) {
      return Error(Code::kUnsupported, "GridSample of anything but images needs opset 20");
    }
    const std::string_view mode = attributes.String("mode", "linear");
    if (attributes.Has("mode") && mode != "nearest")
      attributes.Set("mode", std::string(mode == "cubic" ? "bicubic" : "bilinear"));
  }
  sink.Node("GridSample", {sink.ChannelsFirst(node.input(kX)), sink.NameOf(node.input(kGrid))},
            {sink.DefineFromChannelsFirst(node.output())}, attributes);
  return {};
}

constexpr AttributeDef kAttributes[] = {{"mode", AttributeKind::kString},
                                        {"padding_mode", AttributeKind::kString},
                                        {"align_corners", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "GridSample", .since = 16, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_grid_sample;
const OpDef op_grid_sample = {
    .name = "GridSample",
    .summary = "Reads an image at given places: nearest, linear or cubic",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_grid_sample;
const OpSpellings spellings_grid_sample = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
