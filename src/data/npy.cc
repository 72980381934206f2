#include "data/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/file.h"

namespace whet::data {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct Descr {
  DType dtype;
  std::string_view text;
};
constexpr Descr kDescrs[] = {
    {DType::kF32, "f4"}, {DType::kF16, "f2"}, {DType::kBF16, "V2"}, {DType::kF64, "f8"}, {DType::kI8, "i1"},
    {DType::kU8, "u1"},  {DType::kI16, "i2"}, {DType::kU16, "u2"},  {DType::kI32, "i4"}, {DType::kU32, "u4"},
    {DType::kI64, "i8"}, {DType::kU64, "u8"}, {DType::kBool, "b1"}, {DType::kI4, "i1"},  {DType::kU4, "u1"},
};

struct Header {
  DType dtype = DType::kUndefined;
  bool swapped = false;
  bool fortran_order = false;
  Shape shape;
};

// Reads the one Python dictionary that the format allows: three keys with a string, a bool and a tuple.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  Result<Header> Parse() {
    Header header;
    bool has_descr = false, has_order = false, has_shape = false;
    if (!Take('{')) return Bad("does not begin with '{'");
    while (!Take('}')) {
      std::string_view key;
      if (!TakeString(&key) || !Take(':')) return Bad("is not a dictionary of quoted names");
      if (key == "descr") {
        std::string_view descr;
        if (!TakeString(&descr)) {
          return Error(Code::kUnsupported, "holds records of several fields; save one plain array per file");
        }
        WHET_RETURN_IF_ERROR(SetType(descr, &header));
        has_descr = true;
      } else if (key == "fortran_order") {
        if (!TakeBool(&header.fortran_order)) return Bad("has a fortran_order that is not True or False");
        has_order = true;
      } else if (key == "shape") {
        WHET_RETURN_IF_ERROR(TakeShape(&header.shape));
        has_shape = true;
      } else {
        return Bad("has a key other than descr, fortran_order and shape");
      }
      if (!Take(',')) {
        if (!Take('}')) return Bad("is not closed by '}'");
        break;
      }
    }
    SkipSpace();
    if (!text_.empty()) return Bad("goes on after its '}'");
    if (!has_descr || !has_order || !has_shape) return Bad("lacks one of descr, fortran_order and shape");
    return header;
  }

 private:
  static Status Bad(const char* what) { return Error(Code::kBadFile, "the .npy header %s", what); }

  void SkipSpace() {
    const size_t n = text_.find_first_not_of(" \t\r\n");
    text_.remove_prefix(n == std::string_view::npos ? text_.size() : n);
  }
  bool Take(char c) {
    SkipSpace();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool TakeString(std::string_view* value) {
    SkipSpace();
    if (text_.empty() || (text_.front() != '\'' && text_.front() != '"')) return false;
    const size_t end = text_.find(text_.front(), 1);
    if (end == std::string_view::npos) return false;
    *value = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return true;
  }
  bool TakeBool(bool* value) {
    SkipSpace();
    for (const auto& [word, meaning] : {std::pair{std::string_view("True"), true}, {"False", false}}) {
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      *value = meaning;
      return true;
    }
    return false;
  }
  Status TakeShape(Shape* shape) {
    if (!Take('(')) return Bad("has a shape that is not a tuple");
    while (!Take(')')) {
      SkipSpace();
      int64_t dim = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), dim);
      if (error != std::errc() || dim < 0)
        return Bad("has a dimension that is not a number from 0 to 2^63-1");
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      if (shape->rank() == kMaxRank) {
        return Error(Code::kUnsupported, "has more than %d dimensions, the most that a tensor can have",
                     kMaxRank);
      }
      shape->push_back(dim);
      if (!Take(',')) {
        if (!Take(')')) return Bad("has a shape that is not closed by ')'");
        break;
      }
    }
    return {};
  }
  static Status SetType(std::string_view descr, Header* header) {
    const std::string text(descr);
    if (!descr.empty() && std::string_view("<>|=").find(descr.front()) != std::string_view::npos) {
      header->swapped = descr.front() == '>';
      descr.remove_prefix(1);
    }
    for (const Descr& entry : kDescrs) {
      if (entry.text != descr) continue;
      header->dtype = entry.dtype;
      return {};
    }
    return Error(Code::kUnsupported, "has elements of type '%.16s'; numbers and booleans can be read",
                 text.c_str());
  }

  std::string_view text_;
};

void SwapBytes(std::span<std::byte> bytes, size_t width) {
  for (size_t i = 0; i + width <= bytes.size(); i += width) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + width));
  }
}

// Copies elements stored first-dimension-fastest into row-major order.
void CopyFortranOrder(std::span<const std::byte> from, const Shape& shape, size_t width,
                      std::span<std::byte> to) {
  int64_t stride[kMaxRank];
  int64_t next = 1;
  for (int d = 0; d < shape.rank(); ++d) {
    stride[d] = next;
    next *= shape[d];
  }
  int64_t index[kMaxRank] = {};
  int64_t source = 0;
  for (size_t i = 0; i < to.size(); i += width) {
    std::memcpy(&to[i], &from[static_cast<size_t>(source) * width], width);
    for (int d = shape.rank() - 1; d >= 0; --d) {
      source += stride[d];
      if (++index[d] < shape[d]) break;
      source -= stride[d] * shape[d];
      index[d] = 0;
    }
  }
}

}  // namespace

Result<Array> ParseNpy(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kMagic) || text.size() < 10) {
    return Error(Code::kBadFile, "is not a .npy file: it does not begin with \\x93NUMPY");
  }
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(text[i])); };
  const size_t version = byte(6);
  if (version < 1 || version > 3) {
    return Error(Code::kUnsupported, "is a .npy file of version %zu; versions 1 to 3 can be read", version);
  }
  size_t begin = 10;
  size_t length = byte(8) | byte(9) << 8;
  if (version >= 2) {
    begin = 12;
    if (text.size() < begin) return Error(Code::kBadFile, "ends within the .npy header");
    length |= byte(10) << 16 | byte(11) << 24;
  }
  if (length > text.size() - begin) {
    return Error(Code::kBadFile, "ends within the .npy header, which claims to be %zu bytes long", length);
  }
  WHET_ASSIGN_OR_RETURN(const Header header, HeaderParser(text.substr(begin, length)).Parse());

  // The claim is held against the file's own size before anything is allocated.
  const std::span<const std::byte> body = bytes.subspan(begin + length);
  const int64_t count = CheckedElementCount(header.shape.dims());
  const uint64_t needed = count < 0 ? 0 : BytesOf(header.dtype, static_cast<uint64_t>(count));
  if (count < 0 || needed > body.size()) {
    return Error(Code::kBadFile, "claims a shape of %s but holds only %zu bytes of elements",
                 header.shape.ToString().c_str(), body.size());
  }
  if (needed < body.size()) {
    return Error(Code::kBadFile, "holds %zu bytes after the elements of its shape %s",
                 body.size() - static_cast<size_t>(needed), header.shape.ToString().c_str());
  }
  WHET_ASSIGN_OR_RETURN(Array array, Array::Create(header.dtype, header.shape));
  const size_t width = static_cast<size_t>(BitsOf(header.dtype)) / 8;
  if (header.fortran_order && header.shape.rank() > 1) {
    CopyFortranOrder(body, header.shape, width, array.bytes());
  } else if (!array.bytes().empty()) {
    std::memcpy(array.bytes().data(), body.data(), array.bytes().size());
  }
  if (header.swapped && width > 1) SwapBytes(array.bytes(), width);
  if (header.dtype == DType::kBool) {
    for (uint8_t& value : array.as<uint8_t>()) value = value != 0 ? 1 : 0;
  }
  return array;
}

Result<Array> ReadNpy(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  Result<Array> array = ParseNpy(file.bytes());
  if (!array.ok()) return array.TakeStatus().At(path);
  return array;
}

std::string NpyHeader(DType dtype, const Shape& shape) {
  std::string_view descr = "V1";
  for (const Descr& entry : kDescrs) {
    if (entry.dtype == dtype) descr = entry.text;
  }
  std::string text = "{'descr': '";
  text += BitsOf(dtype) > 8 ? '<' : '|';
  text += descr;
  text += "', 'fortran_order': False, 'shape': (";
  for (int64_t dim : shape) {
    text += std::to_string(dim);
    text += shape.rank() == 1 ? "," : ", ";
  }
  if (shape.rank() > 1) text.resize(text.size() - 2);
  text += "), }";
  const size_t unpadded = kMagic.size() + 4 + text.size() + 1;
  text.append((64 - unpadded % 64) % 64, ' ');
  text += '\n';
  std::string header(kMagic);
  header += '\1';
  header += '\0';
  header += static_cast<char>(text.size() & 255);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

Status WriteNpy(const std::string& path, const TensorView& view) {
  if (BitsOf(view.dtype) == 4) {
    WHET_ASSIGN_OR_RETURN(const Array packed, Array::CopyOf(view));
    WHET_ASSIGN_OR_RETURN(const Array wide,
                          packed.ConvertTo(view.dtype == DType::kI4 ? DType::kI8 : DType::kU8));
    return WriteNpy(path, wide.view());
  }
  if (view.dtype == DType::kString) {
    return Error(Code::kUnsupported, "strings cannot be written to array files").At(path);
  }
  WHET_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  WHET_RETURN_IF_ERROR(file.Write(NpyHeader(view.dtype, view.shape)));
  WHET_RETURN_IF_ERROR(file.Write(std::span(view.as<const std::byte>(), view.bytes())));
  return file.Commit();
}

}  // namespace whet::data
