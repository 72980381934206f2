#include "quantize/awq.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "quantize/input_moments.h"
#include "quantize/recover_weights.h"
#include "quantize/scale_sites.h"
#include "quantize/weights.h"

namespace whet::quantize {
namespace {

// Rows of fewer inputs are rounded by channel, where scales of inputs matter little.
constexpr int64_t kLeastChannels = 16;

struct Reader {
  LayerMatrix matrix;
  std::vector<int64_t> rows;  // those that decide
  const float* weights = nullptr;
  const Moments* moments = nullptr;
};

// What rounding the weights, multiplied by the scales, adds to the layer's output when its inputs are
// divided by them.
double ErrorWith(const Reader& reader, std::span<const float> scales, const AwqOptions& options) {
  const auto channels = static_cast<int64_t>(scales.size());
  const int64_t columns = reader.matrix.columns();
  const auto rows = static_cast<int64_t>(reader.rows.size());
  const auto scale_of = [&](int64_t column) { return scales[static_cast<size_t>(column % channels)]; };
  auto scaled = Constant::Allocate(DType::kF32, Shape{rows, columns / channels, channels});
  auto* to = static_cast<float*>(scaled->mutable_data());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      const size_t at = reader.matrix.Element(0, reader.rows[static_cast<size_t>(r)], c);
      to[r * columns + c] = reader.weights[at] * scale_of(c);
    }
  }
  const QuantizedTensor rounded =
      QuantizeByBlock(scaled->view(), 2, std::min(options.group, channels),
                      options.scheme == Scheme::kWeight8 ? 8 : 4, options.symmetric);
  std::vector<float> moments = *reader.moments;
  for (int64_t i = 0; i < columns; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      moments[static_cast<size_t>(i * columns + j)] /= scale_of(i) * scale_of(j);
    }
  }
  const ElementSteps steps = StepsOf(rounded);
  RoundingProblem problem;
  problem.rows = rows;
  problem.columns = columns;
  problem.least = steps.least;
  problem.largest = steps.largest;
  problem.moments = moments;
  for (int64_t c = 0; c < columns; ++c) {
    for (int64_t r = 0; r < rows; ++r) {
      const auto at = static_cast<size_t>(r * columns + c);
      problem.weights.push_back(to[at]);
      problem.scales.push_back(steps.scales[at]);
      problem.zeros.push_back(steps.zeros[at]);
    }
  }
  double sum = 0;
  for (double error : RowErrors(problem, RoundToNearest(problem))) sum += error;
  return sum * static_cast<double>(reader.matrix.rows()) / static_cast<double>(rows);
}

// Root mean squares of the channels, over the taps of a convolution.
std::vector<double> Magnitudes(const Reader& reader, int64_t channels) {
  std::vector<double> sums(static_cast<size_t>(channels), 0);
  const int64_t columns = reader.matrix.columns();
  for (int64_t c = 0; c < columns; ++c) {
    sums[static_cast<size_t>(c % channels)] +=
        static_cast<double>((*reader.moments)[static_cast<size_t>(c * columns + c)]);
  }
  for (double& sum : sums) sum = std::sqrt(sum);
  return sums;
}

std::vector<float> ScalesOf(const std::vector<double>& magnitudes, double exponent) {
  // The geometric mean of the least and the largest scale is 1. What is hardly ever there counts as a
  // thousandth of the largest.
  const double largest = *std::ranges::max_element(magnitudes);
  double least = largest;
  for (double magnitude : magnitudes) least = std::min(least, std::max(magnitude, largest * 1e-3));
  std::vector<float> scales;
  for (double magnitude : magnitudes) {
    const double own = std::max(magnitude, largest * 1e-3) / std::sqrt(least * largest);
    scales.push_back(static_cast<float>(std::pow(own, exponent)));
  }
  return scales;
}

// Empty if no scales are better than none.
std::vector<float> BestScales(const std::vector<Reader>& readers, int64_t channels,
                              const AwqOptions& options) {
  const std::vector<double> magnitudes = Magnitudes(readers.front(), channels);
  if (*std::ranges::max_element(magnitudes) <= 0) return {};
  std::vector<float> best;
  double best_error = INFINITY;
  for (int step = 0; step <= options.steps; ++step) {
    const std::vector<float> scales = ScalesOf(magnitudes, static_cast<double>(step) / options.steps);
    double error = 0;
    for (const Reader& reader : readers) error += ErrorWith(reader, scales, options);
    if (error >= best_error) continue;
    best_error = error;
    best = step == 0 ? std::vector<float>() : scales;
  }
  return best;
}

}  // namespace

Result<AwqResult> ScaleByActivations(Graph& graph, ModelRunner& runner, SampleSource& samples,
                                     const AwqOptions& options) {
  AwqResult result;
  if (samples.size() == 0) return result;
  std::vector<ScaleSite> sites = FindScaleSites(graph);
  std::erase_if(sites, [&](const ScaleSite& site) {
    return site.channels < kLeastChannels || std::ranges::any_of(
                                                 site.readers,
                                                 [&](const Node* node) {
                                                   auto matrix = LayerMatrix::Of(*node);
                                                   return !matrix.ok() ||
                                                          matrix->columns() > options.most_columns;
                                                 });
  });
  MomentsOfInputs measured(graph, runner);
  for (size_t begin = 0; begin < sites.size();) {
    std::vector<MomentsOfInputs::Layer> layers;
    uint64_t bytes = 0;
    size_t end = begin;
    while (end < sites.size() && (end == begin || bytes < options.memory_limit)) {
      for (const Node* node : sites[end].readers) {
        WHET_ASSIGN_OR_RETURN(LayerMatrix matrix, LayerMatrix::Of(*node));
        layers.push_back({node, std::move(matrix)});
        bytes += MomentsOfInputs::BytesFor(layers.back());
      }
      ++end;
    }
    MomentsOptions moments_options;
    moments_options.centered = options.centered;
    moments_options.progress = options.progress;
    WHET_ASSIGN_OR_RETURN(const MomentsByInput moments, measured.Run(layers, samples, moments_options));
    for (; begin < end; ++begin) {
      const ScaleSite& site = sites[begin];
      std::vector<Reader> readers;
      for (const Node* node : site.readers) {
        WHET_ASSIGN_OR_RETURN(LayerMatrix matrix, LayerMatrix::Of(*node));
        const LayerMoments& own = moments.at(matrix.reads());
        if (!own.unusable.empty()) break;
        Reader& reader = readers.emplace_back();
        reader.matrix = std::move(matrix);
        reader.weights = node->input(1)->constant()->view().as<float>();
        reader.moments = &own.groups[0];
        const int64_t rows = reader.matrix.rows();
        const int64_t count = std::min(rows, options.most_rows);
        for (int64_t r = 0; r < count; ++r) reader.rows.push_back(r * rows / count);
      }
      if (readers.size() != site.readers.size()) continue;
      ++result.tried;
      const std::vector<float> scales = BestScales(readers, site.channels, options);
      if (options.progress) options.progress("scale by activations", begin + 1, sites.size());
      if (scales.empty()) continue;
      ScaleChannels(graph, site, scales);
      ++result.scaled;
    }
  }
  return result;
}

}  // namespace whet::quantize
