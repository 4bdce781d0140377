// SPDX-License-Identifier: Apache-2.0
// What a configuration asks of a source, and which of its tables and columns that is.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "duck/duck.h"
#include "fivetran/proto/source.pb.h"
#include "serve/rows.h"
#include "sluice/form.h"
#include "sluice/source.h"
#include "sluice/sync.h"

namespace sluice::serve {

struct Wanted {
  std::unique_ptr<duck::Database> database;
  std::unique_ptr<Source> source;
  SyncOptions options;  ///< what means something where there is no destination
  /// Tables that have a column of this name, in whatever case, have it as their replication key.
  std::string replication_key;
  std::vector<std::string> warnings;
};
/// Connects to nothing yet. `stop`: as SourceSettings::stop. Throws Fault::config, with a field's
/// name.
using OpenSource =
    std::function<Wanted(const sdk::Configuration& configuration, std::function<bool()> stop)>;

/// Columns that tables without a primary key get: a hash of the row, and a number that tells equal
/// rows apart. Both stay what they are for as long as the row does.
inline constexpr const char* kRowId = "_sluice_row_id";
inline constexpr const char* kRowNumber = "_sluice_row_number";

struct Candidates {
  std::vector<Table> tables;     ///< as discovered
  std::vector<Skipped> skipped;  ///< wanted, and not to be read
};
/// Throws Fault::config where nothing is chosen, or options are for a table that is not there.
Candidates candidates(Wanted& wanted);

/// A table as it is read, and what of it is sent.
struct Sent {
  Table table;
  TableOptions options;
  std::vector<Column> read;      ///< chosen columns of the table, in its order
  std::vector<SentColumn> sent;  ///< the same, and kRowId and kRowNumber where there is no key
  std::string select(const std::string& from) const;  ///< SQL of what is sent
};
/// By the options, and the selection if there is one: null sends all. Throws Fault::config.
Sent shape(const Wanted& wanted, const Table& table, const fivetran_sdk::v2::Selection* selection,
           duck::Connection& connection);
/// Whether anything of it is selected.
bool selects(const fivetran_sdk::v2::Selection* selection, const TableName& table);
/// For a schema.
fivetran_sdk::v2::Table described(const Sent& sent);

}  // namespace sluice::serve
