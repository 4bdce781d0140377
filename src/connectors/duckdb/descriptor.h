// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

namespace sluice::duckdb_file {

/// An open file, closed by its destructor; negative: it could not be opened, and errno says why.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) noexcept : descriptor_(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace sluice::duckdb_file
