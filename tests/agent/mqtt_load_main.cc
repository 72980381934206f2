// Devices that report by MQTT as fast as they can, with the agent's own spool and sender:
//   mqtt_load FOLDER HOST PORT CA USER PASSWORD_FILE DEVICES RECEIPTS_TOPIC DATABASE
//
// Until the file FOLDER/stop exists; then each device goes on until its spool is empty, and what fails
// meanwhile is tried again. At the end the server's SQLite database must hold each report, once: exit status
// 1 if it does not.

#include <sqlite3.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "agent/monitor/spool.h"
#include "agent/worker/send_reports.h"
#include "fleet/telemetry/otlp.h"
#include "fleet/telemetry/receipt.h"

namespace {

using namespace whet;

constexpr int64_t kSpoolBytes = int64_t{64} << 20;
constexpr int kReportsAtOnce = 50;

bool Exists(const std::string& path) {
  struct stat ignored{};
  return ::stat(path.c_str(), &ignored) == 0;
}

Status LiveOn(const agent::SendJob& job, const std::string& stop, uint64_t& reports) {
  WHET_ASSIGN_OR_RETURN(const auto spool, agent::Spool::Open(job.spool, kSpoolBytes));
  fleet::Report report{.device = job.device,
                       .boot = "load",
                       .channel = "stable",
                       .agent_version = "0.1.0",
                       .arch = "x86_64",
                       .models = {}};
  fleet::ModelReport& model = report.models.emplace_back();
  model.family = "fashion";
  model.version = "1.0.0";
  model.active = true;
  model.latency_ms.Record(3);
  while (true) {
    const bool last = Exists(stop);
    for (int i = 0; i < kReportsAtOnce && !last; ++i) {
      WHET_RETURN_IF_ERROR(spool->Add(report.boot, [&](uint64_t sequence) {
        report.sequence = reports = sequence;
        return fleet::ToOtlpJson(report);
      }));
    }
    WHET_ASSIGN_OR_RETURN(const agent::SendReport sent, agent::SendReportsByMqtt(job, *spool));
    if (sent.refused > 0)
      return Error(Code::kInternal, "the server refuses %d reports", sent.refused).At(job.device);
    if (last && sent.left == 0) return {};
    if (!sent.error.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

// Rows of telemetry of a device, and how many of them differ in their sequence number.
std::pair<uint64_t, uint64_t> Count(sqlite3* database, const std::string& device) {
  sqlite3_stmt* statement = nullptr;
  const std::string sql =
      "SELECT COUNT(*), COUNT(DISTINCT sequence) FROM telemetry WHERE device = '" + device + "'";
  std::pair<uint64_t, uint64_t> counts{};
  if (sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    counts = {sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1)};
  }
  sqlite3_finalize(statement);
  return counts;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 10) {
    std::fputs("usage: mqtt_load FOLDER HOST PORT CA USER PASSWORD_FILE DEVICES RECEIPTS_TOPIC DATABASE\n",
               stderr);
    return 2;
  }
  const std::string folder = argv[1];
  agent::SendJob job;
  job.spool_bytes = kSpoolBytes;
  job.mqtt_host = argv[2];
  job.mqtt_port = std::atoi(argv[3]);
  job.mqtt_tls = true;
  job.ca_file = argv[4];
  job.mqtt_user = argv[5];
  job.mqtt_password_file = argv[6];
  job.mqtt_topic = fleet::kMetricsTopic;
  job.mqtt_receipts = argv[8];
  const size_t devices = std::strtoul(argv[7], nullptr, 10);
  std::vector<uint64_t> reports(devices);
  std::vector<Status> ends(devices);
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < devices; ++i) {
      job.device = Format("load-%zu", i);
      job.spool = folder + "/" + job.device + ".db";
      threads.emplace_back([&, i, own = job] { ends[i] = LiveOn(own, folder + "/stop", reports[i]); });
    }
  }
  sqlite3* database = nullptr;
  bool good = sqlite3_open_v2(argv[9], &database, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK;
  uint64_t all = 0;
  for (size_t i = 0; i < devices; ++i) {
    const std::string device = Format("load-%zu", i);
    const auto [rows, different] = Count(database, device);
    all += reports[i];
    if (ends[i].ok() && rows == reports[i] && different == rows && rows > 0) continue;
    good = false;
    std::printf("%s has made %llu reports; the database has %llu, of which %llu differ. %s\n", device.c_str(),
                static_cast<unsigned long long>(reports[i]), static_cast<unsigned long long>(rows),
                static_cast<unsigned long long>(different), ends[i].ToString().c_str());
  }
  sqlite3_close(database);
  std::printf("%llu reports of %zu devices\n", static_cast<unsigned long long>(all), devices);
  return good ? 0 : 1;
}
