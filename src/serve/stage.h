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
struct Batch {
  const FileKeys& keys;
  const proto::FileParams& params;
  /// Room for records of up to 128 MiB. DuckDB's memory grows with it: off at first.
  bool long_records = false;
};

/// A record does not fit: the call may be done again with Batch::long_records.
class TooLong : public Error {
 public:
  TooLong() : Error(Fault::data, "a record of more than 2 MiB") {}
};

/// Appends the rows of `file` to `into`, a table that has the columns of `table` by name, typed as
/// there. A column that the file has not is NULL. Errors name the file, the line and the column,
/// and no value. Returns the number of rows.
std::uint64_t load_values(duck::Connection& connection, const Batch& batch,
                          const ServedTable& table, const std::string& file,
                          const std::string& into);
/// The same as text (of columns that are all VARCHAR), in which params.unmodified_string stands for
/// a value that stays, also of a column that the file has not.
std::uint64_t load_texts(duck::Connection& connection, const Batch& batch, const ServedTable& table,
                         const std::string& file, const std::string& into);

/// Runs `work`, whose statements turn such text into values: an error of theirs says the column,
/// and no value.
void without_values(const ServedTable& table, const std::function<void()>& work);

/// A temp table of these columns, empty, which replaces one of that name. The order of its rowids
/// is that in which rows were appended.
void make_stage(duck::Connection& connection, const std::string& name, const ServedTable& table,
                bool texts);

}  // namespace sluice::serve
