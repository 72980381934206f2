// The calibration file is a .npz: "whet_calibration" u64 [version, samples, fingerprint], and of each value
// NAME
//   NAME/range    f64 [low, high, average low, average high]
//   NAME/counts   u64 [finite values, NaNs, infinities, zeros]
//   NAME/bins     i64 [exponent of the bin width, index of the first bin]
//   NAME/histogram u64, how many values each bin holds
#include <algorithm>
#include <cmath>

#include "data/npz.h"
#include "quantize/calibration.h"

namespace whet::quantize {
namespace {

constexpr uint64_t kVersion = 1;
constexpr const char* kHead = "whet_calibration";

TensorView View(DType dtype, const void* data, size_t count) {
  // Only read through.
  return {dtype, Shape{static_cast<int64_t>(count)}, const_cast<void*>(data)};
}

class Reader {
 public:
  explicit Reader(std::vector<data::NamedArray> arrays) {
    for (data::NamedArray& named : arrays) arrays_.emplace(named.name, std::move(named.array));
  }

  const std::map<std::string, data::Array>& arrays() const { return arrays_; }

  // An array of that name and type with `count` elements, or with any number if it is 0.
  template <typename T>
  Result<std::span<const T>> Get(const std::string& name, DType dtype, size_t count) const {
    const auto it = arrays_.find(name);
    if (it == arrays_.end()) return Error(Code::kBadFile, "array '%s' is missing", name.c_str());
    const data::Array& array = it->second;
    if (array.dtype() != dtype || array.shape().rank() != 1 ||
        (count != 0 && array.elements() != static_cast<int64_t>(count))) {
      return Error(Code::kBadFile, "array '%s' is %s of shape %s", name.c_str(),
                   std::string(DTypeName(array.dtype())).c_str(), array.shape().ToString().c_str());
    }
    return std::span<const T>(reinterpret_cast<const T*>(array.bytes().data()),
                              static_cast<size_t>(array.elements()));
  }

 private:
  std::map<std::string, data::Array> arrays_;
};

Result<Observation> ReadObservation(const Reader& reader, const std::string& name) {
  WHET_ASSIGN_OR_RETURN(const auto range, reader.Get<double>(name + "/range", DType::kF64, 4));
  WHET_ASSIGN_OR_RETURN(const auto counts, reader.Get<uint64_t>(name + "/counts", DType::kU64, 4));
  WHET_ASSIGN_OR_RETURN(const auto bins, reader.Get<int64_t>(name + "/bins", DType::kI64, 2));
  WHET_ASSIGN_OR_RETURN(const auto histogram, reader.Get<uint64_t>(name + "/histogram", DType::kU64, 0));
  Observation observation;
  for (double value : range) {
    if (!std::isfinite(value) || std::abs(value) > 3.5e38) {
      return Error(Code::kBadFile, "the range of '%s' is not finite", name.c_str());
    }
  }
  if (range[0] > range[1]) return Error(Code::kBadFile, "the range of '%s' is upside down", name.c_str());
  constexpr int64_t kFar = int64_t{1} << 40;
  if (histogram.size() > static_cast<size_t>(Histogram::kBins) || std::abs(bins[0]) > 2000 ||
      std::abs(bins[1]) > kFar) {
    return Error(Code::kBadFile, "the histogram of '%s' has impossible bins", name.c_str());
  }
  observation.low = static_cast<float>(range[0]);
  observation.high = static_cast<float>(range[1]);
  observation.average_low = range[2];
  observation.average_high = range[3];
  observation.values = counts[0];
  observation.nans = counts[1];
  observation.infinities = counts[2];
  observation.histogram = Histogram::FromCounts(static_cast<int>(bins[0]), bins[1],
                                                {histogram.begin(), histogram.end()}, counts[3]);
  return observation;
}

}  // namespace

Status SaveCalibration(const Calibration& calibration, const std::string& path) {
  struct Numbers {
    double range[4];
    uint64_t counts[4];
    int64_t bins[2];
  };
  std::vector<Numbers> numbers;
  numbers.reserve(calibration.values.size());
  std::vector<data::NamedView> views;
  const uint64_t head[3] = {kVersion, calibration.samples, calibration.fingerprint};
  views.push_back({kHead, View(DType::kU64, head, 3)});
  for (const auto& [name, value] : calibration.values) {
    const Histogram& histogram = value.histogram;
    const Numbers& n =
        numbers.emplace_back(Numbers{{static_cast<double>(value.low), static_cast<double>(value.high),
                                      value.average_low, value.average_high},
                                     {value.values, value.nans, value.infinities, histogram.zeros()},
                                     {histogram.width_exponent(), histogram.first()}});
    views.push_back({name + "/range", View(DType::kF64, n.range, 4)});
    views.push_back({name + "/counts", View(DType::kU64, n.counts, 4)});
    views.push_back({name + "/bins", View(DType::kI64, n.bins, 2)});
    views.push_back(
        {name + "/histogram", View(DType::kU64, histogram.counts().data(), histogram.counts().size())});
  }
  return data::WriteNpz(path, views, data::NpzCompression::kDeflated);
}

Result<Calibration> LoadCalibration(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(std::vector<data::NamedArray> arrays, data::ReadNpz(path));
  const Reader reader(std::move(arrays));
  if (!reader.arrays().contains(kHead)) {
    return Error(Code::kBadFile, "it is no calibration file").At(path);
  }
  Calibration calibration;
  auto head = reader.Get<uint64_t>(kHead, DType::kU64, 3);
  if (!head.ok()) return head.TakeStatus().At(path);
  if ((*head)[0] != kVersion) {
    return Error(Code::kBadFile, "it is of version %llu; this program reads version %llu",
                 static_cast<unsigned long long>((*head)[0]), static_cast<unsigned long long>(kVersion))
        .At(path);
  }
  calibration.samples = (*head)[1];
  calibration.fingerprint = (*head)[2];
  constexpr std::string_view kSuffix = "/range";
  for (const auto& [array_name, array] : reader.arrays()) {
    if (!array_name.ends_with(kSuffix)) continue;
    const std::string name = array_name.substr(0, array_name.size() - kSuffix.size());
    auto observation = ReadObservation(reader, name);
    if (!observation.ok()) return observation.TakeStatus().At(path);
    calibration.values[name] = std::move(*observation);
  }
  return calibration;
}

}  // namespace whet::quantize
