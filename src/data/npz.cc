#include "data/npz.h"

#include <zip.h>

#include <algorithm>
#include <memory>
#include <new>
#include <set>
#include <tuple>
#include <utility>

#include "base/file.h"
#include "data/npy.h"

namespace whet::data {
namespace {

// Deflate cannot shrink further than this, so an entry that claims more lies about its size.
constexpr uint64_t kMaxDeflateRatio = 1032;
constexpr uint64_t kMaxEntries = 65536;

struct CloseArchive {
  // Discard never writes; an archive that was to be written has been closed before.
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseEntry {
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};
struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;
using Source = std::unique_ptr<zip_source_t, FreeSource>;

class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  ~ZipError() { zip_error_fini(&error_); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  zip_error_t* get() { return &error_; }
  const char* text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_;
};

Result<Array> ReadEntry(zip_t* archive, zip_uint64_t index, uint64_t archive_size,
                        uint64_t* compressed_total) {
  zip_stat_t info;
  constexpr zip_uint64_t kNeeded = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  if (zip_stat_index(archive, index, 0, &info) != 0 || (info.valid & kNeeded) != kNeeded) {
    return Error(Code::kBadFile, "the archive does not say how large it is");
  }
  if ((info.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && info.encryption_method != ZIP_EM_NONE) {
    return Error(Code::kUnsupported, "is encrypted; save it without a password");
  }
  if (info.comp_method != ZIP_CM_STORE && info.comp_method != ZIP_CM_DEFLATE) {
    return Error(Code::kUnsupported,
                 "is compressed by zip method %u; stored and deflated entries can be read",
                 static_cast<unsigned>(info.comp_method));
  }
  // Entries may not share compressed bytes: a small archive could otherwise unfold one part many times.
  if (info.comp_size > archive_size - *compressed_total) {
    return Error(Code::kBadFile, "claims more compressed bytes than the archive has left");
  }
  *compressed_total += info.comp_size;
  const uint64_t possible =
      info.comp_method == ZIP_CM_STORE ? info.comp_size : info.comp_size * kMaxDeflateRatio + 64;
  if (info.size > possible) {
    return Error(Code::kBadFile, "claims %llu bytes, which its %llu compressed bytes cannot hold",
                 static_cast<unsigned long long>(info.size), static_cast<unsigned long long>(info.comp_size));
  }
  const std::unique_ptr<std::byte[]> bytes(new (std::nothrow) std::byte[info.size + 1]);
  if (bytes == nullptr) {
    return Error(Code::kOutOfMemory, "there is no memory for its %llu bytes",
                 static_cast<unsigned long long>(info.size));
  }
  const std::unique_ptr<zip_file_t, CloseEntry> entry(zip_fopen_index(archive, index, 0));
  if (entry == nullptr) return Error(Code::kBadFile, "cannot be unpacked: %s", zip_strerror(archive));
  // One byte more than claimed is asked for, so that an entry that is longer is noticed, and so that the end,
  // where the checksum is compared, is reached.
  uint64_t got = 0;
  while (got <= info.size) {
    const zip_int64_t n = zip_fread(entry.get(), bytes.get() + got, info.size + 1 - got);
    if (n < 0) {
      return Error(Code::kBadFile, "cannot be unpacked: %s", zip_file_strerror(entry.get()));
    }
    if (n == 0) break;
    got += static_cast<uint64_t>(n);
  }
  if (got != info.size) {
    return Error(Code::kBadFile, "unpacks to another size than the %llu bytes it claims",
                 static_cast<unsigned long long>(info.size));
  }
  return ParseNpy({bytes.get(), static_cast<size_t>(info.size)});
}

// What libzip wrote into the memory behind `source`.
Status CopyToFile(zip_source_t* source, AtomicFile* file) {
  if (zip_source_open(source) != 0) return Error(Code::kInternal, "the finished archive cannot be read back");
  constexpr size_t kBlock = size_t{1} << 20;
  const std::unique_ptr<std::byte[]> block(new (std::nothrow) std::byte[kBlock]);
  Status status;
  if (block == nullptr) status = Error(Code::kOutOfMemory, "there is no memory to write the archive");
  while (status.ok()) {
    const zip_int64_t n = zip_source_read(source, block.get(), kBlock);
    if (n < 0) status = Error(Code::kInternal, "the finished archive cannot be read back");
    if (n <= 0) break;
    status = file->Write(std::span(block.get(), static_cast<size_t>(n)));
  }
  zip_source_close(source);
  return status;
}

Status AddEntry(zip_t* archive, const std::string& name, std::span<const std::byte> bytes,
                NpzCompression compression) {
  zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
  if (source == nullptr) return Error(Code::kOutOfMemory, "%s", zip_strerror(archive));
  const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    return Error(Code::kInvalidArgument, "cannot be added to the archive: %s", zip_strerror(archive));
  }
  const auto entry = static_cast<zip_uint64_t>(index);
  const zip_int32_t method = compression == NpzCompression::kStored ? ZIP_CM_STORE : ZIP_CM_DEFLATE;
  // The zip format's first day, so that the same arrays give the same bytes.
  constexpr zip_uint16_t kFirstDay = 1 << 5 | 1;
  if (zip_set_file_compression(archive, entry, method, 0) != 0 ||
      zip_file_set_dostime(archive, entry, 0, kFirstDay, 0) != 0) {
    return Error(Code::kInternal, "%s", zip_strerror(archive));
  }
  return {};
}

}  // namespace

Result<std::vector<NamedArray>> ParseNpz(std::span<const std::byte> bytes) {
  // libzip takes no bytes at all for an archive without entries.
  if (bytes.empty()) return Error(Code::kBadFile, "is not an .npz (zip) file: it is empty");
  ZipError error;
  Source source(zip_source_buffer_create(bytes.data(), bytes.size(), 0, error.get()));
  if (source == nullptr) return Error(Code::kOutOfMemory, "%s", error.text());
  const Archive archive(zip_open_from_source(source.get(), ZIP_RDONLY | ZIP_CHECKCONS, error.get()));
  if (archive == nullptr) return Error(Code::kBadFile, "is not an .npz (zip) file: %s", error.text());
  std::ignore = source.release();  // now the archive's

  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  if (count < 0 || static_cast<uint64_t>(count) > kMaxEntries) {
    return Error(Code::kLimitExceeded, "holds more than %llu entries",
                 static_cast<unsigned long long>(kMaxEntries));
  }
  std::vector<NamedArray> arrays;
  std::set<std::string> names;
  uint64_t compressed_total = 0;
  for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(count); ++i) {
    const char* raw = zip_get_name(archive.get(), i, 0);
    if (raw == nullptr) return Error(Code::kBadFile, "has an entry without a name");
    std::string name(raw);
    Result<Array> array = ReadEntry(archive.get(), i, bytes.size(), &compressed_total);
    if (!array.ok()) return array.TakeStatus().At("entry '" + name + "'");
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    if (!names.insert(name).second) {
      return Error(Code::kBadFile, "holds two arrays of the name '%s'", name.c_str());
    }
    arrays.push_back({std::move(name), std::move(*array)});
  }
  return arrays;
}

Result<std::vector<NamedArray>> ReadNpz(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  Result<std::vector<NamedArray>> arrays = ParseNpz(file.bytes());
  if (!arrays.ok()) return arrays.TakeStatus().At(path);
  return arrays;
}

Status WriteNpz(const std::string& path, std::span<const NamedView> arrays, NpzCompression compression) {
  WHET_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  ZipError error;
  const Source memory(zip_source_buffer_create(nullptr, 0, 0, error.get()));
  if (memory == nullptr) return Error(Code::kOutOfMemory, "%s", error.text()).At(path);
  zip_source_keep(memory.get());  // one reference for the archive, one to read it back
  Archive archive(zip_open_from_source(memory.get(), ZIP_CREATE | ZIP_TRUNCATE, error.get()));
  if (archive == nullptr) {
    zip_source_free(memory.get());
    return Error(Code::kInternal, "cannot begin the archive: %s", error.text()).At(path);
  }
  // libzip reads the entries when it closes the archive, so they must stay until then.
  std::vector<std::unique_ptr<std::byte[]>> entries;
  for (const NamedView& named : arrays) {
    const std::string place = path + ": array '" + named.name + "'";
    if (named.name.empty()) return Error(Code::kInvalidArgument, "an array has no name").At(path);
    if (named.view.dtype == DType::kString) {
      return Error(Code::kUnsupported, "strings cannot be written to array files").At(place);
    }
    Array wide;
    TensorView view = named.view;
    if (BitsOf(view.dtype) == 4) {
      WHET_ASSIGN_OR_RETURN(const Array packed, Array::CopyOf(view));
      WHET_ASSIGN_OR_RETURN(wide, packed.ConvertTo(view.dtype == DType::kI4 ? DType::kI8 : DType::kU8));
      view = wide.view();
    }
    const std::string header = NpyHeader(view.dtype, view.shape);
    const size_t size = header.size() + static_cast<size_t>(view.bytes());
    std::unique_ptr<std::byte[]> entry(new (std::nothrow) std::byte[size]);
    if (entry == nullptr) return Error(Code::kOutOfMemory, "there is no memory to write it").At(place);
    std::copy_n(reinterpret_cast<const std::byte*>(header.data()), header.size(), entry.get());
    std::copy_n(view.as<const std::byte>(), view.bytes(), entry.get() + header.size());
    if (Status status = AddEntry(archive.get(), named.name + ".npy", {entry.get(), size}, compression);
        !status.ok()) {
      return std::move(status).At(place);
    }
    entries.push_back(std::move(entry));
  }
  if (zip_close(archive.get()) != 0) {
    return Error(Code::kInternal, "cannot finish the archive: %s", zip_strerror(archive.get())).At(path);
  }
  std::ignore = archive.release();  // closing freed it
  // libzip writes no file at all for an archive without entries; this is the empty zip archive.
  if (arrays.empty()) {
    constexpr char kEmpty[22] = {'P', 'K', 5, 6};
    WHET_RETURN_IF_ERROR(file.Write(std::string_view(kEmpty, sizeof(kEmpty))));
  } else if (Status status = CopyToFile(memory.get(), &file); !status.ok()) {
    return std::move(status).At(path);
  }
  return file.Commit();
}

}  // namespace whet::data
