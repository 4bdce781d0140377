// SPDX-License-Identifier: Apache-2.0
// Values as MySQL's two protocols carry them (binary, of prepared statements; text), into DuckDB's
// vectors. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
#pragma once

#include <mysql.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/mysql/types.h"
#include "wire/slot.h"

namespace sluice::mysql {

/// A column of a result, as its metadata tells it.
struct Travelling {
  enum_field_types type = MYSQL_TYPE_NULL;
  bool is_unsigned = false;
  bool binary = false;       ///< bytes, not characters
  bool text = false;         ///< the text protocol
  std::uint32_t length = 0;  ///< of bit: how many
};

/// How many bytes a value of the binary protocol has; none: its length comes first.
std::optional<std::uint32_t> fixed_size(const Travelling& travelling);

/// What decodes such values into a vector of `landed`; none: nothing does.
std::optional<wire::Slot> make_slot(const Travelling& travelling, const std::string& landed);

/// Whether columns of this type can land as that, selected as they are.
bool can_land(const WireType& wire, const std::string& landed);

/// A value as people read it, for messages.
std::string value_text(const Travelling& travelling, const wire::Byte* bytes, std::uint32_t size);

}  // namespace sluice::mysql
