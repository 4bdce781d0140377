// SPDX-License-Identifier: Apache-2.0
// The file of a DuckDB source: which one it is, why it cannot be opened, who else has it.
#include <chrono>
#include <thread>

#include "contract/duckdb_source_fixture.h"
#include "support/holder.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::has;
using test::Holder;
using test::thrown;

TEST_F(DuckdbSource, IdentityIsTheFilesOwnWhereItHasOne) {
  const auto identity = [&](const std::string& name) { return open_source(name)->identity(); };
  make("a.duckdb", {"CREATE TABLE t (i INTEGER)"}, "v1.4.0");
  make("b.duckdb", {"CREATE TABLE t (i INTEGER)"}, "v1.4.0");
  fs::copy_file(path("a.duckdb"), path("restored.duckdb"));
  const std::string before = identity("a.duckdb");
  EXPECT_NE(before, identity("b.duckdb"));
  EXPECT_EQ(before, identity("restored.duckdb"));
  make("a.duckdb", {"INSERT INTO t SELECT range FROM range(300000)", "CHECKPOINT"});
  EXPECT_EQ(before, identity("a.duckdb"));

  make("old.duckdb", {"CREATE TABLE t (i INTEGER)"}, "v1.2.0");
  fs::create_symlink(path("old.duckdb"), path("link.duckdb"));
  EXPECT_EQ(identity("old.duckdb"), "duckdb:" + fs::canonical(path("old.duckdb")).string());
  EXPECT_EQ(identity("link.duckdb"), identity("old.duckdb"));
}

TEST_F(DuckdbSource, ExplainsFilesThatItCannotOpen) {
  const Error missing = thrown([&] { open_source("missing.duckdb"); });
  EXPECT_EQ(missing.fault(), Fault::config);
  EXPECT_TRUE(has(missing.what(), "does not exist")) << missing.what();
  EXPECT_FALSE(fs::exists(path("missing.duckdb")));
  fs::create_directory(path("folder.duckdb"));
  EXPECT_TRUE(has(thrown([&] { open_source("folder.duckdb"); }).what(), "is a folder"));
  write("text.duckdb", std::string(20000, 'x'));
  EXPECT_TRUE(has(thrown([&] { open_source("text.duckdb"); }).what(), "is not a DuckDB file"));
  write("sqlite.duckdb", std::string("SQLite format 3\0", 16) + std::string(20000, '\0'));
  EXPECT_TRUE(has(thrown([&] { open_source("sqlite.duckdb"); }).what(), "is not a DuckDB file"));
  write("empty.duckdb", "");
  EXPECT_TRUE(has(thrown([&] { open_source("empty.duckdb"); }).what(), "is not a DuckDB file"));
  EXPECT_TRUE(fs::exists(path("empty.duckdb")));

  make_version("newer.duckdb", 99);
  const Error newer = thrown([&] { open_source("newer.duckdb"); });
  EXPECT_EQ(newer.fault(), Fault::config);
  EXPECT_TRUE(has(newer.what(), "newer DuckDB (storage version 99; this build reads up to 68)"))
      << newer.what();
  EXPECT_TRUE(has(newer.hint(), "STORAGE_VERSION")) << newer.hint();
  make_version("older.duckdb", 39);
  EXPECT_TRUE(has(thrown([&] { open_source("older.duckdb"); }).what(), "too old to be read"));

  make("whole.duckdb", {"CREATE TABLE t AS SELECT range AS i FROM range(1000)"});
  write("cut.duckdb", bytes_of(path("whole.duckdb")).substr(0, 12288));
  const Error cut = thrown([&] { open_source("cut.duckdb"); });
  EXPECT_EQ(cut.fault(), Fault::data);
  EXPECT_TRUE(has(cut.what(), "is damaged")) << cut.what();
}

TEST_F(DuckdbSource, ExplainsAnEncryptedFile) {
  {
    duck::Database own;
    duck::Connection connection = own.connect();
    connection.query("SET force_mbedtls_unsafe = 'true'");
    connection.query("ATTACH " + duck::literal(path("e.duckdb")) + " AS e (ENCRYPTION_KEY 'key')");
    connection.query("CREATE TABLE e.t (i INTEGER)");
  }
  const Error error = thrown([&] { open_source("e.duckdb"); });
  EXPECT_EQ(error.fault(), Fault::config);
  EXPECT_TRUE(has(error.what(), "is encrypted")) << error.what();
}

TEST_F(DuckdbSource, NamesTheWriterThatHoldsTheFile) {
  Holder holder(path("s.duckdb"), "write", "CREATE TABLE t AS SELECT 1 AS i");
  const Error error = thrown([&] { open_source("s.duckdb"); });
  EXPECT_EQ(error.fault(), Fault::busy);
  EXPECT_TRUE(has(error.what(), "hold_file (pid " + std::to_string(holder.pid()) + ")"))
      << error.what();
  EXPECT_TRUE(has(error.hint(), "--wait")) << error.hint();
  std::thread later([&] {
    std::this_thread::sleep_for(300ms);
    holder.let_go();
  });
  const auto source = duckdb_file::source(
      database_, {.path = path("s.duckdb"), .patience = {.wait = 60s, .stop = {}}});
  later.join();
  EXPECT_EQ(source->discover({}).tables.size(), 1U);
}

TEST_F(DuckdbSource, ReadersShareAndWritersStayOutWhileItLives) {
  make("s.duckdb", {"CREATE TABLE t AS SELECT 1 AS i"});
  Holder reader(path("s.duckdb"), "read");
  const auto source = open_source("s.duckdb");
  EXPECT_EQ(rows(plan_of(*source, table_of(*source, {"main", "t"})).relation), (Rows{"1"}));
  reader.let_go();
  EXPECT_NO_THROW(Holder(path("s.duckdb"), "read"));
  EXPECT_THROW(Holder(path("s.duckdb"), "write"), std::runtime_error);
}

TEST_F(DuckdbSource, SeesWhatACrashedWriterHadCommittedAndLeavesItsFilesAlone) {
  Holder holder(path("s.duckdb"), "write",
                "CREATE TABLE t AS SELECT 1 AS i; INSERT INTO t VALUES (2)");
  holder.crash();
  const std::string log = bytes_of(path("s.duckdb.wal"));
  ASSERT_FALSE(log.empty());
  {
    const auto source = open_source("s.duckdb");
    EXPECT_EQ(rows(plan_of(*source, table_of(*source, {"main", "t"})).relation), (Rows{"1", "2"}));
  }
  EXPECT_EQ(bytes_of(path("s.duckdb.wal")), log);
}

}  // namespace
}  // namespace sluice
