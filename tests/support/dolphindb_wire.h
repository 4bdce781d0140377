// SPDX-License-Identifier: Apache-2.0
// DolphinDB's requests and answers on a connection, as a server has them, and what may go wrong
// with an answer. https://docs.dolphindb.cn/zh/api/connapi_intro.html
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/dolphindb_objects.h"
#include "support/postgres_wire.h"

namespace sluice::testing {

/// What becomes of an answer. Several of these may be set.
struct DolphindbFault {
  std::string error;                  ///< this line in place of a result
  std::vector<std::string> messages;  ///< sent as MSG frames before the header
  bool crlf = false;                  ///< the header's lines end with CR LF
  std::string header;                 ///< in place of `session count endian`
  /// Changes the bytes of the objects (in block mode: from the ANY vector's flag on).
  std::function<void(std::string&)> change;
  /// After so many bytes of the objects comes `then`, and nothing else.
  std::optional<std::size_t> at;
  enum Then { cut, garbage, stall } then = cut;  ///< garbage is cut off as well
  std::size_t write_size = 0;                    ///< bytes of a write; 0: as many as there are
  std::chrono::microseconds pause{0};            ///< before each write
  std::chrono::milliseconds wait{0};             ///< before the answer

  /// Changes of a result that is a table, in block mode of its first block.
  static DolphindbFault with_error(const std::string& line);
  static DolphindbFault cut_at(std::size_t byte, Then then = cut);
  static DolphindbFault wrong_rows();           ///< a table says one row more
  static DolphindbFault wrong_type();           ///< the first column's type is 99
  static DolphindbFault unknown_form();         ///< of the result: 10
  static DolphindbFault huge_length();          ///< the first column has 2^31-1 rows
  static DolphindbFault wrong_block_count();    ///< one block more than come
  static DolphindbFault symbol_out_of_range();  ///< of the first SYMBOL column
};

namespace dolphin {

struct Request {
  bool takes_messages = false;  ///< API2
  std::string kind;             ///< connect, script, function, variable
  std::string text;             ///< a script's; a function's name; names of variables, with commas
  std::vector<std::string> lines;  ///< of connect
  std::vector<Value> arguments;
  long flags = 0;
  std::size_t fetch_size = 0;
  std::string options;  ///< as they came
  static constexpr long kAsync = 4, kClear = 16, kCompress = 64;
};

/// The next one. What is none throws std::logic_error, an end std::runtime_error.
Request read_request(pgwire::Channel& client);

struct Answer {
  std::string session;
  std::string error;  ///< empty: OK
  /// Encoded; an object in one or more parts. None: void.
  std::shared_ptr<const std::vector<std::string>> parts;
};

void write_answer(pgwire::Channel& client, const Answer& answer, const DolphindbFault* fault);

/// Whether bytes have come that no answer was given to: a client that does not wait its turn.
bool speaks_too_early(const pgwire::Channel& client);

}  // namespace dolphin
}  // namespace sluice::testing
