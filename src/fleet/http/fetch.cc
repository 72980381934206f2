#include "fleet/http/fetch.h"

#define CURL_DISABLE_TYPECHECK  // its checks are macros around the functions' names
#include <curl/curl.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace whet::fleet {
namespace {

constexpr size_t kMaxErrorBody = 4096;

// libcurl is loaded when the first Fetcher is made: it brings some thirty libraries and 6 MB of memory along,
// which programs that only sometimes use the network (whet run, the agent between its polls) do not have to
// carry.
struct CurlApi {
  decltype(&::curl_global_init) global_init = nullptr;
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_easy_reset) easy_reset = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_perform) easy_perform = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_slist_append) slist_append = nullptr;
  decltype(&::curl_slist_free_all) slist_free_all = nullptr;
  std::string missing;  // why it cannot be used; empty if it can
};

template <typename Function>
void Find(void* library, const char* name, Function& function, std::string& missing) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (!function && missing.empty()) missing = std::string("libcurl has no ") + name;
}

// Stays loaded: libcurl's global state has no end before the process's.
const CurlApi& Api() {
  static const CurlApi kApi = [] {
    CurlApi api;
    void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      api.missing =
          "libcurl cannot be loaded (Debian's package libcurl4 has it): " + std::string(::dlerror());
      return api;
    }
    Find(library, "curl_global_init", api.global_init, api.missing);
    Find(library, "curl_easy_init", api.easy_init, api.missing);
    Find(library, "curl_easy_cleanup", api.easy_cleanup, api.missing);
    Find(library, "curl_easy_reset", api.easy_reset, api.missing);
    Find(library, "curl_easy_setopt", api.easy_setopt, api.missing);
    Find(library, "curl_easy_perform", api.easy_perform, api.missing);
    Find(library, "curl_easy_getinfo", api.easy_getinfo, api.missing);
    Find(library, "curl_easy_strerror", api.easy_strerror, api.missing);
    Find(library, "curl_slist_append", api.slist_append, api.missing);
    Find(library, "curl_slist_free_all", api.slist_free_all, api.missing);
    if (api.missing.empty() && api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
      api.missing = "libcurl does not start";
    return api;
  }();
  return kApi;
}

struct CurlDelete {
  void operator()(CURL* curl) const { Api().easy_cleanup(curl); }
};

struct SlistDelete {
  void operator()(curl_slist* list) const { Api().slist_free_all(list); }
};

// A line break in a header's name or value would let its author add headers.
bool IsHeaderText(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

std::string_view Trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

// The digits at the start of `text`; nothing if there are none or the number does not fit.
std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    const auto digit = static_cast<uint64_t>(text[digits] - '0');
    if (number > (std::numeric_limits<uint64_t>::max() - digit) / 10) return std::nullopt;
    number = number * 10 + digit;
  }
  if (digits == 0) return std::nullopt;
  return number;
}

// One request while it runs: what libcurl's callbacks fill in.
struct Transfer {
  const FetchRequest* request = nullptr;
  const FetchSink* sink = nullptr;
  const std::atomic<bool>* stop = nullptr;
  CURL* curl = nullptr;
  bool is_file = false;
  FetchResponse response;
  std::optional<uint64_t> range_first;  // of Content-Range
  uint64_t offset = 0;                  // of the next byte
  bool started = false;
  Status error;  // ours, which libcurl only knows as "the callback failed"

  // Settles, at the first byte, what the bytes are.
  Status Start() {
    started = true;
    long status = 0;
    Api().easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    if (is_file) response.status = request->first_byte > 0 ? 206 : 200;
    if (response.status != 206) return OkStatus();
    if (!is_file && range_first != request->first_byte) {
      return Error(Code::kIo, "the server answered with other bytes than those from %llu on",
                   static_cast<unsigned long long>(request->first_byte));
    }
    offset = request->first_byte;
    return OkStatus();
  }

  Status Take(std::span<const std::byte> bytes) {
    if (!started) WHET_RETURN_IF_ERROR(Start());
    if (response.status < 200 || response.status > 299) {
      const size_t room = kMaxErrorBody - std::min(kMaxErrorBody, response.error_body.size());
      const size_t taken = std::min(room, bytes.size());
      response.error_body.append(reinterpret_cast<const char*>(bytes.data()), taken);
      if (taken < bytes.size()) return Error(Code::kIo, "the message of an error is too long");
      return OkStatus();
    }
    if (bytes.size() > request->max_bytes - std::min(request->max_bytes, offset)) {
      return Error(Code::kLimitExceeded, "the server sends more than the %llu bytes that are allowed",
                   static_cast<unsigned long long>(request->max_bytes));
    }
    WHET_RETURN_IF_ERROR((*sink)(offset, bytes));
    offset += bytes.size();
    response.body_bytes += bytes.size();
    return OkStatus();
  }

  void Header(std::string_view line) {
    // A redirect's answer has headers of its own: only the last answer's count.
    if (line.starts_with("HTTP/")) {
      response = {};
      range_first.reset();
      return;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = Trimmed(line.substr(colon + 1));
    if (EqualIgnoringCase(name, "ETag")) response.etag = value;
    if (EqualIgnoringCase(name, "Content-Type")) response.content_type = value;
    if (EqualIgnoringCase(name, "Retry-After")) response.retry_after_s = ParseNumber(value).value_or(0);
    if (EqualIgnoringCase(name, "Content-Range") && value.starts_with("bytes ")) {
      range_first = ParseNumber(Trimmed(value.substr(6)));
    }
  }
};

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  transfer->error = transfer->Take(std::as_bytes(std::span(data, size * count)));
  return transfer->error.ok() ? size * count : 0;
}

size_t OnHeader(char* data, size_t size, size_t count, void* user) {
  static_cast<Transfer*>(user)->Header({data, size * count});
  return size * count;
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto* transfer = static_cast<const Transfer*>(user);
  return transfer->stop && transfer->stop->load(std::memory_order_relaxed) ? 1 : 0;
}

class CurlFetcher final : public Fetcher {
 public:
  CurlFetcher(FetchOptions options, CURL* curl) : options_(std::move(options)), curl_(curl) {}

  Result<FetchResponse> Fetch(const FetchRequest& request, const FetchSink& sink) override {
    auto response = Perform(request, sink);
    if (!response.ok()) return response.TakeStatus().At(HostOf(request.url));
    return response;
  }

 private:
  Result<std::unique_ptr<curl_slist, SlistDelete>> Headers(const FetchRequest& request) const {
    std::vector<std::pair<std::string, std::string>> all = request.headers;
    if (!request.if_none_match.empty()) all.emplace_back("If-None-Match", request.if_none_match);
    if (!request.bearer_token.empty()) all.emplace_back("Authorization", "Bearer " + request.bearer_token);
    if (request.body) {
      all.emplace_back("Content-Type", request.content_type);
      all.emplace_back("Expect", "");  // no pause to ask whether the body is wanted
    }
    std::unique_ptr<curl_slist, SlistDelete> list;
    for (const auto& [name, value] : all) {
      if (!IsHeaderText(name) || !IsHeaderText(value)) {
        return Error(Code::kInvalidArgument, "a header holds a line break");
      }
      const std::string line = name + ":" + (value.empty() ? "" : " " + value);
      curl_slist* longer = Api().slist_append(list.get(), line.c_str());
      if (!longer) return Error(Code::kOutOfMemory, "out of memory");
      (void)list.release();
      list.reset(longer);
    }
    return list;
  }

  Result<FetchResponse> Perform(const FetchRequest& request, const FetchSink& sink) {
    const bool is_https = request.url.starts_with("https://");
    const bool is_file = request.url.starts_with("file://");
    if (!is_https && !is_file && !request.url.starts_with("http://")) {
      return Error(Code::kInvalidArgument, "a URL must begin with http://, https:// or file://");
    }
    Transfer transfer;
    transfer.request = &request;
    transfer.sink = &sink;
    transfer.stop = options_.stop;
    transfer.curl = curl_.get();
    transfer.is_file = is_file;
    WHET_ASSIGN_OR_RETURN(const auto headers, Headers(request));

    CURL* curl = curl_.get();
    Api().easy_reset(curl);  // keeps connections, DNS cache and TLS sessions
    char reason[CURL_ERROR_SIZE] = "";
    Api().easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    Api().easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    Api().easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    Api().easy_setopt(curl, CURLOPT_PROTOCOLS_STR, is_file ? "file" : "http,https");
    Api().easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, is_https ? "https" : "http,https");
    Api().easy_setopt(curl, CURLOPT_FOLLOWLOCATION, is_file || request.body ? 0L : 1L);
    Api().easy_setopt(curl, CURLOPT_MAXREDIRS, static_cast<long>(options_.max_redirects));
    Api().easy_setopt(curl, CURLOPT_USERAGENT, options_.user_agent.c_str());
    Api().easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options_.connect_timeout_s));
    Api().easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(options_.total_timeout_s));
    Api().easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options_.low_speed_bytes_per_s));
    Api().easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options_.low_speed_s));
    if (!options_.ca_file.empty()) Api().easy_setopt(curl, CURLOPT_CAINFO, options_.ca_file.c_str());
    Api().easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    Api().easy_setopt(curl, CURLOPT_WRITEFUNCTION, &OnBody);
    Api().easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    if (!is_file) {
      Api().easy_setopt(curl, CURLOPT_HEADERFUNCTION, &OnHeader);
      Api().easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    }
    Api().easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &OnProgress);
    Api().easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
    Api().easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    const std::string range = std::to_string(request.first_byte) + "-";
    if (request.first_byte > 0) Api().easy_setopt(curl, CURLOPT_RANGE, range.c_str());
    if (request.body) {
      Api().easy_setopt(curl, CURLOPT_POST, 1L);
      Api().easy_setopt(curl, CURLOPT_POSTFIELDS, request.body->data());
      Api().easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
      if (request.put) Api().easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
    }

    const CURLcode code = Api().easy_perform(curl);
    if (!transfer.error.ok()) return std::move(transfer.error);
    if (is_file && code == CURLE_FILE_COULDNT_READ_FILE) {
      transfer.response.status = 404;
      return std::move(transfer.response);
    }
    if (code != CURLE_OK) return Failure(code, reason);
    if (!transfer.started) WHET_RETURN_IF_ERROR(transfer.Start());
    return std::move(transfer.response);
  }

  Status Failure(CURLcode code, const char* reason) const {
    switch (code) {
      case CURLE_ABORTED_BY_CALLBACK: return Error(Code::kIo, "stopped on request");
      case CURLE_OUT_OF_MEMORY: return Error(Code::kOutOfMemory, "out of memory");
      case CURLE_TOO_MANY_REDIRECTS:
        return Error(Code::kLimitExceeded, "more than %d redirects", options_.max_redirects);
      case CURLE_URL_MALFORMAT: return Error(Code::kInvalidArgument, "the URL is not well formed");
      case CURLE_OPERATION_TIMEDOUT:
        return Error(Code::kIo, "too slow: %s", reason[0] != '\0' ? reason : Api().easy_strerror(code));
      default: return Error(Code::kIo, "%s", reason[0] != '\0' ? reason : Api().easy_strerror(code));
    }
  }

  FetchOptions options_;
  std::unique_ptr<CURL, CurlDelete> curl_;
};

}  // namespace

Result<std::unique_ptr<Fetcher>> MakeFetcher(FetchOptions options) {
  if (!Api().missing.empty()) return Error(Code::kUnsupported, "%s", Api().missing.c_str());
  CURL* curl = Api().easy_init();
  if (!curl) return Error(Code::kOutOfMemory, "libcurl does not start: out of memory");
  return std::unique_ptr<Fetcher>(std::make_unique<CurlFetcher>(std::move(options), curl));
}

Status RequireSuccess(const FetchRequest& request, const FetchResponse& response) {
  if (response.status >= 200 && response.status <= 299) return OkStatus();
  const bool may_pass = response.status == 408 || response.status == 429 || response.status >= 500;
  const Code code = response.status == 404 ? Code::kNotFound : may_pass ? Code::kIo : Code::kInvalidArgument;
  // The server's words may hold anything: one line of printable characters of them.
  std::string said;
  for (const char c : response.error_body.substr(0, 300)) {
    said += c >= 0x20 && c != 0x7f ? c : ' ';
  }
  return Error(code, "the server answered with HTTP status %d%s%s", response.status, said.empty() ? "" : ": ",
               said.c_str())
      .At(HostOf(request.url));
}

Result<std::string> FetchText(Fetcher& fetcher, const FetchRequest& request) {
  std::string text;
  const FetchSink sink = [&text](uint64_t, std::span<const std::byte> bytes) {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return OkStatus();
  };
  WHET_ASSIGN_OR_RETURN(const FetchResponse response, fetcher.Fetch(request, sink));
  WHET_RETURN_IF_ERROR(RequireSuccess(request, response));
  return text;
}

std::string HostOf(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return "URL without a host";
  if (url.starts_with("file://")) return std::string(url.substr(7));
  std::string_view host = url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  return std::string(host);
}

}  // namespace whet::fleet
