// SPDX-License-Identifier: Apache-2.0
// Records as they are on the wire, made operations of the SDK.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sluice/connector.h"

namespace sluice::fivetran {

/// Takes the records of one sync. In steady state a record allocates nothing: tables and columns
/// are remembered in the order in which they came. Anything that the protocol does not have is
/// Fault::data; what the SDK throws goes through.
class Records {
 public:
  /// `declared`: what the values of `row_data` are is known by the types of their columns.
  Records(sdk::Operations& operations, const std::vector<sdk::TableSchema>& declared);
  ~Records();

  /// What a change of the schema says of a table from now on.
  void declare(const sdk::TableSchema& table);
  /// The bytes of a message Records, or of one Record.
  void take_batch(std::string_view records);
  void take(std::string_view record);
  /// The bytes of a message Truncate.
  void truncate(std::string_view message);
  /// So far.
  std::uint64_t taken() const noexcept { return taken_; }

 private:
  struct Target;
  struct Known;
  Target& target(std::string_view schema, std::string_view name);
  Known& column(Target& target, std::string_view name);
  void take_cell(Target& target, sdk::Row& row, std::string_view entry, bool prefixed);
  sdk::Value typed(Target& target, Known& column, std::string_view value);
  sdk::Value prefixed(const Target& target, const Known& column, std::string_view value);
  std::string_view text_of_time(std::string_view timestamp, const Target& target,
                                const Known& column);

  sdk::Operations& operations_;
  /// By schema and table, both in small letters: the columns' types, too.
  std::map<std::pair<std::string, std::string>, std::map<std::string, sdk::DataType>> declared_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Target>, std::less<>> targets_;
  Target* last_ = nullptr;
  std::uint64_t taken_ = 0;
  std::string text_;
};

}  // namespace sluice::fivetran
