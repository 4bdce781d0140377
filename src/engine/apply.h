// SPDX-License-Identifier: Apache-2.0
// The SQL that makes a copy equal to a relation. Text only: no connection, no state, no I/O.
// The statements of one change set, in order, and why they are safe to run again, are described at
// each function.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sluice/table.h"

namespace sluice::apply {

/// Mode history: a row of the copy is a version. It stays when another takes its place, or when the
/// source deletes the row; then it has ended.
struct Versions {
  std::string from, to, current;  ///< columns: when it begins and ends, whether it has not ended
  std::string begin;              ///< an instant: when the versions of this run begin
  std::string end;                ///< and what those that end by it hold in `to`
};

/// A table of the destination, as SQL sees it.
struct Target {
  std::string catalog, schema, name;
  std::string
      synced_at{};  ///< if not empty, it has a column of this name: when the row was written
  /// If not empty, it has a BOOLEAN column of this name, true in rows that the source deleted.
  std::string deleted;
  std::optional<Versions> versions;
  /// It is kept by a service: what functions of ours say of its rows would have to fetch them.
  bool elsewhere = false;
  std::string row_id{};  ///< if not empty, it has a VARCHAR column of this name, see RowId
  bool row_id_of_content = false;
  bool hidden = false;      ///< not yet published: no row of it is history, those that go are gone
  std::string sql() const;  ///< quoted, three parts
  std::string sibling(const std::string& other) const;  ///< another table of the same schema
  /// The condition that the row is what the source has: neither marked deleted, nor ended.
  std::string living(const std::string& prefix = {}) const;
  /// The condition that a row of the same key takes its place: versions that have ended stay.
  std::string replaceable(const std::string& prefix = {}) const;
};

/// left."a" = right."a" AND ..
std::string equal_keys(const std::vector<std::string>& key, const std::string& left,
                       const std::string& right);
/// "a", "b": quoted and joined; `prefix` like "s." before each.
std::string column_list(const std::vector<std::string>& columns, const std::string& prefix = {});
std::vector<std::string> names(const std::vector<Column>& columns);

/// Of a row, whatever the order of its columns: a hash of its values that are not NULL, so that a
/// column which comes to be changes no row's.
std::string content_id(const std::vector<Column>& columns);

/// An expression that is equal exactly where the stored values are: what IS DISTINCT FROM and
/// hash() mix up (a month and 30 days; anything nested that may hold such) goes through text.
std::string exact(const Column& column, const std::string& prefix);
/// "INSERT INTO target (columns) SELECT columns", to be followed by FROM.
std::string insert_into(const Target& target, const std::vector<Column>& columns);
/// True where the two rows differ in any of `columns`.
std::string differs(const std::vector<Column>& columns, const std::string& left,
                    const std::string& right);
/// A 64-bit hash of the row; two of them, with `salt`, make a row's identity where there is no key.
std::string row_hash(const std::vector<Column>& columns, const std::string& prefix, int salt = 0);

/// Merge: `stage` (a temp table) holds rows to upsert. Three statements: matches into
/// "sluice_match"; what to delete; what to insert. Every copy of a key that the target holds is
/// matched, so a merge torn by a crash is healed by running it again.
struct Merge {
  std::string match;   ///< CREATE TEMP TABLE: rid, sid, same
  std::string counts;  ///< SELECT inserted, updated, unchanged
  std::string remove;
  std::string insert;
};
Merge merge(const Target& target, const std::string& stage, const std::vector<Column>& columns,
            const std::vector<std::string>& key);

/// What becomes of the rows of these rowids (a SELECT) that the source no longer has: they are
/// deleted, marked deleted, or end.
std::string remove_rows(const Target& target, const std::string& rowids);
/// And of those that other rows take the place of: they are deleted, or end.
std::string replace_rows(const Target& target, const std::string& rowids);
/// Takes back what a commit inserted that a crash tore: versions that begin after `instant`, the
/// begin of the last one that is known to have been committed.
std::string take_back(const Target& target, const std::string& instant);
/// Versions whose own columns disagree on whether they have ended: nothing that sluice wrote. A
/// condition; and what makes them agree, by the end that they say.
std::string contradictory(const Target& target);
std::string agree(const Target& target);

/// Duplicate keys in `stage`: SELECT count of keys that occur more than once or hold NULL.
std::string bad_keys(const std::string& relation, const std::vector<std::string>& key);

/// Prune: `relation` holds every living key. One pass that fills "sluice_prune" with rowids whose
/// key is gone and keys that the target lacks. `where`: the rows of the target that the relation is
/// about, all if it is empty.
std::string prune_match(const Target& target, const std::string& relation,
                        const std::vector<std::string>& key, const std::string& where = {});

/// Where a relation can be read again, which rows a comparison needs to look at: deals rows into
/// buckets by their key (`by`; without one by all columns), and fills "sluice_differ" with the
/// buckets whose rows are not as many on both sides, or whose hashes do not add up to the same.
/// Memory holds the sums, and no row.
std::string differing_buckets(const Target& target, const std::string& relation,
                              const std::vector<Column>& columns, const std::vector<Column>& by);
/// The condition on rows of either side that they are in one of these buckets.
std::string in_differing_buckets(const std::vector<Column>& by);
/// Refresh with a key: `relation` holds every row. One pass that streams the relation past the
/// target's keys and row hashes into "sluice_diff": the rows that are new or changed (with the
/// rowid they replace) and, if wanted, the rowids that are gone; at most `limit` of all these.
/// `where`: the rows of the target that the relation is about, all if it is empty.
enum class Gone { wanted, ignored };
std::string keyed_difference(const Target& target, const std::string& relation,
                             const std::vector<Column>& columns,
                             const std::vector<std::string>& key, Gone gone, std::uint64_t limit,
                             const std::string& where = {});
/// Takes rows of these keys out of sluice_diff.
std::string known_difference(const std::string& staged, const std::vector<std::string>& key);
/// Of up to `limit` rows of sluice_diff: the key as text, whether the target has it, whether the
/// relation has it, and which columns differ where both have.
std::string examples_of_difference(const Target& target, const std::vector<Column>& columns,
                                   const std::vector<std::string>& key, std::size_t limit);
/// Fills `other`, an empty table beside the target and made like it, with the target's rows.
std::string clone(const Target& target, const std::string& other,
                  const std::vector<Column>& columns);
/// Counts of what replacing `target` by `other`, a table with the same key, would insert, update
/// and delete.
std::string replacement_counts(const Target& target, const std::string& other,
                               const std::vector<Column>& columns,
                               const std::vector<std::string>& key);
/// Keys that the target's rows (those of the condition `where`, if any) hold more than once: as
/// text, and how many times too many.
std::string duplicates(const Target& target, const std::vector<std::string>& key,
                       const std::string& where);
/// Deletes every copy of a key that occurs more than once, but one (`keep_one`: a living one, if
/// there is any) or all of them.
std::string remove_duplicates(const Target& target, const std::vector<std::string>& key,
                              bool keep_one);

/// Refresh without a key: rows are a multiset. First pass over the relation.
std::string multiset_source(const std::string& relation, const std::vector<Column>& columns);
/// How many of each row are to come (> 0) or go (< 0), into "sluice_delta". `where`: the condition
/// of the target's rows that take part, all if it is empty.
std::string multiset_delta(const Target& target, const std::vector<Column>& columns,
                           const std::string& where);
std::string multiset_remove(const Target& target, const std::vector<Column>& columns,
                            const std::string& where);
/// Second pass over the relation: the rows to come, into "sluice_new".
std::string multiset_new(const std::string& relation, const std::vector<Column>& columns);

}  // namespace sluice::apply
