// Mean average precision as COCO's evaluation defines it (T.-Y. Lin et al., "Microsoft COCO", 2014, and the
// rules published at cocodataset.org/#detection-eval), for objects of all sizes and 100 detections a picture:
//
// In each picture the detections of a class, best first, each take the true box of that class that they
// overlap most, of those not taken yet, if the overlap reaches the threshold. A true box that is a crowd may
// be taken any number of times, its overlap is the part of the detection within it, and detections that take
// one, which they only do where no other box is left, count neither way. Precision at a recall is the highest
// at that recall or beyond; the average is taken at the 101 recalls 0, 0.01 … 1, then over classes that
// occur, then over thresholds.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "measure/metrics/kinds.h"

namespace whet {
namespace {

constexpr size_t kMaxDetections = 100;
// Detections of lower scores make the tail of the curve; a detector's own threshold would cut it off.
constexpr float kScoreThreshold = 0.01F;
constexpr int kRecalls = 101;

class MeanAveragePrecision final : public Metric {
 public:
  MeanAveragePrecision(std::string_view name, std::vector<double> thresholds)
      : name_(name), thresholds_(std::move(thresholds)) {}

  Status Prepare(const ModelDescription& model, const ModelDescription*, const DatasetInfo& set,
                 size_t samples) override {
    WHET_RETURN_IF_ERROR(NeedsTruth(set, TruthKind::kBoxes, name_));
    if (!model.detector || model.detector->decoder == data::Decoder::kLines) {
      return Error(
          Code::kInvalidArgument,
          "%s needs boxes, and the model does not say how its outputs become any; give --postprocess",
          name_.c_str());
    }
    detector_ = *model.detector;
    detector_.threshold = std::min(detector_.threshold, kScoreThreshold);
    // The limit is per class, which is what Match does.
    detector_.max = std::numeric_limits<int>::max();
    for (const ModelDescription::Output& output : model.outputs) outputs_.push_back(output.name);
    WHET_ASSIGN_OR_RETURN(classes_, ClassMap::Create(set, model.labels, 0));
    pictures_.resize(samples);
    return {};
  }

  Status Add(size_t i, const Sample& sample, const Prediction& prediction, const Prediction*) override {
    std::vector<data::NamedView> views;
    for (size_t o = 0; o < outputs_.size(); ++o) {
      // Decoders drop what is not a number, which would make a broken model look blind.
      Result<std::vector<float>> finite = FiniteValues(prediction.outputs[o], outputs_[o]);
      if (!finite.ok()) return finite.TakeStatus().At(sample.name);
      views.push_back({outputs_[o], prediction.outputs[o]->view()});
    }
    std::vector<data::Detection> found;
    // A model that suppresses by itself may put out no box at all.
    const bool nothing = std::any_of(views.begin(), views.end(),
                                     [](const data::NamedView& view) { return view.view.elements() == 0; });
    if (!nothing) {
      Result<std::vector<data::Detection>> decoded = data::Decode(detector_, views, prediction.placement);
      if (!decoded.ok()) return decoded.TakeStatus().At(sample.name);
      found = std::move(*decoded);
    }
    std::map<int, ClassInPicture> by_class;
    for (const TrueBox& box : sample.boxes) {
      const int label = classes_[box.label];
      if (label < 0) {
        return Error(Code::kInvalidArgument, "the model has no class for the set's %d", box.label)
            .At(sample.name);
      }
      by_class[label].truths.push_back(box);
    }
    for (const data::Detection& detection : found) by_class[detection.label].detections.push_back(detection);
    for (auto& [label, in_picture] : by_class) pictures_[i].push_back(Match(label, &in_picture));
    return {};
  }

  Status Finish() override {
    for (size_t i = 0; i < pictures_.size(); ++i) {
      for (const Matches& matches : pictures_[i]) {
        Class& of_class = by_class_[matches.label];
        of_class.truths.emplace_back(static_cast<uint32_t>(i), matches.truths);
        for (const Matched& matched : matches.detections)
          of_class.detections.push_back({static_cast<uint32_t>(i), matched});
      }
    }
    std::erase_if(by_class_, [](const auto& entry) {
      return std::all_of(entry.second.truths.begin(), entry.second.truths.end(),
                         [](const auto& truths) { return truths.second == 0; });
    });
    if (by_class_.empty())
      return Error(Code::kInvalidArgument, "%s needs objects, and the samples have none", name_.c_str());
    for (auto& [label, of_class] : by_class_) {
      std::stable_sort(of_class.detections.begin(), of_class.detections.end(),
                       [](const Ranked& a, const Ranked& b) { return a.matched.score > b.matched.score; });
    }
    return {};
  }

  Result<double> Value(std::span<const uint32_t> drawn) const override {
    double sum = 0;
    size_t counted = 0;
    for (const auto& [label, of_class] : by_class_) {
      double truths = 0;
      for (const auto& [picture, count] : of_class.truths)
        truths += static_cast<double>(drawn[picture]) * count;
      if (truths == 0) continue;
      for (size_t t = 0; t < thresholds_.size(); ++t) sum += AveragePrecision(of_class, t, truths, drawn);
      ++counted;
    }
    if (counted == 0) return std::numeric_limits<double>::quiet_NaN();
    return sum / static_cast<double>(counted * thresholds_.size());
  }

 private:
  enum class Hit : uint8_t { kMiss, kHit, kIgnored };
  struct Matched {
    float score = 0;
    std::array<Hit, 10> hits{};  // per threshold
  };
  struct Matches {  // of one class in one picture
    int label = 0;
    int truths = 0;  // crowds excluded
    std::vector<Matched> detections;
  };
  struct ClassInPicture {
    std::vector<TrueBox> truths;
    std::vector<data::Detection> detections;
  };
  struct Ranked {
    uint32_t picture;
    Matched matched;
  };
  struct Class {
    std::vector<std::pair<uint32_t, int>> truths;  // picture, count
    std::vector<Ranked> detections;                // best first
  };

  static double Overlap(const data::Box& found, const TrueBox& truth) {
    if (!truth.crowd) return static_cast<double>(data::IntersectionOverUnion(found, truth.box));
    const data::Box both{std::max(found.left, truth.box.left), std::max(found.top, truth.box.top),
                         std::min(found.right, truth.box.right), std::min(found.bottom, truth.box.bottom)};
    return found.Area() > 0 ? static_cast<double>(both.Area() / found.Area()) : 0;
  }

  Matches Match(int label, ClassInPicture* in_picture) const {
    Matches matches;
    matches.label = label;
    std::vector<data::Detection>& detections = in_picture->detections;
    std::stable_sort(detections.begin(), detections.end(),
                     [](const data::Detection& a, const data::Detection& b) { return a.score > b.score; });
    if (detections.size() > kMaxDetections) detections.resize(kMaxDetections);
    std::vector<TrueBox>& truths = in_picture->truths;
    std::stable_partition(truths.begin(), truths.end(), [](const TrueBox& truth) { return !truth.crowd; });
    matches.truths = static_cast<int>(
        std::count_if(truths.begin(), truths.end(), [](const TrueBox& t) { return !t.crowd; }));
    for (const data::Detection& detection : detections) matches.detections.push_back({detection.score, {}});
    for (size_t t = 0; t < thresholds_.size(); ++t) {
      std::vector<bool> taken(truths.size());
      for (size_t d = 0; d < detections.size(); ++d) {
        double best = std::min(thresholds_[t], 1 - 1e-10);
        size_t match = truths.size();
        for (size_t g = 0; g < truths.size(); ++g) {
          if (taken[g] && !truths[g].crowd) continue;
          // Crowds come last: one is taken only by what has found no object.
          if (match < truths.size() && !truths[match].crowd && truths[g].crowd) break;
          const double overlap = Overlap(detections[d].box, truths[g]);
          if (overlap < best) continue;
          best = overlap;
          match = g;
        }
        if (match == truths.size()) continue;
        taken[match] = true;
        matches.detections[d].hits[t] = truths[match].crowd ? Hit::kIgnored : Hit::kHit;
      }
    }
    return matches;
  }

  static double AveragePrecision(const Class& of_class, size_t threshold, double truths,
                                 std::span<const uint32_t> drawn) {
    std::vector<double> recalls;
    std::vector<double> precisions;
    double hits = 0;
    double misses = 0;
    for (const Ranked& ranked : of_class.detections) {
      const Hit hit = ranked.matched.hits[threshold];
      // A picture drawn twice gives each of its detections twice, one after the other.
      for (uint32_t copy = 0; copy < drawn[ranked.picture] && hit != Hit::kIgnored; ++copy) {
        (hit == Hit::kHit ? hits : misses) += 1;
        recalls.push_back(hits / truths);
        precisions.push_back(hits / (hits + misses));
      }
    }
    for (size_t i = precisions.size(); i > 1; --i)
      precisions[i - 2] = std::max(precisions[i - 2], precisions[i - 1]);
    double sum = 0;
    for (int r = 0; r < kRecalls; ++r) {
      const auto at = std::lower_bound(recalls.begin(), recalls.end(), r / 100.0);
      if (at != recalls.end()) sum += precisions[static_cast<size_t>(at - recalls.begin())];
    }
    return sum / kRecalls;
  }

  const std::string name_;
  const std::vector<double> thresholds_;
  data::DetectorPostprocess detector_;
  std::vector<std::string> outputs_;
  ClassMap classes_;
  std::vector<std::vector<Matches>> pictures_;
  std::map<int, Class> by_class_;
};

}  // namespace

std::unique_ptr<Metric> MakeMap50(const MetricOptions&) {
  return std::make_unique<MeanAveragePrecision>("map50", std::vector<double>{0.5});
}

std::unique_ptr<Metric> MakeMap(const MetricOptions&) {
  std::vector<double> thresholds;
  for (int i = 0; i < 10; ++i) thresholds.push_back(0.5 + 0.05 * i);
  return std::make_unique<MeanAveragePrecision>("map", thresholds);
}

}  // namespace whet
