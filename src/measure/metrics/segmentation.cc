// Mean intersection over union of segmentation: over all pixels of all samples per class, then the mean of
// the classes that occur in the masks or in the answers.

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "measure/metrics/kinds.h"

namespace whet {
namespace {

constexpr int kUnlabelled = 255;

// [N, H, W, C], [N, C, H, W], or without the channels.
bool LooksLikeMap(const ModelDescription::Output& output) {
  return !output.type.ranked || output.type.rank() == 3 || output.type.rank() == 4;
}

// A class per pixel.
struct ClassMapImage {
  int64_t width = 0;
  int64_t height = 0;
  int64_t classes = 0;  // 0 if the model answers with classes and not with scores
  std::vector<int> pixels;
};

Result<ClassMapImage> ClassesOf(const TensorPtr& output, std::string_view name) {
  WHET_ASSIGN_OR_RETURN(const std::vector<float> values, FiniteValues(output, name));
  std::vector<int64_t> dims(output->shape().begin(), output->shape().end());
  if (dims.size() == 4 && dims[0] == 1) dims.erase(dims.begin());
  if (dims.size() == 3 && dims[0] == 1) dims = {dims[1], dims[2], 1};
  if (dims.size() == 2) dims.push_back(1);
  if (dims.size() != 3 || values.empty()) {
    return Error(Code::kInvalidArgument, "output '%s' of shape %s is not a map of one picture",
                 std::string(name).c_str(), output->shape().ToString().c_str());
  }
  // There are fewer classes than pixels on a side.
  const bool first = dims[2] > 1 && dims[0] < dims[2];
  ClassMapImage map;
  map.height = first ? dims[1] : dims[0];
  map.width = first ? dims[2] : dims[1];
  const int64_t channels = first ? dims[0] : dims[2];
  const int64_t pixels = map.height * map.width;
  map.pixels.resize(static_cast<size_t>(pixels));
  for (int64_t p = 0; p < pixels; ++p) {
    int best = 0;
    if (channels == 1) {
      const float value = values[static_cast<size_t>(p)];
      // Integers are classes; a single score is the probability of class 1.
      best = IsFloat(output->dtype()) ? (value >= 0.5F ? 1 : 0) : static_cast<int>(value);
    } else {
      const auto score = [&](int64_t c) {
        return values[static_cast<size_t>(first ? c * pixels + p : p * channels + c)];
      };
      for (int64_t c = 1; c < channels; ++c) {
        if (score(c) > score(best)) best = static_cast<int>(c);
      }
    }
    map.pixels[static_cast<size_t>(p)] = best;
  }
  map.classes = channels > 1 ? channels : IsFloat(output->dtype()) ? 2 : 0;
  return map;
}

class MeanIou final : public Metric {
 public:
  explicit MeanIou(MetricOptions options) : options_(std::move(options)) {}

  Status Prepare(const ModelDescription& model, const ModelDescription*, const DatasetInfo& set,
                 size_t samples) override {
    WHET_RETURN_IF_ERROR(NeedsTruth(set, TruthKind::kMask, "miou"));
    WHET_ASSIGN_OR_RETURN(output_, ChooseOutput(model, options_.output, LooksLikeMap, "a map of classes"));
    name_ = model.outputs[output_].name;
    samples_.resize(samples);
    return {};
  }

  Status Add(size_t i, const Sample& sample, const Prediction& prediction, const Prediction*) override {
    Result<ClassMapImage> map = ClassesOf(prediction.outputs[output_], name_);
    if (!map.ok()) return map.TakeStatus().At(sample.name);
    const int64_t height = sample.mask.shape()[0];
    const int64_t width = sample.mask.shape()[1];
    // Where the picture lies in the input; an array fills it.
    data::ImagePlacement place = prediction.placement;
    if (place.input_width == 0) {
      place = {};
      place.input_width = static_cast<int>(width);
      place.input_height = static_cast<int>(height);
    }
    std::map<int, Counts>& counts = samples_[i];
    for (int64_t y = 0; y < height; ++y) {
      const double input_y = (static_cast<double>(y) + 0.5) * place.scale_y + place.offset_y;
      const int64_t row = std::clamp<int64_t>(
          static_cast<int64_t>(input_y * static_cast<double>(map->height) / place.input_height), 0,
          map->height - 1);
      for (int64_t x = 0; x < width; ++x) {
        const int truth = sample.mask.as<int32_t>()[static_cast<size_t>(y * width + x)];
        if (truth < 0 || truth == kUnlabelled) continue;
        if (map->classes > 0 && truth >= map->classes) {
          return Error(Code::kInvalidArgument, "its mask has class %d, but output '%s' tells %lld apart",
                       truth, name_.c_str(), static_cast<long long>(map->classes))
              .At(sample.name);
        }
        const double input_x = (static_cast<double>(x) + 0.5) * place.scale_x + place.offset_x;
        const int64_t column = std::clamp<int64_t>(
            static_cast<int64_t>(input_x * static_cast<double>(map->width) / place.input_width), 0,
            map->width - 1);
        const int choice = map->pixels[static_cast<size_t>(row * map->width + column)];
        ++counts[truth].either;
        if (choice == truth) {
          ++counts[truth].both;
        } else {
          ++counts[choice].either;
        }
      }
    }
    return {};
  }

  Result<double> Value(std::span<const uint32_t> drawn) const override {
    std::map<int, Counts> all;
    for (size_t i = 0; i < drawn.size(); ++i) {
      for (const auto& [label, counts] : samples_[i]) {
        all[label].both += counts.both * drawn[i];
        all[label].either += counts.either * drawn[i];
      }
    }
    double sum = 0;
    size_t classes = 0;
    for (const auto& [label, counts] : all) {
      if (counts.either == 0) continue;
      sum += static_cast<double>(counts.both) / static_cast<double>(counts.either);
      ++classes;
    }
    return classes > 0 ? sum / static_cast<double>(classes) : std::numeric_limits<double>::quiet_NaN();
  }

 private:
  struct Counts {
    uint64_t both = 0;    // pixels that are of the class and called so
    uint64_t either = 0;  // that are of the class or called so
  };

  MetricOptions options_;
  size_t output_ = 0;
  std::string name_;
  std::vector<std::map<int, Counts>> samples_;
};

}  // namespace

std::unique_ptr<Metric> MakeMiou(const MetricOptions& options) { return std::make_unique<MeanIou>(options); }

}  // namespace whet
