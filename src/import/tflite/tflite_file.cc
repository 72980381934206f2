#include "import/tflite/tflite_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tflite_schema_generated.h"

namespace whet {

namespace fb = tflite_fb;

namespace {

// A sparse tensor may take so many times the file's size when it is expanded, plus a small allowance: real
// ones are a third full or so; a file that claims far more is not a model.
constexpr uint64_t kMaxSparseExpansion = 64;
constexpr uint64_t kSparseAllowance = uint64_t{1} << 20;
// Likewise for what is copied (see Spend).
constexpr uint64_t kMaxCopies = 16;
constexpr uint64_t kCopyAllowance = uint64_t{1} << 20;

DType DTypeOf(fb::TensorType type) {
  switch (type) {
    case fb::TensorType::FLOAT32: return DType::kF32;
    case fb::TensorType::FLOAT16: return DType::kF16;
    case fb::TensorType::BFLOAT16: return DType::kBF16;
    case fb::TensorType::FLOAT64: return DType::kF64;
    case fb::TensorType::INT4: return DType::kI4;
    case fb::TensorType::INT8: return DType::kI8;
    case fb::TensorType::UINT8: return DType::kU8;
    case fb::TensorType::INT16: return DType::kI16;
    case fb::TensorType::UINT16: return DType::kU16;
    case fb::TensorType::INT32: return DType::kI32;
    case fb::TensorType::UINT32: return DType::kU32;
    case fb::TensorType::INT64: return DType::kI64;
    case fb::TensorType::UINT64: return DType::kU64;
    case fb::TensorType::BOOL: return DType::kBool;
    default: return DType::kUndefined;  // strings, complex numbers, handles of variables
  }
}

}  // namespace

Result<TfliteFile> TfliteFile::Parse(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  TfliteFile file;
  const bool aligned = reinterpret_cast<uintptr_t>(bytes.data()) % 16 == 0;
  if (owner == nullptr || !aligned) {
    const auto copy = Constant::Copy(DType::kU8, Shape{static_cast<int64_t>(bytes.size())},
                                     bytes.empty() ? nullptr : bytes.data());
    bytes = std::span(copy->view().as<const std::byte>(), bytes.size());
    owner = copy;
  }
  file.owner_ = std::move(owner);
  file.bytes_ = bytes;
  // FlatBuffers end within 2 GB; what a larger file holds beyond is tensor data.
  const size_t size = std::min<size_t>(bytes.size(), FLATBUFFERS_MAX_BUFFER_SIZE - 1);
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  if (size < 8 || !fb::ModelBufferHasIdentifier(data)) {
    return Error(Code::kBadFile, "is not a TFLite model: 'TFL3' does not stand at byte 4");
  }
  flatbuffers::Verifier verifier(data, size, /*max_depth=*/32, /*max_tables=*/4000000);
  if (!fb::VerifyModelBuffer(verifier)) {
    return Error(Code::kBadFile,
                 "is damaged: it is no well-formed FlatBuffer (an offset, size or alignment is wrong)");
  }
  file.model_ = fb::GetModel(data);
  if (file.model_->version() != 3) {
    return Error(Code::kUnsupported, "is a TFLite model of version %u; only version 3 is read",
                 file.model_->version());
  }
  if (file.model_->subgraphs() == nullptr || file.model_->subgraphs()->size() == 0) {
    return Error(Code::kBadFile, "has no subgraph");
  }
  return file;
}

Result<const fb::SubGraph*> TfliteFile::Subgraph(int64_t index) const {
  const auto& subgraphs = *model_->subgraphs();
  if (index < 0 || index >= subgraphs.size()) {
    return Error(Code::kBadFile, "refers to subgraph %lld, but the file has %u",
                 static_cast<long long>(index), subgraphs.size());
  }
  return subgraphs.Get(static_cast<uint32_t>(index));
}

Result<std::pair<std::string, int>> TfliteFile::OperatorName(const fb::Operator& op) const {
  const auto* codes = model_->operator_codes();
  if (codes == nullptr || op.opcode_index() >= codes->size()) {
    return Error(Code::kBadFile, "an operator refers to operator code %u, but the file has %u",
                 op.opcode_index(), codes ? codes->size() : 0);
  }
  const fb::OperatorCode& code = *codes->Get(op.opcode_index());
  const auto builtin = std::max<int>(code.deprecated_builtin_code(), static_cast<int>(code.builtin_code()));
  std::string name;
  if (static_cast<fb::BuiltinOperator>(builtin) == fb::BuiltinOperator::CUSTOM) {
    name = "CUSTOM:" + (code.custom_code() ? code.custom_code()->str() : std::string());
  } else {
    name = fb::EnumNameBuiltinOperator(static_cast<fb::BuiltinOperator>(builtin));
    if (name.empty()) name = "BUILTIN:" + std::to_string(builtin);
  }
  return std::pair(std::move(name), code.version());
}

Result<Type> TfliteFile::TypeOf(const fb::Tensor& tensor) {
  const DType dtype = DTypeOf(tensor.type());
  const auto* shape = tensor.shape();
  const auto* signature = tensor.shape_signature();
  const uint32_t rank = shape ? shape->size() : 0;
  if (signature != nullptr && signature->size() != rank) signature = nullptr;
  if (rank > static_cast<uint32_t>(kMaxRank)) {
    return Error(Code::kUnsupported, "has %u dimensions; at most %d are supported", rank, kMaxRank);
  }
  std::vector<Dim> dims;
  std::vector<int64_t> known;
  for (uint32_t i = 0; i < rank; ++i) {
    const int32_t size = signature ? signature->Get(i) : shape->Get(i);
    if (size < -1) return Error(Code::kBadFile, "dimension %u is %d", i, size);
    dims.push_back(size == -1 ? Dim() : Dim(size));
    if (size != -1) known.push_back(size);
  }
  if (CheckedElementCount(known) < 0) {
    return Error(Code::kBadFile, "the shape's product is larger than any tensor may be");
  }
  return Type(dtype, std::move(dims));
}

Result<std::span<const std::byte>> TfliteFile::Buffer(uint32_t index) const {
  const auto* buffers = model_->buffers();
  if (buffers == nullptr || index >= buffers->size()) {
    if (index == 0) return std::span<const std::byte>();
    return Error(Code::kBadFile, "refers to buffer %u, but the file has %u", index,
                 buffers ? buffers->size() : 0);
  }
  const fb::Buffer& buffer = *buffers->Get(index);
  if (buffer.offset() > 1) {
    if (buffer.offset() > bytes_.size() || buffer.size() > bytes_.size() - buffer.offset()) {
      return Error(Code::kBadFile, "buffer %u claims %llu bytes at %llu, but the file has %zu", index,
                   static_cast<unsigned long long>(buffer.size()),
                   static_cast<unsigned long long>(buffer.offset()), bytes_.size());
    }
    return bytes_.subspan(buffer.offset(), buffer.size());
  }
  if (buffer.data() == nullptr) return std::span<const std::byte>();
  return std::as_bytes(std::span(buffer.data()->data(), buffer.data()->size()));
}

Result<std::shared_ptr<const Constant>> TfliteFile::ConstantOf(const fb::Tensor& tensor) {
  WHET_ASSIGN_OR_RETURN(const auto bytes, Buffer(tensor.buffer()));
  if (bytes.empty()) return std::shared_ptr<const Constant>();
  const DType dtype = DTypeOf(tensor.type());
  if (dtype == DType::kUndefined) {
    return Error(Code::kUnsupported, "a constant of type %s", fb::EnumNameTensorType(tensor.type()));
  }
  const auto* dims = tensor.shape();
  if (dims != nullptr && dims->size() > static_cast<uint32_t>(kMaxRank)) {
    return Error(Code::kUnsupported, "has %u dimensions; at most %d are supported", dims->size(), kMaxRank);
  }
  Shape shape;
  for (uint32_t i = 0; dims != nullptr && i < dims->size(); ++i) shape.push_back(dims->Get(i));
  const int64_t elements = CheckedElementCount(shape.dims());
  if (elements < 0)
    return Error(Code::kBadFile, "the shape %s is not that of a tensor", shape.ToString().c_str());
  if (tensor.sparsity() != nullptr) return Expand(tensor, dtype, shape, bytes);
  const uint64_t needed = BytesOf(dtype, static_cast<uint64_t>(elements));
  if (needed != bytes.size()) {
    return Error(Code::kBadFile, "%s of %s needs %llu bytes, but its buffer %u has %zu",
                 std::string(DTypeName(dtype)).c_str(), shape.ToString().c_str(),
                 static_cast<unsigned long long>(needed), tensor.buffer(), bytes.size());
  }
  if (dtype == DType::kBool &&
      std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b > std::byte{1}; })) {
    return Error(Code::kBadFile, "a boolean that is neither 0 nor 1");
  }
  const auto alignment = static_cast<uintptr_t>(std::max(8, BitsOf(dtype)) / 8);
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignment == 0) {
    return Constant::Refer(dtype, shape, bytes.data(), owner_);
  }
  auto& copy = aligned_[{bytes.data(), bytes.size()}];
  if (copy == nullptr) {
    if (bytes.size() > bytes_.size() - aligned_bytes_) return Error(Code::kBadFile, "its buffers overlap");
    aligned_bytes_ += bytes.size();
    copy = Constant::Copy(DType::kU8, Shape{static_cast<int64_t>(bytes.size())}, bytes.data());
  }
  return Constant::Refer(dtype, shape, copy->view().data, copy);
}

Result<std::shared_ptr<const Constant>> TfliteFile::Expand(const fb::Tensor& tensor, DType dtype,
                                                           const Shape& shape,
                                                           std::span<const std::byte> bytes) {
  auto& cached = expanded_[&tensor];
  if (cached != nullptr) return cached;
  const uint64_t size = BytesOf(dtype, static_cast<uint64_t>(shape.elements()));
  const uint64_t limit = bytes_.size() * kMaxSparseExpansion + kSparseAllowance;
  if (size > limit - expanded_bytes_) {
    return Error(Code::kLimitExceeded,
                 "the file's sparse tensors take more than %llu bytes when expanded, %llu times its size",
                 static_cast<unsigned long long>(limit),
                 static_cast<unsigned long long>(kMaxSparseExpansion));
  }
  auto dense = Constant::Allocate(dtype, shape);
  auto* data = static_cast<std::byte*>(dense->mutable_data());
  std::memset(data, 0, size);
  WHET_RETURN_IF_ERROR(ExpandSparse(*tensor.sparsity(), dtype, shape, bytes, data));
  expanded_bytes_ += size;
  cached = std::move(dense);
  return cached;
}

Status TfliteFile::Spend(uint64_t bytes) {
  spent_ += bytes;
  if (spent_ <= bytes_.size() * kMaxCopies + kCopyAllowance) return {};
  return Error(Code::kLimitExceeded, "unfolds to more than %llu times its size",
               static_cast<unsigned long long>(kMaxCopies));
}

Result<TfliteQuantization> TfliteFile::QuantizationOf(const fb::Tensor& tensor) {
  TfliteQuantization result;
  const auto* quantization = tensor.quantization();
  if (quantization == nullptr) return result;
  if (quantization->details_type() != fb::QuantizationDetails::NONE) {
    return Error(Code::kUnsupported, "is quantized in a way of its own (custom quantization)");
  }
  const auto* scales = quantization->scale();
  if (scales == nullptr || scales->size() == 0) return result;
  const auto* zero_points = quantization->zero_point();
  const auto* shape = tensor.shape();
  const uint32_t rank = shape ? shape->size() : 0;
  const uint32_t count = scales->size();
  WHET_RETURN_IF_ERROR(Spend(uint64_t{count} * (sizeof(float) + sizeof(int64_t))));
  if (count > 1) {
    const int32_t axis = quantization->quantized_dimension();
    if (axis < 0 || static_cast<uint32_t>(axis) >= rank ||
        shape->Get(static_cast<uint32_t>(axis)) != static_cast<int64_t>(count)) {
      return Error(Code::kBadFile, "has %u quantization scales, which do not fit its dimension %d", count,
                   axis);
    }
    result.axis = axis;
  }
  const uint32_t zero_count = zero_points ? zero_points->size() : 0;
  if (zero_count > 1 && zero_count != count) {
    return Error(Code::kBadFile, "has %u quantization scales but %u zero points", count, zero_count);
  }
  for (uint32_t i = 0; i < count; ++i) {
    const float scale = scales->Get(i);
    if (!std::isfinite(scale) || scale < 0) {
      return Error(Code::kBadFile, "has the quantization scale %g", static_cast<double>(scale));
    }
    result.scales.push_back(scale);
    result.zero_points.push_back(zero_count == 0 ? 0 : zero_points->Get(zero_count == 1 ? 0 : i));
  }
  return result;
}

}  // namespace whet
