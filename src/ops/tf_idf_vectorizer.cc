#include <algorithm>
#include <map>
#include <vector>

#include "ir/spelling.h"
#include "ops/elements_common.h"

namespace whet::ops {
namespace {

// The list of n-grams: first all of one token, then all of two, …; ngram_counts says where each length
// begins.
class Pool {
 public:
  static Result<Pool> Of(const Attributes& attributes) {
    const auto tokens = attributes.Ints("pool_int64s");
    const auto starts = attributes.Ints("ngram_counts");
    const auto columns = attributes.Ints("ngram_indexes");
    Pool pool;
    size_t id = 0;
    for (size_t n = 1; n <= starts.size(); ++n) {
      const int64_t begin = starts[n - 1];
      const int64_t end = n < starts.size() ? starts[n] : static_cast<int64_t>(tokens.size());
      if (begin < 0 || begin > end || end > static_cast<int64_t>(tokens.size())) {
        return Error(Code::kBadFile, "ngram_counts does not fit the %zu tokens of pool_int64s",
                     tokens.size());
      }
      for (int64_t at = begin; at + static_cast<int64_t>(n) <= end; at += static_cast<int64_t>(n), ++id) {
        const auto first = tokens.begin() + at;
        pool.ids_.emplace(std::vector<int64_t>(first, first + static_cast<int64_t>(n)), id);
      }
    }
    if (columns.size() != id) {
      return Error(Code::kBadFile, "there are %zu n-grams but %zu ngram_indexes", id, columns.size());
    }
    for (int64_t column : columns) {
      if (column < 0 || column >= int64_t{1} << 31)
        return Error(Code::kBadFile, "ngram_indexes has %lld", static_cast<long long>(column));
      pool.width_ = std::max(pool.width_, column + 1);
    }
    if (attributes.Has("weights") && attributes.Floats("weights").size() != id) {
      return Error(Code::kBadFile, "there are %zu n-grams but %zu weights", id,
                   attributes.Floats("weights").size());
    }
    return pool;
  }

  int64_t width() const { return width_; }
  // Null if the list does not have it.
  const size_t* Find(const std::vector<int64_t>& ngram) const {
    const auto it = ids_.find(ngram);
    return it == ids_.end() ? nullptr : &it->second;
  }

 private:
  std::map<std::vector<int64_t>, size_t> ids_;
  int64_t width_ = 0;
};

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  const std::string_view mode = context.attributes().String("mode");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF") {
    return Error(Code::kBadFile, "mode is '%s'; it must be TF, IDF or TFIDF", std::string(mode).c_str());
  }
  WHET_ASSIGN_OR_RETURN(const Pool pool, Pool::Of(context.attributes()));
  if (!x.ranked) {
    context.SetOutput(0, Type::Unranked(DType::kF32));
    return {};
  }
  if (x.rank() != 1 && x.rank() != 2)
    return Error(Code::kBadFile, "%s is not a row of tokens, or rows", ToString(x).c_str());
  Type type(DType::kF32, x.dims);
  type.dims.back() = Dim(pool.width());
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const Attributes& attributes = context.attributes();
  WHET_ASSIGN_OR_RETURN(const Pool pool, Pool::Of(attributes));
  const auto columns = attributes.Ints("ngram_indexes");
  const auto weights = attributes.Floats("weights");
  const std::string_view mode = attributes.String("mode");
  const int64_t length = x.shape.back();
  const int64_t rows = x.shape.rank() == 2 ? x.shape[0] : 1;
  const int64_t longest = std::min(attributes.Int("max_gram_length"), length);
  // A longer skip reaches beyond the end.
  const int64_t skips = std::min(attributes.Int("max_skip_count"), length);
  std::vector<int64_t> ngram;
  for (int64_t row = 0; row < rows; ++row) {
    const std::span<float> counts(y.as<float>() + row * pool.width(), static_cast<size_t>(pool.width()));
    std::fill(counts.begin(), counts.end(), 0.0F);
    for (int64_t n = std::max<int64_t>(attributes.Int("min_gram_length"), 1); n <= longest; ++n) {
      for (int64_t skip = 0; skip <= (n == 1 ? 0 : skips); ++skip) {
        for (int64_t start = 0; start + (n - 1) * (skip + 1) < length; ++start) {
          ngram.clear();
          for (int64_t k = 0; k < n; ++k) ngram.push_back(LoadInt(x, row * length + start + k * (skip + 1)));
          const size_t* id = pool.Find(ngram);
          if (id == nullptr) continue;
          float& count = counts[static_cast<size_t>(columns[*id])];
          const float weight = weights.empty() ? 1.0F : static_cast<float>(weights[*id]);
          if (mode == "IDF") {
            count = weight;
          } else {
            count += mode == "TF" ? 1.0F : weight;
          }
        }
      }
    }
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"max_gram_length", AttributeKind::kInt, true}, {"max_skip_count", AttributeKind::kInt, true},
    {"min_gram_length", AttributeKind::kInt, true}, {"mode", AttributeKind::kString, true},
    {"ngram_counts", AttributeKind::kInts, true},   {"ngram_indexes", AttributeKind::kInts, true},
    {"pool_int64s", AttributeKind::kInts, true},    {"weights", AttributeKind::kFloats}};
constexpr OnnxSpelling kOnnx[] = {{"TfIdfVectorizer", 9}};

}  // namespace

extern const OpDef op_tf_idf_vectorizer;
const OpDef op_tf_idf_vectorizer = {
    .name = "TfIdfVectorizer",
    .summary = "How often each n-gram of a list occurs in a row of tokens",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_tf_idf_vectorizer;
const OpSpellings spellings_tf_idf_vectorizer = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
