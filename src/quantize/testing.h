// For tests: runs Graphs on the operators' references, and makes samples of random numbers.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "ir/evaluate.h"
#include "ir/text.h"
#include "quantize/runner.h"

namespace whet::quantize::testing {

inline float RandomFloat(unsigned* seed, float low, float high) {
  *seed = *seed * 1664525u + 1013904223u;
  return low + (high - low) * static_cast<float>(*seed >> 8) / 16777216.0F;
}

inline TensorPtr RandomTensor(const Shape& shape, unsigned seed, float low = -1, float high = 1) {
  auto tensor = Constant::Allocate(DType::kF32, shape);
  seed = seed * 2654435761u + 12345u;
  for (int64_t i = 0; i < shape.elements(); ++i) {
    static_cast<float*>(tensor->mutable_data())[i] = RandomFloat(&seed, low, high);
  }
  return tensor;
}

class ReferenceModel final : public RunnableModel {
 public:
  explicit ReferenceModel(std::unique_ptr<Graph> graph) : graph_(std::move(graph)) {}
  void Reset() override {}
  Status Run(const Inputs& inputs) override {
    std::vector<TensorPtr> ordered;
    for (const Value* input : graph_->inputs()) {
      const auto it = inputs.find(input->name());
      if (it == inputs.end())
        return Error(Code::kInvalidArgument, "input '%s' is missing", input->name().c_str());
      ordered.push_back(it->second);
    }
    WHET_ASSIGN_OR_RETURN(results_, GraphEvaluator().Run(*graph_, ordered));
    outputs_.clear();
    for (const TensorPtr& result : results_) outputs_.push_back(result->view());
    return {};
  }
  const std::vector<TensorView>& outputs() const override { return outputs_; }

 private:
  std::unique_ptr<Graph> graph_;
  std::vector<TensorPtr> results_;
  std::vector<TensorView> outputs_;
};

class ReferenceRunner final : public ModelRunner {
 public:
  Result<std::unique_ptr<RunnableModel>> Prepare(std::unique_ptr<Graph> graph) override {
    return std::unique_ptr<RunnableModel>(new ReferenceModel(std::move(graph)));
  }
};

// Samples of one input; `make` gives sample i.
class MadeSamples final : public SampleSource {
 public:
  MadeSamples(std::string input, size_t count, std::function<TensorPtr(size_t i)> make)
      : input_(std::move(input)), count_(count), make_(std::move(make)) {}
  size_t size() const override { return count_; }
  std::string NameOf(size_t i) const override { return "sample " + std::to_string(i); }
  Result<std::vector<Inputs>> Load(size_t i) override {
    return std::vector<Inputs>{Inputs{{input_, make_(i)}}};
  }

 private:
  std::string input_;
  size_t count_;
  std::function<TensorPtr(size_t)> make_;
};

inline std::unique_ptr<Graph> Parse(std::string_view text) {
  auto graph = ParseText(text);
  EXPECT_TRUE(graph.ok()) << graph.status().ToString();
  return graph.ok() ? std::move(*graph) : nullptr;
}

inline std::vector<std::string> Ops(const Graph& graph) {
  std::vector<std::string> ops;
  for (const auto& node : graph.nodes()) ops.emplace_back(node->op_name());
  return ops;
}

inline const Node* Find(const Graph& graph, std::string_view op, size_t nth = 0) {
  for (const auto& node : graph.nodes()) {
    if (node->Is(op) && nth-- == 0) return node.get();
  }
  return nullptr;
}

}  // namespace whet::quantize::testing
