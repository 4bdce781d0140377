// SPDX-License-Identifier: Apache-2.0
// A read of an attached table as SQL.
#pragma once

#include <string>

#include "sluice/source.h"
#include "wire/text_session.h"

namespace sluice::duckdb_file {

/// What a relation's text needs to know of the table beside its Table.
struct AttachedTable {
  std::string sql_name;
  const Table* table = nullptr;  ///< as the database has it: its own types
  bool collated = false;         ///< text columns may have a collation
};

/// The parenthesised SELECT of `read`. `wanted` is the table as the plan has it, with the user's
/// rows and types.
std::string relation(const AttachedTable& attached, const Table& wanted, const Read& read);

/// Throws Fault::config where the user's `where` or `start` is no SQL that the table understands.
void check_words(const wire::Ask& ask, const AttachedTable& attached, const Table& wanted);

/// Looks for values that the types chosen for columns cannot hold exactly. Returns how many
/// `misfit: null` columns drop; throws Error::misfit for one of any other column.
std::uint64_t find_misfits(const wire::Ask& ask, const AttachedTable& attached, const Table& wanted,
                           const Read& read);

/// One row, one text column: the replication key up to which the table is complete at `t0`
/// ("YYYY-MM-DD HH:MM:SS.ffffff", UTC), or NULL where no row has one.
std::string until_query(const AttachedTable& attached, const Table& wanted, const std::string& t0);

}  // namespace sluice::duckdb_file
