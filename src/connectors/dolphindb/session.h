// SPDX-License-Identifier: Apache-2.0
// A session with one node: requests, answers, blocks of rows. One request at a time; the answer is
// read whole before the next one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connectors/dolphindb/object.h"
#include "connectors/dolphindb/stream.h"

namespace sluice::dolphindb {

/// Values by the names that a script has for them.
using Variables = std::vector<std::pair<std::string, Object>>;

/// Some rows of a result, one column after another.
struct Block {
  std::uint64_t rows = 0;
  std::vector<std::string> names;
  std::vector<Cells> columns;
};

/// What a server says instead of an answer. The first of the two has no secret in it.
Error error_of(const std::string& text, const std::string& shown);

/// Used by one thread. Throws Fault::connection where the session is lost, Fault::data where what
/// comes is no answer: it is broken() then. What the server refuses leaves it usable.
class Session {
 public:
  /// Connects and logs in.
  Session(std::shared_ptr<const Login> login, const Endpoint& node, Stop stop);

  /// Arguments travel as objects.
  Object call(const std::string& function, const std::vector<Object>& arguments = {});
  Object run(const std::string& script);
  /// Binds values to names, for the scripts that follow.
  void bind(const Variables& variables);

  /// A query whose rows come in blocks of `fetch_size` rows, at least 8,192.
  void select(const std::string& script, std::uint64_t fetch_size);
  /// The next one, in place of what is in `block`. False: there is none, and the query has ended
  /// well. Throws Fault::data where a block is longer than `most` bytes.
  bool next_block(Block& block, std::uint64_t most);

  bool broken() const noexcept { return broken_; }
  /// Whether that is the node's doing: it went away.
  bool lost() const noexcept { return lost_; }
  /// Whether rows of the last query are still to come.
  bool busy() const noexcept { return blocks_left_ > 0; }
  Stream& stream() noexcept { return stream_; }
  const Endpoint& node() const noexcept { return node_; }
  const Login& login() const noexcept { return *login_; }
  /// How the password went: "SCRAM-SHA-256", "RSA", "plain"; empty: a guest.
  const std::string& login_way() const noexcept { return login_way_; }

 private:
  void begin(const std::string& body, const std::string& objects, const char* parallelism,
             std::uint64_t fetch_size);
  /// The head of an answer: how many objects follow. Throws what the server says instead.
  std::uint64_t head();
  Object answer();
  Object request(const std::string& body, const std::string& objects = {});
  void log_in();
  bool log_in_by_scram();
  bool log_in_by_rsa();
  bool granted(const Object& answer) const;
  template <class Work>
  auto guarded(const Work& work);

  const std::shared_ptr<const Login> login_;
  const Endpoint node_;
  Stream stream_;
  std::string id_ = "0";
  std::uint64_t blocks_left_ = 0;
  bool one_table_ = false;  ///< the answer is a table itself, its flag is read
  bool broken_ = false, lost_ = false;
  std::string login_way_;
};

}  // namespace sluice::dolphindb
