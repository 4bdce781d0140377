// SPDX-License-Identifier: Apache-2.0
// `sluice plan`: what a sync would do. A destination file that does not exist is not made.
#include <unistd.h>

#include <ctime>
#include <filesystem>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/open.h"
#include "cli/plan_file.h"
#include "cli/plan_report.h"
#include "cli/pushed.h"
#include "connectors/registry.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

Json plan_json(const TablePlan& plan, const std::string& connection) {
  return {{"connection", connection},
          {"schema", plan.table.name.schema},
          {"table", plan.table.name.name},
          {"target", plan.target},
          {"strategy", plan.strategy},
          {"why", plan.why},
          {"rows", plan.rows},
          {"bytes", plan.bytes},
          {"finds_deletes", plan.finds_deletes},
          {"deletes", plan.deletes ? Json(*plan.deletes) : Json(nullptr)},
          {"reads", text_or_null(plan.reads)},
          {"connections", plan.connections},
          {"seconds", plan.seconds ? Json(*plan.seconds) : Json(nullptr)},
          {"notes", plan.notes},
          {"error", text_or_null(plan.error)},
          {"hint", text_or_null(plan.hint)}};
}

Json total_json(const std::vector<TablePlan>& plans, const Connection& connection) {
  const Forecast total = forecast(plans, connection);
  return {{"connection", connection.sync.connection},
          {"tables", plans.size()},
          {"rows", total.rows},
          {"bytes", total.bytes},
          {"deletes", total.deletes},
          {"connections", total.connections},
          {"snapshot", connection.sync.snapshot_per_table ? "table" : "run"},
          {"snapshot_seconds", total.snapshot_seconds},
          {"by_earlier_runs", total.by_earlier_runs}};
}

/// An empty destination of the same name in memory, so that a plan for a first sync leaves no file
/// behind.
class Nowhere : public Destination {
 public:
  Nowhere(duck::Database& database, std::string name) : name_(std::move(name)) {
    database.connect().query("ATTACH ':memory:' AS \"sluice_plan\"");
  }
  const std::string& catalog() const override { return catalog_; }
  std::string name() const override { return name_; }
  void finish() override {}

 private:
  std::string catalog_ = "sluice_plan";
  std::string name_;
};

}  // namespace

Planned plans_of(const Connection& connection) {
  refuse_pushed(connection, "plan");
  const Secret password = fetch_password(connection.password);
  duck::Database database = open_database(connection);
  const auto file = local_file(connection.destination);
  const std::unique_ptr<Destination> destination =
      file && !std::filesystem::exists(*file) ? std::make_unique<Nowhere>(database, *file)
                                              : open_destination(database, connection, password);
  const auto source = open_source(database, connection, password);
  Observer silent;
  Sync sync(database, *source, *destination, connection.sync, silent);
  auto plans = sync.plan();
  RunPlan kept = make_plan(connection.sync, *source, plans);
  return {std::move(plans), std::move(kept)};
}

int plan(const SyncRequest& request) {
  auto connections = request.choice.connections();
  if (!request.out.empty() && connections.size() != 1) {
    throw Error(Fault::config, "--out: a plan is of one connection, several are named",
                "name one: sluice plan " + connections.front().sync.connection + " --out FILE");
  }
  int code = 0;
  for (Connection& connection : connections) {
    request.apply(connection);
    connection.sync.as_of = std::time(nullptr);
    const auto [plans, kept] = plans_of(connection);
    RunResult foreseen;
    for (const TablePlan& plan : plans) {
      Receipt& receipt = foreseen.receipts.emplace_back();
      receipt.outcome = plan.outcome;
      receipt.fault = plan.fault;
      if (request.output.json) print(json_line(plan_json(plan, connection.sync.connection)));
    }
    code = worse(code, foreseen.exit_code());
    print(request.output.json ? json_line(total_json(plans, connection))
                              : connection.sync.connection + ": " + redacted(connection.source) +
                                    " -> " + redacted(connection.destination) + "\n\n" +
                                    plan_report(plans, connection, Screen::of(STDOUT_FILENO)));
    if (request.out.empty()) continue;
    write_plan(kept, request.out);
    if (!request.output.json) print(written_text(kept, plans.size(), request.out));
  }
  return code;
}

}  // namespace sluice::cli
