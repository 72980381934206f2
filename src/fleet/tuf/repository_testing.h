// For tests: a repository with keys of its own in a temporary folder, and a client of it whose network can be
// made to lie.
#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/hex.h"
#include "fleet/http/fetch.h"
#include "fleet/json/nlohmann.h"
#include "fleet/tuf/canonical_json.h"
#include "fleet/tuf/client.h"
#include "fleet/tuf/names.h"
#include "fleet/tuf/repository.h"
#include "fleet/tuf/store.h"

namespace whet::fleet::testing {

// Serves a repository's folder as http://repo/, except for what `lies` says.
class FolderFetcher final : public Fetcher {
 public:
  explicit FolderFetcher(std::string folder) : folder_(std::move(folder)) {}

  Result<FetchResponse> Fetch(const FetchRequest& request, const FetchSink& sink) override {
    const std::string path = request.url.substr(std::string("http://repo/").size());
    requests.push_back(path);
    FetchResponse response;
    std::string bytes;
    if (const auto lie = lies.find(path); lie != lies.end()) {
      bytes = lie->second;
    } else {
      auto text = ReadSmallFile(folder_ + "/" + Decoded(path), size_t{1} << 30);
      if (!text.ok()) {
        response.status = 404;
        return response;
      }
      bytes = std::move(*text);
    }
    response.etag = "\"" + Sha256Hex(bytes) + "\"";
    if (response.etag == request.if_none_match) {
      response.status = 304;
      return response;
    }
    response.status = 200;
    if (bytes.size() > request.max_bytes) return Error(Code::kLimitExceeded, "too much data");
    response.body_bytes = bytes.size();
    WHET_RETURN_IF_ERROR(sink(0, std::as_bytes(std::span(bytes))));
    return response;
  }

  std::vector<std::string> requests;
  std::map<std::string, std::string> lies;  // by path, such as "metadata/timestamp.json"

 private:
  // As every web server does with the path of a URL.
  static std::string Decoded(const std::string& path) {
    std::string out;
    for (size_t i = 0; i < path.size(); ++i) {
      if (path[i] == '%' && i + 2 < path.size()) {
        out += static_cast<char>(std::stoi(path.substr(i + 1, 2), nullptr, 16));
        i += 2;
      } else {
        out += path[i];
      }
    }
    return out;
  }
  std::string folder_;
};

class MemoryStore final : public MetadataStore {
 public:
  Result<std::optional<std::string>> Load(std::string_view role, size_t max_bytes) override {
    const auto found = files.find(std::string(role));
    if (found == files.end()) return std::optional<std::string>();
    if (found->second.size() > max_bytes) return Error(Code::kLimitExceeded, "too large");
    return std::optional<std::string>(found->second);
  }
  Status Save(std::string_view role, std::string_view bytes) override {
    files[std::string(role)] = bytes;
    return OkStatus();
  }
  Status Remove(std::string_view role) override {
    files.erase(std::string(role));
    return OkStatus();
  }
  std::map<std::string, std::string> files;
};

struct TestRepository {
  TestRepository() {
    static std::atomic<int> counter{0};
    folder = std::filesystem::temp_directory_path().string() + "/whet_repository_" +
             std::to_string(::getpid()) + "_" + std::to_string(counter++);
    store = std::make_shared<KeyStore>();
    RepositoryPlan plan;
    plan.root = {{NewKey("root1"), NewKey("root2")}, 2};
    plan.targets = {{NewKey("targets")}, 1};
    plan.snapshot = plan.timestamp = plan.deltas = {{NewKey("online")}, 1};
    options.clock = [this] { return now; };
    auto created = Repository::Create(folder, store, plan, options);
    if (!created.ok()) std::fprintf(stderr, "%s\n", created.status().ToString().c_str());
    repository = std::make_unique<Repository>(std::move(created.value()));
  }
  ~TestRepository() { std::filesystem::remove_all(folder); }

  // Adds a key to the store and returns its public part.
  std::string NewKey(const std::string& name) {
    auto key = SigningKey::Generate();
    ids[name] = key->id();
    publics[name] = key->public_hex();
    store->Add(std::move(*key));
    return publics[name];
  }

  std::string Read(const std::string& path) const {
    auto text = ReadSmallFile(folder + "/" + path, size_t{1} << 30);
    return text.ok() ? *text : "";
  }
  std::string Write(const std::string& name, const std::string& bytes) const {
    const std::string path = folder + "/" + name;
    (void)WriteFile(path, bytes);
    return path;
  }
  static bool WriteFile(const std::string& path, const std::string& bytes) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (!file) return false;
    const bool ok = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
    return std::fclose(file) == 0 && ok;
  }

  // A metadata file with `change` made to its signed part, signed by the named keys.
  std::string Forge(const std::string& text, const std::vector<std::string>& signers,
                    const std::function<void(nlohmann::json&)>& change) const {
    nlohmann::json document = nlohmann::json::parse(text);
    change(document["signed"]);
    // Some changes have no canonical form, such as fractions; what is signed then does not matter.
    const auto canonical = CanonicalJson(document["signed"]);
    const std::string text_to_sign = canonical.ok() ? *canonical : document["signed"].dump();
    document["signatures"] = nlohmann::json::array();
    for (const std::string& signer : signers) {
      const std::string& id = ids.at(signer);
      document["signatures"].push_back({{"keyid", id}, {"sig", ToHex(store->Find(id)->Sign(text_to_sign))}});
    }
    return document.dump();
  }

  // Publishes models/FAMILY/VERSION/release.json with these bytes, signed by the named keys; returns its
  // SHA-256.
  std::string PublishRelease(const std::string& family, const std::string& version, const std::string& bytes,
                             const std::vector<std::string>& signers, Status* status = nullptr) {
    const std::string role = ModelsRole(family);
    const std::string path = "models/" + family + "/" + version + "/release.json";
    const std::string sha256 = Sha256Hex(bytes);
    auto body = repository->PrepareRole(role, {{path, bytes.size(), sha256, ""}});
    Status result;
    if (body.ok()) {
      const std::string unsigned_text = R"({"signatures":[],"signed":)" + *body + "}";
      const std::string source = Write("source", bytes);
      result = repository->PublishRole(role, Forge(unsigned_text, signers, [](nlohmann::json&) {}),
                                       {{path, source}});
    } else {
      result = body.TakeStatus();
    }
    if (status) {
      *status = std::move(result);
    } else if (!result.ok()) {
      std::fprintf(stderr, "%s\n", result.ToString().c_str());
    }
    return sha256;
  }

  Client NewClient() {
    if (!metadata.files.contains("root")) metadata.files["root"] = Read("metadata/1.root.json");
    ClientOptions client_options;
    client_options.metadata_url = "http://repo/metadata/";
    client_options.targets_url = "http://repo/targets";
    client_options.clock = options.clock;
    return Client(client_options, metadata, fetcher());
  }
  FolderFetcher& fetcher() {
    if (!fetcher_) fetcher_ = std::make_unique<FolderFetcher>(folder);
    return *fetcher_;
  }

  int64_t now = 1800000000;
  std::string folder;
  RepositoryOptions options;
  std::shared_ptr<KeyStore> store;
  std::map<std::string, std::string> ids;      // by name
  std::map<std::string, std::string> publics;  // by name
  std::unique_ptr<Repository> repository;
  MemoryStore metadata;  // of the client

 private:
  std::unique_ptr<FolderFetcher> fetcher_;
};

}  // namespace whet::fleet::testing
