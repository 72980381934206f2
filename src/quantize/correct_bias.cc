#include "quantize/correct_bias.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

namespace whet::quantize {
namespace {

// Sums over the rows of a tensor whose last dimension is the channels.
struct ChannelMeans {
  std::vector<double> sums;
  uint64_t rows = 0;

  void Add(const TensorView& view) {
    const auto channels = static_cast<size_t>(view.shape.back());
    if (channels == 0) return;
    sums.resize(channels, 0);
    const auto* from = view.as<float>();
    const auto count = static_cast<size_t>(view.elements()) / channels;
    // A few hundred rows are summed in f32, which vectorizes and loses nothing that matters; then in double.
    constexpr size_t kRows = 256;
    std::vector<float> partial(channels);
    for (size_t begin = 0; begin < count; begin += kRows) {
      std::fill(partial.begin(), partial.end(), 0.0F);
      for (size_t r = begin; r < std::min(count, begin + kRows); ++r) {
        for (size_t c = 0; c < channels; ++c) partial[c] += from[r * channels + c];
      }
      for (size_t c = 0; c < channels; ++c) sums[c] += static_cast<double>(partial[c]);
    }
    rows += count;
  }
};

// The node of the quantized Graph that computes the layer.
Node* NodeOf(const Graph& graph, const QuantizedLayer& layer) {
  const Value* value = graph.FindValue(layer.dequantized);
  Node* node = value != nullptr ? value->producer() : nullptr;
  while (node != nullptr && (node->Is("DequantizeLinear") || node->Is("QuantizeLinear"))) {
    node = node->input(0)->producer();
  }
  return node;
}

// Part of a graph: the nodes from `begin` to `end` of its list, as a Graph of its own.
struct Segment {
  std::unique_ptr<Graph> graph;
  std::vector<const Value*> inputs;   // values of the whole graph
  std::vector<const Value*> outputs;  // likewise; the last is the layer's output
};

Segment Extract(const std::vector<Node*>& nodes, size_t begin, size_t end, const Value* last,
                const std::unordered_set<const Value*>& read_later) {
  Segment segment;
  segment.graph = std::make_unique<Graph>("segment");
  std::unordered_map<const Value*, Value*> copies;
  for (size_t i = begin; i < end; ++i) {
    std::vector<Value*> inputs;
    for (const Value* input : nodes[i]->inputs()) {
      if (input == nullptr) {
        inputs.push_back(nullptr);
        continue;
      }
      Value*& copy = copies[input];
      if (copy == nullptr && input->IsConstant()) {
        copy = segment.graph->AddConstant(input->name(), input->constant());
      } else if (copy == nullptr) {
        copy = segment.graph->AddInput(input->name(), input->type);
        segment.inputs.push_back(input);
      }
      inputs.push_back(copy);
    }
    std::vector<std::string> names;
    for (const Value* output : nodes[i]->outputs()) names.push_back(output->name());
    const Node* copied =
        segment.graph->AddNode(nodes[i]->op(), nodes[i]->name(), inputs, names, nodes[i]->attributes);
    for (size_t k = 0; k < names.size(); ++k) {
      const Value* output = nodes[i]->output(k);
      copied->output(k)->type = output->type;
      copies[output] = copied->output(k);
      if (output == last || !read_later.contains(output)) continue;
      segment.graph->AddOutput(copied->output(k));
      segment.outputs.push_back(output);
    }
  }
  segment.graph->AddOutput(copies.at(last));
  segment.outputs.push_back(last);
  return segment;
}

class Corrector {
 public:
  Corrector(const Graph& prepared, const QuantizedGraph& quantized, ModelRunner& runner,
            SampleSource& samples, const BiasCorrectionOptions& options)
      : prepared_(prepared), quantized_(quantized), runner_(runner), samples_(samples), options_(options) {}

  Result<std::map<std::string, std::vector<float>>> Run() {
    for (const QuantizedLayer& layer : quantized_.layers) {
      if (layer.weighted && layer.scheme != Scheme::kFloat && !IsRecurrent(layer.op))
        layers_.push_back(&layer);
    }
    if (layers_.empty()) return std::map<std::string, std::vector<float>>();
    WHET_RETURN_IF_ERROR(CanCorrectBiases(prepared_));
    WHET_RETURN_IF_ERROR(RunFloat());
    const std::vector<Node*> nodes = quantized_.graph->NodeList();
    std::unordered_map<const Node*, size_t> positions;
    for (size_t i = 0; i < nodes.size(); ++i) positions[nodes[i]] = i;
    // Where each value is read last, among the nodes that matter.
    const size_t end = positions.at(NodeOf(*quantized_.graph, *layers_.back())) + 1;
    std::map<std::string, std::vector<float>> corrections;
    size_t begin = 0;
    for (size_t i = 0; i < layers_.size(); ++i) {
      const Node* node = NodeOf(*quantized_.graph, *layers_[i]);
      const size_t stop = positions.at(node) + 1;
      std::unordered_set<const Value*> read_later;
      for (size_t k = stop; k < end; ++k) {
        for (const Value* input : nodes[k]->inputs()) read_later.insert(input);
      }
      Segment segment = Extract(nodes, begin, stop, node->output(), read_later);
      WHET_ASSIGN_OR_RETURN(corrections[layers_[i]->output],
                            Correct(segment, layers_[i]->output, read_later));
      begin = stop;
      if (options_.progress) options_.progress("correct biases", i + 1, layers_.size());
    }
    return corrections;
  }

 private:
  // The layers' means in float, and the graph's inputs, kept for the quantized graph.
  Status RunFloat() {
    std::vector<std::string> names;
    for (const QuantizedLayer* layer : layers_) names.push_back(layer->output);
    WHET_ASSIGN_OR_RETURN(std::unique_ptr<Graph> widened, WithOutputs(prepared_, names));
    WHET_ASSIGN_OR_RETURN(const std::unique_ptr<RunnableModel> model, runner_.Prepare(std::move(widened)));
    const size_t own = prepared_.outputs().size();
    const size_t count = std::min(options_.samples, samples_.size());
    for (size_t i = 0; i < count; ++i) {
      auto runs = samples_.Load(i);
      if (!runs.ok()) return runs.TakeStatus().At(samples_.NameOf(i));
      for (const Inputs& inputs : *runs) {
        Status status = model->Run(inputs);
        if (!status.ok()) return std::move(status).At(samples_.NameOf(i));
        for (size_t k = 0; k < names.size(); ++k) float_means_[names[k]].Add(model->outputs()[own + k]);
        for (const auto& [name, tensor] : inputs) {
          const Value* value = quantized_.graph->FindValue(name);
          if (value != nullptr) kept_[value].push_back(tensor);
        }
        ++runs_;
      }
    }
    return {};
  }

  Result<std::vector<float>> Correct(Segment& segment, const std::string& layer,
                                     const std::unordered_set<const Value*>& read_later) {
    WHET_ASSIGN_OR_RETURN(const std::unique_ptr<RunnableModel> model,
                          runner_.Prepare(std::move(segment.graph)));
    ChannelMeans means;
    std::vector<std::vector<TensorPtr>> results(segment.outputs.size());
    for (size_t run = 0; run < runs_; ++run) {
      Inputs inputs;
      for (const Value* input : segment.inputs) {
        const auto it = kept_.find(input);
        if (it == kept_.end() || it->second.size() != runs_) {
          return Error(Code::kInvalidArgument, "input '%s' is not given by every sample",
                       input->name().c_str());
        }
        inputs[input->name()] = it->second[run];
      }
      WHET_RETURN_IF_ERROR(model->Run(inputs));
      means.Add(model->outputs().back());
      for (size_t k = 0; k < segment.outputs.size(); ++k) {
        if (!read_later.contains(segment.outputs[k])) continue;
        const TensorView& view = model->outputs()[k];
        results[k].push_back(Constant::Copy(view.dtype, view.shape, view.data));
      }
    }
    const ChannelMeans& wanted = float_means_.at(layer);
    std::vector<float> correction(means.sums.size(), 0.0F);
    for (size_t c = 0; c < correction.size() && c < wanted.sums.size(); ++c) {
      if (means.rows == 0 || wanted.rows == 0) break;
      correction[c] = static_cast<float>(wanted.sums[c] / static_cast<double>(wanted.rows) -
                                         means.sums[c] / static_cast<double>(means.rows));
    }
    // A bias that is added after the fact is the same as one added before.
    for (TensorPtr& tensor : results.back()) {
      auto corrected = Constant::Allocate(tensor->dtype(), tensor->shape());
      const auto* from = tensor->view().as<float>();
      auto* to = static_cast<float*>(corrected->mutable_data());
      for (int64_t i = 0; i < tensor->shape().elements(); ++i) {
        to[i] = from[i] + correction[static_cast<size_t>(i) % correction.size()];
      }
      tensor = std::move(corrected);
    }
    std::erase_if(kept_, [&](const auto& entry) { return !read_later.contains(entry.first); });
    for (size_t k = 0; k < results.size(); ++k) {
      if (!results[k].empty()) kept_[segment.outputs[k]] = std::move(results[k]);
    }
    return correction;
  }

  const Graph& prepared_;
  const QuantizedGraph& quantized_;
  ModelRunner& runner_;
  SampleSource& samples_;
  const BiasCorrectionOptions& options_;
  std::vector<const QuantizedLayer*> layers_;
  std::map<std::string, ChannelMeans> float_means_;
  std::unordered_map<const Value*, std::vector<TensorPtr>> kept_;  // by value, one a run
  size_t runs_ = 0;
};

}  // namespace

Status CanCorrectBiases(const Graph& prepared) {
  if (!prepared.states.empty()) return Error(Code::kUnsupported, "the model keeps states from run to run");
  for (const auto& node : prepared.nodes()) {
    if (!node->subgraphs.empty()) return Error(Code::kUnsupported, "the model has branches or loops");
  }
  return {};
}

Result<std::map<std::string, std::vector<float>>> CorrectBiases(const Graph& prepared,
                                                                const QuantizedGraph& quantized,
                                                                ModelRunner& runner, SampleSource& samples,
                                                                const BiasCorrectionOptions& options) {
  return Corrector(prepared, quantized, runner, samples, options).Run();
}

}  // namespace whet::quantize
