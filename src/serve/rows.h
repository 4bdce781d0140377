// SPDX-License-Identifier: Apache-2.0
// Rows of DuckDB as records of the protocol.
#pragma once

#include <duckdb.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fivetran/proto/types.pb.h"
#include "sluice/table.h"

namespace sluice::serve {

/// A column as it is sent: of a type that encode() knows, see sent_type().
struct SentColumn {
  std::string name;
  std::string type;  ///< DuckDB's, as DuckDB prints it
  bool key = false;
  Misfit misfit = Misfit::fail;  ///< of times that the protocol does not have: null, or an error
};

/// The narrowest type that the protocol has and that holds what `column` does; nested values are
/// JSON, and what has no counterpart is text.
std::string sent_type(const Column& column);
void describe(const SentColumn& column, fivetran_sdk::v2::Column& to);

/// Writes UPSERTs straight from DuckDB's vectors in the wire format of protobuf, where generated
/// messages would allocate for every value. Used by one thread; in steady state a row allocates
/// nothing.
class RowEncoder {
 public:
  RowEncoder(TableName table, const std::vector<SentColumn>& columns);

  /// Of this chunk are the rows that are appended next; its columns are the encoder's.
  void bind(duckdb_data_chunk chunk);
  /// Appends a record, as an entry of a message Records. Throws Error::misfit for a time outside of
  /// the years 1 to 9999, and Fault::misfit for a row that fits no message, naming the table;
  /// then nothing was appended.
  void append(std::size_t row, std::string& records);
  /// Times that were sent as NULL, as their columns' misfit says.
  std::uint64_t misfits() const { return misfits_; }

  /// A record's fields before its values: schema and table.
  static std::string header(const TableName& table);
  /// Appends a field of bytes.
  static void put(std::string& to, int field, std::string_view bytes);

 private:
  enum class Kind {
    boolean,
    int16,
    int32,
    int64,
    real,
    twofold,
    date,
    micros,
    nanos,
    decimal,
    bytes
  };
  struct Bound {
    std::string name;
    std::string entry;  ///< a map entry's key
    Kind kind;
    int field;  ///< of the message Value
    unsigned scale = 0;
    Misfit misfit = Misfit::fail;
    duckdb_type stored = DUCKDB_TYPE_INVALID;  ///< of a decimal
    const void* data = nullptr;
    std::uint64_t* validity = nullptr;
  };
  char* scalar(const Bound& column, std::size_t row, char* to);
  char* time(const Bound& column, std::int64_t seconds, std::int64_t nanos, char* to);
  void cell(const Bound& column, std::size_t row, std::string& to);
  void record(std::size_t row, std::string& records);

  const TableName table_;
  const std::string header_;
  std::vector<Bound> columns_;
  std::size_t length_bytes_ = 2;  ///< of the last record's size
  std::uint64_t misfits_ = 0;
};

}  // namespace sluice::serve
