// IDX files, the format of MNIST and Fashion-MNIST: big-endian arrays with a header of four bytes and a size
// per dimension (http://yann.lecun.com/exdb/mnist describes it).

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "data/gzip.h"
#include "measure/datasets/readers.h"

namespace whet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kImagesMark = "images-idx3";
constexpr std::string_view kLabelsMark = "labels-idx1";

DType TypeOf(std::byte code) {
  switch (std::to_integer<int>(code)) {
    case 0x08: return DType::kU8;
    case 0x09: return DType::kI8;
    case 0x0B: return DType::kI16;
    case 0x0C: return DType::kI32;
    case 0x0D: return DType::kF32;
    case 0x0E: return DType::kF64;
    default: return DType::kUndefined;
  }
}

// A compressed file is unpacked to a temporary file without a name and mapped from there, so that its size
// does not count against memory.
Result<MappedFile> Unpack(data::GzipReader* reader, std::span<const std::byte> head, uint64_t size) {
  std::error_code error;
  fs::path folder = fs::temp_directory_path(error);
  if (error) folder = "/tmp";
  std::string name = (folder / "whet-idx-XXXXXX").string();
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) {
    return Error(Code::kIo, "cannot make a temporary file to unpack into: %s", std::strerror(errno)).At(name);
  }
  ::unlink(name.c_str());
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};
  const auto write = [&](std::span<const std::byte> bytes) -> Status {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return Error(Code::kIo, "cannot unpack into %s: %s", folder.c_str(), std::strerror(errno));
      bytes = bytes.subspan(static_cast<size_t>(n));
    }
    return {};
  };
  WHET_RETURN_IF_ERROR(write(head));
  uint64_t done = head.size();
  std::vector<std::byte> block(size_t{1} << 18);
  while (true) {
    WHET_ASSIGN_OR_RETURN(const size_t got, reader->Read(block));
    done += got;
    if (got == 0 || done > size) break;
    WHET_RETURN_IF_ERROR(write(std::span(block).first(got)));
  }
  if (done != size) {
    return Error(Code::kBadFile, "unpacks to %s than the %llu bytes that its header announces",
                 done > size ? "more" : "less", static_cast<unsigned long long>(size));
  }
  return MappedFile::Open(Format("/proc/self/fd/%d", fd));
}

struct IdxFile {
  IdxHeader header;
  MappedFile file;

  int64_t count() const { return header.shape[0]; }
  // Bytes of one sample.
  size_t stride() const {
    return static_cast<size_t>((header.file_bytes() - header.data_offset) / static_cast<uint64_t>(count()));
  }
  std::span<const std::byte> At(size_t i) const {
    return file.bytes().subspan(header.data_offset + i * stride(), stride());
  }
};

Result<IdxFile> OpenFile(const std::string& path) {
  constexpr size_t kMaxHeader = 4 + 4 * kMaxRank;
  std::array<std::byte, kMaxHeader> head;
  WHET_ASSIGN_OR_RETURN(data::GzipReader reader, data::GzipReader::Open(path));
  WHET_ASSIGN_OR_RETURN(const size_t got, reader.Read(head));
  Result<IdxHeader> header = ParseIdxHeader(std::span(head).first(got));
  if (!header.ok()) return header.TakeStatus().At(path);
  if (header->shape.rank() == 0 || header->shape.elements() == 0) {
    return Error(Code::kBadFile, "holds no sample: its header says %s", header->shape.ToString().c_str())
        .At(path);
  }
  IdxFile idx;
  idx.header = *header;
  std::error_code error;
  const uint64_t on_disk = fs::file_size(path, error);
  if (error) return Error(Code::kIo, "cannot read the file's size: %s", error.message().c_str()).At(path);
  // Deflate cannot shrink further than 1032 times, so a header that announces more lies.
  if (idx.header.file_bytes() / 1032 > on_disk) {
    return Error(Code::kBadFile, "its header announces %s elements, which its %llu bytes cannot hold",
                 idx.header.shape.ToString().c_str(), static_cast<unsigned long long>(on_disk))
        .At(path);
  }
  WHET_ASSIGN_OR_RETURN(MappedFile raw, MappedFile::Open(path));
  const bool packed =
      raw.bytes().size() >= 2 && raw.bytes()[0] == std::byte{0x1f} && raw.bytes()[1] == std::byte{0x8b};
  if (packed) {
    Result<MappedFile> unpacked = Unpack(&reader, std::span(head).first(got), idx.header.file_bytes());
    if (!unpacked.ok()) {
      return unpacked.status().where().empty() ? unpacked.TakeStatus().At(path) : unpacked.TakeStatus();
    }
    idx.file = std::move(*unpacked);
  } else {
    idx.file = std::move(raw);
  }
  if (idx.file.bytes().size() != idx.header.file_bytes()) {
    return Error(Code::kBadFile, "has %zu bytes, but its header announces %s elements, which makes %llu",
                 idx.file.bytes().size(), idx.header.shape.ToString().c_str(),
                 static_cast<unsigned long long>(idx.header.file_bytes()))
        .At(path);
  }
  return idx;
}

// Big-endian to the machine's order.
void CopyElements(std::span<const std::byte> from, size_t element, std::span<std::byte> to) {
  std::memcpy(to.data(), from.data(), from.size());
  if constexpr (std::endian::native == std::endian::little) {
    for (size_t at = 0; element > 1 && at + element <= to.size(); at += element) {
      std::reverse(to.begin() + static_cast<std::ptrdiff_t>(at),
                   to.begin() + static_cast<std::ptrdiff_t>(at + element));
    }
  }
}

class IdxDataset final : public Dataset {
 public:
  IdxDataset(std::string path, IdxFile images, std::optional<IdxFile> labels)
      : path_(std::move(path)), images_(std::move(images)), labels_(std::move(labels)) {
    info_.format = "IDX";
    info_.truth = labels_ ? TruthKind::kClass : TruthKind::kNone;
  }

  const DatasetInfo& info() const override { return info_; }
  size_t size() const override { return static_cast<size_t>(images_.count()); }

  Result<Sample> Read(size_t i) const override {
    Sample sample;
    sample.name = Format("%s[%zu]", path_.c_str(), i);
    if (labels_) sample.label = std::to_integer<int>(labels_->At(i)[0]);
    const Shape& shape = images_.header.shape;
    const std::span<const std::byte> bytes = images_.At(i);
    const int64_t channels = shape.rank() == 4 ? shape[3] : 1;
    if (images_.header.dtype == DType::kU8 &&
        (shape.rank() == 3 || (shape.rank() == 4 && (channels == 1 || channels == 3)))) {
      Result<data::Image> image = data::Image::Create(
          static_cast<int>(std::min<int64_t>(shape[2], INT32_MAX)),
          static_cast<int>(std::min<int64_t>(shape[1], INT32_MAX)), static_cast<int>(channels));
      if (!image.ok()) return image.TakeStatus().At(sample.name);
      std::memcpy(image->pixels.data(), bytes.data(), bytes.size());
      sample.image = std::move(*image);
      return sample;
    }
    Result<data::Array> array = data::Array::Create(images_.header.dtype, Shape(shape.dims().subspan(1)));
    if (!array.ok()) return array.TakeStatus().At(sample.name);
    CopyElements(bytes, static_cast<size_t>(BitsOf(images_.header.dtype)) / 8, array->bytes());
    sample.arrays.push_back({"", std::move(*array)});
    return sample;
  }

 private:
  std::string path_;
  IdxFile images_;
  std::optional<IdxFile> labels_;
  DatasetInfo info_;
};

}  // namespace

Result<IdxHeader> ParseIdxHeader(std::span<const std::byte> head) {
  if (head.size() < 4 || head[0] != std::byte{0} || head[1] != std::byte{0}) {
    return Error(Code::kBadFile, "is not an IDX file: it does not begin with two zero bytes");
  }
  IdxHeader header;
  header.dtype = TypeOf(head[2]);
  if (header.dtype == DType::kUndefined) {
    return Error(Code::kBadFile, "is not an IDX file: 0x%02x is none of its element types",
                 std::to_integer<unsigned>(head[2]));
  }
  const auto rank = std::to_integer<size_t>(head[3]);
  if (rank > kMaxRank) {
    return Error(Code::kUnsupported, "has %zu dimensions; up to %d can be read", rank, kMaxRank);
  }
  header.data_offset = 4 + 4 * rank;
  if (head.size() < header.data_offset) return Error(Code::kBadFile, "ends within its header");
  for (size_t i = 0; i < rank; ++i) {
    int64_t dim = 0;
    for (size_t byte = 0; byte < 4; ++byte)
      dim = dim * 256 + std::to_integer<int64_t>(head[4 + 4 * i + byte]);
    header.shape.push_back(dim);
  }
  if (CheckedElementCount(header.shape.dims()) < 0) {
    return Error(Code::kBadFile, "its header announces an impossible size");
  }
  return header;
}

bool IsIdxImagesName(std::string_view file) {
  const size_t at = file.find(kImagesMark);
  // Files unpacked by hand are often called "images.idx3-ubyte".
  return at != std::string_view::npos || file.find("images.idx3") != std::string_view::npos;
}

Result<std::unique_ptr<Dataset>> OpenIdx(const std::string& images) {
  WHET_ASSIGN_OR_RETURN(IdxFile image_file, OpenFile(images));
  const fs::path path(images);
  std::string name = path.filename().string();
  std::optional<IdxFile> label_file;
  for (const auto& [mark, replacement] :
       {std::pair(kImagesMark, kLabelsMark),
        std::pair<std::string_view, std::string_view>("images.idx3", "labels.idx1")}) {
    const size_t at = name.find(mark);
    if (at == std::string::npos) continue;
    name.replace(at, mark.size(), replacement);
    break;
  }
  std::string labels = (path.parent_path() / name).string();
  std::error_code error;
  // One of the two may have been unpacked.
  if (!fs::exists(labels, error)) {
    labels = labels.ends_with(".gz") ? labels.substr(0, labels.size() - 3) : labels + ".gz";
  }
  if (labels != images && fs::exists(labels, error)) {
    WHET_ASSIGN_OR_RETURN(IdxFile opened, OpenFile(labels));
    if (opened.header.dtype != DType::kU8 || opened.header.shape.rank() != 1) {
      return Error(Code::kBadFile, "its labels are %s %s; a list of unsigned bytes is expected",
                   std::string(DTypeName(opened.header.dtype)).c_str(),
                   opened.header.shape.ToString().c_str())
          .At(labels);
    }
    if (opened.count() != image_file.count()) {
      return Error(Code::kBadFile, "has %lld labels for the %lld images of %s",
                   static_cast<long long>(opened.count()), static_cast<long long>(image_file.count()),
                   images.c_str())
          .At(labels);
    }
    label_file = std::move(opened);
  }
  return std::unique_ptr<Dataset>(
      std::make_unique<IdxDataset>(path.filename().string(), std::move(image_file), std::move(label_file)));
}

}  // namespace whet
