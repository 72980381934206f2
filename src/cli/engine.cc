#include "cli/engine.h"

namespace whet::cli {
namespace {

class ReferenceEngine final : public Engine {
 public:
  explicit ReferenceEngine(const Graph& graph) : graph_(graph) {}
  Result<std::vector<TensorPtr>> Run(std::span<const TensorPtr> inputs) override {
    return GraphEvaluator().Run(graph_, inputs);
  }

 private:
  const Graph& graph_;
};

}  // namespace

std::unique_ptr<Engine> MakeReferenceEngine(const Graph& graph) {
  return std::make_unique<ReferenceEngine>(graph);
}

}  // namespace whet::cli
