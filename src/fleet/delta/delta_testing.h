// For tests of deltas: folders, files, and models whose weights are given.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "ir/builder.h"
#include "model_file/model_file.h"

namespace whet::fleet {

using Bytes = std::vector<uint8_t>;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "whet-delta-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  size_t files() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
  }

 private:
  std::string path_;
};

inline void WriteBytes(const std::string& path, std::span<const uint8_t> bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.good());
}

inline Bytes ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

inline Bytes RandomBytes(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  Bytes bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

inline std::vector<float> Weights(size_t count, uint32_t seed, float deviation = 0.1f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> weights(count);
  for (float& weight : weights) weight = normal(random);
  return weights;
}

struct Layer {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  Bytes bytes;
};

inline Layer FloatLayer(const std::string& name, const Shape& shape, const std::vector<float>& weights) {
  Layer layer{name, DType::kF32, shape, {}};
  const auto* bytes = reinterpret_cast<const uint8_t*>(weights.data());
  layer.bytes.assign(bytes, bytes + weights.size() * sizeof(float));
  return layer;
}

// A model that has these tensors, each converted, added up and given to an output; then some more operators.
inline void WriteModel(const std::string& path, const std::vector<Layer>& layers,
                       const std::vector<std::string>& operators = {}) {
  Graph graph("test");
  Value* x = graph.AddInput("x", Type(DType::kF32, {Dim(1)}));
  GraphBuilder builder(graph);
  for (const Layer& layer : layers) {
    builder.SetNodeName(layer.name);
    Value* weight = builder.Const(Constant::Copy(layer.dtype, layer.shape, layer.bytes.data()), layer.name);
    Value* value = builder.Emit("Cast", {weight}, {{"to", static_cast<int64_t>(DType::kF32)}});
    value = builder.Emit("Add", {value, x});
    for (const std::string& op : operators) value = builder.Emit(op, {value});
    graph.AddOutput(value);
  }
  ASSERT_TRUE(builder.ok());
  const Status saved = SaveModel(graph, path);
  ASSERT_TRUE(saved.ok()) << saved.ToString();
}

}  // namespace whet::fleet
