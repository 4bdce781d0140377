// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/result_tables.h"

#include <random>
#include <utility>

namespace sluice::mysql {
namespace {

/// No other program's, on whichever aggregator it makes its own.
std::string new_prefix() {
  std::random_device dice;
  return "sluice_" + std::to_string(dice()) + "_" + std::to_string(dice()) + "_";
}

}  // namespace

ResultTables::ResultTables(std::shared_ptr<const Login> login)
    : login_(std::move(login)), prefix_(new_prefix()) {}

std::string ResultTables::new_name() { return prefix_ + std::to_string(++names_); }

ResultTables::Share ResultTables::share(const ResultPart& part, const std::string& query,
                                        const Stop& stop) {
  const std::lock_guard lock(mutex_);
  auto found = made_.find(part.table);
  if (found == made_.end()) {
    const std::string name = new_name();
    const bool made = make(name, query, stop);
    found = made_.emplace(part.table, Made{made ? name : "", part.partition, {}}).first;
  }
  const Made& made = found->second;
  return {made.name, made.name.empty() && made.all == part.partition};
}

/// False: the server makes none (a right is missing, its version, its memory).
bool ResultTables::make(const std::string& name, const std::string& query, const Stop& stop) {
  // With a lost one its tables are lost: who reads them hears so from the server.
  if (!maker_ || maker_->broken()) maker_ = std::make_unique<Connection>(login_, stop);
  maker_->stop_when(stop);
  try {
    maker_->query_patiently("CREATE MATERIALIZED RESULT TABLE " + name + " AS " + query);
    maker_->stop_when({});
    return true;
  } catch (const Error& error) {
    maker_->stop_when({});
    if (maker_->broken() || error.retryable() || error.fault() == Fault::cancelled) throw;
    return false;
  }
}

void ResultTables::was_read(const ResultPart& part) noexcept try {
  const std::lock_guard lock(mutex_);
  const auto found = made_.find(part.table);
  if (found == made_.end()) return;
  found->second.read.insert(part.partition);
  if (found->second.read.size() < part.of) return;
  const std::string name = std::exchange(found->second.name, "");
  made_.erase(found);
  maker_->run("DROP RESULT TABLE " + name);
} catch (...) {  // it goes with the session
}

}  // namespace sluice::mysql
