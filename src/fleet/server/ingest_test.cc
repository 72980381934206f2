#include "fleet/server/ingest.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <set>
#include <thread>

#include "fleet/json/nlohmann.h"
#include "fleet/rollout/cohort.h"
#include "fleet/server/database_testing.h"

namespace whet::fleet {
namespace {

ModelReport Model(std::string version, double latency_ms = 10, uint64_t times = 100) {
  ModelReport model;
  model.family = "detector";
  model.version = std::move(version);
  model.variant = "f32";
  model.latency_ms.Record(latency_ms, times);
  model.health = Health::kHealthy;
  model.active = true;
  return model;
}

Report ReportOf(std::string device, uint64_t sequence, ModelReport model) {
  Report report;
  report.device = std::move(device);
  report.boot = "boot1";
  report.sequence = sequence;
  report.channel = "stable";
  report.arch = "x86_64";
  report.agent_version = "0.1.0";
  report.models.push_back(std::move(model));
  return report;
}

// Adds the reports and waits for all answers: how many were taken, -1 for an error.
int AddAll(Ingest& ingest, std::vector<Report> reports) {
  std::mutex mutex;
  std::condition_variable done;
  size_t answered = 0;
  int taken = 0;
  for (Report& report : reports) {
    ingest.Add(std::move(report), [&](Result<bool> result) {
      const std::lock_guard lock(mutex);
      ++answered;
      if (!result.ok()) {
        ADD_FAILURE() << result.status().ToString();
      } else if (*result) {
        ++taken;
      }
      done.notify_all();
    });
  }
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return answered == reports.size(); });
  return taken;
}

class IngestTest : public testing::DatabaseTest {
 protected:
  std::unique_ptr<Ingest> StartIngest(std::string writer = "w") {
    IngestOptions options;
    options.writer = std::move(writer);
    options.clock = [this] { return now_; };
    return Ingest::Start(*database_, std::move(options));
  }
  int64_t now_ = 1'800'000'000;
};
INSTANTIATE_ON_BOTH_DATABASES(IngestTest);

TEST_P(IngestTest, TakesEachReportOnce) {
  auto ingest = StartIngest();
  std::vector<Report> reports;
  for (const uint64_t sequence : {1, 2, 2, 4, 3, 1})
    reports.push_back(ReportOf("cam-1", sequence, Model("1.0.0")));
  EXPECT_EQ(AddAll(*ingest, std::move(reports)), 4);
  ingest = StartIngest("w2");
  EXPECT_EQ(AddAll(*ingest, {ReportOf("cam-1", 3, Model("1.0.0")), ReportOf("cam-1", 5, Model("1.0.0"))}), 1);
  Report rebooted = ReportOf("cam-1", 3, Model("1.0.0"));
  rebooted.boot = "boot2";
  EXPECT_EQ(AddAll(*ingest, {rebooted}), 1);
  EXPECT_EQ(ingest->duplicates(), 1U);
  EXPECT_EQ(Number("SELECT COUNT(*) FROM telemetry"), 6);
  EXPECT_EQ(Number("SELECT COUNT(*) FROM devices"), 1);
}

TEST_P(IngestTest, RemembersWhatBecameOfADevice) {
  auto ingest = StartIngest();
  EXPECT_EQ(AddAll(*ingest, {ReportOf("cam-1", 1, Model("1.0.0"))}), 1);
  ModelReport degraded = Model("1.1.0", 500);
  degraded.health = Health::kDegraded;
  degraded.crashes = 2;
  degraded.installs[static_cast<size_t>(InstallOutcome::kInstalled)] = 1;
  EXPECT_EQ(AddAll(*ingest, {ReportOf("cam-1", 2, degraded)}), 1);
  EXPECT_EQ(Number("SELECT health FROM devices"), static_cast<int>(Health::kDegraded));
  EXPECT_EQ(Number("SELECT COUNT(*) FROM device_models WHERE version = '1.1.0'"), 1);
  for (const char* kind : {"installed", "crashed", "degraded"}) {
    EXPECT_EQ(Number("SELECT COUNT(*) FROM device_events WHERE kind = $1", {std::string(kind)}), 1) << kind;
  }
  EXPECT_EQ(Number("SELECT COUNT(*) FROM device_events WHERE kind = 'active'"), 2);
}

TEST_P(IngestTest, AddsUpTheArmsOfARollout) {
  Policy policy;
  policy.stages = {50, 100};
  const std::string sha(64, 'a');
  const std::string other(64, 'b');
  auto rollout = CreateRollout("rollout-0000000001", "stable", "detector", {"1.0.0", sha}, {"1.1.0", other},
                               policy, "test", now_);
  ASSERT_TRUE(rollout.ok()) << rollout.status().ToString();
  {
    auto sql = database_->Connect();
    const Status status = (*sql)->Run(
        "INSERT INTO rollouts (id, channel, family, state, sequence, created, published, body, gate) "
        "VALUES ($1, 'stable', 'detector', 'running', 1, 0, 1, $2, '')",
        {rollout->id, RolloutToJson(*rollout).dump()});
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  auto ingest = StartIngest();
  std::vector<Report> reports;
  int in = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string device = Format("cam-%d", i);
    const bool candidate = InCohort(rollout->id, device, 50);
    in += candidate ? 1 : 0;
    reports.push_back(ReportOf(device, 1, Model(candidate ? "1.1.0" : "1.0.0", candidate ? 30 : 10)));
    // Runs the stable version though it is its turn: of neither arm.
    if (candidate) reports.push_back(ReportOf(device, 2, Model("1.0.0")));
  }
  EXPECT_EQ(AddAll(*ingest, std::move(reports)), 40 + in);
  EXPECT_EQ(Number("SELECT COUNT(*) FROM tallies WHERE arm = 'new'"), in);
  EXPECT_EQ(Number("SELECT COUNT(*) FROM tallies WHERE arm = 'control'"), 40 - in);
  // After enough of the control's latencies there is a limit, and what is slower counts.
  EXPECT_EQ(
      Number("SELECT COUNT(*) FROM latency_limits WHERE stratum = 'x86_64' AND p95_ms > 5 AND p95_ms < 15"),
      1);
  std::vector<Report> more;
  for (int i = 0; i < 40; ++i) {
    const std::string device = Format("cam-%d", i);
    if (InCohort(rollout->id, device, 50)) more.push_back(ReportOf(device, 3, Model("1.1.0", 30)));
  }
  EXPECT_EQ(AddAll(*ingest, std::move(more)), in);
  auto sql = database_->Connect();
  ASSERT_TRUE((*sql)
                  ->Run("SELECT sums FROM tallies WHERE arm = 'new'", {},
                        [](const SqlRow& row) {
                          const auto tally = UnpackTally(row.Bytes(0));
                          ASSERT_TRUE(tally.ok());
                          EXPECT_EQ(tally->reports, 2U);
                          EXPECT_EQ(tally->inferences, 200U);
                          EXPECT_GE(tally->slow, 100);
                        })
                  .ok());
  MinuteSums sums;
  ASSERT_TRUE((*sql)
                  ->Run("SELECT sums FROM minutes WHERE rollout = $1 AND arm = 'new'", {rollout->id},
                        [&](const SqlRow& row) {
                          const auto minute = UnpackMinute(row.Bytes(0));
                          ASSERT_TRUE(minute.ok());
                          sums.Add(*minute);
                        })
                  .ok());
  EXPECT_EQ(sums.inferences, in * 200.0);
  EXPECT_EQ(sums.latency_ms.count(), static_cast<uint64_t>(in) * 200);
}

// A killed server has lost nothing that it acknowledged, and what is sent again is not there twice.
TEST_P(IngestTest, LosesNothingWhenKilled) {
  std::multiset<std::string> acknowledged;
  constexpr int kRounds = 12;
  for (int round = 0; round < kRounds; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    database_.reset();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto database = SqlDatabase::Open(url_);
      if (!database.ok()) ::_exit(1);
      IngestOptions options;
      options.writer = Format("w%d", round);
      options.max_batch = 20;
      const auto ingest = Ingest::Start(**database, std::move(options));
      for (uint64_t sequence = 1;; ++sequence) {
        // The first half was sent before, as after a lost answer.
        for (int device = 0; device < 10; ++device) {
          const std::string name = Format("cam-%d", device);
          Report report = ReportOf(name, sequence, Model("1.0.0"));
          const std::string line =
              Format("%s %llu\n", name.c_str(), static_cast<unsigned long long>(sequence));
          ingest->Add(std::move(report), [line, fd = pipe_ends[1]](Result<bool> taken) {
            if (taken.ok() && *taken) (void)!::write(fd, line.data(), line.size());
          });
        }
        ::usleep(500);
      }
    }
    ::close(pipe_ends[1]);
    // Let it get somewhere, then kill it at a moment of no one's choosing.
    std::string text;
    char buffer[4096];
    const size_t enough = 400 + static_cast<size_t>(round) * 377;
    while (text.size() < enough) {
      const ssize_t got = ::read(pipe_ends[0], buffer, sizeof(buffer));
      ASSERT_GT(got, 0);
      text.append(buffer, static_cast<size_t>(got));
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    for (ssize_t got; (got = ::read(pipe_ends[0], buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(got));
    }
    ::close(pipe_ends[0]);
    for (size_t from = 0, end; (end = text.find('\n', from)) != std::string::npos; from = end + 1) {
      acknowledged.insert(text.substr(from, end - from));
    }
    Open();
  }
  ASSERT_GT(acknowledged.size(), 100U);
  std::multiset<std::string> kept;
  auto sql = database_->Connect();
  ASSERT_TRUE((*sql)
                  ->Run("SELECT device, sequence FROM telemetry", {},
                        [&](const SqlRow& row) {
                          kept.insert(Format("%s %lld", std::string(row.Text(0)).c_str(),
                                             static_cast<long long>(row.Int(1))));
                        })
                  .ok());
  for (const std::string& one : acknowledged) {
    EXPECT_EQ(kept.count(one), 1U) << one;
    EXPECT_EQ(acknowledged.count(one), 1U) << one << " was acknowledged as new twice";
  }
  for (const std::string& one : kept) EXPECT_EQ(kept.count(one), 1U) << one;
}

TEST_P(IngestTest, RefusesWhenTooManyWait) {
  IngestOptions options;
  options.max_waiting = 0;
  const auto ingest = Ingest::Start(*database_, std::move(options));
  Code code = Code::kOk;
  ingest->Add(ReportOf("cam-1", 1, Model("1.0.0")),
              [&](Result<bool> taken) { code = taken.TakeStatus().code(); });
  EXPECT_EQ(code, Code::kLimitExceeded);
}

TEST(SequenceSet, KeepsRanges) {
  SequenceSet set;
  for (const uint64_t sequence : {5, 1, 3, 2, 9, 4}) EXPECT_TRUE(set.Insert(sequence));
  EXPECT_FALSE(set.Insert(3));
  EXPECT_EQ(set.Print(), "1-5,9");
  EXPECT_EQ(SequenceSet::Parse("1-5,9").Print(), "1-5,9");
  EXPECT_EQ(SequenceSet::Parse("7-5,x").Print(), "");
  EXPECT_TRUE(set.Insert(UINT64_MAX));
  EXPECT_FALSE(set.Insert(UINT64_MAX));
  SequenceSet many;
  for (uint64_t i = 1; i <= 2000; ++i) EXPECT_TRUE(many.Insert(2 * i));
  EXPECT_FALSE(many.Insert(3)) << "the oldest gaps are closed";
  EXPECT_LT(many.Print().size(), 4000U);
}

TEST(Sums, SurviveTheDatabaseAndRefuseDamage) {
  MinuteSums sums;
  ModelReport model = Model("1.0.0", 12.5, 7);
  model.errors = 3;
  sums.Add(model);
  const std::string bytes = PackMinute(sums);
  const auto back = UnpackMinute(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->errors, 3);
  EXPECT_EQ(back->latency_ms.Quantile(0.5), sums.latency_ms.Quantile(0.5));
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(UnpackMinute(std::string_view(bytes).substr(0, length)).ok());
  }
  EXPECT_FALSE(UnpackTally("short").ok());
}

}  // namespace
}  // namespace whet::fleet
