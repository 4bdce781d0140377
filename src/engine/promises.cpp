// SPDX-License-Identifier: Apache-2.0
#include "engine/promises.h"

namespace sluice {
namespace {

/// What is not as planned in the columns; empty: nothing.
std::string columns_changed(const Table& planned, const Table& now) {
  for (const Column& before : planned.columns) {
    const Column* column = now.column(before.name);
    if (column == nullptr) return "column " + before.name + " is gone";
    if (column->source_type != before.source_type)
      return "column " + before.name + " is " + column->source_type + " now, it was " +
             before.source_type;
  }
  for (const Column& column : now.columns) {
    if (planned.column(column.name) == nullptr)
      return "column " + column.name + " " + column.source_type + " is new";
  }
  return {};
}

std::string shape_changed(const Table& planned, const Table& now) {
  if (std::string what = columns_changed(planned, now); !what.empty()) return what;
  if (planned.primary_key != now.primary_key)
    return "the primary key is (" + listed(now.primary_key) + ") now, it was (" +
           listed(planned.primary_key) + ")";
  if (planned.replication_key != now.replication_key)
    return "the replication key is " +
           (now.replication_key.empty() ? "none" : now.replication_key) + " now, it was " +
           (planned.replication_key.empty() ? "none" : planned.replication_key);
  // Kept only where the plan goes on from what earlier runs read.
  if (!planned.incarnation.empty() && planned.incarnation != now.incarnation)
    return "the source rewrote or re-created the table";
  return {};
}

/// The load that the plan asks for may have been begun and cut off: it goes on as it was begun.
std::string decision_changed(const TablePlan& planned, const Table& now, const Decision& decision,
                             bool finds_deletes) {
  if (planned.strategy == "load" && decision.strategy == "resume") return {};
  for (const Column& before : planned.table.columns) {
    if (const Column* column = now.column(before.name); column->type != before.type)
      return "column " + before.name + " lands as " + column->type + " now, it was " + before.type;
  }
  if (decision.strategy != planned.strategy)
    return "it would be " + decision.strategy + " now (" + decision.why + "), the plan has " +
           planned.strategy + " (" + planned.why + ")";
  if (finds_deletes != planned.finds_deletes)
    return finds_deletes ? "deletes would be looked for now, the plan does not look for them"
                         : "deletes would not be looked for now, the plan looks for them";
  return {};
}

}  // namespace

Error outdated(const TableName& table, const std::string& what) {
  return {Fault::drift, table.text() + ": not as planned: " + what,
          "make the plan anew with `sluice plan --out FILE`, and sync that one"};
}

Promises::Promises(const RunPlan& plan) {
  for (const TablePlan& each : plan.tables) planned_[each.table.name] = &each;
}

void Promises::hold(const Table& table, const Decision& decision, bool finds_deletes) {
  const TablePlan& planned = *planned_.at(table.name);
  if (const std::string what = shape_changed(planned.table, table); !what.empty())
    throw outdated(table.name, what);
  if (decision.refusal) return;  // it says more
  const std::scoped_lock lock(mutex_);
  if (agreed_.contains(table.name)) return;
  if (const std::string what = decision_changed(planned, table, decision, finds_deletes);
      !what.empty())
    throw outdated(table.name, what);
  agreed_.insert(table.name);
}

}  // namespace sluice
