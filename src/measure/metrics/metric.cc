#include "measure/metrics/metric.h"

#include <algorithm>
#include <cmath>

#include "ir/metadata.h"
#include "measure/datasets/readers.h"
#include "measure/metrics/kinds.h"

namespace whet {
namespace {

constexpr MetricKind kKinds[] = {
    {"top1", "part of the samples whose likeliest class is right", MakeTop1},
    {"top5", "part of the samples whose class is among the five likeliest", MakeTop5},
    {"accuracy", "the same as top1", MakeTop1},
    {"precision", "of what was called a class, the part that is one; the mean over classes", MakePrecision},
    {"recall", "of a class, the part that was found; the mean over classes", MakeRecall},
    {"f1", "harmonic mean of precision and recall; the mean over classes", MakeF1},
    {"auc", "area under the ROC curve; of more than two classes, the mean of each against the rest", MakeAuc},
    {"map50", "mean average precision of boxes that overlap by half (COCO's 101 points)", MakeMap50},
    {"map", "the same, the mean over overlaps of 0.5, 0.55 ... 0.95", MakeMap},
    {"miou", "intersection over union of segmentation, the mean over classes", MakeMiou},
    {"eer", "equal error rate of embeddings, over all pairs of samples", MakeEer},
    {"wer", "word error rate of recognized speech or writing", MakeWer},
    {"cer", "character error rate of the same", MakeCer},
    {"cosine", "cosine of the outputs with those of --against; needs no labels", MakeCosine},
    {"snr", "signal-to-noise ratio of the outputs against those of --against; needs no labels", MakeSnr},
    {"agreement", "part of the samples to which --against gives the same class; needs no labels",
     MakeAgreement},
};

std::string Metadata(const Graph& graph, std::string_view key) {
  const auto it = graph.metadata.find(std::string(key));
  return it == graph.metadata.end() ? std::string() : it->second;
}

}  // namespace

Result<ModelDescription> ModelDescription::Of(const Graph& graph) {
  ModelDescription model;
  for (const Value* output : graph.outputs()) model.outputs.push_back({output->name(), output->type});
  const std::string labels = Metadata(graph, metadata::kLabels);
  for (std::string_view line : SplitLines(labels)) model.labels.emplace_back(line);
  if (const std::string detector = Metadata(graph, metadata::kDetector); !detector.empty()) {
    WHET_ASSIGN_OR_RETURN(model.detector, data::DetectorPostprocess::Parse(detector));
  }
  return model;
}

std::span<const MetricKind> MetricKinds() { return kKinds; }

Result<std::unique_ptr<Metric>> MakeMetric(std::string_view name, const MetricOptions& options) {
  std::string known;
  for (const MetricKind& kind : kKinds) {
    if (kind.name == name) return kind.make(options);
    if (!known.empty()) known += ", ";
    known += kind.name;
  }
  return Error(Code::kInvalidArgument, "there is no metric '%s'; there are %s",
               std::string(name.substr(0, 64)).c_str(), known.c_str());
}

Result<size_t> ChooseOutput(const ModelDescription& model, const std::string& name,
                            bool (*fits)(const ModelDescription::Output&), std::string_view what) {
  std::string known;
  for (size_t i = 0; i < model.outputs.size(); ++i) {
    const ModelDescription::Output& output = model.outputs[i];
    if (name.empty() ? fits(output) : output.name == name) return i;
    known += (known.empty() ? "'" : ", '") + output.name + "' " + ToString(output.type);
  }
  if (!name.empty()) {
    return Error(Code::kInvalidArgument, "the model has no output '%s'; it has %s", name.c_str(),
                 known.c_str());
  }
  return Error(Code::kInvalidArgument, "no output of the model looks like %s; it has %s",
               std::string(what).c_str(), known.c_str());
}

bool LooksLikeScores(const ModelDescription::Output& output) {
  if (!output.type.ranked) return true;
  const auto wide = [](const Dim& dim) { return !dim.known() || dim.lo != 1; };
  const std::vector<Dim>& dims = output.type.dims;
  if (dims.empty()) return false;
  // An open first dimension is the batch.
  const std::ptrdiff_t batch = dims.size() > 1 && !dims[0].known() ? 1 : 0;
  return std::count_if(dims.begin() + batch, dims.end(), wide) <= 1;
}

int LikeliestClass(const std::vector<float>& scores) {
  return static_cast<int>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

Result<std::vector<float>> FiniteValues(const TensorPtr& output, std::string_view name) {
  std::vector<float> values(static_cast<size_t>(output->shape().elements()));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(data::ElementAsDouble(output->view(), static_cast<int64_t>(i)));
    if (!std::isfinite(values[i])) {
      return Error(Code::kUnsupported, "output '%s' holds %f, so the model's answer cannot be judged",
                   std::string(name).c_str(), static_cast<double>(values[i]));
    }
  }
  return values;
}

Status NeedsTruth(const DatasetInfo& set, TruthKind kind, std::string_view metric) {
  if (set.truth == kind) return {};
  return Error(Code::kInvalidArgument, "%s needs %s to hold the answers against, but the set (%s) has %s",
               std::string(metric).c_str(), std::string(TruthKindName(kind)).c_str(), set.format.c_str(),
               std::string(TruthKindName(set.truth)).c_str());
}

Result<ClassMap> ClassMap::Create(const DatasetInfo& set, const std::vector<std::string>& labels,
                                  int64_t classes) {
  ClassMap map;
  if (set.classes.empty()) return map;
  size_t found = 0;
  std::string missing;
  for (const std::string& name : set.classes) {
    const auto at = std::find_if(labels.begin(), labels.end(), [&](const std::string& label) {
      return label == name ||
             (label.starts_with(name) && label.size() > name.size() &&
              (label[name.size()] == ' ' || label[name.size()] == ',' || label[name.size()] == '\t'));
    });
    map.to_.push_back(at == labels.end() ? -1 : static_cast<int>(at - labels.begin()));
    if (at == labels.end()) {
      if (missing.empty()) missing = name;
    } else {
      ++found;
    }
  }
  if (found == set.classes.size()) {
    map.by_index_ = false;
    return map;
  }
  if (found > 0) {
    return Error(Code::kInvalidArgument,
                 "the set's class '%s' is not among the model's %zu labels, though %zu other classes are",
                 missing.c_str(), labels.size(), found);
  }
  if (classes > 0 && static_cast<int64_t>(set.classes.size()) != classes) {
    return Error(
        Code::kInvalidArgument,
        "the set has %zu classes and the model %lld, and their names do not say which is which; give the "
        "model labels that match, or call the set's folders by the model's class numbers",
        set.classes.size(), static_cast<long long>(classes));
  }
  return map;
}

}  // namespace whet
