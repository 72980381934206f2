// Runs a model of which some shapes depend on data, as those behind NonMaxSuppression do: a Session for all
// that is computed before, and the operators' plain references for the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "compile/compiler.h"
#include "ir/evaluate.h"
#include "ir/graph.h"
#include "runtime/session.h"

namespace whet {

// For one thread at a time.
class SplitSession {
 public:
  // kUnsupported where there are strings, sequences or optional values, or a state whose shape depends on
  // data.
  static Result<std::unique_ptr<SplitSession>> Create(const Graph& graph, const CompileOptions& compile,
                                                      const SessionOptions& options);

  // What the model takes, without states and inputs given by value. Write to `data`; it keeps its contents
  // from run to run.
  struct Input {
    std::string name;
    TensorView view;
  };
  std::span<const Input> inputs() const { return inputs_; }

  // Allocates: how much is not known before.
  Status Run();

  // The names of the model's outputs, and what they were in the last Run, which may lie in the session's
  // memory: valid until the next one. Empty before the first.
  std::span<const std::string> output_names() const { return output_names_; }
  std::span<const TensorPtr> outputs() const { return outputs_; }

  void ResetStates();

  // Of the planned part; null if nothing could be planned.
  Session* front() const { return front_.get(); }
  // Nodes of both parts.
  size_t front_nodes() const { return front_nodes_; }
  size_t rest_nodes() const { return rest_nodes_; }

 private:
  SplitSession() = default;

  std::shared_ptr<Session> front_;
  std::unique_ptr<const Graph> rest_;
  size_t front_nodes_ = 0;
  size_t rest_nodes_ = 0;
  uint64_t max_tensor_bytes_ = 0;
  std::vector<Input> inputs_;
  std::vector<std::shared_ptr<Constant>> own_inputs_;  // that the front does not read
  std::vector<TensorPtr> rest_inputs_;  // in the order of rest_'s; they refer to memory written before
  std::vector<std::string> output_names_;
  std::vector<TensorPtr> outputs_;
};

}  // namespace whet
