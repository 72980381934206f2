// Second moments of what layers read, over samples: how much each input of a layer varies, and with which
// others.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "quantize/calibration.h"
#include "quantize/layer_matrix.h"
#include "quantize/runner.h"

namespace whet::quantize {

// Of one group of a layer, the mean of x x' over positions and samples, or the covariance:
// [columns][columns], symmetric.
using Moments = std::vector<float>;

struct LayerMoments {
  std::vector<Moments> groups;  // empty if `unusable` says why
  std::string unusable;
};

// By LayerMatrix::reads.
using MomentsByInput = std::map<std::string, LayerMoments>;

struct MomentsOptions {
  // Of a layer with so many columns, that many positions in all count, evenly spread over samples and
  // pictures: enough for moments that are far less noisy than they are dampened.
  static int64_t PositionsFor(int64_t columns) { return 16384 + 8 * columns; }
  // Covariances: what an error of the weights adds to the mean of an output does not count, since the bias
  // will be corrected.
  bool centered = false;
  // Calls options.progress for the samples.
  ProgressFn progress;
};

// The layers are weighted nodes of the graph, with the matrices they are. Runs all samples once, with what
// the layers read kept in memory meanwhile. A NaN is an error that names the value and the sample.
class MomentsOfInputs {
 public:
  struct Layer {
    const Node* node = nullptr;
    LayerMatrix matrix;
  };

  // `runner` must outlive this; it also multiplies the matrices.
  MomentsOfInputs(const Graph& graph, ModelRunner& runner) : graph_(graph), runner_(runner) {}
  Result<MomentsByInput> Run(const std::vector<Layer>& layers, SampleSource& samples,
                             const MomentsOptions& options);
  // What Run will keep in memory for that layer.
  static uint64_t BytesFor(const Layer& layer);

 private:
  class Sum;
  // A Graph that multiplies kRows rows of so many columns with themselves.
  Result<RunnableModel*> Product(int64_t columns);

  const Graph& graph_;
  ModelRunner& runner_;
  std::map<int64_t, std::unique_ptr<RunnableModel>> products_;
};

}  // namespace whet::quantize
