// SPDX-License-Identifier: Apache-2.0
#include "serve/update.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "engine/attempts.h"
#include "serve/server.h"
#include "serve/table_feed.h"

namespace sluice::serve {
namespace {

namespace proto = fivetran_sdk::v2;
using Clock = std::chrono::steady_clock;

const char* way_name(TableFeed::Way way) {
  switch (way) {
    case TableFeed::Way::none:
      return "not due";
    case TableFeed::Way::full:
      return "all rows";
    case TableFeed::Way::resume:
      return "resumed";
    case TableFeed::Way::changes:
      return "changes";
  }
  return "";
}

class Update {
 public:
  Update(Wanted& wanted, const proto::UpdateRequest& request, Sender& sender,
         std::atomic<StopLevel>& stop, const Note& note, const Hide& hide)
      : wanted_(wanted),
        selection_(request.has_selection() ? &request.selection() : nullptr),
        sender_(sender),
        stop_(stop),
        note_(note),
        hide_(hide),
        state_(SourceState::parse(request.state_json())),
        connection_(wanted.database->connect()),
        budget_(readers_of(wanted.options)),
        scan_{*wanted.source, budget_, stop, wanted.options.idle_timeout} {
    prepare_connection(connection_);
    register_scan(connection_);
  }

  void run() {
    know_source();
    std::vector<Table> tables = chosen();
    for (int attempt = 0; !tables.empty(); ++attempt) {
      try {
        once(tables);
        break;
      } catch (const Error& error) {
        if (!error.retryable() || attempt >= wanted_.options.retries) throw;
        wait(error, attempt);
      }
    }
    if (failed_) throw *failed_;
  }

 private:
  /// What another source's state says means nothing here, nor what a later one's does.
  void know_source() {
    const std::string identity = wanted_.source->identity();
    if (!state_.source.empty() && state_.source != identity) {
      throw Error(
          Fault::config,
          "the state that came with the sync is of " + state_.source + ", this is " + identity,
          "if that is right, a historical re-sync of the connection sends every table "
          "anew; else put the configuration back");
    }
    const auto position = wanted_.source->position();
    if (state_.position && position && *position < *state_.position) {
      warn("the source was set back, to a backup as it seems: every table is sent anew");
      // What the client has stays whole until it is.
      for (auto& [name, table] : state_.tables) table = {}, table.shape = "set back";
    }
    state_.source = identity;
    if (position) state_.position = position;
  }

  std::vector<Table> chosen() {
    Candidates found = candidates(wanted_);
    const auto deselected = [&](const Table& table) { return !selects(selection_, table.name); };
    std::erase_if(found.tables, deselected);
    for (const Skipped& each : found.skipped) {
      if (selects(selection_, each.name))
        fail(Error(Fault::permission, each.name.text() + ": " + each.why, each.hint));
    }
    // Selected again, or back again, a table is sent anew.
    std::erase_if(state_.tables, [&](const auto& each) {
      return std::ranges::find(found.tables, each.first, &Table::name) == found.tables.end();
    });
    return std::move(found.tables);
  }

  /// What is done is taken out of `tables`.
  void once(std::vector<Table>& tables) {
    const auto snapshot = wanted_.source->snapshot(tables);
    const FeedContext context{connection_, scan_, wanted_.options, sender_, state_, note_};
    std::vector<std::unique_ptr<TableFeed>> feeds;
    for (std::size_t i = 0; i < tables.size(); ++i) {
      const TableName name = tables[i].name;
      attempt(
          name,
          [&] {
            const auto& locked = snapshot->tables()[i];
            if (const auto* error = std::get_if<Error>(&locked)) throw *error;
            Sent sent = shape(wanted_, std::get<Table>(locked), selection_, connection_);
            feeds.push_back(std::make_unique<TableFeed>(context, *snapshot, std::move(sent)));
          },
          name == half_);
    }
    std::erase_if(tables, [&](const Table& table) {
      return std::ranges::none_of(feeds, [&](const auto& f) { return f->name() == table.name; });
    });
    // Those whose failure ends the sync come last, and the one that ended the last sync after them.
    // Before the one that this stream has half, there must be no checkpoint.
    std::ranges::stable_sort(feeds, {}, [&](const auto& feed) {
      if (feed->name() == half_) return -1;
      return !feed->replaces() ? 0 : feed->name() == state_.trying ? 2 : 1;
    });
    state_.trying = {};
    for (std::size_t i = 0; i < feeds.size(); ++i) {
      const auto& feed = feeds[i];
      const auto began = Clock::now();
      if (i == 0 && feed->replaces() && half_.name.empty()) {
        state_.trying = feed->name();
        sender_.checkpoint(state_.json());
      }
      // In the checkpoint that comes before it.
      const bool next = i + 1 < feeds.size() && feeds[i + 1]->replaces();
      state_.trying = next ? feeds[i + 1]->name() : TableName{};
      if (feed->replaces()) half_ = feed->name();
      const bool good = attempt(
          feed->name(), [&] { feed->run(); }, feed->replaces());
      half_ = {};
      std::erase_if(tables, [&](const Table& table) { return table.name == feed->name(); });
      if (!good) continue;
      const auto took =
          std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began).count();
      note_(feed->name().text() + ": " + way_name(feed->way()) + ", " +
            std::to_string(feed->rows()) + " rows in " + std::to_string(took) + " ms");
    }
  }

  /// Whether it went well. What concerns more than this table is thrown.
  template <typename Work>
  bool attempt(const TableName& name, const Work& work, bool ends_sync = false) {
    if (stop_.load() != StopLevel::none) throw Error(Fault::cancelled, "stopped on request");
    try {
      work();
      return true;
    } catch (const Error& error) {
      const bool named = std::string(error.what()).find(name.text()) != std::string::npos;
      const Error placed = named ? error : error.at(name.text());
      const bool all = error.retryable() || error.fault() == Fault::cancelled ||
                       error.fault() == Fault::authentication || error.fault() == Fault::internal;
      if (all || ends_sync) throw placed;
      fail(placed);
      return false;
    }
  }

  void fail(const Error& error) {
    warn(status_text(error));
    if (!failed_) failed_ = error;
  }

  void warn(const std::string& text) {
    const std::string shown = hide_(text);
    note_(shown);
    sender_.warning(shown);
  }

  void wait(const Error& error, int attempt) {
    note_(hide_(std::string(error.what()) + "; tried again"));
    const auto until = Clock::now() + std::chrono::milliseconds(500) * (1 << std::min(attempt, 6));
    while (Clock::now() < until) {
      if (stop_.load() != StopLevel::none) throw error;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  Wanted& wanted_;
  const proto::Selection* const selection_;
  Sender& sender_;
  std::atomic<StopLevel>& stop_;
  const Note& note_;
  const Hide& hide_;
  SourceState state_;
  duck::Connection connection_;
  ReaderBudget budget_;
  const ScanContext scan_;
  TableName half_;               ///< what is being replaced
  std::optional<Error> failed_;  ///< the first table that could not be sent
};

}  // namespace

void send_update(Wanted& wanted, const proto::UpdateRequest& request, Sender& sender,
                 std::atomic<StopLevel>& stop, const Note& note, const Hide& hide) {
  Update(wanted, request, sender, stop, note, hide).run();
}

}  // namespace sluice::serve
