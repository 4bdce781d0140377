// SPDX-License-Identifier: Apache-2.0
// The bytes of COPY .. (FORMAT binary) as rows. Messages need not hold whole rows, though servers
// send them so: those are read in place, others are put together first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "connectors/postgres/bytes.h"

namespace sluice::postgres {

class CopyStream {
 public:
  enum class Step {
    row,   ///< `Fields` is set
    more,  ///< all that was fed is used up: feed() the next message
    end,   ///< the trailer has come
  };
  /// From the first field's length word to the end of what is there: at least one row, or (the
  /// first time a message is looked at) the beginning of one.
  struct Fields {
    const Byte* begin;
    const Byte* end;
  };

  /// A new stream of rows with so many columns.
  void start(std::size_t columns);
  /// At the start, after Step::more and after incomplete(). The bytes stay the caller's, and must
  /// stay until one of the latter two comes again.
  void feed(const Byte* bytes, std::size_t size);

  /// Throws Fault::data on what is no COPY stream, or one of another number of columns.
  Step next(Fields& fields);
  /// The row ended here.
  void taken(const Byte* after) noexcept { at_ = after; }
  /// The row did not end before Fields::end: it comes again, whole, once there is more.
  void incomplete();
  bool ended() const noexcept { return ended_; }

 private:
  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  bool read_header();
  bool whole_row() const;
  Step keep_rest();

  std::size_t columns_ = 0;
  bool in_rows_ = false;  // the header is behind
  bool ended_ = false;
  bool kept_ = false;  // at_ points into rest_, and what is there was found to be no whole row
  const Byte* at_ = nullptr;
  const Byte* end_ = nullptr;
  std::vector<Byte> rest_;
};

}  // namespace sluice::postgres
