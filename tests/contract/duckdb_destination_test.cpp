// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "connectors/duckdb/file.h"
#include "connectors/duckdb/read_copy.h"
#include "contract/duckdb_files.h"
#include "support/holder.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::has;
using test::Holder;
using test::thrown;

class DuckdbDestination : public test::DuckdbFiles {
 protected:
  std::string count(const std::string& file, const std::string& table = "t") {
    duck::Database own;
    duck::Connection connection = own.connect();
    connection.query("ATTACH " + duck::literal(file) + " AS f (READ_ONLY)");
    return connection.query("SELECT count(*) FROM f." + table).text(0, 0);
  }
  void fill(Destination& destination, int rows, const std::string& table = "t") {
    database_.connect().query("CREATE OR REPLACE TABLE " + duck::quoted(destination.catalog()) +
                              ".main." + table + " AS SELECT range AS i FROM range(" +
                              std::to_string(rows) + ")");
  }
  std::string storage_of(const Destination& destination) {
    return database_.connect()
        .query("SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = ?",
               {destination.catalog()})
        .text(0, 0);
  }
};

TEST_F(DuckdbDestination, MakesTheFileAndKeepsWhatWasCommitted) {
  {
    const auto destination = open_destination("a b'c \"d\".duckdb");
    EXPECT_EQ(destination->catalog(), "sluice_destination");
    EXPECT_EQ(destination->name(), path("a b'c \"d\".duckdb"));
    fill(*destination, 1000);
    destination->finish();
    EXPECT_FALSE(fs::exists(path("a b'c \"d\".duckdb.wal")));
  }
  EXPECT_EQ(count(path("a b'c \"d\".duckdb")), "1000");
}

TEST_F(DuckdbDestination, DestroyedInATransactionLeavesNothing) {
  {
    const auto destination = open_destination("d.duckdb");
    fill(*destination, 5);
    duck::Connection connection = database_.connect();
    duck::Transaction transaction(connection);
    connection.query("INSERT INTO sluice_destination.main.t VALUES (99)");
  }
  EXPECT_EQ(count(path("d.duckdb")), "5");
}

TEST_F(DuckdbDestination, NewFilesGetTheStorageVersionAndOldOnesKeepTheirs) {
  EXPECT_EQ(storage_of(*open_destination("new.duckdb")), "v1.4.0+");
  make("old.duckdb", {"CREATE TABLE t AS SELECT 1 AS i"}, "v1.2.0");
  EXPECT_EQ(storage_of(*open_destination("old.duckdb")), "v1.2.0+");
  const auto chosen =
      duckdb_file::destination(database_, {.path = path("chosen.duckdb"), .storage = "v1.5.0"});
  EXPECT_EQ(storage_of(*chosen), "v1.5.0+");
  const Error error = thrown(
      [&] { duckdb_file::destination(database_, {.path = path("bad.duckdb"), .storage = "v9"}); });
  EXPECT_EQ(error.fault(), Fault::config);
  EXPECT_TRUE(has(error.what(), "v1.4.0")) << error.what();
  EXPECT_FALSE(fs::exists(path("bad.duckdb")));
}

TEST_F(DuckdbDestination, SeveralAtOnceHaveNamesOfTheirOwn) {
  const auto one = open_destination("1.duckdb");
  auto two = open_destination("2.duckdb");
  const auto three = open_destination("3.duckdb");
  EXPECT_EQ(two->catalog(), "sluice_destination_2");
  two.reset();
  two = open_destination("4.duckdb");
  EXPECT_EQ(two->catalog(), "sluice_destination_2");
  EXPECT_EQ(three->catalog(), "sluice_destination_3");
}

TEST_F(DuckdbDestination, ExplainsPathsThatCannotBe) {
  const Error folder = thrown([&] { open_destination("no/such/d.duckdb"); });
  EXPECT_EQ(folder.fault(), Fault::config);
  EXPECT_TRUE(has(folder.hint(), "mkdir -p '" + path("no/such") + "'")) << folder.hint();
  fs::create_directory(path("folder.duckdb"));
  EXPECT_TRUE(has(thrown([&] { open_destination("folder.duckdb"); }).what(), "is a folder"));
  write("text.duckdb", std::string(20000, 'x'));
  const Error text = thrown([&] { open_destination("text.duckdb"); });
  EXPECT_EQ(text.fault(), Fault::config);
  EXPECT_TRUE(has(text.what(), "is not a DuckDB file")) << text.what();
  EXPECT_EQ(bytes_of(path("text.duckdb")), std::string(20000, 'x'));
  write("short.duckdb", "hello");
  EXPECT_TRUE(
      has(thrown([&] { open_destination("short.duckdb"); }).what(), "is not a DuckDB file"));
  EXPECT_EQ(bytes_of(path("short.duckdb")), "hello");
  EXPECT_EQ(thrown([&] { duckdb_file::destination(database_, {.path = ""}); }).fault(),
            Fault::config);
  ASSERT_EQ(mkfifo(path("fifo.duckdb").c_str(), 0600), 0);
  EXPECT_EQ(thrown([&] { open_destination("fifo.duckdb"); }).fault(), Fault::config);
}

TEST_F(DuckdbDestination, AFileWhoseMakingWasCutOffIsMadeAnew) {
  make("donor.duckdb", {}, "v1.4.0");
  const std::string whole = bytes_of(path("donor.duckdb"));
  for (const std::size_t length : {0U, 4096U, 8192U}) {
    write("cut.duckdb", whole.substr(0, length));
    {
      const auto destination = open_destination("cut.duckdb");
      fill(*destination, 3);
    }
    EXPECT_EQ(count(path("cut.duckdb")), "3") << length;
  }
}

/// Another run that has opened the new file, and is about to lock it, must find itself in the file
/// that everybody sees: DuckDB opens before it locks.
TEST_F(DuckdbDestination, AFileThatAnotherProgramIsMakingStaysThatFile) {
  write("d.duckdb", "");
  const int other = open(path("d.duckdb").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(other, 0);
  {
    const auto destination = open_destination("d.duckdb");
    fill(*destination, 3);
    EXPECT_TRUE(duckdb_file::same_file(path("d.duckdb"), "/proc/self/fd/" + std::to_string(other)));
  }
  close(other);
  EXPECT_EQ(count(path("d.duckdb")), "3");
}

TEST_F(DuckdbDestination, TheLogOfAFileThatIsGoneDoesNotBecomeTheNewOnes) {
  Holder holder(path("d.duckdb"), "write", "CREATE TABLE old AS SELECT 1 AS i");
  holder.crash();
  fs::remove(path("d.duckdb"));
  {
    const auto destination = open_destination("d.duckdb");
    fill(*destination, 3);
  }
  EXPECT_EQ(count(path("d.duckdb")), "3");
  for (const auto& entry : fs::directory_iterator(folder_))
    EXPECT_EQ(entry.path().filename(), "d.duckdb");
}

TEST_F(DuckdbDestination, AFileInUseThatWasCutOffIsLeftAlone) {
  make("donor.duckdb", {"CREATE TABLE t AS FROM range(1000)", "CHECKPOINT"}, "v1.4.0");
  const std::string cut = bytes_of(path("donor.duckdb")).substr(0, 8192);
  write("cut.duckdb", cut);
  EXPECT_TRUE(has(thrown([&] { open_destination("cut.duckdb"); }).what(), "is damaged"));
  EXPECT_EQ(bytes_of(path("cut.duckdb")), cut);
}

TEST_F(DuckdbDestination, ReplaysTheLogOfACrash) {
  Holder holder(path("d.duckdb"), "write",
                "CREATE TABLE t AS SELECT 1 AS i; INSERT INTO t VALUES (2)");
  holder.crash();
  ASSERT_GT(fs::file_size(path("d.duckdb.wal")), 0U);
  const auto destination = open_destination("d.duckdb");
  EXPECT_EQ(database_.connect().query("SELECT count(*) FROM sluice_destination.main.t").text(0, 0),
            "2");
}

TEST_F(DuckdbDestination, SaysSoWhenTheLogIsDamaged) {
  Holder holder(path("d.duckdb"), "write",
                "CREATE TABLE t AS SELECT 1 AS i; INSERT INTO t VALUES (2)");
  holder.crash();
  std::string log = bytes_of(path("d.duckdb.wal"));
  for (std::size_t i = log.size() / 2; i < log.size(); ++i) log[i] = static_cast<char>(i * 7);
  write("d.duckdb.wal", log);
  const Error error = thrown([&] { open_destination("d.duckdb"); });
  EXPECT_EQ(error.fault(), Fault::data);
  EXPECT_TRUE(has(error.what(), "damaged write-ahead log")) << error.what();
  EXPECT_TRUE(has(error.hint(), "backup"));
}

TEST_F(DuckdbDestination, NamesTheProgramThatWrites) {
  Holder holder(path("d.duckdb"), "write", "CREATE TABLE t (i INTEGER)");
  const Error error = thrown([&] { open_destination("d.duckdb"); });
  EXPECT_EQ(error.fault(), Fault::busy);
  EXPECT_TRUE(has(error.what(), "hold_file (pid " + std::to_string(holder.pid()) + ")"))
      << error.what();
  EXPECT_TRUE(has(error.hint(), "--wait")) << error.hint();
  EXPECT_TRUE(has(error.hint(), "read_copy")) << error.hint();
}

TEST_F(DuckdbDestination, NamesTheProgramThatOnlyReads) {
  make("d.duckdb", {"CREATE TABLE t (i INTEGER)"});
  Holder holder(path("d.duckdb"), "read");
  const Error error = thrown([&] { open_destination("d.duckdb"); });
  EXPECT_EQ(error.fault(), Fault::busy);
  EXPECT_TRUE(has(error.what(), "(pid " + std::to_string(holder.pid()) + "), which is reading it"))
      << error.what();
  EXPECT_TRUE(has(error.hint(), "one reader keeps a writer out")) << error.hint();
}

TEST_F(DuckdbDestination, WaitsForTheLockUntilItIsFree) {
  Holder holder(path("d.duckdb"), "write", "CREATE TABLE t AS SELECT 1 AS i");
  std::thread later([&] {
    std::this_thread::sleep_for(400ms);
    holder.let_go();
  });
  const auto start = std::chrono::steady_clock::now();
  const auto destination = duckdb_file::destination(
      database_, {.path = path("d.duckdb"), .patience = {.wait = 60s, .stop = {}}});
  later.join();
  EXPECT_GE(std::chrono::steady_clock::now() - start, 300ms);
  EXPECT_EQ(database_.connect().query("SELECT count(*) FROM sluice_destination.main.t").text(0, 0),
            "1");
}

TEST_F(DuckdbDestination, StopsWaitingAtTheDeadlineAndOnRequest) {
  Holder holder(path("d.duckdb"), "write");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(thrown([&] {
              duckdb_file::destination(
                  database_, {.path = path("d.duckdb"), .patience = {.wait = 300ms, .stop = {}}});
            }).fault(),
            Fault::busy);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 300ms);
  int asked = 0;
  EXPECT_EQ(thrown([&] {
              duckdb_file::destination(
                  database_, {.path = path("d.duckdb"),
                              .patience = {.wait = 60s, .stop = [&] { return ++asked == 3; }}});
            }).fault(),
            Fault::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
}

TEST_F(DuckdbDestination, RefusesOneFileUnderTwoNames) {
  make("d.duckdb", {"CREATE TABLE t (i INTEGER)"});
  fs::create_symlink(path("d.duckdb"), path("symlink.duckdb"));
  fs::create_hard_link(path("d.duckdb"), path("hardlink.duckdb"));
  for (const std::string name : {"d.duckdb", "symlink.duckdb", "hardlink.duckdb"}) {
    {
      const auto source = open_source("d.duckdb");
      const Error error = thrown([&] { open_destination(name); });
      EXPECT_EQ(error.fault(), Fault::config) << name;
      EXPECT_TRUE(has(error.what(), "same file")) << error.what();
    }
    const auto destination = open_destination("d.duckdb");
    EXPECT_EQ(thrown([&] { open_source(name); }).fault(), Fault::config) << name;
    EXPECT_EQ(thrown([&] { open_destination(name); }).fault(), Fault::config) << name;
  }
}

class ReadCopy : public DuckdbDestination {
 protected:
  std::unique_ptr<Destination> open_with_copy(const std::string& copy) {
    return duckdb_file::destination(database_, {.path = path("d.duckdb"), .read_copy = path(copy)});
  }
};

TEST_F(ReadCopy, IsTheFileAfterEachRunAndStaysReadableDuringTheNext) {
  {
    const auto destination = open_with_copy("copy.duckdb");
    fill(*destination, 200'000);
    EXPECT_FALSE(fs::exists(path("copy.duckdb")));
    destination->finish();
    EXPECT_EQ(count(path("copy.duckdb")), "200000");
    fill(*destination, 7);
    Holder analyst(path("copy.duckdb"), "read");
    EXPECT_EQ(count(path("copy.duckdb")), "200000");
    destination->finish();
    EXPECT_EQ(count(path("copy.duckdb")), "7");
  }
  EXPECT_EQ(count(path("d.duckdb")), "7");
  EXPECT_FALSE(fs::exists(path("copy.duckdb.sluice-partial")));
  EXPECT_FALSE(fs::exists(path("copy.duckdb.wal")));
}

TEST_F(ReadCopy, KeepsTheDestinationLockedToOthers) {
  const auto destination = open_with_copy("copy.duckdb");
  fill(*destination, 10);
  destination->finish();
  EXPECT_THROW(Holder(path("d.duckdb"), "read"), std::runtime_error);
  destination->finish();
  EXPECT_THROW(Holder(path("d.duckdb"), "write"), std::runtime_error);
}

TEST_F(ReadCopy, HasTheRightsOfTheFileAndFollowsALink) {
  fs::create_directory(path("published"));
  fs::create_symlink(path("published/real.duckdb"), path("link.duckdb"));
  const auto destination = open_with_copy("link.duckdb");
  fill(*destination, 10);
  fs::permissions(path("d.duckdb"), fs::perms(0640));
  destination->finish();
  EXPECT_TRUE(fs::is_symlink(path("link.duckdb")));
  EXPECT_EQ(count(path("published/real.duckdb")), "10");
  EXPECT_EQ(fs::status(path("published/real.duckdb")).permissions(), fs::perms(0640));
}

TEST_F(ReadCopy, AHalfCopyOfACrashIsCleanedAndNeverSeen) {
  write("copy.duckdb.sluice-partial", std::string(100'000, 'x'));
  const auto destination = open_with_copy("copy.duckdb");
  EXPECT_FALSE(fs::exists(path("copy.duckdb.sluice-partial")));
  fill(*destination, 10);
  write("copy.duckdb.sluice-partial", std::string(10'000'000, 'x'));
  destination->finish();
  EXPECT_EQ(count(path("copy.duckdb")), "10");
  EXPECT_FALSE(fs::exists(path("copy.duckdb.sluice-partial")));
}

TEST_F(ReadCopy, RefusesTheDestinationItself) {
  make("d.duckdb", {"CREATE TABLE t (i INTEGER)"});
  fs::create_symlink(path("d.duckdb"), path("symlink.duckdb"));
  fs::create_hard_link(path("d.duckdb"), path("hardlink.duckdb"));
  fs::create_directory(path("sub"));
  for (const std::string name :
       {"d.duckdb", "sub/../d.duckdb", "symlink.duckdb", "hardlink.duckdb"}) {
    const Error error = thrown([&] { open_with_copy(name); });
    EXPECT_EQ(error.fault(), Fault::config) << name;
    EXPECT_TRUE(has(error.what(), "is the destination itself")) << error.what();
  }
  EXPECT_EQ(thrown([&] { open_with_copy("sub"); }).fault(), Fault::config);
  EXPECT_TRUE(has(thrown([&] { open_with_copy("no/copy.duckdb"); }).hint(), "mkdir -p"));
}

TEST_F(ReadCopy, ThatFailsLeavesTheOldOne) {
  fs::create_directory(path("sub"));
  const auto destination = open_with_copy("sub/copy.duckdb");
  fill(*destination, 10);
  destination->finish();
  fs::create_directory(path("sub/copy.duckdb.sluice-partial"));
  fill(*destination, 20);
  EXPECT_EQ(thrown([&] { destination->finish(); }).fault(), Fault::config);
  EXPECT_EQ(count(path("sub/copy.duckdb")), "10");
}

TEST_F(ReadCopy, ThatDoesNotFitLeavesTheOldOneAndNoHalf) {
  write("big", std::string(3'000'000, 'n'));
  write("copy", "old");
  const int from = open(path("big").c_str(), O_RDONLY | O_CLOEXEC);
  struct rlimit before {};
  getrlimit(RLIMIT_FSIZE, &before);
  struct rlimit small = before;
  small.rlim_cur = 1'000'000;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_EQ(thrown([&] { duckdb_file::replace_with_copy(from, path("copy")); }).fault(),
            Fault::internal);
  setrlimit(RLIMIT_FSIZE, &before);
  close(from);
  EXPECT_EQ(bytes_of(path("copy")), "old");
  EXPECT_FALSE(fs::exists(path("copy.sluice-partial")));
}

TEST_F(ReadCopy, CrossesFileSystems) {
  const fs::path elsewhere = fs::path("/dev/shm") / ("sluice-copy-" + std::to_string(getpid()));
  std::string bytes(3'000'001, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 % 251);
  write("from", bytes);
  const int from = open(path("from").c_str(), O_RDONLY | O_CLOEXEC);
  duckdb_file::replace_with_copy(from, elsewhere);
  close(from);
  EXPECT_EQ(bytes_of(elsewhere.string()), bytes);
  fs::remove(elsewhere);
}

}  // namespace
}  // namespace sluice
