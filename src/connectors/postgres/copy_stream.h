// SPDX-License-Identifier: Apache-2.0
// The framing of COPY's binary format: a header, rows of fields, a trailer, cut into messages
// anywhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::postgres {

/// Rows out of a stream of messages. A row that one message holds whole is not copied.
class CopyStream {
 public:
  explicit CopyStream(std::size_t columns) : fields_(columns) {}

  /// A new statement begins.
  void reset();
  /// The next message; must stay where it is until advance() has returned false.
  void feed(std::string_view message);
  /// Moves to the next row. False: the message is used up (what is left of it has been kept).
  bool advance();
  /// Copies what advance() has not reached yet, so that the message may go.
  void keep();
  /// The row's fields, as wide as the statement; without data(): NULL. Valid until the next
  /// advance().
  const std::vector<std::string_view>& fields() const { return fields_; }
  /// The trailer has come: the statement's rows are complete.
  bool complete() const { return complete_; }

 private:
  bool split_row();

  std::vector<std::string_view> fields_;
  std::string_view rest_;  ///< of the message, or of kept_
  std::string kept_;       ///< an incomplete row and what followed it
  bool header_seen_ = false;
  bool complete_ = false;
};

}  // namespace sluice::postgres
