// .npz archives: the first dimension of every array is the samples.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <utility>

#include "data/npz.h"
#include "measure/datasets/readers.h"

namespace whet {
namespace {

bool IsTruthName(std::string_view name) { return name == "y" || name == "label" || name == "labels"; }

class NpzDataset final : public Dataset {
 public:
  NpzDataset(std::string file, std::vector<data::NamedArray> inputs, data::Array truth, DatasetInfo info)
      : file_(std::move(file)),
        inputs_(std::move(inputs)),
        truth_(std::move(truth)),
        info_(std::move(info)) {}

  const DatasetInfo& info() const override { return info_; }
  size_t size() const override { return static_cast<size_t>(inputs_[0].array.shape()[0]); }

  Result<Sample> Read(size_t i) const override {
    Sample sample;
    sample.name = Format("%s[%zu]", file_.c_str(), i);
    for (const data::NamedArray& input : inputs_) {
      Result<data::Array> row = RowOf(input.array, i);
      if (!row.ok()) return row.TakeStatus().At(sample.name);
      // An only array that is not called after an input of the model goes to its first.
      sample.arrays.push_back({inputs_.size() == 1 && input.name == "x" ? "" : input.name, std::move(*row)});
    }
    if (info_.truth == TruthKind::kClass) {
      sample.label = static_cast<int>(data::ElementAsDouble(truth_.view(), static_cast<int64_t>(i)));
    } else if (info_.truth == TruthKind::kMask) {
      Result<data::Array> row = RowOf(truth_, i);
      if (!row.ok()) return row.TakeStatus().At(sample.name);
      WHET_ASSIGN_OR_RETURN(sample.mask, row->ConvertTo(DType::kI32));
    }
    return sample;
  }

 private:
  static Result<data::Array> RowOf(const data::Array& all, size_t i) {
    WHET_ASSIGN_OR_RETURN(data::Array row,
                          data::Array::Create(all.dtype(), Shape(all.shape().dims().subspan(1))));
    std::memcpy(row.bytes().data(), all.bytes().data() + i * row.bytes().size(), row.bytes().size());
    return row;
  }

  std::string file_;
  std::vector<data::NamedArray> inputs_;
  data::Array truth_;
  DatasetInfo info_;
};

Status CheckTruth(const data::Array& truth, TruthKind* kind) {
  const bool whole = IsInteger(truth.dtype()) || truth.dtype() == DType::kBool;
  if (!whole || (truth.shape().rank() != 1 && truth.shape().rank() != 3)) {
    return Error(
        Code::kBadFile,
        "is %s %s; integers of one dimension (a class per sample) or three (a mask per sample) are expected",
        std::string(DTypeName(truth.dtype())).c_str(), truth.shape().ToString().c_str());
  }
  *kind = truth.shape().rank() == 1 ? TruthKind::kClass : TruthKind::kMask;
  if (*kind == TruthKind::kMask) return {};
  for (int64_t i = 0; i < truth.elements(); ++i) {
    const double label = data::ElementAsDouble(truth.view(), i);
    if (label < 0 || label > 1 << 20) {
      return Error(Code::kBadFile, "element %lld is %.0f, which is no class", static_cast<long long>(i),
                   label);
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Dataset>> OpenNpzDataset(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(std::vector<data::NamedArray> arrays, data::ReadNpz(path));
  const std::string file = std::filesystem::path(path).filename().string();
  DatasetInfo info;
  info.format = "npz";
  data::Array truth;
  std::vector<data::NamedArray> inputs;
  int64_t samples = -1;
  std::string first;
  for (data::NamedArray& named : arrays) {
    const Shape& shape = named.array.shape();
    if (shape.rank() == 0 || BitsOf(named.array.dtype()) < 8) {
      return Error(Code::kBadFile, "array '%s' is %s %s; its first dimension has to be the samples",
                   named.name.c_str(), std::string(DTypeName(named.array.dtype())).c_str(),
                   shape.ToString().c_str())
          .At(path);
    }
    if (samples < 0) {
      samples = shape[0];
      first = named.name;
    }
    if (shape[0] != samples) {
      return Error(Code::kBadFile, "array '%s' has %lld samples and '%s' %lld", named.name.c_str(),
                   static_cast<long long>(shape[0]), first.c_str(), static_cast<long long>(samples))
          .At(path);
    }
    if (!IsTruthName(named.name)) {
      inputs.push_back(std::move(named));
      continue;
    }
    if (info.truth != TruthKind::kNone) {
      return Error(Code::kBadFile, "has more than one array of labels (y, label, labels)").At(path);
    }
    Status status = CheckTruth(named.array, &info.truth);
    if (!status.ok()) return std::move(status).At(path + ": array '" + named.name + "'");
    truth = std::move(named.array);
  }
  if (inputs.empty() || samples == 0) return Error(Code::kBadFile, "holds no sample").At(path);
  return std::unique_ptr<Dataset>(
      std::make_unique<NpzDataset>(file, std::move(inputs), std::move(truth), std::move(info)));
}

}  // namespace whet
