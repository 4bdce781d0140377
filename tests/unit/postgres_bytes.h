// SPDX-License-Identifier: Apache-2.0
// Wire bytes as tests write them down.
#pragma once

#include <string>
#include <vector>

#include "connectors/postgres/bytes.h"

namespace sluice::postgres {

using Bytes = std::vector<Byte>;

inline Bytes unhex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<Byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

}  // namespace sluice::postgres
