// Values whose channels can be scaled without changing what a model computes: what makes the value divides
// by the scales, the layers that read it multiply.
#pragma once

#include <span>
#include <vector>

#include "ir/graph.h"

namespace whet::quantize {

struct ScaleSite {
  // Channels are the last dimension.
  Value* value = nullptr;
  int64_t channels = 0;
  // All that read the value: weighted layers, each of them one matrix that multiplies it.
  std::vector<Node*> readers;
  // The constant operands that are divided: vectors of the channels, or weights by their output channels.
  struct Divided {
    Node* node = nullptr;
    size_t input = 0;
    int axis = -1;
  };
  std::vector<Divided> divided;
  // A normalization makes the value, not weights of a layer.
  bool normalized = false;
};

// In execution order. A node's weights are divided at one site at most.
std::vector<ScaleSite> FindScaleSites(Graph& graph);

// `scales` are finite and positive, one a channel.
void ScaleChannels(Graph& graph, const ScaleSite& site, std::span<const float> scales);

}  // namespace whet::quantize
