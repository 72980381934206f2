#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "base/file.h"
#include "base/flatbuffers.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ir/verify.h"
#include "model_file/format.h"
#include "model_file/model_file.h"
#include "model_generated.h"

namespace whet {

namespace fb = model_fb;

namespace {

constexpr int kMaxGraphDepth = 16;

template <typename T>
using Vector = flatbuffers::Vector<flatbuffers::Offset<T>>;

struct Parts {
  const ModelHeader* header;
  std::span<const std::byte> index;
  std::vector<uint64_t> inflated;  // holds the index if it is compressed in the file
  std::span<const std::byte> tensors;
};

// The index that is compressed in `stored`, in `to`, which is aligned as FlatBuffers want it.
Result<std::span<const std::byte>> Inflate(std::span<const std::byte> stored, std::vector<uint64_t>* to) {
  CompressedIndexHeader header;
  std::memcpy(&header, stored.data(), sizeof(header));
  stored = stored.subspan(sizeof(header));
  if (header.bytes / kMostCompression > stored.size() + sizeof(header)) {
    return Error(Code::kBadFile, "is damaged: its index of %zu bytes claims to become %llu", stored.size(),
                 static_cast<unsigned long long>(header.bytes));
  }
  to->resize((header.bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t));
  uLongf bytes = header.bytes;
  uLong used = stored.size();
  const int status = uncompress2(reinterpret_cast<Bytef*>(to->data()), &bytes,
                                 reinterpret_cast<const Bytef*>(stored.data()), &used);
  if (status != Z_OK || bytes != header.bytes || used != stored.size()) {
    return Error(Code::kBadFile, "is damaged: its compressed index cannot be read");
  }
  return std::as_bytes(std::span(*to)).first(bytes);
}

// The file's three parts, with their sizes checked and the index's hash.
Result<Parts> Split(std::span<const std::byte> bytes) {
  if (!IsModelFile(bytes)) return Error(Code::kBadFile, "is not a Model file (.whet)");
  if (bytes.size() < sizeof(ModelHeader))
    return Error(Code::kBadFile, "is cut short: its header is not whole");
  Parts parts{};
  parts.header = reinterpret_cast<const ModelHeader*>(bytes.data());
  const ModelHeader& header = *parts.header;
  if (header.readable_from > kModelFormatVersion) {
    return Error(Code::kUnsupported,
                 "needs a reader of format version %u or later; this one is %u: update Whet",
                 header.readable_from, kModelFormatVersion);
  }
  const uint64_t room = bytes.size() - sizeof(ModelHeader);
  const uint64_t index_room = header.index_bytes <= room ? AlignTensor(header.index_bytes) : UINT64_MAX;
  if (index_room > room || header.tensor_bytes != room - index_room ||
      header.tensor_bytes < kTensorAlignment) {
    return Error(Code::kBadFile,
                 "is cut short or damaged: it has %zu bytes, but its header speaks of %llu and %llu",
                 bytes.size(), static_cast<unsigned long long>(header.index_bytes),
                 static_cast<unsigned long long>(header.tensor_bytes));
  }
  parts.index = bytes.subspan(sizeof(ModelHeader), header.index_bytes);
  parts.tensors = bytes.subspan(sizeof(ModelHeader) + index_room);
  const bool compressed =
      parts.index.size() >= sizeof(CompressedIndexHeader) &&
      std::memcmp(parts.index.data(), kCompressedIndexMagic, sizeof(kCompressedIndexMagic)) == 0;
  if (compressed) {
    WHET_ASSIGN_OR_RETURN(parts.index, Inflate(parts.index, &parts.inflated));
  }
  if (Sha256Of(parts.index) != header.index_sha256) {
    return Error(Code::kBadFile, "is damaged: its index does not match the SHA-256 in its header");
  }
  return parts;
}

// The verified index. Verifying counts a table as often as it is reached, so the limit also bounds what a
// file whose tables refer to the same subgraph many times unfolds to.
Result<const fb::Model*> VerifiedIndex(std::span<const std::byte> index) {
  if (index.size() >= FLATBUFFERS_MAX_BUFFER_SIZE) return Error(Code::kBadFile, "has an index of 2 GB");
  const auto* data = reinterpret_cast<const uint8_t*>(index.data());
  const auto tables = static_cast<flatbuffers::uoffset_t>(index.size() / 4 + 16);
  flatbuffers::Verifier verifier(data, index.size(), 4 * kMaxGraphDepth, tables);
  if (index.size() < 8 || !fb::VerifyModelBuffer(verifier)) {
    return Error(Code::kBadFile, "is damaged: its index is no well-formed FlatBuffer");
  }
  return fb::GetModel(data);
}

Result<DType> ReadDType(uint8_t number) {
  if (number >= kDTypeCount) return Error(Code::kBadFile, "an element type has the number %u", number);
  return static_cast<DType>(number);
}

class IndexReader {
 public:
  IndexReader(const fb::Model& model, const Parts& parts, std::shared_ptr<const void> owner)
      : model_(model),
        parts_(parts),
        owner_(std::move(owner)),
        budget_(parts.index.size()),
        product_budget_(parts.index.size()) {}

  Result<std::unique_ptr<Graph>> Read() {
    WHET_RETURN_IF_ERROR(ReadTensors());
    auto graph = std::make_unique<Graph>();
    if (model_.names() != nullptr) {
      names_ = {reinterpret_cast<const char*>(model_.names()->data()), model_.names()->size()};
    }
    WHET_RETURN_IF_ERROR(ReadGraph(*model_.graph(), *graph, 0));
    if (names_.size() >= 8 || names_.find_first_not_of('\0') != std::string_view::npos) {
      return Error(Code::kBadFile, "has more names than values and nodes");
    }
    WHET_RETURN_IF_ERROR(ReadStates(*graph));
    for (uint32_t i = 0; model_.metadata() != nullptr && i < model_.metadata()->size(); ++i) {
      const fb::Entry& entry = *model_.metadata()->Get(i);
      WHET_ASSIGN_OR_RETURN(std::string key, Text(entry.key()));
      std::string value;
      if (entry.value() != nullptr) {
        WHET_RETURN_IF_ERROR(Spend(entry.value()->size()));
        value.assign(reinterpret_cast<const char*>(entry.value()->data()), entry.value()->size());
      }
      if (!graph->metadata.emplace(std::move(key), std::move(value)).second) {
        return Error(Code::kBadFile, "has the same metadata twice");
      }
    }
    // Another version may have inferred less than this one.
    WHET_RETURN_IF_ERROR(InferGraph(*graph));
    if (const Status verified = VerifyGraph(*graph); !verified.ok()) {
      return Error(Code::kBadFile, "its graph breaks a rule: %s", std::string(verified.what()).c_str());
    }
    return graph;
  }

 private:
  // What is copied out of the index can't be more than the index, unless parts of it are referred to many
  // times.
  Status Spend(uint64_t bytes) {
    if (bytes > budget_) return Error(Code::kBadFile, "is damaged: parts of its index overlap");
    budget_ -= bytes;
    return {};
  }

  Result<std::string> Text(const flatbuffers::String* text) {
    if (text == nullptr) return std::string();
    WHET_RETURN_IF_ERROR(Spend(text->size()));
    return text->str();
  }

  Status ReadTensors() {
    const auto* blobs = model_.blobs();
    const uint32_t blob_count = blobs ? blobs->size() : 0;
    // The last 64 bytes belong to no tensor, so that vectors may be loaded beyond any tensor's end.
    const uint64_t end = parts_.tensors.size() - kTensorAlignment;
    for (uint32_t i = 0; i < blob_count; ++i) {
      const fb::Blob& blob = *blobs->Get(i);
      if (blob.offset() % kTensorAlignment != 0 || blob.offset() > end || blob.size() > end - blob.offset() ||
          blob.sha256()->size() != sizeof(Sha256)) {
        return Error(Code::kBadFile, "tensor bytes %u claim %llu bytes at %llu of %llu", i,
                     static_cast<unsigned long long>(blob.size()),
                     static_cast<unsigned long long>(blob.offset()), static_cast<unsigned long long>(end));
      }
    }
    const auto* tensors = model_.tensors();
    for (uint32_t i = 0; tensors != nullptr && i < tensors->size(); ++i) {
      const fb::Tensor& tensor = *tensors->Get(i);
      WHET_ASSIGN_OR_RETURN(const DType dtype, ReadDType(tensor.dtype()));
      const std::vector<int64_t> shape = ElementsOf(tensor.shape());
      const int64_t elements = CheckedElementCount(shape);
      const auto misfit = [&] {
        return Error(Code::kBadFile, "tensor %u's type, shape and bytes do not fit together", i);
      };
      if (dtype == DType::kUndefined || elements < 0) return misfit();
      is_product_.push_back(tensor.planes() == nullptr && tensor.product() != nullptr);
      if (tensor.planes() != nullptr || tensor.product() != nullptr) {
        WHET_ASSIGN_OR_RETURN(auto small, ReadSmall(tensor, dtype, Shape(shape)));
        if (small == nullptr) return misfit();
        tensors_.push_back(std::move(small));
        continue;
      }
      if (tensor.blob() >= blob_count) return misfit();
      const fb::Blob& blob = *blobs->Get(tensor.blob());
      const auto bytes = parts_.tensors.subspan(blob.offset(), blob.size());
      if (dtype == DType::kString) {
        tensors_.push_back(ReadStrings(bytes, Shape(shape)));
        if (tensors_.back() == nullptr) return misfit();
        continue;
      }
      if (BytesOf(dtype, static_cast<uint64_t>(elements)) != blob.size()) return misfit();
      tensors_.push_back(Constant::Refer(dtype, Shape(shape), bytes.data(), owner_));
    }
    return {};
  }

  // Tensors whose bytes are in the index, or follow from others; null if they do not fit.
  Result<std::shared_ptr<const Constant>> ReadSmall(const fb::Tensor& tensor, DType dtype,
                                                    const Shape& shape) {
    std::shared_ptr<const Constant> none;
    if (dtype == DType::kString) return none;
    const uint64_t bytes = BytesOf(dtype, static_cast<uint64_t>(shape.elements()));
    if (const auto* planes = tensor.planes()) {
      if (planes->size() != bytes || tensor.product() != nullptr) return none;
      WHET_RETURN_IF_ERROR(Spend(bytes));
      auto constant = Constant::Allocate(dtype, shape);
      auto* to = static_cast<uint8_t*>(constant->mutable_data());
      const auto size = static_cast<size_t>(std::max(BitsOf(dtype) / 8, 1));
      const size_t count = bytes / size;
      for (size_t i = 0; i < count; ++i) {
        for (size_t k = 0; k < size; ++k) to[i * size + k] = planes->data()[k * count + i];
      }
      return std::shared_ptr<const Constant>(std::move(constant));
    }
    const auto* product = tensor.product();
    if (product->size() != 2 || dtype != DType::kF32) return none;
    const uint32_t first = product->Get(0), second = product->Get(1);
    // Only what has bytes of its own, so that a few numbers cannot become many.
    if (first >= tensors_.size() || second >= tensors_.size() || is_product_[first] || is_product_[second]) {
      return none;
    }
    const Constant& one = *tensors_[first];
    const Constant& many = *tensors_[second];
    if (one.dtype() != DType::kF32 || many.dtype() != DType::kF32 || one.shape().elements() != 1 ||
        many.shape() != shape || bytes >= kSmallTensorBytes) {
      return none;
    }
    // There is no honest reason for more than the factors' bytes, which stand in the index.
    if (bytes > product_budget_)
      return Error(Code::kBadFile, "is damaged: its products are larger than its index");
    product_budget_ -= bytes;
    auto constant = Constant::Allocate(dtype, shape);
    const float factor = *one.view().as<float>();
    for (int64_t i = 0; i < shape.elements(); ++i) {
      static_cast<float*>(constant->mutable_data())[i] = factor * many.view().as<float>()[i];
    }
    return std::shared_ptr<const Constant>(std::move(constant));
  }

  // Null if the bytes are not so many strings. The characters stay in the file.
  std::shared_ptr<const Constant> ReadStrings(std::span<const std::byte> bytes, const Shape& shape) const {
    const auto count = static_cast<uint64_t>(shape.elements());
    if (count > bytes.size() / sizeof(uint64_t)) return nullptr;
    const auto characters = bytes.subspan(count * sizeof(uint64_t));
    struct Strings {
      std::vector<std::string_view> views;
      std::shared_ptr<const void> file;
    };
    auto strings = std::make_shared<Strings>();
    strings->file = owner_;
    strings->views.reserve(count);
    uint64_t begin = 0;
    for (uint64_t i = 0; i < count; ++i) {
      uint64_t end = 0;
      std::memcpy(&end, bytes.data() + i * sizeof(end), sizeof(end));
      if (end < begin || end > characters.size()) return nullptr;
      strings->views.emplace_back(reinterpret_cast<const char*>(characters.data()) + begin, end - begin);
      begin = end;
    }
    if (begin != characters.size()) return nullptr;
    return Constant::Refer(DType::kString, shape, strings->views.data(), strings);
  }

  Result<Type> ReadType(const fb::Type* from) {
    if (from == nullptr) return Error(Code::kBadFile, "a value has no type");
    Type type;
    WHET_ASSIGN_OR_RETURN(type.dtype, ReadDType(from->dtype()));
    if (from->form() > static_cast<uint8_t>(Form::kOptionalSequence)) {
      return Error(Code::kBadFile, "a value's form has the number %u", from->form());
    }
    type.form = static_cast<Form>(from->form());
    type.ranked = from->ranked();
    const uint32_t rank = from->dims() ? from->dims()->size() : 0;
    if (rank > static_cast<uint32_t>(kMaxRank) || (!type.ranked && rank > 0)) {
      return Error(Code::kBadFile, "a value has %u dimensions", rank);
    }
    for (uint32_t i = 0; i < rank; ++i) {
      const fb::Dim& dim = *from->dims()->Get(i);
      if (dim.lo() < 0 || dim.lo() > dim.hi() || dim.hi() > Dim::kUnbounded) {
        return Error(Code::kBadFile, "a dimension is between %lld and %lld", static_cast<long long>(dim.lo()),
                     static_cast<long long>(dim.hi()));
      }
      type.dims.emplace_back(dim.lo(), dim.hi());
      WHET_ASSIGN_OR_RETURN(type.dims.back().symbol, Text(dim.symbol()));
    }
    return type;
  }

  // Of a value or a node; `own` is what stands there itself.
  Result<std::string> NextName(const flatbuffers::String* own) {
    if (model_.names() == nullptr) return Text(own);
    const size_t end = names_.find('\0');
    if (end == std::string_view::npos) {
      return Error(Code::kBadFile, "has fewer names than values and nodes");
    }
    std::string name(names_.substr(0, end));
    names_.remove_prefix(end + 1);
    return name;
  }

  Result<std::string> ReadName(const fb::Value& value, const Graph& graph) {
    WHET_ASSIGN_OR_RETURN(std::string name, NextName(value.name()));
    if (name.empty() || graph.UniqueName(name) != name) {
      return Error(Code::kBadFile, "two values are called '%s', or one has no name", name.c_str());
    }
    return name;
  }

  Result<Value*> ValueAt(int64_t number) const {
    if (number < 0 || number >= static_cast<int64_t>(values_.size()) ||
        values_[static_cast<size_t>(number)] == nullptr) {
      return Error(Code::kBadFile, "refers to value %lld, which is not there (yet)",
                   static_cast<long long>(number));
    }
    return values_[static_cast<size_t>(number)];
  }

  Result<std::shared_ptr<const Constant>> TensorAt(int64_t index) const {
    if (index < 0 || index >= static_cast<int64_t>(tensors_.size())) {
      return Error(Code::kBadFile, "refers to tensor %lld of %zu", static_cast<long long>(index),
                   tensors_.size());
    }
    return tensors_[static_cast<size_t>(index)];
  }

  Status ReadGraph(const fb::Graph& from, Graph& graph, int depth) {
    if (depth >= kMaxGraphDepth)
      return Error(Code::kLimitExceeded, "graphs stand in each other more than %d deep", kMaxGraphDepth);
    WHET_ASSIGN_OR_RETURN(std::string name, Text(from.name()));
    graph.set_name(std::move(name));
    const size_t first = values_.size();
    for (uint32_t i = 0; from.inputs() != nullptr && i < from.inputs()->size(); ++i) {
      const fb::Value& input = *from.inputs()->Get(i);
      WHET_ASSIGN_OR_RETURN(std::string input_name, ReadName(input, graph));
      WHET_ASSIGN_OR_RETURN(Type type, ReadType(input.type()));
      values_.push_back(graph.AddInput(std::move(input_name), std::move(type)));
    }
    for (uint32_t i = 0; from.constants() != nullptr && i < from.constants()->size(); ++i) {
      const fb::Value& constant = *from.constants()->Get(i);
      WHET_ASSIGN_OR_RETURN(std::string constant_name, ReadName(constant, graph));
      WHET_ASSIGN_OR_RETURN(auto tensor, TensorAt(constant.tensor()));
      values_.push_back(graph.AddConstant(std::move(constant_name), std::move(tensor)));
    }
    for (uint32_t i = 0; from.nodes() != nullptr && i < from.nodes()->size(); ++i) {
      const fb::Node& node = *from.nodes()->Get(i);
      WHET_ASSIGN_OR_RETURN(const std::string node_name, NextName(node.name()));
      Status status = ReadNode(node, node_name, graph, depth);
      if (!status.ok()) return std::move(status).At("node '" + node_name + "'");
    }
    for (uint32_t i = 0; from.outputs() != nullptr && i < from.outputs()->size(); ++i) {
      WHET_RETURN_IF_ERROR(Spend(sizeof(uint32_t)));
      WHET_ASSIGN_OR_RETURN(Value * output, ValueAt(from.outputs()->Get(i)));
      graph.AddOutput(output);
    }
    // What stands in a subgraph can't be read outside of it.
    if (depth > 0) std::fill(values_.begin() + static_cast<ptrdiff_t>(first), values_.end(), nullptr);
    return {};
  }

  Status ReadNode(const fb::Node& from, const std::string& name, Graph& graph, int depth) {
    WHET_ASSIGN_OR_RETURN(const std::string op, Text(from.op()));
    const OpDef* def = FindOp(op);
    if (def == nullptr || def->infer == nullptr) {
      return Error(Code::kUnsupported, "operator '%s' is not known: the file is from another version of Whet",
                   op.c_str());
    }
    std::vector<Value*> inputs;
    for (uint32_t i = 0; from.inputs() != nullptr && i < from.inputs()->size(); ++i) {
      WHET_RETURN_IF_ERROR(Spend(sizeof(int32_t)));
      const int32_t number = from.inputs()->Get(i);
      if (number == -1) {
        inputs.push_back(nullptr);
        continue;
      }
      WHET_ASSIGN_OR_RETURN(Value * input, ValueAt(number));
      inputs.push_back(input);
    }
    const uint32_t subgraph_count = from.subgraphs() ? from.subgraphs()->size() : 0;
    const uint32_t output_count = from.outputs() ? from.outputs()->size() : 0;
    WHET_RETURN_IF_ERROR(CheckCounts(*def, inputs, output_count, subgraph_count));
    WHET_ASSIGN_OR_RETURN(Attributes attributes, ReadAttributes(from, *def));
    std::vector<std::unique_ptr<Graph>> subgraphs;
    for (uint32_t i = 0; i < subgraph_count; ++i) {
      subgraphs.push_back(std::make_unique<Graph>("", &graph));
      WHET_RETURN_IF_ERROR(ReadGraph(*from.subgraphs()->Get(i), *subgraphs.back(), depth + 1));
    }
    std::vector<std::string> output_names;
    std::vector<Type> types;
    for (uint32_t i = 0; i < output_count; ++i) {
      const fb::Value& output = *from.outputs()->Get(i);
      WHET_ASSIGN_OR_RETURN(std::string output_name, ReadName(output, graph));
      WHET_ASSIGN_OR_RETURN(Type type, ReadType(output.type()));
      output_names.push_back(std::move(output_name));
      types.push_back(std::move(type));
    }
    Node* node = graph.AddNode(*def, name, inputs, output_names, std::move(attributes));
    node->subgraphs = std::move(subgraphs);
    for (uint32_t i = 0; i < output_count; ++i) {
      Value* output = node->output(i);
      if (output->name() != output_names[i]) return Error(Code::kBadFile, "two of its outputs have one name");
      output->type = std::move(types[i]);
      values_.push_back(output);
    }
    return {};
  }

  static Status CheckCounts(const OpDef& def, std::span<Value* const> inputs, size_t outputs,
                            size_t subgraphs) {
    bool fits = inputs.size() >= static_cast<size_t>(def.min_inputs) &&
                outputs >= static_cast<size_t>(def.min_outputs) &&
                (def.max_inputs < 0 || inputs.size() <= static_cast<size_t>(def.max_inputs)) &&
                (def.max_outputs < 0 || outputs <= static_cast<size_t>(def.max_outputs)) &&
                subgraphs == static_cast<size_t>(def.subgraphs) &&
                (inputs.empty() || inputs.back() != nullptr);
    // Loop may do without its first two inputs; every other operator needs its first min_inputs.
    if (!(def.subgraphs > 0)) {
      for (size_t i = 0; fits && i < static_cast<size_t>(def.min_inputs); ++i) fits = inputs[i] != nullptr;
    }
    if (fits) return {};
    return Error(Code::kBadFile,
                 "operator %s has %zu inputs (or lacks one it needs), %zu outputs and %zu subgraphs",
                 std::string(def.name).c_str(), inputs.size(), outputs, subgraphs);
  }

  Result<Attributes> ReadAttributes(const fb::Node& node, const OpDef& def) {
    Attributes attributes;
    for (uint32_t i = 0; node.attributes() != nullptr && i < node.attributes()->size(); ++i) {
      const fb::Attribute& from = *node.attributes()->Get(i);
      WHET_ASSIGN_OR_RETURN(const std::string name, Text(from.name()));
      const auto* known = std::find_if(def.attributes.data(), def.attributes.data() + def.attributes.size(),
                                       [&](const AttributeDef& attribute) { return attribute.name == name; });
      const bool is_known = known != def.attributes.data() + def.attributes.size();
      if (!is_known || static_cast<uint8_t>(known->kind) != from.kind() || attributes.Has(name)) {
        return Error(Code::kBadFile,
                     "attribute '%s' is not one of %s, is of the wrong kind, or is there twice", name.c_str(),
                     std::string(def.name).c_str());
      }
      WHET_RETURN_IF_ERROR(ReadAttribute(from, name, known->kind, &attributes));
    }
    for (const AttributeDef& attribute : def.attributes) {
      if (attribute.required && !attributes.Has(attribute.name)) {
        return Error(Code::kBadFile, "attribute '%s' is missing", std::string(attribute.name).c_str());
      }
    }
    return attributes;
  }

  Status ReadAttribute(const fb::Attribute& from, const std::string& name, AttributeKind kind,
                       Attributes* to) {
    switch (kind) {
      case AttributeKind::kInt: to->Set(name, from.int_()); return {};
      case AttributeKind::kFloat: to->Set(name, from.float_()); return {};
      case AttributeKind::kString: {
        WHET_ASSIGN_OR_RETURN(std::string text, Text(from.string()));
        to->Set(name, std::move(text));
        return {};
      }
      case AttributeKind::kInts: {
        const auto* ints = from.ints();
        WHET_RETURN_IF_ERROR(Spend(ints ? ints->size() * sizeof(int64_t) : 0));
        to->Set(name, ElementsOf(ints));
        return {};
      }
      case AttributeKind::kFloats: {
        const auto* floats = from.floats();
        WHET_RETURN_IF_ERROR(Spend(floats ? floats->size() * sizeof(double) : 0));
        to->Set(name, ElementsOf(floats));
        return {};
      }
      case AttributeKind::kStrings: {
        std::vector<std::string> strings;
        for (uint32_t i = 0; from.strings() != nullptr && i < from.strings()->size(); ++i) {
          WHET_RETURN_IF_ERROR(Spend(sizeof(uint32_t)));
          WHET_ASSIGN_OR_RETURN(std::string text, Text(from.strings()->Get(i)));
          strings.push_back(std::move(text));
        }
        to->Set(name, std::move(strings));
        return {};
      }
    }
    return Error(Code::kBadFile, "attribute '%s' is of no kind", name.c_str());
  }

  Status ReadStates(Graph& graph) {
    for (uint32_t i = 0; model_.states() != nullptr && i < model_.states()->size(); ++i) {
      const fb::State& from = *model_.states()->Get(i);
      State state{};
      WHET_ASSIGN_OR_RETURN(state.name, Text(from.name()));
      WHET_ASSIGN_OR_RETURN(state.input, ValueAt(from.input()));
      WHET_ASSIGN_OR_RETURN(state.output, ValueAt(from.output()));
      if (from.initial() != -1) {
        WHET_ASSIGN_OR_RETURN(state.initial, TensorAt(from.initial()));
      }
      const bool initial_fits = state.initial == nullptr || state.initial->dtype() == state.input->type.dtype;
      if (!state.input->IsGraphInput() || state.input->type.dtype != state.output->type.dtype ||
          !initial_fits) {
        return Error(Code::kBadFile, "state '%s' is not an input, or its types differ", state.name.c_str());
      }
      graph.states.push_back(std::move(state));
    }
    return {};
  }

  const fb::Model& model_;
  const Parts& parts_;
  std::shared_ptr<const void> owner_;
  uint64_t budget_;
  uint64_t product_budget_;
  std::vector<std::shared_ptr<const Constant>> tensors_;
  std::vector<bool> is_product_;
  std::string_view names_;      // those still to come
  std::vector<Value*> values_;  // by number; null once out of reach
};

Result<Model> Open(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  if (reinterpret_cast<uintptr_t>(bytes.data()) % kTensorAlignment != 0) {
    return Error(Code::kInvalidArgument, "a Model file in memory must stand at a multiple of %llu",
                 static_cast<unsigned long long>(kTensorAlignment));
  }
  WHET_ASSIGN_OR_RETURN(const Parts parts, Split(bytes));
  WHET_ASSIGN_OR_RETURN(const fb::Model* index, VerifiedIndex(parts.index));
  IndexReader reader(*index, parts, std::move(owner));
  Model model;
  WHET_ASSIGN_OR_RETURN(model.graph, reader.Read());
  for (uint8_t byte : parts.header->index_sha256) model.id += Format("%02x", byte);
  return model;
}

}  // namespace

bool IsModelFile(std::span<const std::byte> bytes) {
  return bytes.size() >= sizeof(kModelMagic) &&
         std::memcmp(bytes.data(), kModelMagic, sizeof(kModelMagic)) == 0;
}

Result<Model> OpenModelBytes(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                             const std::string& name) {
  auto model = Open(bytes, std::move(owner));
  if (!model.ok()) return model.TakeStatus().At(name);
  return model;
}

Result<Model> OpenModel(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(MappedFile opened, MappedFile::Open(path));
  const auto file = std::make_shared<MappedFile>(std::move(opened));
  return OpenModelBytes(file->bytes(), file, path);
}

Status VerifyModelHashes(std::span<const std::byte> bytes, const std::string& name) {
  const auto check = [&]() -> Status {
    WHET_ASSIGN_OR_RETURN(const Model model, Open(bytes, nullptr));
    WHET_ASSIGN_OR_RETURN(const Parts parts, Split(bytes));
    const fb::Model& index = *fb::GetModel(parts.index.data());
    for (uint32_t i = 0; index.blobs() != nullptr && i < index.blobs()->size(); ++i) {
      const fb::Blob& blob = *index.blobs()->Get(i);
      const auto data = parts.tensors.subspan(blob.offset(), blob.size());
      const Sha256 hash = Sha256Of(data);
      if (std::memcmp(hash.data(), blob.sha256()->data(), hash.size()) != 0) {
        return Error(Code::kBadFile, "is damaged: tensor bytes %u of %u do not match their SHA-256", i,
                     index.blobs()->size());
      }
    }
    return {};
  };
  return check().At(name);
}

Status VerifyModelHashes(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  return VerifyModelHashes(file.bytes(), path);
}

}  // namespace whet
