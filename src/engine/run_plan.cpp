// SPDX-License-Identifier: Apache-2.0
#include "sluice/run_plan.h"

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "engine/select.h"
#include "sluice/version.h"

namespace sluice {
namespace {

using PlanJson = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr const char* kFormatKey = "sluice_plan";
constexpr std::array kDeletes{"hard", "soft", "ignore"};

/// What the settings make of a table, beside its shape and what is decided for it: those say the
/// rest.
PlanJson settings_of(const SyncOptions& options, const Table& table) {
  const TableOptions own = options_of(options, table.name);
  const Landing landed = landing(table, options);
  PlanJson settings = PlanJson::parse(fingerprint(own, landed.schema, landed.name, options.naming));
  settings["deletes"] = kDeletes.at(static_cast<std::size_t>(own.deletes));
  settings["misfit"] = own.misfit ? PlanJson(misfit_name(*own.misfit)) : PlanJson(nullptr);
  for (const auto& [column, misfit] : own.misfits)
    settings["misfit of " + column] = misfit_name(misfit);
  settings["publish"] = options.publish == Publish::together ? "together" : "each";
  settings["overlap"] = own.overlap ? PlanJson(own.overlap->count()) : PlanJson(nullptr);
  return settings;
}

PlanJson table_json(const TablePlan& plan) {
  PlanJson columns = PlanJson::array();
  for (const Column& column : plan.table.columns) {
    columns.push_back(
        {{"name", column.name}, {"source_type", column.source_type}, {"type", column.type}});
  }
  return {{"schema", plan.table.name.schema},
          {"table", plan.table.name.name},
          {"target", plan.target},
          {"strategy", plan.strategy},
          {"why", plan.why},
          {"finds_deletes", plan.finds_deletes},
          {"rows", plan.rows},
          {"bytes", plan.bytes},
          {"columns", std::move(columns)},
          {"primary_key", plan.table.primary_key},
          {"replication_key", plan.table.replication_key},
          {"incarnation", plan.table.incarnation},
          {"settings", PlanJson::parse(plan.settings)}};
}

std::vector<std::string> texts(const PlanJson& json) {
  return json.get<std::vector<std::string>>();
}

Error not_a_plan(const std::string& why) {
  return {Fault::config, "this is no plan that this sluice can do: " + why,
          "`sluice plan --out FILE` writes one"};
}

TablePlan parse_table(const PlanJson& json) {
  TablePlan plan;
  plan.table.name = {json.at("schema"), json.at("table")};
  plan.target = json.at("target");
  plan.strategy = json.at("strategy");
  plan.why = json.at("why");
  plan.finds_deletes = json.at("finds_deletes");
  plan.rows = json.at("rows");
  plan.bytes = json.at("bytes");
  for (const PlanJson& each : json.at("columns")) {
    Column& column = plan.table.columns.emplace_back();
    column.name = each.at("name");
    column.source_type = each.at("source_type");
    column.type = each.at("type");
  }
  plan.table.primary_key = texts(json.at("primary_key"));
  plan.table.replication_key = json.at("replication_key");
  plan.table.incarnation = json.at("incarnation");
  std::vector<std::string> needed = plan.table.primary_key;
  if (!plan.table.replication_key.empty()) needed.push_back(plan.table.replication_key);
  for (const std::string& name : needed) {
    if (plan.table.column(name) == nullptr) throw not_a_plan("a key has no column " + name);
  }
  if (!json.at("settings").is_object()) throw not_a_plan("its settings are none");
  plan.settings = json.at("settings").dump();
  return plan;
}

/// The first setting that is another one, as "where is \"a > 1\", the plan has \"\"", or nothing.
std::string settings_changed(const PlanJson& planned, const PlanJson& now) {
  PlanJson all = planned;
  all.update(now);
  for (const auto& [name, ignored] : all.items()) {
    const PlanJson before = planned.value(name, PlanJson(nullptr)),
                   is = now.value(name, PlanJson(nullptr));
    if (before != is) return name + " is " + is.dump() + ", the plan has " + before.dump();
  }
  return {};
}

}  // namespace

std::string RunPlan::json() const {
  PlanJson json{{kFormatKey, kFormat},
                {"version", kVersionText},
                {"made_at", made_at},
                {"connection", connection},
                {"source", source},
                {"full", full},
                {"accept_source", accept_source},
                {"accept_drift", accept_drift},
                {"allow_deletes", allow_deletes},
                {"tables", PlanJson::array()}};
  for (const TablePlan& each : tables) json["tables"].push_back(table_json(each));
  return json.dump(2) + "\n";
}

RunPlan RunPlan::parse(const std::string& text) {
  try {
    const PlanJson json = PlanJson::parse(text);
    if (!json.is_object() || !json.contains(kFormatKey)) throw not_a_plan("it is another file");
    if (json.at(kFormatKey) != kFormat)
      throw not_a_plan("its format is " + json.at(kFormatKey).dump() + ", " +
                       std::to_string(kFormat) + " is known");
    RunPlan plan;
    plan.made_at = json.at("made_at");
    plan.connection = json.at("connection");
    plan.source = json.at("source");
    plan.full = json.at("full");
    plan.accept_source = json.at("accept_source");
    plan.accept_drift = texts(json.at("accept_drift"));
    plan.allow_deletes = texts(json.at("allow_deletes"));
    for (const PlanJson& each : json.at("tables")) plan.tables.push_back(parse_table(each));
    return plan;
  } catch (const PlanJson::exception& error) {
    throw not_a_plan(error.what());
  }
}

RunPlan make_plan(const SyncOptions& options, Source& source,
                  const std::vector<TablePlan>& tables) {
  RunPlan plan;
  plan.connection = options.connection;
  plan.source = source.identity();
  plan.made_at = options.as_of.value_or(std::time(nullptr));
  plan.full = options.full;
  plan.accept_source = options.accept_source;
  plan.accept_drift = options.accept_drift;
  plan.allow_deletes = options.allow_deletes;
  for (const TablePlan& each : tables) {
    if (!each.error.empty()) continue;
    TablePlan& kept = plan.tables.emplace_back(each);
    kept.settings = settings_of(options, each.table).dump();
    // What reads the whole table does not mind what it was before.
    const bool goes_on =
        each.strategy != "load" && each.strategy != "full" && each.strategy != "digest";
    if (!goes_on) kept.table.incarnation.clear();
  }
  return plan;
}

void check_plan(const RunPlan& plan, const SyncOptions& options, Source& source) {
  if (plan.connection != options.connection)
    throw Error(Fault::config,
                "the plan is of connection " + plan.connection + ", this is " + options.connection,
                "name the connection that it is of, or make a plan of this one");
  if (const std::string identity = source.identity(); plan.source != identity)
    throw Error(Fault::config, "the plan is of " + plan.source + ", this source is " + identity,
                "make a plan of this source with `sluice plan --out FILE`");
  for (const TablePlan& each : plan.tables) {
    const std::string changed =
        settings_changed(PlanJson::parse(each.settings), settings_of(options, each.table));
    if (changed.empty()) continue;
    throw Error(Fault::config,
                each.table.name.text() + ": the plan was made with other settings: " + changed,
                "give the flags and the sluice.yaml that it was made with, or make it anew");
  }
}

}  // namespace sluice
