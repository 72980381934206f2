// The two kinds of databases for tests: an SQLite file, and a PostgreSQL server of the test's own (Debian's
// package postgresql; nothing of it runs before or after).
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "base/status.h"
#include "fleet/server/schema.h"
#include "fleet/server/sql.h"

namespace whet::fleet::testing {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    char name[] = "/tmp/whet_server_XXXXXX";
    path_ = ::mkdtemp(name);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

// Started once per test program, on a Unix socket in a folder of its own.
class PostgresServer {
 public:
  static PostgresServer& Get() {
    static PostgresServer server;
    return server;
  }
  // A new, empty database.
  std::string NewDatabase() {
    const std::string name = Format("test%d", ++databases_);
    const std::string command = Format("%s %s/createdb -h %s -U postgres %s", as_user_.c_str(), bin_.c_str(),
                                       folder_.path().c_str(), name.c_str());
    if (std::system(command.c_str()) != 0) ADD_FAILURE() << command;
    return "postgres:///" + name + "?user=postgres&host=" + folder_.path();
  }
  ~PostgresServer() {
    if (started_) (void)!std::system((Control("stop -m immediate")).c_str());
  }

 private:
  PostgresServer() {
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql"))
      bin_ = entry.path() / "bin";
    // PostgreSQL does not run as root.
    if (::geteuid() == 0) {
      as_user_ = "runuser -u postgres --";
      if (std::system(("chown postgres " + folder_.path()).c_str()) != 0) ADD_FAILURE() << "no user postgres";
    }
    // No fsync: the machine does not crash within a test.
    const std::string init = Format("%s %s/initdb -A trust -U postgres -N -D %s/data >/dev/null",
                                    as_user_.c_str(), bin_.c_str(), folder_.path().c_str());
    started_ = std::system(init.c_str()) == 0 &&
               std::system(Control(Format("start -o \"-k %s -c listen_addresses='' -c fsync=off\"",
                                          folder_.path().c_str()))
                               .c_str()) == 0;
    if (!started_) ADD_FAILURE() << "PostgreSQL does not start; scripts/setup.sh test installs it";
  }
  std::string Control(const std::string& what) const {
    return Format("cd / && %s %s/pg_ctl -s -w -D %s/data -l %s/log %s >/dev/null", as_user_.c_str(),
                  bin_.c_str(), folder_.path().c_str(), folder_.path().c_str(), what.c_str());
  }

  TemporaryFolder folder_;
  std::string bin_;
  std::string as_user_;
  bool started_ = false;
  int databases_ = 0;
};

// A test suite that runs on both: INSTANTIATE_ON_BOTH_DATABASES(Suite).
class DatabaseTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    url_ = std::string_view(GetParam()) == "postgres" ? PostgresServer::Get().NewDatabase()
                                                      : folder_ / "whet.db";
    Open();
    auto connection = database_->Connect();
    ASSERT_TRUE(connection.ok()) << connection.status().ToString();
    const Status status = Migrate(**connection);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  void Open() {
    auto database = SqlDatabase::Open(url_);
    ASSERT_TRUE(database.ok()) << database.status().ToString();
    database_ = std::move(*database);
  }
  int64_t Number(std::string_view sql, std::initializer_list<SqlValue> parameters = {}) {
    auto connection = database_->Connect();
    int64_t number = -1;
    const Status status =
        (*connection)->Run(sql, parameters, [&](const SqlRow& row) { number = row.Int(0); });
    EXPECT_TRUE(status.ok()) << status.ToString();
    return number;
  }
  TemporaryFolder folder_;
  std::string url_;
  std::unique_ptr<SqlDatabase> database_;
};

#define INSTANTIATE_ON_BOTH_DATABASES(suite)                                   \
  INSTANTIATE_TEST_SUITE_P(On, suite, ::testing::Values("sqlite", "postgres"), \
                           [](const auto& on) { return std::string(on.param); })

}  // namespace whet::fleet::testing
