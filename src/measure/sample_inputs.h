// From a sample to the tensors that a model is run on: what evaluation and calibration have in common.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/preprocess.h"
#include "ir/evaluate.h"
#include "ir/graph.h"
#include "measure/datasets/dataset.h"

namespace whet {

struct SampleInputsOptions {
  // How pictures and recordings become inputs; made of the model's own settings (ir/metadata.h) by the
  // caller.
  data::ImagePreprocess image;
  data::AudioPreprocess audio;
  // Inputs that are the same for every sample, by name.
  std::map<std::string, TensorPtr> fixed;
};

// Immutable: may be used by several threads at once. Keeps nothing of the graph.
class SampleInputs {
 public:
  // kUnsupported if the model has inputs that no sample can fill.
  static Result<SampleInputs> Create(const Graph& graph, SampleInputsOptions options);

  struct Filled {
    std::map<std::string, TensorPtr> tensors;  // without the states
    data::ImagePlacement placement;            // of a picture
  };
  // Open dimensions become 1, or what the sample makes them. Arrays may lack the batch dimension.
  Result<Filled> Fill(const Sample& sample) const;

 private:
  struct Input {
    std::string name;
    Type type;
    data::InputSpec spec;
  };
  SampleInputs() = default;
  Result<TensorPtr> FromArray(const Input& input, data::Array array) const;
  Result<TensorPtr> FromText(const Input& input, std::string_view text) const;

  std::vector<Input> inputs_;  // those that samples fill
  SampleInputsOptions options_;
};

}  // namespace whet
