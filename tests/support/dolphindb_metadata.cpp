// SPDX-License-Identifier: Apache-2.0
// Logins, and the functions that say what a cluster is and has.
#include <algorithm>
#include <chrono>
#include <set>
#include <stdexcept>

#include "support/dolphindb_session.h"

namespace sluice::testing {
namespace {

using dolphin::kBool;
using dolphin::kInt;
using dolphin::kLong;
using dolphin::make;
using dolphin::make_text;
using dolphin::Value;
using Lock = std::lock_guard<std::mutex>;

constexpr const char* kWrongPassword = "The user name or password is incorrect.";

[[noreturn]] void refuse_function(const std::string& name) {
  throw std::runtime_error("Syntax Error: [line #1] Can't recognize function name " + name);
}

Value bools_of(const std::vector<std::int64_t>& values) {
  return dolphin::integers_of(values, kBool);
}

}  // namespace

void DolphindbSession::log_in(const std::string& user, const std::string& password) {
  const auto found = cluster_.options_.users.find(user);
  if (found == cluster_.options_.users.end() || found->second.password != password)
    throw std::runtime_error(kWrongPassword);
  user_ = user;
}

DolphindbSession::Value DolphindbSession::scram_first(const Values& arguments) {
  const std::string& user = arguments.at(0).text();
  const auto found = cluster_.options_.users.find(user);
  if (found == cluster_.options_.users.end()) throw std::runtime_error(kWrongPassword);
  if (!found->second.scram)
    throw std::runtime_error("sha256 authMode doesn't support scram authMode");
  scram_ = std::make_unique<dolphin::Scram>(user, found->second.password, arguments.at(1).text());
  return dolphin::any_of(
      {make_text(scram_->salt()), make(kInt, scram_->iterations()), make_text(scram_->nonce())});
}

DolphindbSession::Value DolphindbSession::scram_final(const Values& arguments) {
  if (scram_ == nullptr) throw std::runtime_error("scramClientFirst comes first");
  const auto signature =
      scram_->finish(arguments.at(0).text(), arguments.at(1).text(), arguments.at(2).text());
  if (!signature) throw std::runtime_error(kWrongPassword);
  user_ = scram_->user();
  scram_.reset();
  return make_text(*signature);
}

bool DolphindbSession::login_function(const std::string& name, const Values& arguments,
                                      Value& result) {
  if (name == "login") {
    std::string user = arguments.at(0).text(), password = arguments.at(1).text();
    if (arguments.size() > 2 && arguments[2].integer() == 1) {
      const auto plain_user = dolphin::PasswordKey::decrypted(user);
      const auto plain_password = dolphin::PasswordKey::decrypted(password);
      if (!plain_user || !plain_password) throw std::runtime_error(kWrongPassword);
      user = *plain_user;
      password = *plain_password;
    }
    log_in(user, password);
    result = make(kBool, 1);
  } else if (name == "getDynamicPublicKey" && cluster_.options_.rsa) {
    result = make_text(dolphin::PasswordKey::pem());
  } else if (name == "scramClientFirst" && cluster_.options_.scram) {
    result = scram_first(arguments);
  } else if (name == "scramClientFinal" && cluster_.options_.scram) {
    result = scram_final(arguments);
  } else {
    return false;
  }
  return true;
}

bool DolphindbSession::may_read(const DolphindbTable& table) const {
  const auto user = cluster_.options_.users.find(user_);
  return user != cluster_.options_.users.end() && user->second.denied.count(table.full_name()) == 0;
}

DolphindbSession::Value DolphindbSession::handle(const std::string& database,
                                                 const std::string& name) const {
  const auto table = cluster_.catalog_.find(database, name);
  if (!table && database.empty())
    throw std::runtime_error("Can't find the object with name " + name);
  if (!table) {
    // Of "dfs://db" the path is "/db".
    throw std::runtime_error("getFileBlocksMeta on path '" +
                             database.substr(std::min<std::size_t>(5, database.size())) + "/" +
                             name + ".tbl' failed, reason: path does not exist");
  }
  if (!may_read(*table))
    throw std::runtime_error(database.empty()
                                 ? "No access to table [" + name + "]. RefId: S03043"
                                 : "<NoPrivilege>Not granted to read table " + table->full_name());
  Value made;
  made.type = dolphin::kHandle;
  made.texts = {database, name};
  return made;
}

std::optional<DolphindbTable> DolphindbSession::table_of(const Value& value) const {
  if (value.type != dolphin::kHandle || value.texts.size() != 2) return std::nullopt;
  return cluster_.catalog_.find(value.texts[0], value.texts[1]);
}

DolphindbSession::Value DolphindbSession::shared_tables() const {
  std::vector<std::string> names, types, forms, empties, owners;
  std::vector<std::int64_t> rows, columns, bytes, shared;
  for (const DolphindbTable& each : cluster_.catalog_.all()) {
    if (!each.database.empty()) continue;
    names.push_back(each.name);
    types.emplace_back("BASIC");
    forms.emplace_back("TABLE");
    empties.emplace_back("");
    owners.emplace_back("admin");
    rows.push_back(
        std::stoll(cluster_.query("SELECT count(*)::VARCHAR FROM " + each.stored_name()).at(0)));
    columns.push_back(static_cast<std::int64_t>(each.columns.size()));
    bytes.push_back(1024);
    shared.push_back(1);
  }
  return dolphin::table_of(
      {"name", "type", "form", "rows", "columns", "bytes", "shared", "extra", "owner"},
      {dolphin::texts_of(names), dolphin::texts_of(types), dolphin::texts_of(forms),
       dolphin::integers_of(rows), dolphin::integers_of(columns),
       dolphin::integers_of(bytes, kLong), bools_of(shared), dolphin::texts_of(empties),
       dolphin::texts_of(owners)});
}

DolphindbSession::Value DolphindbSession::cluster_performance() const {
  const Lock lock(cluster_.mutex_);
  std::vector<std::string> hosts, sites, names;
  std::vector<std::int64_t> ports, modes, states, most, now, workers;
  for (std::size_t i = 0; i < cluster_.nodes_.size(); ++i) {
    const auto& node = *cluster_.nodes_[i];
    const std::string name = "node" + std::to_string(i + 1);
    hosts.emplace_back("127.0.0.1");
    ports.push_back(node.port);
    sites.push_back("127.0.0.1:" + std::to_string(node.port) + ":" + name);
    modes.push_back(0);
    states.push_back(node.listening >= 0 ? 1 : 0);
    most.push_back(static_cast<std::int64_t>(cluster_.options_.max_connections));
    now.push_back(static_cast<std::int64_t>(node.sockets.size()));
    workers.push_back(4);
    names.push_back(name);
  }
  return dolphin::table_of(
      {"host", "port", "site", "mode", "state", "maxConnections", "workerNum", "executorNum",
       "connectionNum", "name"},
      {dolphin::texts_of(hosts), dolphin::integers_of(ports), dolphin::texts_of(sites),
       dolphin::integers_of(modes), dolphin::integers_of(states), dolphin::integers_of(most),
       dolphin::integers_of(workers), dolphin::integers_of(workers), dolphin::integers_of(now),
       dolphin::texts_of(names)});
}

bool DolphindbSession::call(const std::string& name, const Values& of, Value& result) {
  if (name == "version") {
    result = make_text(cluster_.options_.version);
  } else if (name == "now") {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    result = make(dolphin::kTimestamp,
                  std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  } else if (name == "isNodeInitialized") {
    result = make(kBool, 1);
  } else if (name == "getRequiredAPIVersion") {
    result = dolphin::any_of({make(kInt, 300), make_text("")});
  } else if (name == "getNodeType") {
    result = make(kInt, 0);
  } else if (name == "getNodeAlias") {
    result = make_text("node" + std::to_string(node_ + 1));
  } else if (name == "getControllerAlias") {
    result = make_text("controller1");
  } else if (name == "rpc" && of.at(1).text() == "getClusterPerf") {
    result = cluster_performance();
  } else if (name == "objs") {
    result = shared_tables();
  } else if (name == "loadTable") {
    result = handle(of.at(0).texts.at(0), of.at(1).text());
  } else if (name == "objByName") {
    result = handle("", of.at(0).text());
  } else if (name == "schema") {
    const auto table = table_of(of.at(0));
    if (!table) throw std::runtime_error("the stand-in knows the schema of tables only");
    result = table->schema();
  } else if (name == "database") {
    result.type = dolphin::kHandle;
    result.texts = {of.at(0).text()};
  } else if (name == "existsTable") {
    result = make(kBool, cluster_.catalog_.find(of.at(0).text(), of.at(1).text()) ? 1 : 0);
  } else {
    return false;
  }
  return true;
}

DolphindbSession::Value DolphindbSession::invoke(const std::string& name, const Values& arguments) {
  Value result;
  if (login_function(name, arguments, result) || call(name, arguments, result)) return result;
  // Each lists only what the user may see.
  std::set<std::string> databases, full_names, names;
  for (const DolphindbTable& each : cluster_.catalog_.all()) {
    if (each.database.empty() || !may_read(each)) continue;
    databases.insert(each.database);
    full_names.insert(each.full_name());
    const bool asked =
        !arguments.empty() && !arguments[0].texts.empty() && arguments[0].texts[0] == each.database;
    if (asked) names.insert(name == "getDFSTablesByDatabase" ? each.full_name() : each.name);
  }
  const auto listed = [](const std::set<std::string>& texts) {
    return dolphin::texts_of({texts.begin(), texts.end()});
  };
  if (name == "getClusterDFSDatabases") return listed(databases);
  if (name == "getClusterDFSTables") return listed(full_names);
  if (name == "getTables" || name == "getDFSTablesByDatabase") return listed(names);
  if (name == "existsDatabase")
    return make(kBool, databases.count(arguments.at(0).text()) > 0 ? 1 : 0);
  refuse_function(name);
}

}  // namespace sluice::testing
