// What quantization needs from others: samples, and someone who runs Graphs on them. This folder stands
// before the compiler and the runtime; whoever uses it brings them.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/tensor_view.h"
#include "ir/evaluate.h"
#include "ir/graph.h"

namespace whet::quantize {

// Of one run: the inputs by name, states left out.
using Inputs = std::map<std::string, TensorPtr>;

// Samples of what the model will be given, already preprocessed.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  virtual size_t size() const = 0;
  // What messages call sample i, such as its file.
  virtual std::string NameOf(size_t i) const = 0;
  // The runs of sample i: one, or several for a sequence, between which states are kept.
  virtual Result<std::vector<Inputs>> Load(size_t i) = 0;
};

// A Graph that is ready to run.
class RunnableModel {
 public:
  virtual ~RunnableModel() = default;
  // States start anew.
  virtual void Reset() = 0;
  virtual Status Run(const Inputs& inputs) = 0;
  // The graph's outputs in their order; valid until the next Run.
  virtual const std::vector<TensorView>& outputs() const = 0;
};

class ModelRunner {
 public:
  virtual ~ModelRunner() = default;
  virtual Result<std::unique_ptr<RunnableModel>> Prepare(std::unique_ptr<Graph> graph) = 0;
};

}  // namespace whet::quantize
