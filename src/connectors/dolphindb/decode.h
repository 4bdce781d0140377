// SPDX-License-Identifier: Apache-2.0
// The cells of a block into DuckDB's vectors, column by column.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "connectors/dolphindb/object.h"
#include "sluice/table.h"
#include "wire/slot.h"

namespace sluice::dolphindb {

/// One column that is read, in the order of the batch's vectors.
struct ReadColumn {
  Column column;
  ColumnType type;              ///< as discovered
  std::string table = "TABLE";  ///< as flags name it
};

/// The least and the greatest number of an instant's or a date's type that DuckDB can hold, where
/// it lands as landed_type() says; of other types the ends of their numbers.
struct LandedRange {
  std::int64_t least, most;
};
LandedRange landed_range(const ColumnType& type);

/// Used by one thread.
class ColumnDecoder {
 public:
  /// Throws Fault::config if values cannot land as the column's type.
  explicit ColumnDecoder(const ReadColumn& read);

  /// Throws Fault::schema where the cells are not of the column's type.
  void check(const Cells& cells) const;
  void bind(duckdb_vector to, std::size_t& heap_bytes) { slot_.bind(to, heap_bytes); }
  /// `count` cells from `first` on into the rows from 0. Returns how many values became NULL as
  /// misfits; throws Error::misfit of a column that does not say `null`.
  std::uint64_t decode(const Cells& cells, std::uint64_t first, std::uint64_t count);
  void finish() { slot_.finish(); }

 private:
  friend struct Landing;
  using Write = void (*)(ColumnDecoder& decoder, wire::Slot& slot, const Byte* values,
                         std::uint64_t count, std::uint64_t row);
  /// Null: values of the type cannot land so. For `slot`, which it readies (landing.cpp).
  Write choose(wire::Slot& slot, const std::string& landed);
  void decode_arrays_as_text(const Cells& cells, std::uint64_t first, std::uint64_t count);
  void decode_texts(const Cells& cells, std::uint64_t first, std::uint64_t count);
  void decode_symbols(const Cells& cells, std::uint64_t first, std::uint64_t count);
  void put_text(std::uint64_t row, std::string_view text);
  void misfit(wire::Slot& slot, std::uint64_t row, wire::Reason reason, const Byte* value);
  void refuse(wire::Slot& slot, std::uint64_t row, wire::Reason reason, const std::string& text);

  ReadColumn read_;
  wire::Slot slot_;
  Write write_ = nullptr;
  std::int64_t multiply_ = 1, divide_ = 1;  ///< of times, to the landed unit
  std::int64_t least_ = 0, most_ = 0;       ///< of times, in the landed unit
  int bytes_ = 0;                           ///< of whole numbers and decimals, in DuckDB
  std::uint64_t misfits_ = 0;               ///< of one call
  bool as_bytes_ = false;                   ///< lands as BLOB: any bytes
  std::shared_ptr<const Symbols> symbols_;  ///< those that checked_ is of
  std::vector<bool> checked_;               ///< by symbol: valid UTF-8
};

}  // namespace sluice::dolphindb
