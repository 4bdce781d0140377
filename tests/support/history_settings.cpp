// SPDX-License-Identifier: Apache-2.0
// What the runs of a history are told: in this process, and as a program.
#include "support/history.h"

namespace sluice::testing {

std::string History::source_url() const { return server_.url(flavour_, character_.reader); }

// The overlap would read again all that happens here, whatever the marks are worth.
SyncOptions History::options(bool full) const {
  SyncOptions options;
  if (!server_.needs_overlap(flavour_, character_.reader))
    options.defaults.overlap = std::chrono::seconds(0);
  if (flavour_.append) options.defaults.mode = Mode::append;
  if (flavour_.versions) options.defaults.strategy = Strategy::xmin;
  if (!character_.deletes) options.defaults.delete_check.kind = Cadence::Kind::never;
  options.allow_deletes = {"*"};
  options.parallel = parallel_;
  options.full = full;
  options.unit_rows = 1;  // so that each chunk, if not each reader's, is a unit
  if (flavour_.digest) options.defaults.strategy = Strategy::digest;
  if (flavour_.soft) options.defaults.deletes = Deletes::soft;
  if (flavour_.history) options.defaults.mode = Mode::history;
  if (flavour_.together) options.publish = Publish::together;
  for (const HistoryTable& table : tables_) {
    options.table_options.emplace_back(
        server_.sql().schema() + "." + table.name(),
        [where = table.where(), start = table.start()](TableOptions& its) {
          its.where = where;
          if (!start.empty()) its.start = start;
        });
  }
  return options;
}

std::vector<std::string> History::words() const {
  std::vector<std::string> words{"sync",
                                 "--json",
                                 source_url(),
                                 "duckdb:" + copy_.file(),
                                 "--unit-rows",
                                 "1",
                                 "--allow-deletes",
                                 "*",
                                 "--delete-check",
                                 character_.deletes ? "always" : "never",
                                 "--parallel",
                                 std::to_string(parallel_)};
  if (!server_.needs_overlap(flavour_, character_.reader))
    words.insert(words.end(), {"--overlap", "0s"});
  if (flavour_.append) words.insert(words.end(), {"--mode", "append"});
  if (flavour_.versions) words.insert(words.end(), {"--strategy", "xmin"});
  if (flavour_.digest) words.insert(words.end(), {"--strategy", "digest"});
  if (flavour_.soft) words.insert(words.end(), {"--deletes", "soft"});
  if (flavour_.history) words.insert(words.end(), {"--mode", "history"});
  if (flavour_.together) words.insert(words.end(), {"--publish", "together"});
  for (const HistoryTable& table : tables_) {
    const std::string name = server_.sql().schema() + "." + table.name() + "=";
    if (!table.where().empty()) words.insert(words.end(), {"--where", name + table.where()});
    if (!table.start().empty()) words.insert(words.end(), {"--start", name + table.start()});
  }
  return words;
}

}  // namespace sluice::testing
