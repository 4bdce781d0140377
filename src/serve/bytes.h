// SPDX-License-Identifier: Apache-2.0
// A batch file as the bytes that its client meant: decrypted and decompressed while it is read, in
// buffers of a megabyte. Nothing of it is ever on disk, nor whole in memory.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace sluice::serve {

/// A stream of bytes, read once, by one thread at a time.
class Bytes {
 public:
  virtual ~Bytes() = default;
  /// At least one byte, or 0 at the end. What is broken or cut off is Fault::data, and what cannot
  /// be opened Fault::config.
  virtual std::size_t read(char* to, std::size_t room) = 0;
};

enum class Compression { none, zstd, gzip };

/// The file at `path`. With a key (32 bytes) it is encrypted as AES-256 in CBC mode with PKCS#7
/// padding, and its first 16 bytes are the initialization vector; what was encrypted is what had
/// been compressed.
std::unique_ptr<Bytes> open_batch(const std::string& path, const std::optional<std::string>& key,
                                  Compression compression);

}  // namespace sluice::serve
