// SPDX-License-Identifier: Apache-2.0
// All that a copy holds, with what sluice adds to the source's rows, and what must hold from one
// look at it to the next where one run came in between.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "support/copy.h"
#include "support/history_flavour.h"
#include "support/history_table.h"

namespace sluice::testing {

struct CopyRow {
  std::string text;      ///< as HistoryTable has it
  bool living = true;    ///< neither marked deleted nor ended
  std::string from, to;  ///< mode history: microseconds, as wide as each other
  auto operator<=>(const CopyRow&) const = default;
};
/// By table; one that is not published has none.
using Look = std::map<std::string, std::vector<CopyRow>>;

/// The table's name and its key, of a row as HistoryTable writes it.
std::string key_of(const std::string& row, int parts);
std::string microseconds(const std::string& number);  ///< as CopyRow has them

Look look_at(const Copy& copy, const std::string& schema, const Flavour& flavour,
             const std::vector<HistoryTable>& tables);
std::multiset<std::string> living_rows(const std::vector<CopyRow>& rows);
std::multiset<std::string> rows_as_of(const std::vector<CopyRow>& rows, const std::string& instant);

/// Soft deletes: no row goes, and what is marked stays as it was. All of these throw.
void check_marks(const HistoryTable& table, const std::vector<CopyRow>& before,
                 const std::vector<CopyRow>& now);
/// Mode history: the versions of a key follow each other, and each differs from its neighbours.
void check_versions(const HistoryTable& table, const std::vector<CopyRow>& now);
/// And none goes; those that have ended stay as they were; those that begin or end do so at one
/// instant, later than all before: at `instant`, where that is known.
void check_past(const HistoryTable& table, const std::vector<CopyRow>& before,
                const std::vector<CopyRow>& now, const std::optional<std::string>& instant);

}  // namespace sluice::testing
