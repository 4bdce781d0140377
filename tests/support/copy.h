// SPDX-License-Identifier: Apache-2.0
// A DuckDB file that runs write into, and what a reader of it sees.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "connectors/registry.h"
#include "duck/duck.h"
#include "engine/scan.h"
#include "sluice/sync.h"

namespace sluice::testing {

using Texts = std::vector<std::string>;

/// A file that runs write into.
class Copy {
 public:
  explicit Copy(const std::filesystem::path& parent = std::filesystem::temp_directory_path())
      : folder_(new_folder(parent)),
        database_({{"memory_limit", "512MB"},
                   {"threads", "2"},
                   {"preserve_insertion_order", "false"},
                   {"temp_directory", folder_ / "spill"}}) {}
  ~Copy() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  RunResult sync(const std::string& url, const SyncOptions& options = {},
                 const Secret& password = {}) const {
    SourceSettings settings;
    settings.password = password;
    const auto source = make_source(database_, url, settings);
    const auto destination = make_destination(database_, "duckdb:" + file());
    Observer observer;
    return Sync(database_, *source, *destination, options, observer).run();
  }
  std::vector<Verified> verify(const std::string& url, Sync::Repair repair = Sync::Repair::no,
                               const SyncOptions& options = {}, double percent = 100) const {
    const auto source = make_source(database_, url);
    const auto destination = make_destination(database_, "duckdb:" + file());
    Observer observer;
    return Sync(database_, *source, *destination, options, observer).verify(repair, percent);
  }
  /// Changes the copy behind sluice's back.
  void damage(const std::string& sql) const {
    Attached attached(database_, file(), "");
    attached.connection.query("USE copy.public");
    attached.connection.query(sql);
  }
  /// First column of all rows; NULL as "NULL".
  Texts query(const std::string& sql) const {
    Attached attached(database_, file(), " (READ_ONLY)");
    const duck::Result result = attached.connection.query(sql);
    Texts texts;
    for (std::size_t i = 0; i < result.rows(); ++i) {
      texts.push_back(result.optional(i, 0).value_or("NULL"));
    }
    return texts;
  }
  /// "name type" of each column, in order.
  Texts columns(const std::string& table) const {
    return query(
        "SELECT column_name || ' ' || data_type FROM duckdb_columns() WHERE database_name = "
        "'copy' AND schema_name = 'public' AND table_name = " +
        duck::literal(table) + " ORDER BY column_index");
  }
  Texts values(const std::string& table, const std::string& column) const {
    return query("SELECT " + duck::quoted(column) + "::VARCHAR FROM public." + duck::quoted(table) +
                 " ORDER BY id");
  }
  /// The rows (by "id") whose digests of `column` differ between source and copy, or why there is
  /// none.
  Texts digests_differ(const std::string& url, const std::string& table,
                       const std::string& column) const {
    duck::Database database;
    duck::Connection connection = database.connect();
    connection.query("SET TimeZone = 'UTC'; ATTACH " + duck::literal(file()) +
                     " AS copy (READ_ONLY)");
    register_scan(connection);
    const auto source = make_source(database, url);
    const auto tables = source->discover({}).tables;
    const auto wanted =
        std::ranges::find(tables, table, [](const Table& each) { return each.name.name; });
    const auto snapshot = source->snapshot(std::span(&*wanted, 1));
    Read read;
    read.columns = digest_columns();
    read.digest = {*wanted->column(column)};
    read.buckets = Buckets{Buckets::By::ranges, 0, 0, {}};  // each row by itself
    const RowDigest digest = source->row_digest(*snapshot, *wanted, read.digest, connection);
    if (!digest.why_not.empty()) return {digest.why_not};
    const Plan plan = source->plan(*snapshot, *wanted, read);
    ReaderBudget budget(1);
    std::atomic<StopLevel> stop{StopLevel::none};
    const ScanContext context{*source, budget, stop};
    Relation relation(connection, context, *snapshot, plan);
    const duck::Result rows = relation.run(
        "SELECT coalesce(id, bucket)::VARCHAR || ': ' || coalesce(" + duck::quoted(column) +
        "::VARCHAR, 'NULL') FROM (SELECT *, " + digest.sql + " AS own FROM copy.public." +
        duck::quoted(table) + ") FULL JOIN " + relation.sql() +
        " ON id = bucket WHERE own::HUGEINT IS DISTINCT FROM digest::HUGEINT OR rows <> 1");
    Texts differing;
    for (std::size_t i = 0; i < rows.rows(); ++i) differing.push_back(rows.text(i, 0));
    return differing;
  }

  duck::Database& database() const { return database_; }
  std::string file() const { return folder_ / "copy.duckdb"; }

 private:
  /// The file, as "copy", in which names are looked up, while this lives.
  struct Attached {
    Attached(duck::Database& database, const std::string& file, const std::string& how)
        : connection(database.connect()) {
      connection.query("SET TimeZone = 'UTC'; ATTACH " + duck::literal(file) + " AS copy" + how +
                       "; USE copy");
    }
    ~Attached() {
      try {
        connection.query("USE memory; DETACH copy");
      } catch (const Error&) {
        // The next one to want the file says so.
      }
    }
    Attached(const Attached&) = delete;
    Attached& operator=(const Attached&) = delete;
    duck::Connection connection;
  };
  static std::filesystem::path new_folder(const std::filesystem::path& parent) {
    std::string name = (parent / "sluice-types-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    return name;
  }

  std::filesystem::path folder_;
  mutable duck::Database database_;  ///< one for all: starting one takes longer than a small run
};

}  // namespace sluice::testing
