#include <algorithm>
#include <bit>
#include <cstring>
#include <deque>
#include <map>
#include <unordered_map>

#include "base/file.h"
#include "base/hex.h"
#include "ir/op_def.h"
#include "model_file/format.h"
#include "model_file/index_deflate.h"
#include "model_file/model_file.h"
#include "model_generated.h"

namespace whet {

namespace fb = model_fb;

namespace {

template <typename T>
using Offset = flatbuffers::Offset<T>;

std::vector<std::byte> EncodeStrings(const Constant& constant) {
  std::vector<std::byte> bytes;
  uint64_t end = 0;
  for (const std::string_view string : constant.strings()) {
    end += string.size();
    const auto word = std::as_bytes(std::span(&end, 1));
    bytes.insert(bytes.end(), word.begin(), word.end());
  }
  for (const std::string_view string : constant.strings()) {
    const auto characters = std::as_bytes(std::span(string.data(), string.size()));
    bytes.insert(bytes.end(), characters.begin(), characters.end());
  }
  return bytes;
}

// The first bytes of all elements, then the second ones: those that are alike stand together, which
// compresses.
std::vector<uint8_t> ToPlanes(const Constant& constant) {
  const auto* from = constant.view().as<const uint8_t>();
  std::vector<uint8_t> planes(constant.bytes());
  const size_t size = std::max(BitsOf(constant.dtype()) / 8, 1);
  const size_t count = planes.size() / size;
  for (size_t i = 0; i < count; ++i) {
    for (size_t k = 0; k < size; ++k) planes[k * count + i] = from[i * size + k];
  }
  return planes;
}

class IndexWriter {
 public:
  explicit IndexWriter(const Graph& graph) : graph_(graph) {}

  // Fills `index`, and `blobs` with what follows it.
  Status Write(std::vector<std::byte>* index, std::vector<std::span<const std::byte>>* blobs) {
    CollectConstants(graph_);
    for (const State& state : graph_.states) AddUsed(state.output);
    compact_ = CountSmall() >= kManySmallTensors && NamesHaveNoZeros(graph_);
    if (compact_) {
      FindProducts();
      no_name_ = builder_.CreateString("");
    }
    WHET_ASSIGN_OR_RETURN(const auto graph, WriteGraph(graph_));
    std::vector<Offset<fb::State>> states;
    for (const State& state : graph_.states) {
      const int initial = state.initial ? TensorOf(*state.initial) : -1;
      const auto name = builder_.CreateString(state.name);
      states.push_back(
          fb::CreateState(builder_, name, numbers_.at(state.input), numbers_.at(state.output), initial));
    }
    const auto fb_states = builder_.CreateVector(states);
    std::vector<Offset<fb::Entry>> metadata;
    for (const auto& [key, value] : graph_.metadata) {
      const auto fb_key = builder_.CreateString(key);
      const auto fb_value =
          builder_.CreateVector(reinterpret_cast<const uint8_t*>(value.data()), value.size());
      metadata.push_back(fb::CreateEntry(builder_, fb_key, fb_value));
    }
    const auto fb_metadata = builder_.CreateVector(metadata);
    const auto fb_tensors = builder_.CreateVector(tensors_);
    std::vector<Offset<fb::Blob>> fb_blobs;
    uint64_t offset = 0;
    for (size_t i = 0; i < blobs_.size(); ++i) {
      const auto hash = builder_.CreateVector(hashes_[i].data(), hashes_[i].size());
      fb_blobs.push_back(fb::CreateBlob(builder_, offset, blobs_[i].size(), hash));
      offset = AlignTensor(offset + blobs_[i].size());
    }
    const auto all_blobs = builder_.CreateVector(fb_blobs);
    Offset<flatbuffers::Vector<uint8_t>> names;
    if (compact_) {
      names_.resize((names_.size() + 7) / 8 * 8);
      names = builder_.CreateVector(reinterpret_cast<const uint8_t*>(names_.data()), names_.size());
    }
    fb::FinishModelBuffer(
        builder_, fb::CreateModel(builder_, graph, fb_states, fb_metadata, fb_tensors, all_blobs, names));
    const auto bytes = std::as_bytes(std::span(builder_.GetBufferPointer(), builder_.GetSize()));
    index->assign(bytes.begin(), bytes.end());
    *blobs = std::move(blobs_);
    return {};
  }

  // After Write: the earliest version whose readers understand the file. The blobs live as long as this.
  uint32_t readable_from() const { return compact_ ? 4 : needs_version_2_ ? 2 : 1; }

 private:
  // Constants are written in the order in which they are first read, so that it does not matter when they
  // were made.
  void AddUsed(const Value* value) {
    if (value != nullptr && value->IsConstant() && seen_.emplace(value, true).second)
      constants_[value->graph()].push_back(value);
  }
  void CollectConstants(const Graph& graph) {
    for (const auto& node : graph.nodes()) {
      for (const Value* input : node->inputs()) AddUsed(input);
      for (const auto& subgraph : node->subgraphs) CollectConstants(*subgraph);
    }
    for (const Value* output : graph.outputs()) AddUsed(output);
  }

  static bool IsSmall(const Constant& constant) {
    return constant.dtype() != DType::kString && constant.bytes() < kSmallTensorBytes;
  }
  size_t CountSmall() const {
    size_t count = 0;
    for (const auto& [graph, constants] : constants_) {
      for (const Value* constant : constants) count += IsSmall(*constant->constant()) ? 1 : 0;
    }
    return count;
  }

  static bool NamesHaveNoZeros(const Graph& graph) {
    const auto fine = [](const auto& named) { return named->name().find('\0') == std::string::npos; };
    return std::ranges::all_of(graph.values(), fine) &&
           std::ranges::all_of(graph.nodes(), [&](const auto& node) {
             return fine(node) && std::ranges::all_of(node->subgraphs, [](const auto& subgraph) {
                      return NamesHaveNoZeros(*subgraph);
                    });
           });
  }
  // Of a value or a node.
  Offset<flatbuffers::String> WriteName(const std::string& name) {
    if (!compact_) return builder_.CreateString(name);
    names_.append(name).push_back('\0');
    return no_name_;
  }

  // The bias of a quantized layer has the scale of its input times those of its weights.
  void FindProducts() {
    for (const auto& node : graph_.nodes()) {
      if (node->inputs().size() < 3) continue;
      const Value* scales[3] = {};
      for (size_t i = 0; i < 3; ++i) {
        const Node* from = node->input(i) != nullptr ? node->input(i)->producer() : nullptr;
        if (from != nullptr && from->Is("DequantizeLinear") && from->input(1)->IsConstant()) {
          scales[i] = from->input(1);
        }
      }
      if (scales[0] == nullptr || scales[1] == nullptr || scales[2] == nullptr) continue;
      if (IsProduct(*scales[0]->constant(), *scales[1]->constant(), *scales[2]->constant())) {
        products_.try_emplace(scales[2], scales[0], scales[1]);
      }
    }
  }
  static bool IsProduct(const Constant& one, const Constant& many, const Constant& product) {
    if (one.dtype() != DType::kF32 || many.dtype() != DType::kF32 || product.dtype() != DType::kF32 ||
        one.shape().elements() != 1 || many.shape() != product.shape() || !IsSmall(many)) {
      return false;
    }
    const float factor = *one.view().as<float>();
    const std::span values(many.view().as<float>(), static_cast<size_t>(many.shape().elements()));
    return std::ranges::equal(
        values, std::span(product.view().as<float>(), values.size()),
        [&](float a, float b) { return std::bit_cast<uint32_t>(factor * a) == std::bit_cast<uint32_t>(b); });
  }

  int AddTensor(const Constant& constant, uint32_t blob, const std::vector<uint8_t>* planes,
                const std::vector<uint32_t>* product) {
    const auto& dims = constant.shape();
    const auto shape = builder_.CreateVector(std::vector<int64_t>(dims.begin(), dims.end()));
    const auto fb_planes =
        planes != nullptr ? builder_.CreateVector(*planes) : Offset<flatbuffers::Vector<uint8_t>>();
    const auto fb_product =
        product != nullptr ? builder_.CreateVector(*product) : Offset<flatbuffers::Vector<uint32_t>>();
    tensors_.push_back(fb::CreateTensor(builder_, static_cast<uint8_t>(constant.dtype()), shape, blob,
                                        fb_planes, fb_product));
    return static_cast<int>(tensors_.size()) - 1;
  }

  // Of a constant that is a Value, which may be the product of others that have been written.
  int TensorOfValue(const Value& value) {
    const auto product = products_.find(&value);
    if (product == products_.end()) return tensor_of_[&value] = TensorOf(*value.constant());
    const auto one = tensor_of_.find(product->second.first);
    const auto many = tensor_of_.find(product->second.second);
    if (one == tensor_of_.end() || many == tensor_of_.end()) {
      return tensor_of_[&value] = TensorOf(*value.constant());
    }
    const std::vector<uint32_t> factors = {static_cast<uint32_t>(one->second),
                                           static_cast<uint32_t>(many->second)};
    return AddTensor(*value.constant(), 0, nullptr, &factors);
  }

  int TensorOf(const Constant& constant) {
    if (compact_ && IsSmall(constant)) {
      const std::vector<uint8_t> planes = ToPlanes(constant);
      return AddTensor(constant, 0, &planes, nullptr);
    }
    auto bytes = std::span(constant.view().as<const std::byte>(), constant.bytes());
    if (constant.dtype() == DType::kString) {
      needs_version_2_ = true;
      bytes = encoded_.emplace_back(EncodeStrings(constant));
    }
    // Constants of one Graph often share memory; hashing it once is enough.
    const auto known = by_address_.find({bytes.data(), bytes.size()});
    const Sha256 hash = known != by_address_.end() ? known->second : Sha256Of(bytes);
    by_address_[{bytes.data(), bytes.size()}] = hash;
    const auto [blob, is_new] = by_hash_.try_emplace(hash, static_cast<uint32_t>(blobs_.size()));
    if (is_new) {
      blobs_.push_back(bytes);
      hashes_.push_back(hash);
    }
    return AddTensor(constant, blob->second, nullptr, nullptr);
  }

  Offset<fb::Type> WriteType(const Type& type) {
    std::vector<Offset<fb::Dim>> dims;
    for (const Dim& dim : type.dims) {
      const auto symbol =
          dim.symbol.empty() ? Offset<flatbuffers::String>() : builder_.CreateString(dim.symbol);
      dims.push_back(fb::CreateDim(builder_, dim.lo, dim.hi, symbol));
    }
    const auto fb_dims = builder_.CreateVector(dims);
    if (!type.IsTensor() || type.dtype == DType::kString) needs_version_2_ = true;
    return fb::CreateType(builder_, static_cast<uint8_t>(type.dtype), type.ranked, fb_dims,
                          static_cast<uint8_t>(type.form));
  }

  Offset<fb::Value> WriteValue(const Value& value) {
    numbers_[&value] = static_cast<uint32_t>(numbers_.size());
    const int tensor = value.IsConstant() ? TensorOfValue(value) : -1;
    const auto name = WriteName(value.name());
    const auto type = value.IsConstant() ? Offset<fb::Type>() : WriteType(value.type);
    return fb::CreateValue(builder_, name, type, tensor);
  }

  Offset<fb::Attribute> WriteAttribute(const Attributes::Entry& entry) {
    const auto name = builder_.CreateString(entry.name);
    Offset<flatbuffers::String> string;
    Offset<flatbuffers::Vector<int64_t>> ints;
    Offset<flatbuffers::Vector<double>> floats;
    Offset<flatbuffers::Vector<Offset<flatbuffers::String>>> strings;
    if (const auto* v = std::get_if<std::string>(&entry.value)) string = builder_.CreateString(*v);
    if (const auto* v = std::get_if<std::vector<int64_t>>(&entry.value)) ints = builder_.CreateVector(*v);
    if (const auto* v = std::get_if<std::vector<double>>(&entry.value)) floats = builder_.CreateVector(*v);
    if (const auto* v = std::get_if<std::vector<std::string>>(&entry.value)) {
      strings = builder_.CreateVectorOfStrings(*v);
    }
    fb::AttributeBuilder attribute(builder_);
    attribute.add_name(name);
    attribute.add_kind(static_cast<uint8_t>(entry.value.index()));
    if (const auto* v = std::get_if<int64_t>(&entry.value)) attribute.add_int_(*v);
    if (const auto* v = std::get_if<double>(&entry.value)) attribute.add_float_(*v);
    if (!string.IsNull()) attribute.add_string(string);
    if (!ints.IsNull()) attribute.add_ints(ints);
    if (!floats.IsNull()) attribute.add_floats(floats);
    if (!strings.IsNull()) attribute.add_strings(strings);
    return attribute.Finish();
  }

  Result<Offset<fb::Node>> WriteNode(const Node& node) {
    if (compact_) WriteName(node.name());
    std::vector<Offset<fb::Graph>> subgraphs;
    std::vector<int32_t> inputs;
    for (const Value* input : node.inputs()) {
      if (input != nullptr && !numbers_.contains(input)) {
        return Error(Code::kInvalidArgument, "node '%s' reads '%s' before it is computed",
                     node.name().c_str(), input->name().c_str());
      }
      inputs.push_back(input != nullptr ? static_cast<int32_t>(numbers_.at(input)) : -1);
    }
    for (const auto& subgraph : node.subgraphs) {
      WHET_ASSIGN_OR_RETURN(const auto written, WriteGraph(*subgraph));
      subgraphs.push_back(written);
    }
    std::vector<Offset<fb::Value>> outputs;
    for (const Value* output : node.outputs()) outputs.push_back(WriteValue(*output));
    std::vector<Offset<fb::Attribute>> attributes;
    for (const auto& entry : node.attributes) attributes.push_back(WriteAttribute(entry));
    const auto op = builder_.CreateString(node.op_name().data(), node.op_name().size());
    const auto name = compact_ ? no_name_ : builder_.CreateString(node.name());
    const auto fb_inputs = builder_.CreateVector(inputs);
    const auto fb_outputs = builder_.CreateVector(outputs);
    const auto fb_attributes = builder_.CreateVector(attributes);
    const auto fb_subgraphs = builder_.CreateVector(subgraphs);
    return fb::CreateNode(builder_, op, name, fb_inputs, fb_outputs, fb_attributes, fb_subgraphs);
  }

  Result<Offset<fb::Graph>> WriteGraph(const Graph& graph) {
    std::vector<Offset<fb::Value>> inputs, constants;
    for (const Value* input : graph.inputs()) inputs.push_back(WriteValue(*input));
    for (const Value* constant : constants_[&graph]) constants.push_back(WriteValue(*constant));
    std::vector<Offset<fb::Node>> nodes;
    for (const auto& node : graph.nodes()) {
      WHET_ASSIGN_OR_RETURN(const auto written, WriteNode(*node));
      nodes.push_back(written);
    }
    std::vector<uint32_t> outputs;
    for (const Value* output : graph.outputs()) outputs.push_back(numbers_.at(output));
    const auto name = builder_.CreateString(graph.name());
    const auto fb_inputs = builder_.CreateVector(inputs);
    const auto fb_constants = builder_.CreateVector(constants);
    const auto fb_nodes = builder_.CreateVector(nodes);
    const auto fb_outputs = builder_.CreateVector(outputs);
    return fb::CreateGraph(builder_, name, fb_inputs, fb_constants, fb_nodes, fb_outputs);
  }

  const Graph& graph_;
  flatbuffers::FlatBufferBuilder builder_;
  std::unordered_map<const Graph*, std::vector<const Value*>> constants_;
  std::unordered_map<const Value*, bool> seen_;
  std::unordered_map<const Value*, uint32_t> numbers_;
  std::map<std::pair<const std::byte*, size_t>, Sha256> by_address_;
  std::map<Sha256, uint32_t> by_hash_;
  std::vector<Offset<fb::Tensor>> tensors_;
  std::vector<std::span<const std::byte>> blobs_;
  std::vector<Sha256> hashes_;
  std::deque<std::vector<std::byte>> encoded_;  // bytes that stand nowhere else
  std::unordered_map<const Value*, std::pair<const Value*, const Value*>> products_;
  std::unordered_map<const Value*, int> tensor_of_;  // of constants with bytes of their own
  bool needs_version_2_ = false;
  bool compact_ = false;
  std::string names_;                    // of a compact file
  Offset<flatbuffers::String> no_name_;  // in their places
};

// What stands in the file for an index: itself, or compressed with what RFC 1950 offers.
Result<std::vector<std::byte>> Stored(std::vector<std::byte> index, bool compact) {
  if (!compact) return index;
  const CompressedIndexHeader header = [&] {
    CompressedIndexHeader made{};
    std::memcpy(made.magic, kCompressedIndexMagic, sizeof(made.magic));
    made.bytes = index.size();
    return made;
  }();
  std::vector<std::byte> stored(sizeof(header));
  std::memcpy(stored.data(), &header, sizeof(header));
  WHET_ASSIGN_OR_RETURN(auto deflater, IndexDeflater::Create([&stored](std::span<const std::byte> bytes) {
                          stored.insert(stored.end(), bytes.begin(), bytes.end());
                          return OkStatus();
                        }));
  WHET_RETURN_IF_ERROR(deflater.Write(index));
  WHET_RETURN_IF_ERROR(deflater.Finish());
  const bool allowed = index.size() / kMostCompression < stored.size();
  return allowed && stored.size() < index.size() ? stored : index;
}

// Calls write(bytes) with the file's pieces in order.
template <typename WriteFn>
Status WriteModel(const Graph& graph, WriteFn write) {
  static constexpr std::byte kZeros[kTensorAlignment] = {};
  std::vector<std::byte> index;
  std::vector<std::span<const std::byte>> blobs;
  IndexWriter writer(graph);
  WHET_RETURN_IF_ERROR(writer.Write(&index, &blobs));
  ModelHeader header{};
  std::memcpy(header.magic, kModelMagic, sizeof(kModelMagic));
  header.version = kModelFormatVersion;
  header.readable_from = writer.readable_from();
  header.index_sha256 = Sha256Of(index);
  WHET_ASSIGN_OR_RETURN(index, Stored(std::move(index), writer.readable_from() >= 3));
  header.index_bytes = index.size();
  for (const auto& blob : blobs) header.tensor_bytes = AlignTensor(header.tensor_bytes + blob.size());
  // Vector loads may run over a tensor's end.
  header.tensor_bytes += kTensorAlignment;
  WHET_RETURN_IF_ERROR(write(std::as_bytes(std::span(&header, 1))));
  const auto padded = [&](std::span<const std::byte> bytes) -> Status {
    WHET_RETURN_IF_ERROR(write(bytes));
    return write(std::span(kZeros, AlignTensor(bytes.size()) - bytes.size()));
  };
  WHET_RETURN_IF_ERROR(padded(index));
  for (const auto& blob : blobs) WHET_RETURN_IF_ERROR(padded(blob));
  return write(std::span(kZeros, kTensorAlignment));
}

}  // namespace

Status SaveModel(const Graph& graph, const std::string& path) {
  WHET_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  WHET_RETURN_IF_ERROR(
      WriteModel(graph, [&](std::span<const std::byte> bytes) { return file.Write(bytes); }));
  return file.Commit();
}

Result<std::vector<std::byte>> SerializeModel(const Graph& graph) {
  std::vector<std::byte> file;
  WHET_RETURN_IF_ERROR(WriteModel(graph, [&](std::span<const std::byte> bytes) {
    file.insert(file.end(), bytes.begin(), bytes.end());
    return OkStatus();
  }));
  return file;
}

Result<std::string> ModelId(const Graph& graph) {
  std::vector<std::byte> index;
  std::vector<std::span<const std::byte>> blobs;
  IndexWriter writer(graph);
  WHET_RETURN_IF_ERROR(writer.Write(&index, &blobs));
  return ToHex(Sha256Of(index));
}

}  // namespace whet
