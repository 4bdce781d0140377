// SPDX-License-Identifier: Apache-2.0
// What planning asks the server, and how its answers become chunks.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "connectors/mysql/snapshot.h"
#include "sluice/plan.h"

namespace sluice::mysql {

using Answer = std::vector<std::vector<std::optional<std::string>>>;

struct Asking {
  MysqlSnapshot& snapshot;
  const Stop& stop;
  Answer operator()(const std::string& sql) const { return snapshot.ask(sql, stop); }
};

inline Chunk chunk_of(const nlohmann::json& bounds, std::uint64_t rows, std::uint64_t bytes) {
  return {bounds.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), rows, bytes};
}

inline std::uint64_t share(std::uint64_t whole, std::uint64_t part, std::uint64_t all) {
  return all == 0
             ? 0
             : static_cast<std::uint64_t>(static_cast<double>(whole) * static_cast<double>(part) /
                                          static_cast<double>(all));
}

inline std::string from_of(const Shape& shape) {
  return " FROM " + identifier(shape.table.name.schema, shape.table.name.name);
}

}  // namespace sluice::mysql
