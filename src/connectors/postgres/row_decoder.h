// SPDX-License-Identifier: Apache-2.0
// Rows of a COPY into a batch: one pass, each column's decoder chosen beforehand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "connectors/postgres/codec.h"
#include "connectors/postgres/copy_stream.h"
#include "sluice/batch.h"
#include "sluice/table.h"

namespace sluice::postgres {

/// One column of the rows, in the order of the batch's vectors.
struct ReadColumn {
  Column column;
  WireType wire;                ///< as discovered
  bool key = false;             ///< of the primary key, which errors name the row by
  std::string table = "TABLE";  ///< as flags name it
};

class RowDecoder {
 public:
  /// Throws Fault::config if a column cannot land as its type.
  RowDecoder(const std::vector<ReadColumn>& columns, Encoding encoding);

  /// The batch must be empty, and the last one finished or given up.
  void begin(Batch& batch);
  /// Adds the next row. Returns where it ended, or null if it does not end before `fields.end`:
  /// then nothing was added. Throws Fault::data, or Fault::misfit of a column that does not say
  /// `null`.
  const Byte* add(const CopyStream::Fields& fields);
  bool full() const noexcept { return rows_ == Batch::kMaxRows || heap_bytes_ >= Batch::kMaxBytes; }
  /// Hands the rows over.
  void finish();

 private:
  struct Field {
    Slot slot;
    Column column;
    WireType wire;
    bool key;
    std::string table;
  };
  [[noreturn]] void refuse(const Field& field, Reason reason, const Byte* value, std::uint32_t size,
                           const CopyStream::Fields& row) const;
  std::string key_text(CopyStream::Fields row) const;

  std::vector<Field> fields_;
  Batch* batch_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t heap_bytes_ = 0;
};

}  // namespace sluice::postgres
