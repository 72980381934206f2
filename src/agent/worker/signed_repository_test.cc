#include "agent/worker/signed_repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/worker/repository_testing.h"
#include "base/hex.h"
#include "model_file/sha256.h"

namespace whet::agent {
namespace {

using testing::HasSubstr;

// Counts requests, and lets a test answer in the repository's place.
class SpyFetcher : public fleet::Fetcher {
 public:
  explicit SpyFetcher(std::string folder) : folder_(std::move(folder)) {}
  Result<fleet::FetchResponse> Fetch(const fleet::FetchRequest& request,
                                     const fleet::FetchSink& sink) override {
    urls.push_back(request.url);
    fleet::FetchResponse response;
    const std::string path = folder_ + request.url.substr(std::string("http://repo").size());
    std::ifstream file(path, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file) {
      response.status = 404;
      return response;
    }
    Sha256Hasher hash;
    hash.Update(std::as_bytes(std::span(text.data(), text.size())));
    response.etag = ToHex(hash.Finish());
    response.status = response.etag == request.if_none_match || always_current ? 304 : 200;
    if (response.status == 304) return response;
    if (text.size() > request.max_bytes) return Error(Code::kLimitExceeded, "too much");
    WHET_RETURN_IF_ERROR(
        sink(request.first_byte, std::as_bytes(std::span(text)).subspan(request.first_byte)));
    return response;
  }
  std::vector<std::string> urls;
  bool always_current = false;

 private:
  std::string folder_;
};

class SignedRepositoryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(state_);
    std::filesystem::create_directories(state_);
    job_.access = {.url = "http://repo", .root = repo_.root_path(), .state_folder = state_, .ca_file = ""};
    job_.device = "device-1";
    job_.channel = "stable";
    machine_ = {.architecture = "x86_64", .isa = "avx2", .memory_bytes = 1 << 30, .power = "mains"};
  }
  void TearDown() override {
    std::filesystem::remove_all(state_);
    std::filesystem::remove_all(repo_.folder());
  }
  TestRepository::Added Release(const std::string& version) {
    return repo_.AddRelease(version, "model " + version, "", nlohmann::json::array());
  }

  std::unique_ptr<SignedRepository> Open() {
    auto opened = SignedRepository::Open(job_.access, fetcher_);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return std::move(*opened);
  }
  Result<FamilyOffer> Offered() {
    auto repository = Open();
    WHET_RETURN_IF_ERROR(repository->Refresh());
    return repository->ReadOffer(job_, "detector", machine_);
  }

  const std::string state_ = testing::TempDir() + "/whet_signed_state";
  TestRepository repo_{testing::TempDir() + "/whet_signed_repo", "detector", "stable"};
  SpyFetcher fetcher_{repo_.folder()};
  RefreshJob job_;
  Machine machine_;
};

constexpr char kRollout[] = "rollout-number-0001";

TEST_F(SignedRepositoryTest, OffersWhatTheRolloutNames) {
  const auto release = Release("1.0.0");
  repo_.SetRollout(kRollout, "1.0.0", release.sha256, 60);
  repo_.Publish();
  const auto offered = Offered();
  ASSERT_TRUE(offered.ok()) << offered.status().ToString();
  ASSERT_TRUE(offered->offer.has_value()) << offered->refused;
  EXPECT_EQ(offered->offer->version, "1.0.0");
  EXPECT_EQ(offered->offer->rollout, kRollout);
  EXPECT_EQ(offered->offer->release.sha256, release.sha256);
  EXPECT_EQ(offered->offer->model.bytes, std::string("model 1.0.0").size());
  EXPECT_EQ(offered->offer->trial_s, 60);
}

TEST_F(SignedRepositoryTest, SteadyStateIsOneConditionalRequest) {
  repo_.SetRollout(kRollout, "1.0.0", Release("1.0.0").sha256, 60);
  repo_.Publish();
  {
    auto repository = Open();
    EXPECT_FALSE(*repository->IsUnchanged());
    ASSERT_TRUE(repository->Refresh().ok());
    ASSERT_TRUE(repository->Remember().ok());
  }
  fetcher_.urls.clear();
  EXPECT_TRUE(*Open()->IsUnchanged());
  EXPECT_THAT(fetcher_.urls, testing::ElementsAre("http://repo/metadata/timestamp.json"));
  repo_.Publish();
  EXPECT_FALSE(*Open()->IsUnchanged());
}

// A server that says "nothing new" for ever cannot hide updates longer than the metadata is good for.
TEST_F(SignedRepositoryTest, AFrozenRepositoryIsNoticedWhenItsMetadataExpires) {
  repo_.SetRollout(kRollout, "1.0.0", Release("1.0.0").sha256, 60);
  repo_.Publish(/*lifetime_s=*/2);
  {
    auto repository = Open();
    EXPECT_FALSE(*repository->IsUnchanged());
    ASSERT_TRUE(repository->Refresh().ok());
    ASSERT_TRUE(repository->Remember().ok());
  }
  fetcher_.always_current = true;
  EXPECT_TRUE(*Open()->IsUnchanged());
  // The clock is the machine's; two seconds go by.
  while (*Open()->IsUnchanged()) usleep(100'000);
  fetcher_.always_current = false;
  EXPECT_FALSE(Offered().ok());
}

TEST_F(SignedRepositoryTest, ARolloutThatNamesAnUnsignedReleaseIsRefused) {
  Release("1.0.0");
  repo_.SetRollout(kRollout, "1.0.0", std::string(64, 'e'), 60);
  repo_.Publish();
  const auto offered = Offered();
  ASSERT_FALSE(offered.ok());
  EXPECT_THAT(offered.status().ToString(), HasSubstr("models role did not sign"));
}

// The rollouts role signs a release of its own making: its delegation does not reach to models/.
TEST_F(SignedRepositoryTest, ARolloutsKeyCannotSignModels) {
  const auto evil = repo_.AddTarget(repo_.Rollouts(), "models/detector/9.9.9/release.json", "{}");
  repo_.SetRollout(kRollout, "9.9.9", evil.sha256, 60);
  repo_.Publish();
  const auto offered = Offered();
  ASSERT_FALSE(offered.ok());
  EXPECT_THAT(offered.status().ToString(), HasSubstr("9.9.9"));
}

TEST_F(SignedRepositoryTest, AReleaseWithAPathOutsideOfItsFolderIsRefused) {
  const auto release = repo_.AddRelease(
      "1.0.0", "model", "", nlohmann::json::array(), nlohmann::json::object(), [](nlohmann::json& object) {
        object["variants"][0]["target"] = "models/detector/1.0.0/../../../../etc/passwd";
      });
  repo_.SetRollout(kRollout, "1.0.0", release.sha256, 60);
  repo_.Publish();
  EXPECT_FALSE(Offered().ok());
}

TEST_F(SignedRepositoryTest, AReleaseThatNamesOtherBytesThanTheMetadataIsRefused) {
  const auto release = repo_.AddRelease(
      "1.0.0", "model", "", nlohmann::json::array(), nlohmann::json::object(),
      [](nlohmann::json& object) { object["variants"][0]["sha256"] = std::string(64, 'e'); });
  repo_.SetRollout(kRollout, "1.0.0", release.sha256, 60);
  repo_.Publish();
  const auto offered = Offered();
  ASSERT_FALSE(offered.ok());
  EXPECT_THAT(offered.status().ToString(), HasSubstr("not those that the metadata signs"));
}

TEST_F(SignedRepositoryTest, ChangedBytesOfARolloutAreRefused) {
  repo_.SetRollout(kRollout, "1.0.0", Release("1.0.0").sha256, 60);
  repo_.Publish();
  for (const auto& entry : std::filesystem::directory_iterator(repo_.folder() + "/targets/rollouts/stable")) {
    std::ofstream(entry.path(), std::ios::app) << " ";
  }
  EXPECT_FALSE(Offered().ok());
}

TEST_F(SignedRepositoryTest, AnotherMachineIsToldWhy) {
  const auto release = repo_.AddRelease(
      "1.0.0", "model", "", nlohmann::json::array(), nlohmann::json::object(),
      [](nlohmann::json& object) { object["requires"]["memory_bytes"] = uint64_t{1} << 40; });
  repo_.SetRollout(kRollout, "1.0.0", release.sha256, 60);
  repo_.Publish();
  const auto offered = Offered();
  ASSERT_TRUE(offered.ok());
  EXPECT_FALSE(offered->offer.has_value());
  EXPECT_THAT(offered->refused, HasSubstr("memory"));
}

TEST_F(SignedRepositoryTest, WithoutARolloutThereIsNoOffer) {
  repo_.Publish();
  const auto offered = Offered();
  ASSERT_TRUE(offered.ok()) << offered.status().ToString();
  EXPECT_THAT(offered->refused, HasSubstr("no rollout of 'detector'"));
}

}  // namespace
}  // namespace whet::agent
