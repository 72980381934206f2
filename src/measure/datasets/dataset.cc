#include "measure/datasets/dataset.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "data/random.h"

namespace whet {
namespace {

class Selection final : public Dataset {
 public:
  Selection(std::unique_ptr<Dataset> whole, std::vector<size_t> indices)
      : whole_(std::move(whole)), indices_(std::move(indices)) {}

  const DatasetInfo& info() const override { return whole_->info(); }
  size_t size() const override { return indices_.size(); }
  Result<Sample> Read(size_t i) const override { return whole_->Read(indices_[i]); }

 private:
  std::unique_ptr<Dataset> whole_;
  std::vector<size_t> indices_;
};

}  // namespace

std::string_view TruthKindName(TruthKind kind) {
  switch (kind) {
    case TruthKind::kNone: return "nothing";
    case TruthKind::kClass: return "classes";
    case TruthKind::kBoxes: return "boxes";
    case TruthKind::kMask: return "masks";
    case TruthKind::kText: return "transcripts";
  }
  return "";
}

std::vector<size_t> ShuffledIndices(size_t size, uint64_t seed) {
  std::vector<size_t> indices(size);
  std::iota(indices.begin(), indices.end(), size_t{0});
  for (size_t i = size; i > 1; --i) {
    // The bias of the remainder is below size / 2^64.
    std::swap(indices[i - 1], indices[data::RandomBits(seed, i) % i]);
  }
  return indices;
}

Result<std::unique_ptr<Dataset>> Select(std::unique_ptr<Dataset> dataset, const SelectionOptions& options) {
  if (!(options.begin >= 0 && options.begin < options.end && options.end <= 1)) {
    return Error(Code::kInvalidArgument, "the part from %g to %g of a set is not within 0 and 1",
                 options.begin, options.end);
  }
  const size_t size = dataset->size();
  const auto at = [&](double fraction) {
    return static_cast<size_t>(std::llround(fraction * static_cast<double>(size)));
  };
  size_t begin = at(options.begin);
  size_t end = at(options.end);
  if (options.limit > 0) end = std::min(end, begin + options.limit);
  if (begin >= end) {
    return Error(Code::kInvalidArgument, "the part from %g to %g of a set of %zu samples is empty",
                 options.begin, options.end, size);
  }
  std::vector<size_t> indices = ShuffledIndices(size, options.seed);
  return std::unique_ptr<Dataset>(std::make_unique<Selection>(
      std::move(dataset), std::vector<size_t>(indices.begin() + static_cast<std::ptrdiff_t>(begin),
                                              indices.begin() + static_cast<std::ptrdiff_t>(end))));
}

}  // namespace whet
