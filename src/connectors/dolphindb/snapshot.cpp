// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/snapshot.h"

#include <algorithm>
#include <chrono>

#include "connectors/dolphindb/text.h"
#include "sluice/error.h"

namespace sluice::dolphindb {

DolphindbSnapshot::DolphindbSnapshot(std::shared_ptr<Sessions> sessions, const Stop& stop,
                                     std::span<const Table> tables)
    : sessions_(std::move(sessions)) {
  const bool has_shared =
      std::ranges::any_of(tables, [](const Table& each) { return each.name.schema == kShared; });
  const Borrowed session(*sessions_, stop, has_shared);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  clock_ = mark_text(Type::timestamp,
                     std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) +
           "+00";
  const std::vector<std::int64_t> told = session->call("now").numbers();
  if (told.size() != 1) throw Error(Fault::data, "the server does not tell the time");
  server_time_ = told[0];
  for (const Table& each : tables) {
    try {
      Shape shape = describe(*session, each.name);
      tables_.emplace_back(shape.table);
      shapes_.emplace(each.name, std::move(shape));
    } catch (const Error& error) {
      if (error.fault() != Fault::schema && error.fault() != Fault::permission) throw;
      tables_.emplace_back(error);
    }
  }
}

std::string DolphindbSnapshot::instant() const { return clock_ + ", each statement at its own"; }

Proof DolphindbSnapshot::proof(const Table&) const {
  return {false, "DolphinDB shows no transactions, and stamps are what their writers say", true};
}

const Shape& DolphindbSnapshot::shape(const TableName& name) const {
  const auto found = shapes_.find(name);
  if (found == shapes_.end()) throw Error(Fault::schema, name.text() + " is not in this snapshot");
  return found->second;
}

}  // namespace sluice::dolphindb
