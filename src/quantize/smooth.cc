#include "quantize/smooth.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "quantize/op_rules.h"
#include "quantize/scale_sites.h"

namespace whet::quantize {
namespace {

// Of each channel of a value, the largest magnitude seen; not finite ones are left out.
void Widen(const TensorView& view, std::vector<float>* reach) {
  const size_t channels = reach->size();
  const auto* from = view.as<float>();
  const auto rows = static_cast<size_t>(view.elements()) / channels;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < channels; ++c) {
      const float own = std::abs(from[r * channels + c]);
      if (own > (*reach)[c] && std::isfinite(own)) (*reach)[c] = own;
    }
  }
}

std::vector<float> ReachOfWeights(const ScaleSite& site) {
  std::vector<float> reach(static_cast<size_t>(site.channels), 0.0F);
  for (const Node* reader : site.readers) {
    const TensorView& weights = reader->input(1)->constant()->view();
    int64_t inner = 1;
    for (int i = AxesOf(*reader).input + 1; i < weights.shape.rank(); ++i) inner *= weights.shape[i];
    for (int64_t i = 0; i < weights.elements(); ++i) {
      float& own = reach[static_cast<size_t>(i / inner % site.channels)];
      own = std::max(own, std::abs(weights.as<float>()[i]));
    }
  }
  return reach;
}

}  // namespace

Result<int> SmoothActivations(Graph& graph, ModelRunner& runner, SampleSource& samples,
                              const SmoothOptions& options) {
  std::vector<ScaleSite> sites = FindScaleSites(graph);
  std::erase_if(sites, [](const ScaleSite& site) { return !site.normalized; });
  if (sites.empty() || samples.size() == 0) return 0;
  std::vector<std::string> names;
  std::vector<std::vector<float>> reaches;
  for (const ScaleSite& site : sites) {
    names.push_back(site.value->name());
    reaches.emplace_back(static_cast<size_t>(site.channels), 0.0F);
  }
  WHET_ASSIGN_OR_RETURN(std::unique_ptr<Graph> widened, WithOutputs(graph, names));
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<RunnableModel> model, runner.Prepare(std::move(widened)));
  const size_t own = graph.outputs().size();
  for (size_t i = 0; i < samples.size(); ++i) {
    auto runs = samples.Load(i);
    if (!runs.ok()) return runs.TakeStatus().At(samples.NameOf(i));
    model->Reset();
    for (const Inputs& inputs : *runs) {
      Status status = model->Run(inputs);
      if (!status.ok()) return std::move(status).At(samples.NameOf(i));
      for (size_t k = 0; k < sites.size(); ++k) Widen(model->outputs()[own + k], &reaches[k]);
    }
    if (options.progress) options.progress("smooth activations", i + 1, samples.size());
  }
  for (size_t k = 0; k < sites.size(); ++k) {
    const std::vector<float> weights = ReachOfWeights(sites[k]);
    std::vector<float> scales(weights.size(), 1.0F);
    for (size_t c = 0; c < scales.size(); ++c) {
      // A channel that is 0, or that nobody reads, has nothing to share.
      if (reaches[k][c] < 1e-12F || weights[c] < 1e-12F) continue;
      const double scale = std::pow(static_cast<double>(reaches[k][c]), options.strength) /
                           std::pow(static_cast<double>(weights[c]), 1 - options.strength);
      scales[c] = static_cast<float>(std::clamp(scale, 1.0 / 4096, 4096.0));
    }
    ScaleChannels(graph, sites[k], scales);
  }
  return static_cast<int>(sites.size());
}

}  // namespace whet::quantize
