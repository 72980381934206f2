// Writes small TFLite files for the tests.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <list>
#include <span>
#include <string>
#include <vector>

#include "tflite_schema_generated.h"

namespace whet {

struct TfliteTestQuantization {
  std::vector<float> scales;
  std::vector<int64_t> zero_points;
  int axis = 0;
};

class TfliteTestModel {
 public:
  // A subgraph being written; finished by Finish.
  struct Subgraph {
    std::vector<flatbuffers::Offset<tflite_fb::Tensor>> tensors;
    std::vector<flatbuffers::Offset<tflite_fb::Operator>> operators;
    std::vector<int32_t> inputs;
    std::vector<int32_t> outputs;
  };
  TfliteTestModel() { buffers_.push_back(tflite_fb::CreateBuffer(builder)); }

  Subgraph& AddSubgraph() {
    subgraphs_.emplace_back();
    return subgraphs_.back();
  }

  template <typename T>
  uint32_t Buffer(std::initializer_list<T> values) {
    return BufferOf(std::as_bytes(std::span(values.begin(), values.size())));
  }
  uint32_t BufferOf(std::span<const std::byte> bytes) {
    builder.ForceVectorAlignment(bytes.size(), 1, 16);
    const auto data = builder.CreateVector(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    buffers_.push_back(tflite_fb::CreateBuffer(builder, data));
    return static_cast<uint32_t>(buffers_.size()) - 1;
  }

  int32_t Tensor(Subgraph& subgraph, const std::string& name, tflite_fb::TensorType type,
                 const std::vector<int32_t>& shape, uint32_t buffer = 0,
                 const TfliteTestQuantization& quantization = {},
                 flatbuffers::Offset<tflite_fb::SparsityParameters> sparsity = 0,
                 const std::vector<int32_t>& signature = {}, bool is_variable = false) {
    flatbuffers::Offset<tflite_fb::QuantizationParameters> quantized;
    if (!quantization.scales.empty()) {
      quantized = tflite_fb::CreateQuantizationParametersDirect(
          builder, nullptr, nullptr, &quantization.scales, &quantization.zero_points,
          tflite_fb::QuantizationDetails::NONE, 0, quantization.axis);
    }
    subgraph.tensors.push_back(tflite_fb::CreateTensorDirect(builder, &shape, type, buffer, name.c_str(),
                                                             quantized, is_variable, sparsity,
                                                             signature.empty() ? nullptr : &signature));
    return static_cast<int32_t>(subgraph.tensors.size()) - 1;
  }
  int32_t Input(Subgraph& subgraph, const std::string& name, tflite_fb::TensorType type,
                const std::vector<int32_t>& shape, const TfliteTestQuantization& quantization = {}) {
    subgraph.inputs.push_back(Tensor(subgraph, name, type, shape, 0, quantization));
    return subgraph.inputs.back();
  }

  void Operator(Subgraph& subgraph, tflite_fb::BuiltinOperator type, const std::vector<int32_t>& inputs,
                const std::vector<int32_t>& outputs,
                tflite_fb::BuiltinOptions options_type = tflite_fb::BuiltinOptions::NONE,
                flatbuffers::Offset<void> options = 0, const char* custom = nullptr, int version = 1,
                const std::vector<uint8_t>& custom_options = {}) {
    const auto old = static_cast<int8_t>(std::min(127, static_cast<int>(type)));
    codes_.push_back(tflite_fb::CreateOperatorCodeDirect(builder, old, custom, version, type));
    subgraph.operators.push_back(tflite_fb::CreateOperatorDirect(
        builder, static_cast<uint32_t>(codes_.size()) - 1, &inputs, &outputs, options_type, options,
        custom_options.empty() ? nullptr : &custom_options));
  }

  std::vector<std::byte> Finish() {
    std::vector<flatbuffers::Offset<tflite_fb::SubGraph>> subgraphs;
    for (const Subgraph& subgraph : subgraphs_) {
      subgraphs.push_back(tflite_fb::CreateSubGraphDirect(builder, &subgraph.tensors, &subgraph.inputs,
                                                          &subgraph.outputs, &subgraph.operators, "graph"));
    }
    tflite_fb::FinishModelBuffer(
        builder, tflite_fb::CreateModelDirect(builder, 3, &codes_, &subgraphs, "test", &buffers_));
    const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
    return {bytes.begin(), bytes.end()};
  }

  flatbuffers::FlatBufferBuilder builder;

 private:
  std::vector<flatbuffers::Offset<tflite_fb::Buffer>> buffers_;
  std::vector<flatbuffers::Offset<tflite_fb::OperatorCode>> codes_;
  std::list<Subgraph> subgraphs_;
};

}  // namespace whet
