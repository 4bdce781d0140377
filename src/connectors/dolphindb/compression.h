// SPDX-License-Identifier: Apache-2.0
// Compressed columns, which a server sends where the request's flag 64 asks for them.
#pragma once

#include <cstdint>

#include "connectors/dolphindb/input.h"

namespace sluice::dolphindb {

/// What stands before a compressed column, after its flag.
struct CompressedHeader {
  enum class Method : std::uint8_t { lz4 = 1, delta = 2 };
  std::uint32_t payload = 0;  ///< bytes that follow
  Method method = Method::lz4;
  int type = 0;
  int width = 0;  ///< bytes of a value, for delta
  int scale = 0;
  std::uint64_t extra = 0;  ///< of an array: how many values
  std::uint64_t rows = 0;
};
CompressedHeader read_compressed_header(Input& input);

/// Reads the payload; appends what it was made of. Throws Fault::data where it is damaged or more
/// than `most` bytes.
void decompress(Input& input, const CompressedHeader& header, std::uint64_t most, Buffer& to);

}  // namespace sluice::dolphindb
