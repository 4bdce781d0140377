// SPDX-License-Identifier: Apache-2.0
// Rows of a result into a batch: one pass, each column's decoder chosen beforehand.
#pragma once

#include <mysql.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "connectors/mysql/decode.h"
#include "sluice/batch.h"
#include "sluice/table.h"
#include "wire/slot.h"

namespace sluice::mysql {

/// One column of the rows, in the order of the batch's vectors.
struct ReadColumn {
  Column column;
  bool key = false;   ///< of the primary key, which errors name the row by
  std::string table;  ///< which errors name
};

class RowDecoder {
 public:
  /// `fields`: the result's metadata, a field for each column. Throws Fault::config if a column
  /// cannot land as its type.
  RowDecoder(const std::vector<ReadColumn>& columns, std::span<const MYSQL_FIELD> fields,
             bool text);

  /// The batch must be empty, and the last one finished or given up.
  void begin(Batch& batch);
  /// The next value of the row, in column order; `at` null: NULL. Moves `at` behind a value of the
  /// binary protocol, which is not looked at from `end` on. Throws nothing: end_row() does.
  void take(unsigned column, wire::Byte** at, const wire::Byte* end) noexcept;
  void take(unsigned column, const wire::Byte* bytes, std::uint64_t size) noexcept;
  /// Throws Fault::data, or Fault::misfit of a column that does not say `null`.
  void end_row();
  bool full() const noexcept { return rows_ == Batch::kMaxRows || heap_bytes_ >= Batch::kMaxBytes; }
  /// Hands the rows over.
  void finish();

 private:
  struct Value {
    const wire::Byte* bytes = nullptr;
    std::uint32_t size = 0;
  };
  struct Field {
    wire::Slot slot;
    std::optional<std::uint32_t> fixed;
    Travelling travelling;
    ReadColumn read;
    Value value;  ///< of the row under way
  };
  [[noreturn]] void refuse() const;

  std::vector<Field> fields_;
  Batch* batch_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t heap_bytes_ = 0;
  std::uint64_t bytes_ = 0, misfits_ = 0;
  const Field* refused_ = nullptr;  ///< whose value does not fit
  wire::Reason reason_ = nullptr;
  bool broken_ = false;  ///< the row's bytes do not add up
};

}  // namespace sluice::mysql
