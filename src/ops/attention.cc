#include <algorithm>
#include <limits>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kQuery, kKey, kValue, kMask, kPastKey, kPastValue, kValidLengths };
enum Output : size_t { kY, kPresentKey, kPresentValue, kScores };

// What the optional output kScores holds.
enum class ScoresMode : int64_t { kRaw, kCapped, kBiased, kProbabilities };

// [batch, heads, length, size], or [batch, length, heads * size] with the heads as an attribute.
struct Heads {
  Dim batch, heads, length, size;
};

Result<Heads> HeadsOf(const Type& type, int64_t heads) {
  if (type.rank() == 4) return Heads{type.dims[0], type.dims[1], type.dims[2], type.dims[3]};
  if (type.rank() != 3 || heads < 1 || (type.dims[2].known() && type.dims[2].lo % heads != 0)) {
    return Error(Code::kBadFile,
                 "%s with %lld heads is not [batch, heads, length, size] or [batch, length, heads * size]",
                 ToString(type).c_str(), static_cast<long long>(heads));
  }
  return Heads{type.dims[0], Dim(heads), type.dims[1], FloorDiv(type.dims[2], heads)};
}

bool MayBeSame(const Dim& a, const Dim& b) { return a.lo <= b.hi && b.lo <= a.hi; }

Status Infer(InferContext& context) {
  const Type& q = context.input(kQuery);
  const Type& k = context.input(kKey);
  const Type& v = context.input(kValue);
  context.SetOutput(kY, Type::Unranked(q.dtype));
  context.SetOutput(kPresentKey, Type::Unranked(k.dtype));
  context.SetOutput(kPresentValue, Type::Unranked(v.dtype));
  context.SetOutput(kScores, Type::Unranked(q.dtype));
  if (!q.ranked || !k.ranked || !v.ranked) return {};
  const int64_t kv_heads = context.attributes().Int("kv_num_heads");
  WHET_ASSIGN_OR_RETURN(const Heads query, HeadsOf(q, context.attributes().Int("q_num_heads")));
  WHET_ASSIGN_OR_RETURN(const Heads key, HeadsOf(k, kv_heads));
  WHET_ASSIGN_OR_RETURN(const Heads value, HeadsOf(v, kv_heads));
  const bool fits = MayBeSame(query.batch, key.batch) && MayBeSame(key.batch, value.batch) &&
                    MayBeSame(query.size, key.size) && MayBeSame(key.length, value.length) &&
                    MayBeSame(key.heads, value.heads);
  const bool groups =
      !query.heads.known() || !key.heads.known() || (key.heads.lo > 0 && query.heads.lo % key.heads.lo == 0);
  if (!fits || !groups || q.rank() != k.rank() || q.rank() != v.rank()) {
    return Error(Code::kBadFile, "queries %s, keys %s and values %s do not fit each other",
                 ToString(q).c_str(), ToString(k).c_str(), ToString(v).c_str());
  }
  const auto past_length = [&](size_t i, const Heads& now, Dim* length) -> Status {
    if (!context.HasInput(i)) return {};
    const Type& past = context.input(i);
    if (!past.ranked) {
      *length = Dim();
      return {};
    }
    if (past.rank() != 4 || !MayBeSame(past.dims[0], now.batch) || !MayBeSame(past.dims[1], now.heads) ||
        !MayBeSame(past.dims[3], now.size)) {
      return Error(Code::kBadFile, "input %zu is %s, which does not fit the keys and values", i,
                   ToString(past).c_str());
    }
    *length = past.dims[2] + now.length;
    return {};
  };
  if (context.HasInput(kPastKey) != context.HasInput(kPastValue)) {
    return Error(Code::kBadFile, "past keys and past values must be given together");
  }
  Dim total = key.length, total_values = value.length;
  WHET_RETURN_IF_ERROR(past_length(kPastKey, key, &total));
  WHET_RETURN_IF_ERROR(past_length(kPastValue, value, &total_values));
  if (!MayBeSame(total, total_values)) {
    return Error(Code::kBadFile, "there are %s keys but %s values", ToString(total).c_str(),
                 ToString(total_values).c_str());
  }
  if (context.HasInput(kMask) && context.input(kMask).ranked) {
    const Type& mask = context.input(kMask);
    const Dim dims[] = {query.batch, query.heads, query.length, total};
    bool broadcasts = mask.rank() <= 4;
    for (int i = 1; broadcasts && i <= mask.rank(); ++i) {
      const Dim& have = mask.dims[static_cast<size_t>(mask.rank() - i)];
      // The mask may end before the keys do.
      broadcasts = MayBeSame(have, Dim(1)) || MayBeSame(have, dims[4 - i]) || (i == 1 && have.lo <= total.hi);
    }
    if (!broadcasts) {
      return Error(Code::kBadFile, "the mask %s does not broadcast to [%s, %s, %s, %s]",
                   ToString(mask).c_str(), ToString(dims[0]).c_str(), ToString(dims[1]).c_str(),
                   ToString(dims[2]).c_str(), ToString(dims[3]).c_str());
    }
  }
  if (context.HasInput(kValidLengths) && context.input(kValidLengths).ranked) {
    const Type& lengths = context.input(kValidLengths);
    if (lengths.rank() != 1 || !MayBeSame(lengths.dims[0], query.batch)) {
      return Error(Code::kBadFile, "nonpad_kv_seqlen is %s; it must have one entry a sample",
                   ToString(lengths).c_str());
    }
  }
  context.SetOutput(kY, q.rank() == 4 ? Type(q.dtype, {query.batch, query.heads, query.length, value.size})
                                      : Type(q.dtype, {query.batch, query.length, query.heads * value.size}));
  context.SetOutput(kPresentKey, Type(k.dtype, {key.batch, key.heads, total, key.size}));
  context.SetOutput(kPresentValue, Type(v.dtype, {value.batch, value.heads, total_values, value.size}));
  context.SetOutput(kScores, Type(q.dtype, {query.batch, query.heads, query.length, total}));
  return {};
}

struct Sizes {
  int64_t batch = 0, heads = 0, length = 0, size = 0;
  bool heads_last = false;  // three dimensions

  int64_t Row(int64_t b, int64_t h, int64_t s) const {
    return (heads_last ? (b * length + s) * heads + h : (b * heads + h) * length + s) * size;
  }
};

Sizes SizesOf(const Shape& shape, int64_t heads) {
  if (shape.rank() == 4) return {shape[0], shape[1], shape[2], shape[3], false};
  return {shape[0], heads, shape[1], shape[2] / heads, true};
}

// Past and present one after the other, as [batch, heads, length, size].
const double* Joined(ReferenceContext& context, size_t past, size_t now, const Sizes& sizes,
                     int64_t past_length) {
  const double* recent = InputArray<double>(context, now);
  const double* before = InputArray<double>(context, past);
  const int64_t total = past_length + sizes.length;
  double* joined = context.Scratch<double>(sizes.batch * sizes.heads * total * sizes.size).data();
  for (int64_t b = 0; b < sizes.batch; ++b) {
    for (int64_t h = 0; h < sizes.heads; ++h) {
      for (int64_t t = 0; t < total; ++t) {
        const double* row = t < past_length ? before + ((b * sizes.heads + h) * past_length + t) * sizes.size
                                            : recent + sizes.Row(b, h, t - past_length);
        std::copy_n(row, sizes.size, joined + ((b * sizes.heads + h) * total + t) * sizes.size);
      }
    }
  }
  return joined;
}

// What is added to the score of query `s` and key `t`.
class Bias {
 public:
  Bias(ReferenceContext& context, int64_t batch, int64_t heads, int64_t queries, int64_t keys, int64_t past)
      : context_(context), queries_(queries), past_(past) {
    causal_ = context.attributes().Int("is_causal") != 0;
    left_ = context.attributes().Int("left_window_size", -1);
    right_ = context.attributes().Int("right_window_size", -1);
    if (!context.HasInput(kMask)) return;
    const Shape& mask = context.input(kMask).shape;
    Shape to = {batch, heads, queries, keys};
    mask_keys_ = keys;
    // A shorter mask says nothing of the rest, which is masked.
    if (mask.rank() > 0 && mask.back() != 1) to[3] = mask_keys_ = mask.back();
    strides_ = BroadcastStrides(mask, to);
  }

  double At(int64_t b, int64_t h, int64_t s, int64_t t) const {
    constexpr double kNever = -std::numeric_limits<double>::infinity();
    int64_t offset = past_;
    if (context_.HasInput(kValidLengths)) {
      const int64_t valid = LoadInt(context_.input(kValidLengths), b);
      if (t >= valid) return kNever;
      offset = valid - queries_;
    }
    const int64_t ahead = t - (s + offset);
    if ((causal_ && ahead > 0) || (left_ >= 0 && -ahead > left_) || (right_ >= 0 && ahead > right_))
      return kNever;
    if (strides_.empty()) return 0;
    if (t >= mask_keys_) return kNever;
    const TensorView& mask = context_.input(kMask);
    const int64_t at = b * strides_[0] + h * strides_[1] + s * strides_[2] + t * strides_[3];
    if (mask.dtype == DType::kBool) return LoadInt(mask, at) != 0 ? 0 : kNever;
    return LoadFloat(mask, at);
  }

 private:
  ReferenceContext& context_;
  int64_t queries_, past_;
  bool causal_ = false;
  int64_t left_ = -1, right_ = -1, mask_keys_ = 0;
  std::vector<int64_t> strides_;
};

Status Reference(ReferenceContext& context) {
  const Attributes& attributes = context.attributes();
  const Sizes q = SizesOf(context.input(kQuery).shape, attributes.Int("q_num_heads"));
  const Sizes k = SizesOf(context.input(kKey).shape, attributes.Int("kv_num_heads"));
  const Sizes v = SizesOf(context.input(kValue).shape, attributes.Int("kv_num_heads"));
  const int64_t past = context.HasInput(kPastKey) ? context.input(kPastKey).shape[2] : 0;
  const int64_t total = past + k.length;
  const double* queries = InputArray<double>(context, kQuery);
  const double* keys = Joined(context, kPastKey, kKey, k, past);
  const double* values = Joined(context, kPastValue, kValue, v, past);
  double* y = OutputArray<double>(context, kY);
  double* scores = OutputArray<double>(context, kScores);
  const double scale = attributes.Float("scale", 1 / std::sqrt(static_cast<double>(q.size)));
  const double cap = attributes.Float("softcap");
  const auto mode = static_cast<ScoresMode>(attributes.Int("qk_matmul_output_mode"));
  const Bias bias(context, q.batch, q.heads, q.length, total, past);
  const int64_t group = q.heads / k.heads;
  const Sizes out = {q.batch, q.heads, q.length, v.size, q.heads_last};

  const auto row = context.Scratch<double>(total);
  for (int64_t b = 0; b < q.batch; ++b) {
    for (int64_t h = 0; h < q.heads; ++h) {
      const int64_t kv = b * k.heads + h / group;
      for (int64_t s = 0; s < q.length; ++s) {
        double* shown = scores != nullptr ? scores + ((b * q.heads + h) * q.length + s) * total : nullptr;
        double largest = -std::numeric_limits<double>::infinity();
        bool attends = false;
        for (int64_t t = 0; t < total; ++t) {
          double score =
              DotProduct(queries + q.Row(b, h, s), keys + (kv * total + t) * k.size, k.size) * scale;
          if (shown != nullptr && mode == ScoresMode::kRaw) shown[t] = score;
          if (cap > 0) score = cap * std::tanh(score / cap);
          if (shown != nullptr && mode == ScoresMode::kCapped) shown[t] = score;
          const double added = bias.At(b, h, s, t);
          attends = attends || added != -std::numeric_limits<double>::infinity();
          score += added;
          if (shown != nullptr && mode == ScoresMode::kBiased) shown[t] = score;
          row[static_cast<size_t>(t)] = score;
          largest = std::max(largest, score);
        }
        // A query that may see no key at all gives 0.
        double sum = 0;
        for (double& score : row) {
          score = attends ? std::exp(score - largest) : 0;
          sum += score;
        }
        double* result = y + out.Row(b, h, s);
        std::fill_n(result, v.size, 0.0);
        for (int64_t t = 0; t < total; ++t) {
          const double weight = attends ? row[static_cast<size_t>(t)] / sum : 0;
          if (shown != nullptr && mode == ScoresMode::kProbabilities) shown[t] = weight;
          if (weight == 0) continue;
          const double* value = values + (kv * total + t) * v.size;
          for (int64_t d = 0; d < v.size; ++d) result[d] += weight * value[d];
        }
      }
    }
  }
  StoreArray(context, kY, y);
  StoreArray(context, kScores, scores);
  const auto store_present = [&](size_t output, const double* joined) {
    if (!context.HasOutput(output)) return;
    const TensorView& present = context.output(output);
    for (int64_t i = 0; i < present.elements(); ++i) StoreFloat(present, i, joined[i]);
  };
  store_present(kPresentKey, keys);
  store_present(kPresentValue, values);
  return {};
}

int64_t Macs(const Node& node) {
  const Sizes q = SizesOf(node.input(kQuery)->type.ToShape(), node.attributes.Int("q_num_heads"));
  const Sizes k = SizesOf(node.input(kKey)->type.ToShape(), node.attributes.Int("kv_num_heads"));
  const Sizes v = SizesOf(node.input(kValue)->type.ToShape(), node.attributes.Int("kv_num_heads"));
  const int64_t past = node.input(kPastKey) != nullptr ? node.input(kPastKey)->type.ToShape()[2] : 0;
  return q.batch * q.heads * q.length * (past + k.length) * (q.size + v.size);
}

constexpr AttributeDef kAttributes[] = {
    {"is_causal", AttributeKind::kInt},         {"q_num_heads", AttributeKind::kInt},
    {"kv_num_heads", AttributeKind::kInt},      {"scale", AttributeKind::kFloat},
    {"softcap", AttributeKind::kFloat},         {"qk_matmul_output_mode", AttributeKind::kInt},
    {"softmax_precision", AttributeKind::kInt}, {"left_window_size", AttributeKind::kInt},
    {"right_window_size", AttributeKind::kInt},
};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "Attention", .since = 23}};

}  // namespace

extern const OpDef op_attention;
const OpDef op_attention = {
    .name = "Attention",
    .summary = "Scaled dot-product attention of queries, keys and values, with masks and a cache",
    .min_inputs = 3,
    .max_inputs = 7,
    .max_outputs = 4,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .macs = Macs,
};

extern const OpSpellings spellings_attention;
const OpSpellings spellings_attention = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
