#include <algorithm>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

// Sizes per spatial dimension.
struct Geometry {
  std::vector<int64_t> image;
  std::vector<int64_t> block;
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> pads;

  // How many places a block has along dimension d.
  int64_t Places(size_t d) const {
    const int64_t room = image[d] + pads[d] + pads[d + image.size()] - dilations[d] * (block[d] - 1) - 1;
    return room < 0 ? 0 : room / strides[d] + 1;
  }
};

Result<Geometry> GeometryOf(const Attributes& attributes, std::vector<int64_t> image,
                            std::vector<int64_t> block) {
  const size_t rank = image.size();
  const auto or_fill = [&](std::string_view name, size_t count, int64_t fill) {
    const auto values = attributes.Ints(name);
    return values.empty() ? std::vector<int64_t>(count, fill)
                          : std::vector<int64_t>(values.begin(), values.end());
  };
  Geometry geometry{std::move(image), std::move(block), or_fill("strides", rank, 1),
                    or_fill("dilations", rank, 1), or_fill("pads", 2 * rank, 0)};
  bool good = rank > 0 && geometry.block.size() == rank && geometry.strides.size() == rank &&
              geometry.dilations.size() == rank && geometry.pads.size() == 2 * rank;
  const auto within = [&](const std::vector<int64_t>& values, int64_t least) {
    for (int64_t value : values) good = good && value >= least && value <= (int64_t{1} << 31);
  };
  within(geometry.image, 0);
  within(geometry.block, 1);
  within(geometry.strides, 1);
  within(geometry.dilations, 1);
  within(geometry.pads, 0);
  if (!good)
    return Error(Code::kBadFile, "image_shape, block_shape, strides, dilations and pads do not go together");
  return geometry;
}

Status Infer(InferContext& context) {
  WHET_RETURN_IF_ERROR(CheckIntegers(context, 1, "shape of the image"));
  WHET_RETURN_IF_ERROR(CheckIntegers(context, 2, "shape of a block"));
  const Type& x = context.input(0);
  if (x.ranked && x.rank() != 3)
    return Error(Code::kBadFile, "%s is not [N, C * block, places]", ToString(x).c_str());
  std::vector<int64_t> image;
  std::vector<int64_t> block;
  if (!context.IntValues(1, &image) || !context.IntValues(2, &block)) {
    const Dim spatial = LengthOf(context, 1);
    Type type = UnknownDims(x.dtype, spatial.known() ? Dim(spatial.lo + 2) : Dim());
    if (type.ranked && x.ranked) type.dims[0] = x.dims[0];
    context.SetOutput(0, std::move(type));
    return {};
  }
  WHET_ASSIGN_OR_RETURN(const Geometry geometry, GeometryOf(context.attributes(), image, block));
  int64_t size = 1;
  int64_t places = 1;
  for (size_t d = 0; d < image.size(); ++d) {
    size = SaturatingMul(size, block[d]);
    places = SaturatingMul(places, geometry.Places(d));
  }
  if (x.ranked &&
      (places < x.dims[2].lo || places > x.dims[2].hi || (x.dims[1].known() && x.dims[1].lo % size != 0))) {
    return Error(Code::kBadFile, "%s does not hold %lld places of blocks of %lld", ToString(x).c_str(),
                 static_cast<long long>(places), static_cast<long long>(size));
  }
  std::vector<Dim> dims = {x.ranked ? x.dims[0] : Dim(), x.ranked ? FloorDiv(x.dims[1], size) : Dim()};
  dims.insert(dims.end(), image.begin(), image.end());
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  WHET_ASSIGN_OR_RETURN(const Geometry geometry,
                        GeometryOf(context.attributes(), IntsOf(context.input(1)), IntsOf(context.input(2))));
  const size_t rank = geometry.image.size();
  Shape block(geometry.block);
  Shape places;
  int64_t pixels = 1;
  for (size_t d = 0; d < rank; ++d) {
    places.push_back(geometry.Places(d));
    pixels *= geometry.image[d];
  }
  const std::span<double> sums = context.Scratch<double>(pixels);
  for (int64_t plane = 0; plane < y.shape[0] * y.shape[1]; ++plane) {
    std::fill(sums.begin(), sums.end(), 0);
    int64_t from = plane * block.elements() * places.elements();
    for (IndexWalk in_block(block, {}); !in_block.done(); in_block.Next()) {
      for (IndexWalk place(places, {}); !place.done(); place.Next(), ++from) {
        int64_t to = 0;
        bool inside = true;
        for (size_t d = 0; d < rank; ++d) {
          const int axis = static_cast<int>(d);
          const int64_t at = place.index()[axis] * geometry.strides[d] +
                             in_block.index()[axis] * geometry.dilations[d] - geometry.pads[d];
          inside = inside && at >= 0 && at < geometry.image[d];
          to = to * geometry.image[d] + at;
        }
        if (inside) sums[static_cast<size_t>(to)] += LoadFloat(x, from);
      }
    }
    for (int64_t i = 0; i < pixels; ++i) StoreFloat(y, plane * pixels + i, sums[static_cast<size_t>(i)]);
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"dilations", AttributeKind::kInts}, {"pads", AttributeKind::kInts}, {"strides", AttributeKind::kInts}};
constexpr OnnxSpelling kOnnx[] = {{"Col2Im", 18}};

}  // namespace

extern const OpDef op_col2im;
const OpDef op_col2im = {
    .name = "Col2Im",
    .summary = "Sums overlapping blocks, given as columns, into images [N, C, D1 … Dk]",
    .min_inputs = 3,
    .max_inputs = 3,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .value_inputs = 0b110,
};

extern const OpSpellings spellings_col2im;
const OpSpellings spellings_col2im = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
