// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "connectors/duckdb/catalog.h"
#include "connectors/duckdb/connector.h"
#include "connectors/duckdb/file.h"
#include "connectors/duckdb/relation.h"

namespace sluice::duckdb_file {
namespace {

/// The random identifier that DuckDB 1.4 and later write into the header of a file of storage
/// version v1.4.0 or later; empty for older ones. It is in every copy of the file and in none that
/// is made anew.
std::string file_identifier(int descriptor) {
  constexpr off_t kOffset =
      124;  // checksum 8, "DUCK" 4, version 8, flags 32, library 32 + 32, encryption 8
  std::array<unsigned char, 16> bytes{};
  if (pread(descriptor, bytes.data(), bytes.size(), kOffset) != static_cast<ssize_t>(bytes.size()))
    return {};
  if (std::ranges::all_of(bytes, [](unsigned char byte) { return byte == 0; })) return {};
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

/// How often a checkpoint has written one of the file's two headers: a checksum of 8 bytes, then
/// that number; the first header of 4 KiB is the one that never changes.
std::uint64_t checkpoints(int descriptor) {
  std::uint64_t most = 0;
  for (const off_t header : {4096, 8192}) {
    std::uint64_t count = 0;
    if (pread(descriptor, &count, sizeof count, header + 8) == sizeof count)
      most = std::max(most, count);
  }
  return most;
}

/// While the file is attached read-only no process can have it open for writing, so that whatever
/// is committed later was begun later: every mark is safe at once, and there is nothing to wait
/// for.
class FileSnapshot : public Snapshot {
 public:
  FileSnapshot(std::string clock, std::string file, std::vector<std::variant<Table, Error>> tables)
      : clock_(std::move(clock)), file_(std::move(file)), tables_(std::move(tables)) {}

  std::string instant() const override { return clock_ + ", file " + file_; }
  /// The file was attached before the clock was read, and has had no writer since.
  std::string clock() const override { return clock_; }
  const std::vector<std::variant<Table, Error>>& tables() const override { return tables_; }
  std::string witness() const override { return "file"; }
  bool settled(const std::string&) const override { return true; }
  Proof proof(const Table& table) const override {
    if (table.view) return {false, "a view's rows can change without a write to its file"};
    const Column* key = table.column(table.replication_key);
    if (key != nullptr && duck::is_temporal(key->source_type) &&
        key->source_type != "TIMESTAMP WITH TIME ZONE") {
      return {false,
              "sessions in different time zones can stamp a " + key->source_type + " differently"};
    }
    return {};
  }
  void check_alive(const TableName&) override {}

 private:
  std::string clock_, file_;
  std::vector<std::variant<Table, Error>> tables_;
};

class FileSource : public Source {
 public:
  FileSource(duck::Database& database, const SourceOptions& options)
      : file_(database, options.path, Access::read, options.patience) {
    duck::Connection connection = file_.connect();
    t0_ = connection.query("SELECT strftime(now() AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')")
              .text(0, 0);
    collated_ = collated_tables(connection, file_.catalog());
  }

  /// Files of older storage versions carry nothing of their own: they are known by where they are.
  std::string identity() override {
    const std::string identifier = file_identifier(file_.descriptor());
    if (!identifier.empty()) return "duckdb:" + identifier;
    std::error_code error;
    const std::filesystem::path canonical = std::filesystem::canonical(file_.path(), error);
    return "duckdb:" + (error ? file_.path() : canonical).string();
  }

  /// Each commit makes the log longer, and a checkpoint ends it.
  std::optional<std::int64_t> position() override {
    constexpr std::uint64_t kLogBits = 40;
    std::error_code none;
    const std::uintmax_t log =
        std::filesystem::file_size(std::filesystem::path(file_.path()) += ".wal", none);
    return static_cast<std::int64_t>(
        (checkpoints(file_.descriptor()) << kLogBits) +
        (none ? 0 : std::min<std::uintmax_t>(log, (std::uint64_t{1} << kLogBits) - 1)));
  }

  Catalog discover(std::span<const TableName> named) override {
    duck::Connection connection = file_.connect();
    Catalog catalog = read_catalog(connection, file_.catalog(), named);
    // A file says nothing of when a table was made, and oids are given anew at each attach. The
    // name of the table has to do: what it would protect (chunk bounds of a load that goes on in a
    // later run) this source does not have.
    for (Table& table : catalog.tables) table.incarnation = "table";
    return catalog;
  }

  std::unique_ptr<Snapshot> snapshot(std::span<const Table> tables) override {
    std::vector<TableName> names;
    for (const Table& table : tables) names.push_back(table.name);
    Catalog catalog = discover(names);
    std::vector<std::variant<Table, Error>> found;
    for (const TableName& name : names) found.push_back(look_up(catalog, name));
    return std::make_unique<FileSnapshot>(t0_ + "+00", file_.name(), std::move(found));
  }

  Plan plan(Snapshot& snapshot, const Table& table, const Read& read) override {
    const Table* own = nullptr;
    for (const auto& each : snapshot.tables()) {
      const Table* candidate = std::get_if<Table>(&each);
      if (candidate != nullptr && candidate->name == table.name) own = candidate;
    }
    if (own == nullptr) throw Error(Fault::schema, table.name.text() + " is not in this snapshot");
    const Attached attached{sql_name(file_.catalog(), table.name), own,
                            own->view || collated_.contains(table.name)};
    Plan plan;
    plan.table = table;
    plan.read = read;
    plan.rows = read.keys.empty() ? own->rows : read.keys.size();
    duck::Connection connection = file_.connect();
    check_words(connection, attached, table);
    plan.misfits = find_misfits(connection, attached, table, read);
    plan.relation = relation(attached, table, read);
    if (!table.replication_key.empty() && read.keys.empty()) {
      plan.until = connection.query(until_query(attached, table, t0_)).optional(0, 0);
    }
    return plan;
  }

  std::unique_ptr<Reader> reader(Snapshot&, const Plan&, std::span<const std::size_t>) override {
    throw Error(Fault::internal,
                "a DuckDB file is read by DuckDB itself: its plans have no chunks");
  }

 private:
  static std::variant<Table, Error> look_up(const Catalog& catalog, const TableName& name) {
    for (const Table& table : catalog.tables) {
      if (table.name == name) return table;
    }
    for (const Skipped& skipped : catalog.skipped) {
      if (skipped.name == name)
        return Error(Fault::schema, name.text() + ": " + skipped.why, skipped.hint);
    }
    return Error(Fault::schema, name.text() + " does not exist");
  }

  AttachedFile file_;
  std::string t0_;  ///< when the file was attached
  std::set<TableName> collated_;
};

}  // namespace

std::unique_ptr<Source> source(duck::Database& database, SourceOptions options) {
  return std::make_unique<FileSource>(database, options);
}

}  // namespace sluice::duckdb_file
