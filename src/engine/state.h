// SPDX-License-Identifier: Apache-2.0
// What a connection remembers between runs. It lives in the destination's `_sluice` schema, is
// written only in the transaction that writes the rows it speaks of, and is readable by anybody
// with a SELECT.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "duck/duck.h"
#include "sluice/table.h"

namespace sluice {

/// The fingerprint in a state that was reset: that of no settings.
inline constexpr const char* kReset = "reset";

/// The word for it in a state and in a plan: "text", "fail", "null".
const char* misfit_name(Misfit misfit);

/// A mark that is not yet safe: transactions that were open when it was taken may still commit rows
/// below it.
struct PendingMark {
  std::string mark;
  std::string witness;  ///< the snapshot's, see Snapshot::witness
};

/// How far every row of a table has been seen, by its replication key: engine/marks.h.
struct Marks {
  std::optional<std::string> cursor;  ///< the safe mark: every row below it has been seen
  std::vector<PendingMark> pending;   ///< oldest first
};

/// What a table at the destination is a copy of, and how.
struct Copy {
  std::string target_schema, target_name;
  std::vector<Column>
      columns;  ///< as of the last run; those the source dropped are kept, see `dropped`
  std::vector<std::string> dropped;  ///< columns that the source no longer has
  std::vector<std::string> primary_key;
  std::string replication_key;
  std::string options;      ///< fingerprint of the settings that shape the copy; kReset: none
  std::string incarnation;  ///< of the source's table
};

/// A load under way in a hidden table: the copy that it will be, beside one that may be live.
struct Loading : Copy {
  std::string hidden;      ///< the hidden table's name, in the target's schema
  std::uint64_t rows = 0;  ///< committed so far; what is beyond in the hidden table is cut off
  std::vector<std::string> todo;  ///< bounds of the chunks not yet committed
  std::vector<std::uint64_t> todo_rows, todo_bytes;
  std::string first_instant;         ///< the snapshot that the load began under
  bool mixed = false;                ///< chunks of more than one snapshot are in it
  bool brake = true;                 ///< whether too many deletes would stop its publication
  std::optional<std::string> until;  ///< mark of the first snapshot
  std::optional<std::string> safe;   ///< what of it bounds the next run at once
  std::string witness;               ///< of the first snapshot
  std::string horizon;               ///< of the first snapshot
};

struct TableState : Copy, Marks {
  bool live = false;  ///< published at least once
  std::optional<Loading> loading;
  std::int64_t last_full = 0;          ///< Unix seconds: last time every row was compared
  std::int64_t last_delete_check = 0;  ///< Unix seconds
  /// Rows of a commit big enough to be torn by a crash that was begun and not seen to end.
  std::uint64_t in_flight = 0;
  /// Snapshot::horizon of the last run after which the copy held every row of its snapshot,
  /// whatever its replication key said; empty: none.
  std::string horizon;
  /// Mode history: no version begins later than this instant, but for those of a torn commit.
  std::string instant;
  /// How the digests of the copy's keys in `_sluice.digests` are cut into buckets and made; empty:
  /// what is there, if anything, is not this copy's.
  std::string digests;

  std::string json() const;
  /// Throws Fault::internal when the text is not what json() writes.
  static TableState parse(const std::string& json);
};
/// The same without what a source that was set back, or another one, makes doubtful: marks, chunks
/// and cadences.
TableState distrusted(TableState state);

/// Where the next sync of a connector that pushes its changes goes on.
struct FeedState {
  std::string state = "{}";  ///< the connector's own: the text of a JSON object
  /// The instant of the checkpoint, in microseconds since 1970: no row that it or an earlier one
  /// committed has a later one, so rows that do are of a commit that a crash tore.
  std::int64_t synced = 0;
  /// Hashes of the settings that it was made with, by their names; none: not known.
  std::optional<std::map<std::string, std::string>> settings{};
  bool operator==(const FeedState&) const = default;
};

/// What a destination held when an attempt began, so that each of many tables need not ask.
struct Inventory {
  std::map<TableName, TableState> states;  ///< of this connection
  std::set<TableName> present;             ///< tables and views; names folded to lower case
  std::set<TableName> views;               ///< of these
  std::map<TableName, std::string>
      owners;              ///< "connection: schema.table" by target, folded likewise
  std::uint64_t runs = 0;  ///< this one and all before it
  static TableName folded(const std::string& schema, const std::string& name);
};

/// The `_sluice` tables of one destination, for one connection. Each method takes the connection to
/// work on, so that a caller decides which transaction it is part of.
class StateStore {
 public:
  StateStore(std::string catalog, std::string connection)
      : catalog_(std::move(catalog)), connection_(std::move(connection)) {}

  /// Looks for the tables, and creates them where `create` says so, in a transaction of its own.
  /// Refuses those of another version. Without tables every question below has the empty answer.
  enum class Create { yes, no };
  void open(duck::Connection& connection, Create create);
  std::optional<TableState> table(duck::Connection& connection, const TableName& name) const;
  std::vector<std::pair<TableName, TableState>> tables(duck::Connection& connection) const;
  Inventory inventory(duck::Connection& connection) const;
  /// Replaces `expected` (none: there is no state yet) by `next`; throws Fault::conflict if it is
  /// not what is there.
  void replace(duck::Connection& connection, const TableName& name,
               const std::optional<TableState>& expected, const TableState& next) const;
  /// None: no checkpoint was ever committed.
  std::optional<FeedState> feed(duck::Connection& connection) const;
  /// As replace().
  void replace_feed(duck::Connection& connection, const std::optional<FeedState>& expected,
                    const FeedState& next) const;
  /// The tables of this connection, whether or not their states can be read.
  std::vector<TableName> names(duck::Connection& connection) const;
  /// The next run loads the table anew, behind the copy, which stays ours. Needs no readable state.
  void reset(duck::Connection& connection, const TableName& name) const;

  /// The tables that earlier runs were about, copied or not: others are new.
  std::set<TableName> known(duck::Connection& connection) const;
  void remember_known(duck::Connection& connection, const std::set<TableName>& tables) const;

  /// The identity of the source this connection has always read, or empty.
  std::string source(duck::Connection& connection) const;
  /// Whether its history had come further when it was last read.
  bool set_back(duck::Connection& connection, std::optional<std::int64_t> position) const;
  /// Where another one was known, or this one was set back, no mark, chunk or cadence is trusted
  /// any more: the next run compares everything, and loads that were cut off start over.
  void set_source(duck::Connection& connection, const std::string& identity,
                  std::optional<std::int64_t> position) const;

  /// Where several can write to the destination: this run is the one that does, from here on, and
  /// whoever claimed it before does not.
  void claim(duck::Connection& connection);
  /// Throws Fault::busy, in the transaction that the caller is about to commit, where another run
  /// has claimed it since. The caller's transaction sees the destination as it was when that began,
  /// so a claim made during it is not seen, however long it lasts, and it may commit. That does no
  /// harm where it replaces states: each only where it is still the one that was read, so of two
  /// runs that replace one, the one that commits later ends with Fault::conflict and keeps no row.
  void hold(duck::Connection& connection) const;

  /// Which rows of `_sluice.digests` are a table's, as a condition.
  std::string digests_of(const TableName& name) const;

  /// `"catalog"."_sluice"."name"`.
  std::string sql_name(const std::string& name) const;
  const std::string& catalog() const noexcept { return catalog_; }
  /// After open(): whether the tables are there.
  bool present() const noexcept { return present_; }
  const std::string& connection_name() const noexcept { return connection_; }

  static constexpr int kVersion = 1;

 private:
  /// Of the transaction that the caller has begun.
  void distrust(duck::Connection& connection) const;
  std::string meta(duck::Connection& connection, const std::string& key) const;
  void set_meta(duck::Connection& connection, const std::string& key,
                const std::string& value) const;

  std::string catalog_;
  std::string connection_;
  std::string claim_;  ///< empty: nobody else can write
  bool present_ = false;
};

}  // namespace sluice
