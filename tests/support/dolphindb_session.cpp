// SPDX-License-Identifier: Apache-2.0
#include "support/dolphindb_session.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <stdexcept>
#include <utility>

namespace sluice::testing {
namespace {

using dolphin::Request;
using dolphin::Value;
using Lock = std::lock_guard<std::mutex>;

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

/// How a request is named to hooks and in the list of requests.
std::string called(const Request& request) {
  if (request.kind == "script") return request.text;
  if (request.kind == "connect") return "connect";
  return request.kind + " " + request.text;
}

/// As a server that was asked to: times and whole numbers by differences, the rest by LZ4.
Value compressed(Value rows) {
  for (Value& each : rows.items) {
    if (each.based || each.type == dolphin::kAny || each.type == dolphin::kVoid || each.rows == 0)
      continue;
    const std::size_t width = dolphin::width_of(each.type);
    const bool whole =
        dolphin::is_temporal_type(each.type) || (dolphin::is_integer_type(each.type) && width > 1);
    each.compression.emplace().method = whole && !each.array ? 2 : 1;
  }
  return rows;
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

DolphindbSession::DolphindbSession(DolphindbDouble& cluster, std::size_t node,
                                   pgwire::Channel& client)
    : cluster_(cluster), node_(node), client_(client), connection_(cluster.database_.connect()) {
  const Lock lock(cluster_.mutex_);
  id_ = std::to_string(++cluster_.sessions_);
}

void DolphindbSession::serve() {
  while (true) {
    const Request request = dolphin::read_request(client_);
    if ((request.flags & Request::kAsync) == 0 && dolphin::speaks_too_early(client_))
      throw std::logic_error("speaks before it was answered");
    if (!answer(request)) return;
  }
}

bool DolphindbSession::answer(const Request& request) {
  const std::string name = called(request);
  {
    const Lock lock(cluster_.mutex_);
    cluster_.requests_.push_back({name, request.options, user_, node_});
  }
  while (const auto hook = cluster_.take(name, false)) hook->action();
  const auto fault = cluster_.take(name, true);
  dolphin::Answer answer;
  answer.session = id_;
  try {
    answer.parts = run(request);
  } catch (const Error& error) {
    answer.error = one_line(error.what());
  } catch (const std::runtime_error& error) {
    answer.error = one_line(error.what());
  }
  if ((request.flags & Request::kClear) != 0) variables_.clear();
  if ((request.flags & Request::kAsync) != 0) return true;
  if (dolphin::speaks_too_early(client_)) throw std::logic_error("speaks before it was answered");
  dolphin::write_answer(client_, answer, fault && fault->fault ? &*fault->fault : nullptr);
  return !full_;
}

DolphindbDouble::Parts DolphindbSession::sent(const Value& value, const Request& request) const {
  if (value.type == dolphin::kHandle)
    throw std::runtime_error("the stand-in does not know how a handle is sent");
  const bool compresses = (request.flags & Request::kCompress) != 0 && value.form == dolphin::table;
  return std::make_shared<std::vector<std::string>>(
      1, dolphin::encode(compresses ? compressed(value) : value));
}

DolphindbDouble::Parts DolphindbSession::run(const Request& request) {
  if (request.kind == "connect") {
    const std::size_t limit = cluster_.options_.max_connections;
    {
      const Lock lock(cluster_.mutex_);
      full_ = cluster_.nodes_[node_]->sockets.size() > limit;
    }
    if (full_)
      throw std::runtime_error("Maximum connections " + std::to_string(limit) +
                               " reached. Close unused connections or increase maxConnections "
                               "limit. RefId:S00006");
    const auto& lines = request.lines;
    if (!lines.empty() && lines[0] == "login") {
      if (lines.size() < 3) throw std::runtime_error("a login without a password");
      log_in(lines[1], lines[2]);
    }
    return nullptr;
  }
  if (request.kind == "variable") {
    std::size_t at = 0;
    for (const Value& each : request.arguments) {
      const std::size_t end = std::min(request.text.find(',', at), request.text.size());
      variables_[request.text.substr(at, end - at)] = each;
      at = end + 1;
    }
    return nullptr;
  }
  if (request.kind == "function") {
    const Value result = invoke(request.text, request.arguments);
    // A login may answer with nothing.
    const bool nothing = request.text == "login" && cluster_.options_.login_is_void;
    return nothing ? nullptr : sent(result, request);
  }
  if (cluster_.options_.client_auth && user_ == "guest")
    throw std::runtime_error(
        "Login is required for script execution with client authentication enabled. RefId: "
        "S04009");
  return script(request);
}

std::string DolphindbSession::memory_key(const Request& request) const {
  std::string key = request.text + '\0' + std::to_string(request.fetch_size) + '\0' +
                    std::to_string(request.flags & Request::kCompress) + '\0' + user_;
  for (const auto& [name, value] : variables_)
    if (value.form != dolphin::table) key += '\0' + name + '\0' + dolphin::encode(value);
  return key;
}

DolphindbDouble::Parts DolphindbSession::script(const Request& request) {
  if (request.fetch_size > 0 && request.fetch_size < 8192)
    throw std::runtime_error("fetchSize must be greater than or equal to 8192");
  const std::string key = cluster_.options_.remembers ? memory_key(request) : "";
  if (!key.empty()) {
    const Lock lock(cluster_.mutex_);
    if (const auto found = cluster_.remembered_.find(key); found != cluster_.remembered_.end())
      return found->second;
  }
  const std::vector<Node> statements = dolphin::parse(request.text);
  DolphindbDouble::Parts parts;
  bool is_rows = false;
  for (const Node& each : statements) {
    const bool last = &each == &statements.back();
    parts = nullptr;
    is_rows = last && each.kind == Node::select && !each.query[0].exec;
    if (!is_rows) {
      const Value value = evaluate(each);
      if (each.kind != Node::assign && last) parts = sent(value, request);
      continue;
    }
    const bool blocks = request.fetch_size > 0;
    const Values tables = selected(each.query[0], blocks ? request.fetch_size : kAll,
                                   blocks ? cluster_.options_.empty_block : true);
    if (!blocks) {
      parts = sent(tables.at(0), request);
      continue;
    }
    auto streamed = std::make_shared<std::vector<std::string>>();
    streamed->push_back(std::string("\x19\x01", 2) + dolphin::packed(tables.size(), 4) +
                        dolphin::packed(1, 4));
    for (const Value& table : tables) streamed->push_back(sent(table, request)->at(0));
    parts = streamed;
  }
  if (!key.empty() && is_rows) {
    const Lock lock(cluster_.mutex_);
    cluster_.remembered_[key] = parts;
  }
  return parts;
}

dolphin::Compiler DolphindbSession::compiler(dolphin::Compiler::Columns columns) {
  return {cluster_.options_.dialect, std::move(columns), [this](const std::string& name) {
            const auto found = variables_.find(name);
            const bool known = found != variables_.end() && found->second.type != dolphin::kHandle;
            return known ? &found->second : nullptr;
          }};
}

DolphindbSession::Values DolphindbSession::selected(const dolphin::Select& query, std::size_t most,
                                                    bool empty) {
  const Value from = evaluate(query.from);
  if (from.form == dolphin::table) {
    dolphin::Compiler::Columns columns;
    for (std::size_t i = 0; i < from.items.size(); ++i)
      columns.emplace_back(from.names[i],
                           dolphin::ColumnType{from.items[i].type, from.items[i].scale, false});
    dolphin::Compiler made = compiler(columns);
    const std::string relation = made.relation(from);
    return dolphin::tables_of(connection_, made.select(query, relation), most, empty);
  }
  const auto table = table_of(from);
  if (!table) throw std::runtime_error("select wants a table");
  return dolphin::tables_of(connection_, compiler(table->types()).select(query, table->relation()),
                            most, empty);
}

DolphindbSession::Value DolphindbSession::evaluate(const Node& node) {
  if (node.kind == Node::assign) {
    variables_[node.text] = evaluate(node.arguments[0]);
    return {};
  }
  if (node.kind == Node::literal) return node.value;
  if (node.kind == Node::name) {
    if (const auto found = variables_.find(node.text); found != variables_.end())
      return found->second;
    if (cluster_.catalog_.find("", node.text)) return handle("", node.text);
    throw std::runtime_error("Syntax Error: [line #1] Cannot recognize the token " + node.text);
  }
  if (node.kind == Node::select) {
    const dolphin::Select& query = node.query[0];
    Value rows = selected(query, kAll, true).at(0);
    if (!query.exec || rows.items.size() != 1) return rows;
    // exec of one column: the column, or the value of an aggregate.
    Value column = rows.items[0];
    const dolphin::Item& item = query.items[0];
    static const std::vector<std::string> kOne = {"count", "sum",   "min", "max",
                                                  "avg",   "first", "last"};
    if (query.group.empty() && item.expression.kind == Node::call &&
        std::find(kOne.begin(), kOne.end(), item.expression.text) != kOne.end()) {
      if (column.based) {
        column.texts = {column.text(0)};
        column.based = false;
        column.bytes.clear();
        column.base.clear();
      }
      column.form = dolphin::scalar;
    }
    return column;
  }
  if (node.kind == Node::call && !dolphin::is_function(node.text) &&
      (std::isalpha(static_cast<unsigned char>(node.text[0])) != 0) && node.text != "in" &&
      node.text != "and" && node.text != "or" && node.text != "not" && node.text != "neg") {
    Values arguments;
    for (const Node& each : node.arguments) {
      // A function's own name: of rpc().
      const bool function = each.kind == Node::name && each.text == "getClusterPerf";
      arguments.push_back(function ? dolphin::make_text(each.text) : evaluate(each));
    }
    return invoke(node.text, arguments);
  }
  if (node.kind == Node::list) return compiler({}).constant(node);
  const Values rows = dolphin::tables_of(connection_, compiler({}).value_of(node), kAll, true);
  Value value = rows.at(0).items.at(0);
  if (value.based) {
    value = dolphin::make_text(value.text(0), dolphin::kSymbol);
  } else if (!value.array) {
    value.form = dolphin::scalar;
  }
  return value;
}

}  // namespace sluice::testing
