#include "ir/spelling.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kCos, kSin, kPositions };

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  context.SetOutput(0, x);
  if (!x.ranked) return {};
  const int64_t heads = context.attributes().Int("num_heads");
  const bool three = x.rank() == 3 && heads > 0 && (!x.dims[2].known() || x.dims[2].lo % heads == 0);
  if (x.rank() != 4 && !three) {
    return Error(Code::kBadFile,
                 "%s with %lld heads is not [batch, heads, length, size] or [batch, length, heads * size]",
                 ToString(x).c_str(), static_cast<long long>(heads));
  }
  const Dim size = x.rank() == 4 ? x.dims[3] : FloorDiv(x.dims[2], heads);
  const int64_t rotated = context.attributes().Int("rotary_embedding_dim");
  if (rotated < 0 || rotated % 2 != 0 || rotated > size.hi ||
      (rotated == 0 && size.known() && size.lo % 2 != 0)) {
    return Error(Code::kBadFile, "rotary_embedding_dim is %lld of %s", static_cast<long long>(rotated),
                 ToString(size).c_str());
  }
  const int rank = context.HasInput(kPositions) ? 2 : 3;
  for (size_t i : {kCos, kSin}) {
    const Type& cache = context.input(i);
    if (cache.ranked && cache.rank() != rank) {
      return Error(Code::kBadFile, "input %zu is %s but must have %d dimensions", i, ToString(cache).c_str(),
                   rank);
    }
  }
  return {};
}

Status Reference(ReferenceContext& context) {
  const Shape& shape = context.input(kX).shape;
  const bool heads_last = shape.rank() == 3;
  const int64_t batch = shape[0];
  const int64_t heads = heads_last ? context.attributes().Int("num_heads") : shape[1];
  const int64_t length = heads_last ? shape[1] : shape[2];
  const int64_t size = heads_last ? shape[2] / heads : shape[3];
  const int64_t given = context.attributes().Int("rotary_embedding_dim");
  const int64_t half = (given != 0 ? given : size) / 2;
  const bool interleaved = context.attributes().Int("interleaved") != 0;
  const Shape& cache = context.input(kCos).shape;
  // Rows of the caches: one a position, or one a token.
  const int64_t rows = context.HasInput(kPositions) ? cache[0] : cache[0] * cache[1];
  // A cache may be wider than what is rotated.
  const int64_t stride = cache.back();
  if (stride < half || !(cache == context.input(kSin).shape) ||
      (!context.HasInput(kPositions) && rows != batch * length)) {
    return Error(Code::kInvalidArgument, "a cache of shape %s does not fit %lld rotated pairs of %lld tokens",
                 cache.ToString().c_str(), static_cast<long long>(half),
                 static_cast<long long>(batch * length));
  }
  if (context.HasInput(kPositions) && context.input(kPositions).elements() != batch * length) {
    return Error(Code::kInvalidArgument, "%lld positions are given for %lld tokens",
                 static_cast<long long>(context.input(kPositions).elements()),
                 static_cast<long long>(batch * length));
  }
  const double* x = InputArray<double>(context, kX);
  const double* cosines = InputArray<double>(context, kCos);
  const double* sines = InputArray<double>(context, kSin);
  double* y = OutputArray<double>(context, 0);
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t s = 0; s < length; ++s) {
      const int64_t token = b * length + s;
      const int64_t position =
          context.HasInput(kPositions) ? LoadInt(context.input(kPositions), token) : token;
      if (position < 0 || position >= rows) {
        return Error(Code::kInvalidArgument, "position %lld is not one of %lld in the cache",
                     static_cast<long long>(position), static_cast<long long>(rows));
      }
      for (int64_t h = 0; h < heads; ++h) {
        const int64_t at = (heads_last ? token * heads + h : (b * heads + h) * length + s) * size;
        for (int64_t d = 2 * half; d < size; ++d) y[at + d] = x[at + d];
        for (int64_t i = 0; i < half; ++i) {
          const int64_t real = at + (interleaved ? 2 * i : i);
          const int64_t imaginary = at + (interleaved ? 2 * i + 1 : half + i);
          const double c = cosines[position * stride + i], n = sines[position * stride + i];
          const double a = x[real], e = x[imaginary];
          y[real] = c * a - n * e;
          y[imaginary] = n * a + c * e;
        }
      }
    }
  }
  StoreArray(context, 0, y);
  return {};
}

constexpr AttributeDef kAttributes[] = {{"interleaved", AttributeKind::kInt},
                                        {"rotary_embedding_dim", AttributeKind::kInt},
                                        {"num_heads", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "RotaryEmbedding", .since = 23}};

}  // namespace

extern const OpDef op_rotary_embedding;
const OpDef op_rotary_embedding = {
    .name = "RotaryEmbedding",
    .summary = "Rotates pairs of features by angles that depend on the position",
    .min_inputs = 3,
    .max_inputs = 4,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_rotary_embedding;
const OpSpellings spellings_rotary_embedding = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
