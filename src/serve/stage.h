// SPDX-License-Identifier: Apache-2.0
// Batch files as rows.
#pragma once

#include <google/protobuf/map.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "duck/duck.h"
#include "fivetran/proto/destination.pb.h"
#include "serve/tables.h"
#include "sluice/error.h"

namespace sluice::serve {

using Files = google::protobuf::RepeatedPtrField<std::string>;
using FileKeys = google::protobuf::Map<std::string, std::string>;

/// What all files of a call share. Refers to the request.
struct BatchFiles {
  const FileKeys& keys;
  const proto::FileParams& params;
  /// Room for records of up to 128 MiB. DuckDB's memory grows with it: off at first.
  bool long_records = false;
};

/// A record does not fit: the call may be done again with BatchFiles::long_records.
class TooLong : public Error {
 public:
  TooLong() : Error(Fault::data, "a record of more than 2 MiB") {}
};

/// The column of a stage that has its rows' order over all files: a column of a table may be called
/// `rowid`, and then hides DuckDB's.
constexpr const char* kOrder = "_sluice_order";

/// Appends the rows of `file` to `into`, a table that has the columns of `table` by name, typed as
/// there, or to such a stage. A column that the file has not is NULL. Errors name the file, and the
/// column or the line, and no value. Returns the number of rows.
std::uint64_t load_values(duck::Connection& connection, const BatchFiles& batch,
                          const ServedTable& table, const std::string& file,
                          const std::string& into, bool stage);
/// The same as text (a stage of texts), in which params.unmodified_string stands for
/// a value that stays, also of a column that the file has not.
std::uint64_t load_texts(duck::Connection& connection, const BatchFiles& batch,
                         const ServedTable& table, const std::string& file,
                         const std::string& into);

/// Runs `work`, whose statements turn such text into values: an error of theirs says the column,
/// and no value.
void without_values(const ServedTable& table, const std::function<void()>& work);

/// A temp table of these columns and kOrder, empty, which replaces one of that name.
void make_stage(duck::Connection& connection, const std::string& name, const ServedTable& table,
                bool texts);

}  // namespace sluice::serve
