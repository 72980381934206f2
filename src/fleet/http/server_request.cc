// What a request's bytes mean: percent-encoding, routes, gzip.

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "fleet/http/server_internal.h"

namespace whet::fleet {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view Lookup(const std::map<std::string, std::string, std::less<>>& map, std::string_view name) {
  const auto it = map.find(name);
  return it == map.end() ? std::string_view() : std::string_view(it->second);
}

std::string_view CodeOfStatus(int status) {
  switch (status) {
    case 400: return "bad-request";
    case 401: return "unauthorized";
    case 403: return "forbidden";
    case 404: return "not-found";
    case 405: return "method-not-allowed";
    case 408: return "timeout";
    case 409: return "conflict";
    case 413: return "too-large";
    case 415: return "unsupported-media-type";
    case 416: return "range-not-satisfiable";
    case 429: return "too-many-requests";
    case 503: return "unavailable";
    default: return status < 500 ? "bad-request" : "internal";
  }
}

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      // Messages are ASCII but for what they quote, which may be any bytes: shown as Latin-1.
      out += Format("\\u%04x", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

std::vector<std::string_view> Split(std::string_view path) {
  std::vector<std::string_view> segments;
  while (true) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool IsParameter(std::string_view segment) { return segment.starts_with('{') && segment.ends_with('}'); }
bool IsTail(std::string_view segment) { return IsParameter(segment) && segment.ends_with("*}"); }

}  // namespace

std::string_view HttpRequest::Header(std::string_view name) const { return Lookup(headers, name); }
std::string_view HttpRequest::Query(std::string_view name) const { return Lookup(query, name); }
std::string_view HttpRequest::PathParameter(std::string_view name) const {
  return Lookup(path_parameters, name);
}

HttpResponse HttpError(int status, std::string_view message) {
  HttpResponse response;
  response.status = status;
  response.body = R"({"error":{"code":)";
  AppendJsonString(response.body, CodeOfStatus(status));
  response.body += R"(,"message":)";
  AppendJsonString(response.body, message);
  response.body += "}}\n";
  return response;
}

bool PercentDecode(std::string_view text, std::string& decoded) {
  decoded.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return false;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return false;
    decoded += c;
  }
  return true;
}

Result<std::string> Gunzip(std::string_view bytes, size_t limit) {
  z_stream stream{};
  if (::inflateInit2(&stream, 15 + 16) != Z_OK) return Error(Code::kOutOfMemory, "no memory to undo gzip");
  struct End {
    z_stream* stream;
    ~End() { ::inflateEnd(stream); }
  } const end{&stream};
  std::string copy(bytes);  // zlib wants bytes that are not const
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  std::string out;
  char buffer[16384];
  while (true) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof(buffer);
    const int result = ::inflate(&stream, Z_NO_FLUSH);
    const size_t made = sizeof(buffer) - stream.avail_out;
    if (out.size() + made > limit) {
      return Error(Code::kLimitExceeded, "the body is larger than %zu bytes when its gzip is undone", limit);
    }
    out.append(buffer, made);
    if (result == Z_STREAM_END) {
      if (stream.avail_in == 0) return out;
      if (::inflateReset(&stream) != Z_OK) return Error(Code::kBadFile, "the body is not gzip");
    } else if (result != Z_OK || (made == 0 && stream.avail_in == 0)) {
      return Error(Code::kBadFile, "the body is not gzip, or ends too early");
    }
  }
}

namespace internal {

Result<Router> Router::Make(std::vector<HttpRoute> routes) {
  Router router;
  for (HttpRoute& route : routes) {
    Entry entry;
    if (!route.pattern.starts_with('/')) {
      return Error(Code::kInternal, "a route must begin with '/'").At(route.pattern);
    }
    for (const auto segment : Split(std::string_view(route.pattern).substr(1)))
      entry.segments.emplace_back(segment);
    for (size_t i = 0; i + 1 < entry.segments.size(); ++i) {
      if (IsTail(entry.segments[i])) {
        return Error(Code::kInternal, "only a route's last segment can be a tail").At(route.pattern);
      }
    }
    for (const Entry& other : router.entries_) {
      if (other.route.method == route.method && other.route.pattern == route.pattern) {
        return Error(Code::kInternal, "there are two routes for %s", route.method.c_str()).At(route.pattern);
      }
    }
    entry.route = std::move(route);
    router.entries_.push_back(std::move(entry));
  }
  // Segment by segment: fixed before parameter before tail.
  const auto rank = [](const std::string& segment) {
    return IsTail(segment) ? 2 : IsParameter(segment) ? 1 : 0;
  };
  std::ranges::stable_sort(router.entries_, [&](const Entry& a, const Entry& b) {
    for (size_t i = 0; i < std::min(a.segments.size(), b.segments.size()); ++i) {
      if (rank(a.segments[i]) != rank(b.segments[i])) return rank(a.segments[i]) < rank(b.segments[i]);
    }
    return a.segments.size() > b.segments.size();
  });
  return router;
}

Router::Match Router::Find(std::string_view method, std::string_view encoded_path,
                           HttpRequest& request) const {
  Match match;
  if (!encoded_path.starts_with('/')) return match;
  const auto segments = Split(encoded_path.substr(1));
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  std::map<std::string, std::string, std::less<>> parameters;
  std::string decoded;
  for (const Entry& entry : entries_) {
    parameters.clear();
    bool fits = true;
    size_t i = 0;
    for (; fits && i < entry.segments.size(); ++i) {
      const std::string& segment = entry.segments[i];
      if (IsTail(segment)) {
        fits = i < segments.size();
        if (fits) {
          parameters[segment.substr(1, segment.size() - 3)] =
              std::string(segments[i].data(), encoded_path.data() + encoded_path.size());
        }
        i = segments.size();
        break;
      }
      fits = i < segments.size() && PercentDecode(segments[i], decoded);
      if (!fits) break;
      if (IsParameter(segment)) {
        fits = !decoded.empty();
        parameters[segment.substr(1, segment.size() - 2)] = decoded;
      } else {
        fits = decoded == segment;
      }
    }
    if (!fits || i != segments.size()) continue;
    // A tail that holds other routes' paths too does not make their methods its own.
    if (entry.route.method == wanted) {
      request.path_parameters = std::move(parameters);
      match.route = &entry.route;
      return match;
    }
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += entry.route.method == "GET" ? "GET, HEAD" : entry.route.method;
  }
  return match;
}

}  // namespace internal
}  // namespace whet::fleet
