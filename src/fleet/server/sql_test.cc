#include "fleet/server/sql.h"

#include <gtest/gtest.h>

#include <thread>

#include "fleet/server/database_testing.h"

namespace whet::fleet {
namespace {

class SqlTest : public testing::DatabaseTest {};
INSTANTIATE_ON_BOTH_DATABASES(SqlTest);

TEST_P(SqlTest, KeepsEveryKindOfValue) {
  auto sql = database_->Connect();
  ASSERT_TRUE(sql.ok());
  auto& c = **sql;
  ASSERT_TRUE(c.RunScript(c.is_postgres() ? "CREATE TABLE t (i BIGINT, d DOUBLE PRECISION, s TEXT, b BYTEA)"
                                          : "CREATE TABLE t (i BIGINT, d DOUBLE PRECISION, s TEXT, b BLOB)")
                  .ok());
  const std::string bytes("\0\xff'\\x", 5);
  const std::string text = "a'b\"; DROP TABLE t; -- \xc3\xa4\n";
  ASSERT_TRUE(c.Run("INSERT INTO t VALUES ($1, $2, $3, $4)", {INT64_MIN, 0.1, text, Blob{bytes}}).ok());
  EXPECT_EQ(c.changes(), 1);
  ASSERT_TRUE(
      c.Run("INSERT INTO t VALUES ($1, $2, $3, $4)", {SqlValue(), SqlValue(), SqlValue(), SqlValue()}).ok());
  int rows = 0;
  ASSERT_TRUE(c.Run("SELECT i, d, s, b FROM t ORDER BY i IS NULL", {}, [&](const SqlRow& row) {
                 if (rows++ == 0) {
                   EXPECT_EQ(row.Int(0), INT64_MIN);
                   EXPECT_EQ(row.Real(1), 0.1);
                   EXPECT_EQ(row.Text(2), text);
                   EXPECT_EQ(row.Bytes(3), bytes);
                 } else {
                   EXPECT_TRUE(row.IsNull(0) && row.IsNull(1) && row.IsNull(2) && row.IsNull(3));
                 }
               }).ok());
  EXPECT_EQ(rows, 2);
}

TEST_P(SqlTest, RollsBack) {
  {
    auto sql = database_->Connect();
    const Status status = InTransaction(**sql, [&]() -> Status {
      WHET_RETURN_IF_ERROR((*sql)->Run("INSERT INTO leases VALUES ('a', 'b', 1)"));
      return Error(Code::kInvalidArgument, "no");
    });
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    const Status wrong = InTransaction(**sql, [&]() -> Status {
      WHET_RETURN_IF_ERROR((*sql)->Run("INSERT INTO leases VALUES ('a', 'b', 1)"));
      return (*sql)->Run("INSERT INTO nowhere VALUES (1)");
    });
    EXPECT_EQ(wrong.code(), Code::kInternal);
    EXPECT_TRUE((*sql)->alive());
  }
  EXPECT_EQ(Number("SELECT COUNT(*) FROM leases"), 0);
}

TEST_P(SqlTest, MigratesOnceHoweverMany) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      auto sql = database_->Connect();
      EXPECT_TRUE(sql.ok());
      const Status status = Migrate(**sql);
      EXPECT_TRUE(status.ok()) << status.ToString();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(Number("SELECT COUNT(*) FROM whet_schema"), kSchemaVersion);
  auto sql = database_->Connect();
  ASSERT_TRUE((*sql)->Run("INSERT INTO whet_schema VALUES (999)").ok());
  EXPECT_EQ(Migrate(**sql).code(), Code::kUnsupported);
}

TEST_P(SqlTest, DropsOldTelemetry) {
  constexpr int64_t kDay = 86400;
  auto sql = database_->Connect();
  auto& c = **sql;
  for (const int64_t day : {100, 101, 110}) {
    ASSERT_TRUE(MakePartitions(c, day * kDay).ok());
    ASSERT_TRUE(MakePartitions(c, day * kDay).ok());
    ASSERT_TRUE(c.Run("INSERT INTO telemetry VALUES ($1, 'd', 'b', 1, 'f', '1.0.0', '', '', 1, 0, 0, 1.5, "
                      "2.5, NULL, NULL, NULL)",
                      {day * kDay + 5})
                    .ok());
  }
  const Status status = DropBefore(c, 102 * kDay);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(Number("SELECT COUNT(*) FROM telemetry"), 1);
  EXPECT_EQ(Number("SELECT received FROM telemetry"), 110 * kDay + 5);
  if (c.is_postgres()) {
    EXPECT_EQ(Number("SELECT COUNT(*) FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent WHERE "
                     "p.relname = 'telemetry'"),
              3)
        << "days 102, 110 and 111";
  }
}

TEST(SqlDatabase, SaysWhatIsWrong) {
  EXPECT_FALSE(SqlDatabase::Open("/nowhere/at/all/whet.db").ok());
  const auto postgres = SqlDatabase::Open("postgres:///x?host=/nowhere&user=u");
  ASSERT_FALSE(postgres.ok());
  EXPECT_EQ(postgres.status().code(), Code::kIo);
}

}  // namespace
}  // namespace whet::fleet
