// SPDX-License-Identifier: Apache-2.0
// A database that rows come from. A connector author implements Source, Snapshot and Reader; the
// engine pulls. tests/support/fake_source.h is a small one, without all that a user may ask for.
//
// Order of calls in a run: identity, discover, snapshot(tables), then per table plan, and per
// scanning thread a Reader; a table that is tried again gets a new snapshot, and so may each table.
// How a URL and its settings reach a Source: connectors/registry.h. A Plan outlives its Readers,
// they end before their Snapshot, and that before its Source. Threads: a Source and a Snapshot may
// be used by several threads at once (implementations lock where they must); a Reader belongs to
// one thread, but for cancel(). Every member may throw Error, but those that say noexcept. A Fault
// that is retryable() is tried again.
//
// Values as text (marks, `from`, `start`, keys) are written as DuckDB prints the column's type,
// timestamps with time zone in UTC: "2026-11-21 04:05:06.789+00". A source writes them so and takes
// them so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "sluice/batch.h"
#include "sluice/error.h"
#include "sluice/plan.h"
#include "sluice/table.h"

namespace sluice {

namespace duck {
class Connection;
}

/// One connection, used by one thread. It reads chunk after chunk; after anything was thrown it is
/// not used again. Each value is written as its Column::type, whatever DuckDB type a user chose for
/// it (Plan::as_text: as text); a pair of types that cannot be is Fault::config, from
/// Source::reader() at the latest. What the type cannot hold exactly is the reader's to see: by
/// Column::misfit it writes NULL and counts it in the batch, or throws Error::misfit with the
/// column's name at the source (the engine plans anew with VARCHAR where that is wanted).
class Reader {
 public:
  virtual ~Reader() = default;
  /// Only after next() has returned false for the chunk before.
  virtual void start(const Chunk& chunk) = 0;
  /// Fills the empty `batch`, and adds what it read to its `bytes`. False once the chunk is
  /// exhausted AND its statement has ended well; the batch may hold rows then too. True with no
  /// rows is a sign of life: Sync gives a table up that shows none for SyncOptions::idle_timeout.
  /// Waits at most 200 ms at a time between tests of the cancel flag.
  virtual bool next(Batch& batch) = 0;
  /// Makes a blocked or later start() or next() throw Fault::cancelled soon. The one member other
  /// threads may call.
  virtual void cancel() noexcept = 0;
};

/// Whether a mark can be proven safe against rows that were stamped before it and commit after it.
struct Proof {
  bool possible = true;
  std::string why_not;  ///< "a standby does not see the primary's transactions"
  /// Where it is not: nothing that is open can be seen, and a mark is never better than at once.
  bool blind = false;
};

/// One instant of the source, for all tables of a run.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  /// The instant, for receipts: "2026-11-21 04:05:06.789+00, snapshot 00000003-0000001B-1".
  virtual std::string instant() const = 0;
  /// The instant by the source's clock, read once it was taken, so that nothing that it shows was
  /// written later: a TIMESTAMPTZ as text. Begins and ends the versions of mode history. Bounds no
  /// mark: Plan::until keeps to what the clock said before. Of a table that is not consistent() it
  /// is read before the first row is, by the source's clock or this machine's: rows may show what
  /// was written later, up to the end of the run.
  virtual std::string clock() const = 0;
  /// The tables asked for, in that order, their shape read again under the lock that keeps it; or
  /// why one cannot be read (the others can).
  virtual const std::vector<std::variant<Table, Error>>& tables() const = 0;
  /// What must have ended before marks of this snapshot are safe: text that only the source reads,
  /// and the state keeps. Two snapshots have the same one only where neither saw anything open.
  virtual std::string witness() const = 0;
  /// Whether all that an earlier snapshot's witness names has ended when this one was taken.
  virtual bool settled(const std::string& witness) const = 0;
  /// Where it has not: what of it is still open, for people to end it: "pid 4711 (psql, user bob),
  /// open for 2 h". Empty where that cannot be told.
  virtual std::string waits_for(const std::string& /*witness*/) const { return ""; }
  virtual Proof proof(const Table& table) const = 0;
  /// What Read::since takes, later, for the row versions that this snapshot does not show: text
  /// that only the source reads, and the state keeps. Asked of tables that have Table::versions.
  virtual std::string horizon() const { return ""; }
  /// False where a table has no instant that holds across statements: each row was there at some
  /// moment of the run, and receipts say class D of docs/exactness.md.
  virtual bool consistent(const Table& /*table*/) const { return true; }
  /// Throws Fault::connection if the session that plans and holds the locks is gone (readers tell
  /// of their own), and Fault::conflict if no lock kept this table from being made anew while it
  /// was read. Called before what was read of it is committed.
  virtual void check_alive(const TableName& table) = 0;
};

/// Something about the way to a source that a user should know before relying on it.
struct Finding {
  bool good = true;
  std::string what;  ///< "TLS is on, the server's certificate is verified"
  std::string hint;
};

class Source {
 public:
  virtual ~Source() = default;
  /// The database itself, not the way to it: the same text for as long as the database lives,
  /// another for another one. Under one connection another identity is refused.
  virtual std::string identity() = 0;
  /// How far the database's history has come: a number that no change leaves as it is, and that
  /// only grows. Lower than in an earlier run: a backup was restored. None: it cannot tell.
  virtual std::optional<std::int64_t> position() { return std::nullopt; }
  /// Every table. `named` are asked for by exact name: views, materialized views, foreign tables
  /// and single partitions are listed only then. Names that do not exist are no error.
  virtual Catalog discover(std::span<const TableName> named) = 0;
  /// Of these tables. May keep writers waiting for the moment that it takes, and waits
  /// a bounded time for locks; a table that cannot be had is an Error in Snapshot::tables(), and
  /// what is thrown is about all of them.
  virtual std::unique_ptr<Snapshot> snapshot(std::span<const Table> tables) = 0;
  /// `table` is the snapshot's, with what the user made of it: fewer columns, other types, keys,
  /// `where`, `start`. Throws Fault::schema when the table is no longer what it was.
  virtual Plan plan(Snapshot& snapshot, const Table& table, const Read& read) = 0;
  /// A reader of `plan`'s chunks that delivers the plan's columns at these positions, in this
  /// order. Called on several of DuckDB's threads at once. Connecting belongs into start():
  /// cancel(), the stop of a run and its idle limit reach a reader only after this has returned.
  virtual std::unique_ptr<Reader> reader(Snapshot& snapshot, const Plan& plan,
                                         std::span<const std::size_t> projection) = 0;
  /// How a copy's rows, in columns named as the table's, are digested as the source digests its own
  /// for Read::digest. The SQL works on every connection of `copy`'s database.
  virtual RowDigest row_digest(Snapshot& /*snapshot*/, const Table& /*table*/,
                               const std::vector<Column>& /*columns*/, duck::Connection& /*copy*/) {
    return {"", "this source computes no digests"};
  }
  /// For `sluice check`: TLS, a standby, row security, settings that slow a sync down. Connects.
  virtual std::vector<Finding> findings() { return {}; }
};

}  // namespace sluice
