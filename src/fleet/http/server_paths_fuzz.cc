// What a client may say of a path: method, path, Range and If-None-Match, each a line, and then a body as
// gzip. Routes with the shapes of the server's and a folder of files; nothing beside the folder may ever be
// served.
#include <stdlib.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "fleet/http/server_files.h"
#include "fleet/http/server_internal.h"

namespace {

using namespace whet::fleet;

constexpr uint64_t kFileBytes = 100;
constexpr size_t kMaxBody = 1 << 16;

// A folder "served" with two files, and "secret" beside it; removed when the program ends.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/whet_fuzz_XXXXXX";
    path_ = ::mkdtemp(name);
    std::filesystem::create_directories(path_ + "/served/metadata");
    std::ofstream(path_ + "/served/index.html") << std::string(kFileBytes, 'i');
    std::ofstream(path_ + "/served/metadata/2.models%2Fa.json") << std::string(kFileBytes, 'm');
    std::ofstream(path_ + "/secret") << std::string(kFileBytes + 1, 's');
    std::filesystem::create_symlink(path_ + "/secret", path_ + "/served/link");
    auto served = ServedFolder::Open(path_ + "/served", {.index = "index.html", .cache_control = {}});
    if (!served.ok()) __builtin_trap();
    served_ = std::make_unique<ServedFolder>(std::move(*served));
  }
  ~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const ServedFolder& served() const { return *served_; }

 private:
  std::string path_;
  std::unique_ptr<ServedFolder> served_;
};

const internal::Router& Routes() {
  static const auto router = [] {
    std::vector<HttpRoute> routes;
    for (const auto& [method, pattern] : {std::pair("GET", "/api/v1/rollouts"),
                                          {"POST", "/api/v1/rollouts"},
                                          {"GET", "/api/v1/rollouts/{id}"},
                                          {"POST", "/api/v1/rollouts/{id}/pause"},
                                          {"GET", "/api/v1/releases/{family}/{version}/diff"},
                                          {"GET", "/repo/{path*}"},
                                          {"GET", "/{path*}"}}) {
      HttpRoute route;
      route.method = method;
      route.pattern = pattern;
      routes.push_back(std::move(route));
    }
    return internal::Router::Make(std::move(routes));
  }();
  if (!router.ok()) __builtin_trap();
  return *router;
}

std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Folder folder;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  HttpRequest request;
  request.method = TakeLine(text);
  const std::string_view path = TakeLine(text);
  request.headers["range"] = TakeLine(text);
  request.headers["if-none-match"] = TakeLine(text);

  const auto match = Routes().Find(request.method, path, request);
  if (match.route != nullptr) {
    for (const auto& [name, value] : request.path_parameters) {
      if (name != "path" && (value.empty() || value.find('\0') != std::string::npos)) __builtin_trap();
    }
    const HttpResponse answer = folder.served().Serve(request, request.PathParameter("path"));
    if (answer.file != nullptr) {
      const auto all = ::lseek(answer.file->fd(), 0, SEEK_END);
      if (all != static_cast<off_t>(kFileBytes)) __builtin_trap();  // the secret has another size
      if (answer.file_offset > kFileBytes || answer.file_bytes > kFileBytes - answer.file_offset)
        __builtin_trap();
    }
  }
  const auto body = Gunzip(text, kMaxBody);
  if (body.ok() && body->size() > kMaxBody) __builtin_trap();
  return 0;
}
