// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's binary values (typsend) decoded straight into DuckDB's vectors. Layouts: the
// server's src/backend/utils/adt/*.c. No function here trusts a length it has not checked.
#pragma once

#include <duckdb.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/table.h"

namespace sluice::postgres {

/// A column's type as the server has it, domains resolved.
struct WireType {
  enum class Kind { scalar, array, composite, enumeration, other };
  std::uint32_t oid = 0;
  std::int32_t typmod = -1;
  Kind kind = Kind::scalar;
  int dims = 0;                    ///< of arrays, as declared; 0 counts as 1
  std::vector<WireType> children;  ///< the element of an array, the fields of a composite
  std::vector<std::string> names;  ///< of the fields
};

/// The DuckDB type that a column lands as unless somebody chooses another.
std::string landed_type(const WireType& wire);

/// What to select so that the column travels in a form that decoder() reads for this landed type:
/// the column itself, or a cast of it. Throws Fault::config, naming what can be chosen, where a
/// chosen type cannot be reached.
std::string select_expression(const std::string& quoted_column, const WireType& wire,
                              const std::string& landed);

/// A vector that is being filled.
struct Slot {
  duckdb_vector vector = nullptr;
  void* data = nullptr;
};

/// Decodes one column. Resolved once; each value is one call through a function pointer.
struct Decoder {
  /// nullptr: done. Otherwise why the value does not fit its column, a text that lives for ever.
  using Verdict = const char*;
  using Function = Verdict (*)(const Decoder&, std::string_view bytes, Slot slot, idx_t row);

  Function function = nullptr;
  int width = 0, scale = 0;       ///< of a DECIMAL
  bool check_utf8 = false;        ///< the server does not promise UTF-8
  int dims = 0;                   ///< of a LIST
  std::vector<Decoder> children;  ///< of a LIST (one) or a STRUCT

  /// Throws Fault::data when the bytes are not what the type sends.
  Verdict operator()(std::string_view bytes, Slot slot, idx_t row) const {
    return function(*this, bytes, slot, row);
  }
};

/// For the form that select_expression() asks for.
Decoder decoder(const WireType& wire, const std::string& landed, bool check_utf8);

/// NULL, also in the fields of a STRUCT.
void set_null(const Decoder& decoder, duckdb_vector vector, idx_t row);

/// The value for a message: numbers, texts and uuids as the server prints them, the rest as "(n
/// bytes)".
std::string shown(const WireType& wire, std::string_view bytes);

}  // namespace sluice::postgres
