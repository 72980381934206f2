// Files of one folder over HTTP: ETag with If-None-Match, one Range with If-Range, never anything outside
// the folder.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "fleet/http/server.h"

namespace whet::fleet {

// Immutable after Open; thread-safe. Opens files by walking from the folder's descriptor, one component at a
// time and never through a symbolic link, so no path leads out of it.
class ServedFolder {
 public:
  struct Options {
    std::string index;  // served for "" and for paths that end in '/'; empty: none
    // Value of Cache-Control for a path relative to the folder; empty function: none is sent.
    std::function<std::string(std::string_view path)> cache_control;
  };
  static Result<ServedFolder> Open(const std::string& folder, Options options);

  // `encoded_path` relative to the folder and still percent-encoded, as {path*} is. 404 for what is not a
  // regular file. A segment whose decoded form holds a slash is looked up as it was written: the fleet's
  // repository has "2.models%2Fdetector.json".
  HttpResponse Serve(const HttpRequest& request, std::string_view encoded_path) const;

 private:
  ServedFolder(std::shared_ptr<HttpFile> root, Options options)
      : root_(std::move(root)), options_(std::move(options)) {}
  std::shared_ptr<HttpFile> root_;
  Options options_;
};

// By the file's ending; "application/octet-stream" where it is not known.
std::string_view ContentTypeOf(std::string_view path);

}  // namespace whet::fleet
