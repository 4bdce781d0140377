// SPDX-License-Identifier: Apache-2.0
// One connection to a DolphindbDouble: who it is, its variables, and what its requests come to.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/dolphindb_double.h"

namespace sluice::testing {

class DolphindbSession {
 public:
  DolphindbSession(DolphindbDouble& cluster, std::size_t node, pgwire::Channel& client);
  /// Until the client is gone; throws why.
  void serve();

 private:
  using Value = dolphin::Value;
  using Node = dolphin::Node;
  using Values = std::vector<Value>;

  /// False: nothing is to be said.
  bool answer(const dolphin::Request& request);
  DolphindbDouble::Parts run(const dolphin::Request& request);
  DolphindbDouble::Parts script(const dolphin::Request& request);
  DolphindbDouble::Parts sent(const Value& value, const dolphin::Request& request) const;
  std::string memory_key(const dolphin::Request& request) const;

  void log_in(const std::string& user, const std::string& password);
  Value scram_first(const Values& arguments);
  Value scram_final(const Values& arguments);
  /// A function of a login; false: it is none.
  bool login_function(const std::string& name, const Values& arguments, Value& result);

  Value evaluate(const Node& node);
  /// As tables of at most `most` rows, where it is a select of rows.
  Values selected(const dolphin::Select& query, std::size_t most, bool empty);
  /// `name`, with its arguments or as the nodes that they are.
  Value invoke(const std::string& name, const Values& arguments);
  bool call(const std::string& name, const Values& arguments, Value& result);
  /// A table that this user may read, as a handle.
  Value handle(const std::string& database, const std::string& name) const;
  std::optional<DolphindbTable> table_of(const Value& handle) const;
  bool may_read(const DolphindbTable& table) const;
  Value shared_tables() const;
  Value cluster_performance() const;
  dolphin::Compiler compiler(dolphin::Compiler::Columns columns);

  DolphindbDouble& cluster_;
  const std::size_t node_;
  pgwire::Channel& client_;
  duck::Connection connection_;
  bool full_ = false;  ///< one connection too many
  std::string id_, user_ = "guest";
  std::map<std::string, Value> variables_;
  std::unique_ptr<dolphin::Scram> scram_;
};

}  // namespace sluice::testing
