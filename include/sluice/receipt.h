// SPDX-License-Identifier: Apache-2.0
// What runs, plans and verifications tell of tables. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sluice/error.h"
#include "sluice/table.h"

namespace sluice {

enum class Outcome { done, unchanged, skipped, failed, refused, interrupted };
/// The word for it in the history and in events.
const char* outcome_name(Outcome outcome);

/// How one copy compares with its source, row by row.
struct Verified {
  TableName table;
  std::string target;
  std::string how;         ///< "digests", or "rows: " and why; then "; " and what else bears on it
  std::uint64_t rows = 0;  ///< of the copy
  std::optional<std::uint64_t> source_rows;           ///< none: they were not all looked at
  std::uint64_t compared = 0;                         ///< of these; fewer only in a sample
  std::uint64_t missing = 0, extra = 0, changed = 0;  ///< rows: only at the source, only in the
                                                      ///< copy, unlike
  std::vector<std::string> examples;  ///< a few of them: "id 5 changed: amount, note"
  std::uint64_t bytes = 0;            ///< read from the source
  double seconds = 0;
  bool repaired = false;
  std::string not_compared;  ///< why there is nothing to compare it with: neither failed nor unlike
  std::string error, hint;   ///< why it could not be compared
  Fault fault = Fault::internal;
  bool equal() const { return compared_at_all() && missing + extra + changed == 0; }
  bool differs() const { return compared_at_all() && missing + extra + changed > 0; }
  bool compared_at_all() const { return error.empty() && not_compared.empty(); }
};

/// One line of it for the history: "verified: 12 rows are equal (digests)".
std::string verified_text(const Verified& verified);

/// What one run did to one table.
struct Receipt {
  TableName table;     ///< at the source
  std::string target;  ///< "schema.table" at the destination
  Outcome outcome = Outcome::done;
  std::string strategy;   ///< "load", "resume", "incremental", "full", "append", "not due", ..
  std::string guarantee;  ///< class of docs/exactness.md; what holds at once is joined: "B+C"
  std::uint64_t read = 0, inserted = 0, updated = 0, deleted = 0, misfits = 0, bytes = 0;
  std::uint64_t loaded = 0;  ///< rows that this attempt at a load wrote, whether or not it ended
  std::uint64_t schema_changes = 0;  ///< the copy was made, or got or widened columns
  double seconds = 0;
  std::string instant;               ///< the snapshot the copy equals
  std::optional<std::string> until;  ///< the mark this run reached
  std::vector<std::string>
      notes;  ///< drift applied, unindexed key, what holds the mark back, what is due when
  /// `verify: after-run`: the copy as this run left it beside the snapshot that it read. None: it
  /// was not compared, and a note says why.
  std::optional<Verified> verified;
  std::string error, hint;  ///< when failed or refused
  Fault fault = Fault::internal;
};

struct RunResult {
  std::string id;                  ///< of the row in _sluice.runs
  std::vector<Receipt> receipts;   ///< ordered by table
  std::vector<std::string> notes;  ///< on tables without a receipt: those that the source lost
  double seconds = 0;
  std::optional<Error> error;  ///< what failed beside the tables: the checkpoint, the read copy,
                               ///< the history, an observer
  /// 130 the user interrupted it; 1 something beside the tables failed (`error`); where no table
  /// failed, 4 a verified copy differs, 0 all is well; 2 nothing is ours to touch; 5 nothing but
  /// drift was refused; 1 all tables failed; 3 some did. The first that applies.
  int exit_code() const;
};

/// What sync() would do to one table, found without writing anything.
struct TablePlan {
  Table table;  ///< as the source has it, with what the user's settings make of it
  std::string target;
  std::string strategy;
  std::string why;
  bool finds_deletes = false;  ///< the run compares keys, or everything
  std::string settings;  ///< of a RunPlan: what the user's settings make of the table, as JSON
  std::uint64_t rows = 0, bytes = 0;     ///< expected to travel, beside keys and digests
  std::optional<std::uint64_t> deletes;  ///< about as many; none: nothing can be said
  std::string reads;  ///< what the source does for it: "one index range, all keys"; empty: nothing
  std::size_t connections = 0;    ///< that read it at once, at most
  std::optional<double> seconds;  ///< by what earlier runs took; none: there were none
  std::vector<std::string> notes;
  Outcome outcome = Outcome::done;  ///< as far as it can be foreseen
  std::string error, hint;          ///< when it is not done
  Fault fault = Fault::internal;
};

}  // namespace sluice
