// SPDX-License-Identifier: Apache-2.0
// What a table is, the same for every source and destination. Plain values.
#pragma once

#include <algorithm>
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

/// Schema and name as the database spells them, never folded, never quoted.
struct TableName {
  std::string schema;
  std::string name;
  auto operator<=>(const TableName&) const = default;
  /// "schema.name", for messages and globs; not SQL.
  std::string text() const { return schema.empty() ? name : schema + "." + name; }
  /// The same as one word of a command line, for hints that people paste.
  std::string argument() const {
    std::string plain = text(), quoted = "'";
    for (const char each : plain) quoted += each == '\'' ? "'\\''" : std::string(1, each);
    const bool is_word = plain.find_first_not_of(
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw"
                             "xyz0123456789_.-") == std::string::npos;
    return is_word ? plain : quoted + "'";
  }
};

/// What happens to a value that its column's type cannot hold exactly.
enum class Misfit {
  text,  ///< the first load starts over with the column as VARCHAR; after that as `fail`
  fail,  ///< the table fails, its last good copy stays
  null,  ///< NULL, counted in the receipt
};

struct Column {
  std::string name;
  std::string type;  ///< the DuckDB type it lands as, written as DuckDB prints it: "DECIMAL(18,4)"
  std::string source_type;  ///< the source's own name of the type, for messages and drift
  bool nullable = true;
  Misfit misfit = Misfit::fail;
  std::string comment;
  bool operator==(const Column&) const = default;
};

/// Where the primary key comes from. Keys are never guessed.
enum class KeyOrigin { none, primary, unique, user };

struct Table {
  TableName name;
  std::vector<Column> columns;           ///< in the source's order; only those that travel
  std::vector<std::string> primary_key;  ///< column names in key order; empty: none
  KeyOrigin key_origin = KeyOrigin::none;
  /// A column that grows with every change; empty: none. What the user names wins; a source names
  /// one only where rows are kept by it, and else the engine takes updated_at, modified_at or
  /// last_modified.
  std::string replication_key;
  std::vector<std::string>
      indexed;            ///< columns whose ranges are cheap to read: an index leads with them
  bool versions = false;  ///< the source tells versions of a row apart: Snapshot::horizon()
  /// Without a primary key, the source digests ranges of the replication key: Buckets::By::ranges.
  bool mark_ranges = false;
  bool view = false;       ///< a view or materialized view: loaded only when it is named
  std::uint64_t rows = 0;  ///< the source's estimate; 0: none, or no rows
  bool guessed = false;    ///< `rows` is by its size, for want of statistics that are not outdated
  bool sampled = false;    ///< `rows` is a sample's, however fresh: deletes cannot be told by it
  /// Rights are given by column: one that is not listed may be there all the same.
  bool partial = false;
  std::uint64_t bytes = 0;  ///< the source's estimate, on its disk; 0 as above
  std::string comment;
  /// What `naming: fivetran` puts before schema and table to make the name of the copy; empty: the
  /// schema is the copy's schema, and the name the table's.
  std::string fivetran_prefix;

  /// Changes when rows may hold other values though none was changed: the table was made anew or
  /// rewritten, a column took another's name, another server its place (PostgreSQL: oid, file
  /// nodes, timeline, columns, enum values, expressions of virtual columns). Chunk bounds of one
  /// incarnation mean nothing in another. Always the same text: the source cannot tell (DuckDB
  /// files), and its bounds hold whatever happens to the table; then only comparing by content
  /// finds what a re-creation with old stamps changed.
  std::string incarnation;

  /// The rows that make up the copy, when not all: a predicate in the source's SQL, and a lower
  /// bound of the replication key. Reads, key lists and counts share them.
  std::string where;
  std::optional<std::string> start;

  /// How much time of the replication key one statement reads of what is new, where the source
  /// reads in windows; unset: as the source likes.
  std::optional<std::chrono::seconds> window;

  const Column* column(const std::string& wanted) const {
    for (const Column& each : columns) {
      if (each.name == wanted) return &each;
    }
    return nullptr;
  }
  bool has_key() const { return !primary_key.empty(); }
  bool replication_key_indexed() const {
    return std::find(indexed.begin(), indexed.end(), replication_key) != indexed.end();
  }
};

/// A table that exists but cannot be read, with the reason and, as a hint, the GRANT that helps.
struct Skipped {
  TableName name;
  std::string why;
  std::string hint;
};

struct Catalog {
  std::vector<Table> tables;  ///< ordered by name
  std::vector<Skipped> skipped;
};

}  // namespace sluice
