#include "fleet/http/server_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

namespace whet::fleet {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kContentTypes = {{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
    {".webp", "image/webp"},
    {".jpg", "image/jpeg"},
    {".map", "application/json"},
}};

// What the segment is called on disk; empty if it cannot be a name.
std::string NameOf(std::string_view segment) {
  std::string name;
  if (!PercentDecode(segment, name)) return {};
  if (name.find('/') != std::string::npos) name = std::string(segment);
  if (name == "." || name == ".." || name.size() > 255) return {};
  return name;
}

std::shared_ptr<HttpFile> OpenBelow(const HttpFile& root, std::string_view path, std::string& decoded) {
  int folder = root.fd();
  std::shared_ptr<HttpFile> holder;
  while (true) {
    const size_t slash = path.find('/');
    const std::string name = NameOf(path.substr(0, slash));
    if (name.empty()) return nullptr;
    decoded += name;
    const bool last = slash == std::string_view::npos;
    // O_NONBLOCK: opening a pipe does not wait for its writer.
    const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY);
    const int fd = ::openat(folder, name.c_str(), flags);
    if (fd < 0) return nullptr;
    holder = std::make_shared<HttpFile>(fd);
    if (last) return holder;
    folder = fd;
    decoded += '/';
    path.remove_prefix(slash + 1);
  }
}

// Whether a list of ETags ("a", W/"b", *) names this one.
bool NamesEtag(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    std::string_view one = list.substr(0, comma);
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == etag || one == "*") return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

struct Range {
  uint64_t first = 0;
  uint64_t bytes = 0;
};

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

// RFC 9110, 14.2: one range. Several, another unit or nonsense is ignored (`ignored`), and the whole is sent;
// one that is beyond the end is nullopt, 416.
std::optional<Range> ParseRange(std::string_view header, uint64_t size, bool& ignored) {
  ignored = true;
  if (!header.starts_with("bytes=") || header.find(',') != std::string_view::npos) return std::nullopt;
  header.remove_prefix(6);
  const size_t dash = header.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view from = header.substr(0, dash);
  const std::string_view to = header.substr(dash + 1);
  if (from.empty()) {
    const auto suffix = Number(to);
    if (!suffix) return std::nullopt;
    ignored = false;
    if (*suffix == 0 || size == 0) return std::nullopt;
    const uint64_t bytes = std::min(*suffix, size);
    return Range{size - bytes, bytes};
  }
  const auto first = Number(from);
  if (!first) return std::nullopt;
  uint64_t last = size;
  if (!to.empty()) {
    const auto number = Number(to);
    if (!number || *number < *first) return std::nullopt;
    last = *number;
  }
  ignored = false;
  if (*first >= size) return std::nullopt;
  return Range{*first, std::min(last, size - 1) - *first + 1};
}

}  // namespace

std::string_view ContentTypeOf(std::string_view path) {
  for (const auto& [ending, type] : kContentTypes) {
    if (path.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

Result<ServedFolder> ServedFolder::Open(const std::string& folder, Options options) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return Error(errno == ENOENT ? Code::kNotFound : Code::kIo, "cannot open the folder: %s",
                 std::strerror(errno))
        .At(folder);
  }
  return ServedFolder(std::make_shared<HttpFile>(fd), std::move(options));
}

HttpResponse ServedFolder::Serve(const HttpRequest& request, std::string_view encoded_path) const {
  std::string path(encoded_path);
  if (path.empty() || path.ends_with('/')) {
    if (options_.index.empty()) return HttpError(404, "there is no such file");
    path += options_.index;
  }
  std::string decoded;
  const auto file = OpenBelow(*root_, path, decoded);
  struct stat info{};
  if (!file || ::fstat(file->fd(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return HttpError(404, "there is no such file");
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  // Files are replaced by rename: a new file is a new inode and a new time, to the nanosecond.
  const std::string etag = Format("\"%llx-%llx-%llx\"", static_cast<unsigned long long>(info.st_ino),
                                  static_cast<unsigned long long>(size),
                                  static_cast<unsigned long long>(info.st_mtim.tv_sec) * 1000000000ULL +
                                      static_cast<unsigned long long>(info.st_mtim.tv_nsec));
  HttpResponse response;
  response.content_type = ContentTypeOf(decoded);
  response.headers = {{"ETag", etag}, {"Accept-Ranges", "bytes"}};
  if (options_.cache_control) {
    if (std::string value = options_.cache_control(decoded); !value.empty()) {
      response.headers.emplace_back("Cache-Control", std::move(value));
    }
  }
  if (const auto known = request.Header("if-none-match"); !known.empty() && NamesEtag(known, etag)) {
    response.status = 304;
    return response;
  }
  response.file = file;
  response.file_bytes = size;
  const std::string_view header = request.Header("range");
  if (header.empty() || request.method != "GET") return response;
  if (const auto condition = request.Header("if-range"); !condition.empty() && condition != etag)
    return response;
  bool ignored = false;
  const auto range = ParseRange(header, size, ignored);
  if (ignored) return response;
  if (!range) {
    auto error = HttpError(416, "the range begins beyond the end of the file");
    error.headers.emplace_back("Content-Range",
                               Format("bytes */%llu", static_cast<unsigned long long>(size)));
    return error;
  }
  response.status = 206;
  response.file_offset = range->first;
  response.file_bytes = range->bytes;
  response.headers.emplace_back("Content-Range",
                                Format("bytes %llu-%llu/%llu", static_cast<unsigned long long>(range->first),
                                       static_cast<unsigned long long>(range->first + range->bytes - 1),
                                       static_cast<unsigned long long>(size)));
  return response;
}

}  // namespace whet::fleet
