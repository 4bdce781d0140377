// SPDX-License-Identifier: Apache-2.0
#include "feed/operations.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

namespace sluice::feed {
namespace {

std::int64_t micros_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

TableName folded_name(const TableName& name) { return Inventory::folded(name.schema, name.name); }

std::size_t memory(duck::Connection& connection, const FeedOptions& options) {
  if (options.memory) return *options.memory;
  const auto limit = connection.query(
      "SELECT parse_formatted_bytes(current_setting('memory_limit'))::BIGINT // 3");
  return static_cast<std::size_t>(limit.integer(0, 0));
}

std::map<std::string, std::string> hashed(duck::Connection& connection,
                                          const std::map<std::string, std::string>& settings) {
  std::map<std::string, std::string> hashes;
  for (const auto& [name, value] : settings)
    hashes[name] = connection.query("SELECT left(sha256(?), 16)", {value}).text(0, 0);
  return hashes;
}

/// Of those that one has and the other has not, or not so.
std::string differing(const std::map<std::string, std::string>& one,
                      const std::map<std::string, std::string>& other) {
  std::map<std::string, std::string> all = one;
  all.insert(other.begin(), other.end());
  std::string names;
  for (const auto& [name, value] : all) {
    const auto before = one.find(name), after = other.find(name);
    if (before != one.end() && after != other.end() && before->second == after->second) continue;
    names += (names.empty() ? "\"" : ", \"") + name + '"';
  }
  return names;
}

void add_calls(Calls& sum, const Calls& each) {
  sum.upserts += each.upserts;
  sum.updates += each.updates;
  sum.removes += each.removes;
  sum.truncates += each.truncates;
  sum.schema_changes += each.schema_changes;
}

}  // namespace

/// A table in the checkpoint that is being committed.
struct FeedOperations::Work {
  Fed* fed;
  Staged staged;
  TableState next;
  std::vector<std::string> notes;
  std::uint64_t inserted = 0, removed = 0, marked = 0;
};

FeedOperations::FeedOperations(duck::Connection& connection, const StateStore& states,
                               const FeedOptions& options, sdk::Log& log, Told& told,
                               const std::stop_token& stop)
    : connection_(connection),
      states_(states),
      options_(options),
      log_(log),
      told_(told),
      feed_(states.feed(connection)),
      settings_(hashed(connection, options.settings)),
      targets_(connection, states, options),
      session_{connection, stop, {}, {memory(connection, options)}, nullptr, nullptr} {
  const auto note = [&](const std::string& line) { told_([&](Observer& o) { o.note(line); }); };
  check_settings();
  duck::register_scan_function(connection, Stage::kFunction);
  for (const std::string& line : targets_.open(feed_.value_or(FeedState()).synced)) note(line);
  const FeedState empty;
  state_ = feed_.value_or(empty).state;
  if (!targets_.starts_over().empty() && state_ != empty.state) {
    note("the connector starts over, as " + targets_.starts_over() + " is loaded anew");
    state_ = empty.state;
  }
  session_.synced = feed_.value_or(empty).synced;
  session_.begun = [this](const ChangeBuffer& buffer) {
    told_([&](Observer& o) { o.table_started(buffer.progress()); });
  };
}

/// Its state says where to go on in one source: of another it would say nothing true.
void FeedOperations::check_settings() {
  if (!feed_ || !feed_->settings || *feed_->settings == settings_) return;
  const std::string changed = options_.connection + ": the connector is told another value of " +
                              differing(*feed_->settings, settings_) +
                              " than at its last checkpoint";
  if (!options_.accept_source) {
    throw Error(Fault::config, changed,
                "if it reads another source now, give it a connection of its own (--name), or let "
                "`sluice state reset --yes` make it start over; if it is the same source, "
                "--accept-source goes on");
  }
  log_.warning(changed + ": it goes on from that checkpoint's state");
  FeedState told = *feed_;
  told.settings = settings_;
  Load load(connection_, states_);
  load.replace_feed(feed_, told);
  load.commit();
  feed_ = told;
}

void FeedOperations::declare(const std::vector<sdk::TableSchema>& tables) {
  for (const sdk::TableSchema& each : tables) {
    const TableName name{each.schema, each.name};
    if (by_name_.contains(folded_name(name)))
      throw Error(Fault::config, name.text() + ": the table is declared twice");
    if (targets_.chosen(name)) add(name, &each);
  }
}

sdk::Table& FeedOperations::table(std::string_view name, std::string_view schema) {
  return session_.guarded([&]() -> sdk::Table& {
    const TableName wanted{std::string(schema), std::string(name)};
    const TableName key = folded_name(wanted);
    if (const auto found = by_name_.find(key); found != by_name_.end())
      return *fed_[found->second]->buffer;
    if (targets_.chosen(wanted)) return *add(wanted, nullptr).buffer;
    auto& left = left_out_[key];
    if (left == nullptr) left = std::make_unique<LeftOut>(session_, wanted);
    return *left;
  });
}

void FeedOperations::declare(const sdk::TableSchema& table) {
  session_.guarded([&] {
    session_.next();
    const TableName name{table.schema, table.name};
    if (!targets_.chosen(name)) return;
    const auto found = by_name_.find(folded_name(name));
    if (found == by_name_.end()) {
      add(name, &table);
    } else {
      fed_[found->second]->buffer->declare(table);
    }
  });
}

FeedOperations::Fed& FeedOperations::add(const TableName& name, const sdk::TableSchema* declared) {
  Known& known = targets_.of(name);
  Fed fed{&known,
          std::make_unique<ChangeBuffer>(session_, known.name, fed_.size(), options_.naming,
                                         targets_.columns(known, declared)),
          {}};
  fed.receipt.table = known.name;
  fed.receipt.target = known.state.target_schema + "." + known.state.target_name;
  fed.receipt.outcome = Outcome::unchanged;
  fed.receipt.strategy = "connector";
  by_name_.emplace(folded_name(name), fed_.size());
  return *fed_.emplace_back(std::make_unique<Fed>(std::move(fed)));
}

void FeedOperations::checkpoint(std::string_view state) {
  session_.guarded([&] {
    if (!nlohmann::json::accept(state) || !nlohmann::json::parse(state).is_object()) {
      throw Error(Fault::config, "checkpoint() was given a state that is not a JSON object",
                  "give the text of an object, such as {\"last\": 4}");
    }
    ++checkpoints_;
    commit(std::string(state));
    session_.check_stop();
  });
}

void FeedOperations::finish() {
  session_.guarded([&] {
    session_.end_row();
    bool left = false;
    for (const auto& each : fed_) {
      each->buffer->close();
      left = left || !each->buffer->staged().empty();
      ending_ = ending_ || each->buffer->outdated();
    }
    if (left) {
      log_.warning(
          "update() ended without a checkpoint behind its last operations: they are committed, and "
          "the next sync starts from the last checkpoint's state");
    }
    if (left || ending_) commit(state_);
  });
}

void FeedOperations::check_documents(const ChangeBuffer& buffer, const Staged& staged) {
  for (const StagedColumn& each : staged.columns) {
    if (each.type != "JSON" || staged.rows == 0) continue;
    const std::string column = "c" + std::to_string(each.position);
    const auto bad = connection_.query("SELECT min(seq) + 1 FROM " + staged.relation +
                                       " WHERE NOT json_valid(" + column + "::VARCHAR)");
    if (bad.null(0, 0)) continue;
    throw Error::misfit(each.name,
                        buffer.table().text() + ": column " + each.name +
                            ", which is JSON, cannot hold the value in operation " +
                            bad.text(0, 0) +
                            " on the table since the last checkpoint: it is not a JSON document",
                        "give a document, with its quotes where it is a string");
  }
}

/// Everything that a checkpoint does before its transaction: all changes of shape.
std::vector<FeedOperations::Work> FeedOperations::prepare() {
  std::vector<Work> all;
  for (const auto& each : fed_) {
    ChangeBuffer& buffer = *each->buffer;
    buffer.close();
    Staged staged = buffer.staged();
    if (ending_) staged.outdated = buffer.outdated();
    // A declared table is made even where it has no row, one that was never written to not.
    const bool nothing = staged.rows == 0 && !each->known->state.live;
    if (nothing && (staged.columns.empty() || staged.key.size() != buffer.key().size())) continue;
    if (!nothing && staged.empty()) continue;
    check_documents(buffer, staged);
    Work work{each.get(), std::move(staged), {}, {}};
    const bool made = !each->known->state.live;
    work.next = targets_.shape(*each->known, buffer, work.staged, work.notes);
    if (made || !work.notes.empty()) ++buffer.calls().schema_changes;
    if (work.staged.rows > 0 && work.staged.key.empty())
      work.staged.relation = with_id(work.staged);
    all.push_back(std::move(work));
  }
  return all;
}

void FeedOperations::apply(Load& load, Work& work, const std::string& synced) {
  const std::string fold = fold_keys(work.staged);
  if (!fold.empty()) {
    load.execute(fold);
    const auto keys = connection_.query("SELECT count(*) FROM sluice_last");
    work.staged.each_key_once = static_cast<std::uint64_t>(keys.integer(0, 0)) == work.staged.rows;
  }
  const apply::Target target = targets_.target_of(work.next);
  const std::string there = any_there(target, work.staged);
  work.staged.all_new = !there.empty() && connection_.query(there).rows() == 0;
  using Does = Statement::Does;
  for (const Statement& each : feed::apply(target, work.staged, synced)) {
    const std::uint64_t rows = load.execute(each.sql);
    if (each.does == Does::inserts) work.inserted += rows;
    if (each.does == Does::removes) work.removed += rows;
    if (each.does == Does::marks) work.marked += rows;
  }
  if (!fold.empty()) load.execute(drop_folded());
  failpoint("feed-applied");
}

void FeedOperations::commit(const std::string& state) {
  session_.end_row();
  std::vector<Work> work = prepare();
  std::set<const Known*> written;
  for (const Work& each : work) written.insert(each.fed->known);
  std::vector<std::pair<Known*, TableState>> others;
  for (Known* each : targets_.drop_reset(written)) {
    TableState blank;
    blank.target_schema = each->stored->target_schema;
    blank.target_name = each->stored->target_name;
    others.emplace_back(each, blank);
  }
  for (const auto& [name, each] : left_out_) {
    Known& known = targets_.of(each->table());
    if (each->dropped() && (!known.stored || known.stored->options != kReset))
      others.emplace_back(&known, targets_.left_out(known));
  }
  const std::int64_t last = feed_ ? feed_->synced : 0;
  const FeedState next{state, std::max(micros_now(), last + 1), settings_};
  Load load(connection_, states_);
  for (Work& each : work) {
    apply(load, each, "make_timestamptz(" + std::to_string(next.synced) + "::BIGINT)");
    others.emplace_back(each.fed->known, each.next);
  }
  for (const auto& [known, becomes] : others) {
    if (!known->stored || known->stored->json() != becomes.json())
      load.replace_state(known->name, known->stored, becomes);
  }
  load.replace_feed(feed_, next);
  load.commit();
  feed_ = next;
  session_.synced = next.synced;
  state_ = state;
  for (auto& [known, becomes] : others) known->stored = std::move(becomes);
  committed(work);
  told_([&](Observer& o) { o.checkpoint_committed(state); });
}

void FeedOperations::committed(std::vector<Work>& work) {
  for (Work& each : work) {
    Receipt& receipt = each.fed->receipt;
    each.fed->known->state = std::move(each.next);
    receipt.outcome = Outcome::done;
    receipt.read += each.staged.rows;
    const std::uint64_t replaced = std::min(each.inserted, each.removed);
    receipt.inserted += each.inserted - replaced;
    receipt.updated += replaced;
    receipt.deleted += each.marked;
    receipt.notes.insert(receipt.notes.end(), each.notes.begin(), each.notes.end());
    const ChangeBuffer& buffer = *each.fed->buffer;
    if (each.staged.rows > 0) {
      receipt.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                                      buffer.progress()->started)
                            .count();
    }
    each.fed->buffer->clear();
    told_([&](Observer& o) { o.unit_committed(receipt.table, receipt.read); });
  }
}

void FeedOperations::report(FeedResult& result) const {
  for (const auto& each : fed_) {
    result.run.receipts.push_back(each->receipt);
    result.tables[each->receipt.table] = each->buffer->calls();
    add_calls(result.calls, each->buffer->calls());
    each->buffer->progress()->finished = true;
    told_([&](Observer& o) { o.table_finished(each->receipt); });
  }
  result.calls.checkpoints = checkpoints_;
  for (const auto& [name, each] : left_out_) {
    if (!each->dropped()) continue;
    result.run.notes.push_back(each->table().text() +
                               " is left out (tables:, exclude:): what the connector did to it is "
                               "dropped, and once it is chosen the connector starts over");
  }
  std::ranges::sort(result.run.receipts, {}, &Receipt::table);
}

}  // namespace sluice::feed
