#include "cli/server_client.h"
#include "cli/arguments.h"
#include "fleet/json/nlohmann.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "fleet/json/json.h"
#include "fleet/tuf/names.h"
#include "fleet/tuf/store.h"

namespace whet::cli {
namespace {

using fleet::JsonMember;
using nlohmann::json;

constexpr uint64_t kMaxAnswer = uint64_t{64} << 20;
constexpr int kMaxDepth = 16;
constexpr size_t kMaxTokenBytes = 4096;
constexpr int kPageItems = 500;

std::string Text(const json& body) { return body.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace

std::string Shown(const json& object, const char* key) {
  const json& member = JsonMember(object, key);
  if (member.is_null()) return "-";
  std::string text = member.is_string() ? member.get<std::string>() : member.dump();
  std::ranges::replace_if(text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }, ' ');
  return text;
}

void ServerClient::Define(Arguments& args) {
  args.Add("--server", server_, "The server's address").Type("URL").Environment("WHET_SERVER");
  args.Add("--token-file", token_file_, "File with the token; else it is taken from WHET_TOKEN")
      .Type("FILE")
      .ExistingFile();
  args.Add("--ca-file", ca_file_, "Certificate authorities in PEM, if not the system's")
      .Type("FILE")
      .ExistingFile();
}

Status ServerClient::Connect() {
  if (server_.empty()) {
    return Error(Code::kInvalidArgument, "no server is named: give --server or set WHET_SERVER");
  }
  while (server_.ends_with('/')) server_.pop_back();
  if (!token_file_.empty()) {
    WHET_ASSIGN_OR_RETURN(token_, fleet::ReadSmallFile(token_file_, kMaxTokenBytes));
    while (!token_.empty() && (token_.back() == '\n' || token_.back() == '\r' || token_.back() == ' '))
      token_.pop_back();
  } else if (const char* token = std::getenv("WHET_TOKEN")) {
    token_ = token;
  }
  if (token_.empty()) {
    return Error(Code::kInvalidArgument, "there is no token: give --token-file or set WHET_TOKEN");
  }
  fleet::FetchOptions options;
  options.total_timeout_s = 60;
  options.ca_file = ca_file_;
  WHET_ASSIGN_OR_RETURN(fetcher_, fleet::MakeFetcher(options));
  return {};
}

Result<json> ServerClient::Send(fleet::FetchRequest request, const std::string& path) {
  request.url = server_ + "/api/v1" + path;
  request.max_bytes = kMaxAnswer;
  request.bearer_token = token_;
  WHET_ASSIGN_OR_RETURN(const std::string text, fleet::FetchText(*fetcher_, request));
  return fleet::ParseJson(text, {kMaxAnswer, kMaxDepth}, "the server's answer");
}

Result<json> ServerClient::Get(const std::string& path) { return Send({}, path); }

Result<json> ServerClient::Post(const std::string& path, const json& body) {
  fleet::FetchRequest request;
  request.body = Text(body);
  return Send(std::move(request), path);
}

Result<json> ServerClient::Put(const std::string& path, const json& body) {
  fleet::FetchRequest request;
  request.body = Text(body);
  request.put = true;
  return Send(std::move(request), path);
}

Result<json> ServerClient::List(const std::string& path, const std::string& query, size_t most) {
  json items = json::array();
  std::string cursor;
  do {
    std::string page_path = path + Format("?limit=%d", kPageItems);
    if (!query.empty()) page_path += "&" + query;
    if (!cursor.empty()) page_path += "&cursor=" + fleet::PercentEncode(cursor);
    WHET_ASSIGN_OR_RETURN(const json page, Get(page_path));
    const json& list = JsonMember(page, "items");
    if (!list.is_array()) return Error(Code::kBadFile, "the server's answer is not a list");
    for (const json& item : list) {
      if (items.size() < most) items.push_back(item);
    }
    const json& next = JsonMember(page, "next");
    const std::string before = std::exchange(cursor, next.is_string() ? next.get<std::string>() : "");
    if (cursor == before) cursor.clear();
  } while (!cursor.empty() && items.size() < most);
  return items;
}

}  // namespace whet::cli
