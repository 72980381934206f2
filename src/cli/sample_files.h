// Samples for calibration: files of a folder, the rows of a .npz, or another data set, as the model's inputs.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "cli/model_inputs.h"
#include "ir/graph.h"
#include "quantize/runner.h"

namespace whet::cli {

struct SampleArguments {
  // A folder (and those in it) of pictures, recordings, .npy or .npz files, one file a sample; one such file;
  // a .npz whose arrays have the samples as first dimension; any other data set that OpenDataset reads
  // (measure/datasets/dataset.h), of its training part if it has one; or "random[:SEED]".
  std::string data;
  size_t count = 100;
  // For inputs that the data does not give, and for how pictures and recordings become inputs.
  InputArguments inputs;
};

// At most `count` of the samples there are, evenly spread over the files in the order of their names; of a
// data set, drawn with seed 0. An error if there are none. `graph` must outlive the source.
Result<std::unique_ptr<quantize::SampleSource>> OpenSamples(const Graph& graph,
                                                            const SampleArguments& arguments);

}  // namespace whet::cli
