// SPDX-License-Identifier: Apache-2.0
#include "serve/source_state.h"

#include <nlohmann/json.hpp>

#include "sluice/error.h"

namespace sluice::serve {
namespace {

using nlohmann::json;
constexpr int kVersion = 1;

template <typename T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

template <typename T>
std::optional<T> optional_at(const json& from, const char* name) {
  const json& value = from.at(name);
  return value.is_null() ? std::nullopt : std::optional(value.get<T>());
}

json of_loading(const Loading& loading) {
  return {{"todo", loading.todo},          {"rows", loading.todo_rows},
          {"bytes", loading.todo_bytes},   {"until", or_null(loading.until)},
          {"safe", or_null(loading.safe)}, {"witness", loading.witness},
          {"horizon", loading.horizon},    {"mixed", loading.mixed}};
}

Loading loading_of(const json& from) {
  Loading loading;
  from.at("todo").get_to(loading.todo);
  from.at("rows").get_to(loading.todo_rows);
  from.at("bytes").get_to(loading.todo_bytes);
  loading.until = optional_at<std::string>(from, "until");
  loading.safe = optional_at<std::string>(from, "safe");
  from.at("witness").get_to(loading.witness);
  from.at("horizon").get_to(loading.horizon);
  from.at("mixed").get_to(loading.mixed);
  if (loading.todo.size() != loading.todo_rows.size() ||
      loading.todo.size() != loading.todo_bytes.size())
    throw Error(Fault::config, "");
  return loading;
}

json of_table(const TableName& name, const SentTable& sent) {
  json table{{"schema", name.schema},          {"name", name.name},        {"shape", sent.shape},
             {"cursor", or_null(sent.cursor)}, {"pending", json::array()}, {"full", sent.full}};
  for (const PendingMark& each : sent.pending)
    table["pending"].push_back({each.mark, each.witness});
  if (!sent.horizon.empty()) table["horizon"] = sent.horizon;
  if (sent.loading) table["loading"] = of_loading(*sent.loading);
  return table;
}

SentTable table_of(const json& from) {
  SentTable sent;
  from.at("shape").get_to(sent.shape);
  sent.cursor = optional_at<std::string>(from, "cursor");
  for (const json& each : from.at("pending"))
    sent.pending.push_back({each.at(0).get<std::string>(), each.at(1).get<std::string>()});
  from.at("full").get_to(sent.full);
  sent.horizon = from.value("horizon", "");
  if (from.contains("loading")) sent.loading = loading_of(from.at("loading"));
  return sent;
}

}  // namespace

std::string SourceState::json() const {
  nlohmann::json all{{"sluice", kVersion},
                     {"source", source},
                     {"position", or_null(position)},
                     {"tables", nlohmann::json::array()}};
  if (!trying.name.empty()) all["trying"] = {trying.schema, trying.name};
  for (const auto& [name, sent] : tables) all["tables"].push_back(of_table(name, sent));
  return all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

SourceState SourceState::parse(const std::string& text) {
  SourceState state;
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (text.empty() || parsed.is_null() || (parsed.is_object() && parsed.empty())) return state;
  try {
    if (parsed.at("sluice").get<int>() != kVersion) throw Error(Fault::config, "");
    parsed.at("source").get_to(state.source);
    state.position = optional_at<std::int64_t>(parsed, "position");
    if (parsed.contains("trying")) {
      const auto& name = parsed.at("trying");
      state.trying = {name.at(0).get<std::string>(), name.at(1).get<std::string>()};
    }
    for (const auto& each : parsed.at("tables")) {
      state.tables[{each.at("schema").get<std::string>(), each.at("name").get<std::string>()}] =
          table_of(each);
    }
    return state;
  } catch (const std::exception&) {
    throw Error(Fault::config,
                "the state that came with the sync is none that this version of sluice "
                "serve-connector wrote",
                "begin without a state: a historical re-sync of the connection sends every table "
                "anew");
  }
}

}  // namespace sluice::serve
