#include "import/onnx/tensor_reader.h"

#include <onnx/onnx_pb.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace whet {
namespace {

// Numbers of TensorProto.DataType that Debian's definitions do not name yet.
constexpr int kOnnxUint4 = 21;
constexpr int kOnnxInt4 = 22;

using ConstantPtr = std::shared_ptr<const Constant>;

Status CountError(uint64_t got, uint64_t wanted, const Shape& shape) {
  return Error(Code::kBadFile, "has %llu elements of data but its shape %s needs %llu",
               static_cast<unsigned long long>(got), shape.ToString().c_str(),
               static_cast<unsigned long long>(wanted));
}

// Refers to `data` where its alignment allows, else copies. Booleans become 0 or 1.
ConstantPtr Adopt(DType dtype, const Shape& shape, const void* data, std::shared_ptr<const void> owner) {
  const auto element = static_cast<uintptr_t>(std::max(1, BitsOf(dtype) / 8));
  const auto* bytes = static_cast<const uint8_t*>(data);
  const auto count = static_cast<size_t>(BytesOf(dtype, static_cast<uint64_t>(shape.elements())));
  if (dtype == DType::kBool) {
    for (size_t i = 0; i < count; ++i) {
      if (bytes[i] <= 1) continue;
      auto copy = Constant::Allocate(dtype, shape);
      auto* out = static_cast<uint8_t*>(copy->mutable_data());
      for (size_t k = 0; k < count; ++k) out[k] = bytes[k] != 0;
      return copy;
    }
  }
  if (reinterpret_cast<uintptr_t>(data) % element != 0) return Constant::Copy(dtype, shape, data);
  return Constant::Refer(dtype, shape, data, std::move(owner));
}

// Converts a typed field; `Stored` is the element's own type in memory.
template <typename Stored, typename Field>
Result<ConstantPtr> FromField(const Field& field, DType dtype, const Shape& shape, uint64_t wanted) {
  if (static_cast<uint64_t>(field.size()) != wanted)
    return CountError(static_cast<uint64_t>(field.size()), wanted, shape);
  auto constant = Constant::Allocate(dtype, shape);
  auto* out = static_cast<Stored*>(constant->mutable_data());
  for (int i = 0; i < field.size(); ++i) {
    if (dtype == DType::kBool) {
      out[i] = static_cast<Stored>(field[i] != 0);
    } else {
      out[i] = static_cast<Stored>(field[i]);
    }
  }
  return ConstantPtr(std::move(constant));
}

Result<ConstantPtr> FromStrings(const google::protobuf::RepeatedPtrField<std::string>& strings,
                                const Shape& shape, uint64_t wanted) {
  if (static_cast<uint64_t>(strings.size()) != wanted)
    return CountError(static_cast<uint64_t>(strings.size()), wanted, shape);
  const std::vector<std::string_view> views(strings.begin(), strings.end());
  return Constant::Strings(shape, views);
}

Result<ConstantPtr> FromTypedFields(const onnx::TensorProto& tensor, DType dtype, const Shape& shape) {
  const auto count = static_cast<uint64_t>(shape.elements());
  switch (dtype) {
    case DType::kF32: return FromField<float>(tensor.float_data(), dtype, shape, count);
    case DType::kF64: return FromField<double>(tensor.double_data(), dtype, shape, count);
    case DType::kI64: return FromField<int64_t>(tensor.int64_data(), dtype, shape, count);
    case DType::kU64: return FromField<uint64_t>(tensor.uint64_data(), dtype, shape, count);
    case DType::kU32: return FromField<uint32_t>(tensor.uint64_data(), dtype, shape, count);
    case DType::kI32: return FromField<int32_t>(tensor.int32_data(), dtype, shape, count);
    case DType::kI16:
    case DType::kU16:
    case DType::kF16:  // the bits, as an integer
    case DType::kBF16: return FromField<uint16_t>(tensor.int32_data(), dtype, shape, count);
    case DType::kI8:
    case DType::kU8:
    case DType::kBool: return FromField<uint8_t>(tensor.int32_data(), dtype, shape, count);
    case DType::kI4:
    case DType::kU4:  // each integer holds one byte of two elements
      return FromField<uint8_t>(tensor.int32_data(), dtype, shape, (count + 1) / 2);
    case DType::kString: return FromStrings(tensor.string_data(), shape, count);
    case DType::kUndefined: break;
  }
  return Error(Code::kInternal, "a tensor without a type");
}

// False if it is not a plain decimal number.
bool ParseNumber(const std::string& text, uint64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

DType DTypeOfOnnx(int data_type) {
  switch (data_type) {
    case onnx::TensorProto::FLOAT: return DType::kF32;
    case onnx::TensorProto::UINT8: return DType::kU8;
    case onnx::TensorProto::INT8: return DType::kI8;
    case onnx::TensorProto::UINT16: return DType::kU16;
    case onnx::TensorProto::INT16: return DType::kI16;
    case onnx::TensorProto::INT32: return DType::kI32;
    case onnx::TensorProto::INT64: return DType::kI64;
    case onnx::TensorProto::BOOL: return DType::kBool;
    case onnx::TensorProto::FLOAT16: return DType::kF16;
    case onnx::TensorProto::DOUBLE: return DType::kF64;
    case onnx::TensorProto::UINT32: return DType::kU32;
    case onnx::TensorProto::UINT64: return DType::kU64;
    case onnx::TensorProto::BFLOAT16: return DType::kBF16;
    case onnx::TensorProto::STRING: return DType::kString;
    case kOnnxUint4: return DType::kU4;
    case kOnnxInt4: return DType::kI4;
    default: return DType::kUndefined;
  }
}

std::string OnnxTypeName(int data_type) {
  if (const DType dtype = DTypeOfOnnx(data_type); dtype != DType::kUndefined) {
    return std::string(DTypeName(dtype));
  }
  switch (data_type) {
    case onnx::TensorProto::COMPLEX64: return "complex64";
    case onnx::TensorProto::COMPLEX128: return "complex128";
    case 17:
    case 18:
    case 19:
    case 20:
    case 24: return "8-bit float";
    case 23: return "4-bit float";
    default: return "unknown (number " + std::to_string(data_type) + ")";
  }
}

Result<ConstantPtr> OnnxTensorReader::Take(onnx::TensorProto& tensor) {
  const DType dtype = DTypeOfOnnx(tensor.data_type());
  if (dtype == DType::kUndefined) {
    return Error(Code::kUnsupported, "a tensor of element type %s", OnnxTypeName(tensor.data_type()).c_str());
  }
  if (tensor.has_segment()) return Error(Code::kUnsupported, "a tensor stored in segments");
  if (tensor.dims_size() > kMaxRank) {
    return Error(Code::kUnsupported, "a tensor of %d dimensions; at most %d are supported",
                 tensor.dims_size(), kMaxRank);
  }
  const std::span<const int64_t> dims(tensor.dims().data(), static_cast<size_t>(tensor.dims_size()));
  if (CheckedElementCount(dims) < 0) {
    return Error(Code::kBadFile, "its dimensions are negative or their product is too large");
  }
  const Shape shape(dims);
  const bool external = tensor.data_location() == onnx::TensorProto::EXTERNAL;
  if (dtype == DType::kString && (external || tensor.has_raw_data())) {
    return Error(Code::kBadFile, "is of strings, which can only be in string_data");
  }
  if (external) return External(tensor, dtype, shape);
  if (!tensor.has_raw_data()) return FromTypedFields(tensor, dtype, shape);

  const uint64_t bytes = BytesOf(dtype, static_cast<uint64_t>(shape.elements()));
  if (tensor.raw_data().size() != bytes) {
    return Error(Code::kBadFile, "has %zu bytes of data but %s of %s takes %llu", tensor.raw_data().size(),
                 std::string(DTypeName(dtype)).c_str(), shape.ToString().c_str(),
                 static_cast<unsigned long long>(bytes));
  }
  const std::shared_ptr<const std::string> owner(tensor.release_raw_data());
  return Adopt(dtype, shape, owner->data(), owner);
}

Result<std::shared_ptr<const MappedFile>> OnnxTensorReader::OpenExternal(const std::string& location) {
  if (const auto it = files_.find(location); it != files_.end()) return it->second;
  namespace fs = std::filesystem;
  if (folder_.empty()) {
    return Error(Code::kUnsupported,
                 "its data is in the file '%s', which a model read from memory cannot reach; "
                 "open the model by its path",
                 location.c_str());
  }
  const fs::path relative(location);
  bool confined = !location.empty() && location.find('\0') == std::string::npos && relative.is_relative();
  for (const fs::path& part : relative) confined = confined && part != "..";
  std::error_code error;
  const fs::path root = fs::canonical(folder_, error);
  fs::path file;
  if (confined && !error) {
    file = fs::canonical(root / relative, error);
    if (error) {
      return Error(Code::kNotFound,
                   "its data should be in the file '%s' beside the model, which cannot be opened (%s); "
                   "put it there",
                   location.c_str(), error.message().c_str());
    }
    // Symbolic links that lead out of the folder count as outside.
    const auto [end, rest] = std::mismatch(root.begin(), root.end(), file.begin(), file.end());
    confined = end == root.end();
  }
  if (!confined || error) {
    return Error(Code::kBadFile,
                 "its data is said to be in '%s', which is not inside the model's own folder; "
                 "Whet reads external data from there only",
                 location.c_str());
  }
  if (!fs::is_regular_file(file, error)) {
    return Error(Code::kBadFile, "its data is said to be in '%s', which is not a regular file",
                 location.c_str());
  }
  WHET_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::Open(file.string()));
  auto shared = std::make_shared<const MappedFile>(std::move(mapped));
  files_.emplace(location, shared);
  return std::shared_ptr<const MappedFile>(shared);
}

Result<ConstantPtr> OnnxTensorReader::External(const onnx::TensorProto& tensor, DType dtype,
                                               const Shape& shape) {
  std::string location;
  uint64_t offset = 0;
  uint64_t length = 0;
  bool has_length = false;
  for (const auto& entry : tensor.external_data()) {
    bool good = true;
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") good = ParseNumber(entry.value(), &offset);
    if (entry.key() == "length") {
      good = ParseNumber(entry.value(), &length);
      has_length = good;
    }
    if (!good) {
      return Error(Code::kBadFile, "the %s of its external data is '%s', which is not a number",
                   entry.key().c_str(), entry.value().c_str());
    }
  }
  const uint64_t bytes = BytesOf(dtype, static_cast<uint64_t>(shape.elements()));
  if (has_length && length != bytes) {
    return Error(Code::kBadFile, "its external data is %llu bytes long but %s of %s takes %llu",
                 static_cast<unsigned long long>(length), std::string(DTypeName(dtype)).c_str(),
                 shape.ToString().c_str(), static_cast<unsigned long long>(bytes));
  }
  WHET_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, OpenExternal(location));
  const auto mapped = file->bytes();
  if (offset > mapped.size() || bytes > mapped.size() - offset) {
    return Error(Code::kBadFile,
                 "its external data is at bytes %llu to %llu of '%s', which has only %zu; the file is "
                 "damaged or belongs to another model",
                 static_cast<unsigned long long>(offset), static_cast<unsigned long long>(offset + bytes),
                 location.c_str(), mapped.size());
  }
  if (bytes == 0) return Constant::Copy(dtype, shape, nullptr);
  return Adopt(dtype, shape, mapped.data() + offset, file);
}

}  // namespace whet
