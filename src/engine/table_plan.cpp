// SPDX-License-Identifier: Apache-2.0
// What a run of the table would do and cost, found without writing anything.
#include <algorithm>
#include <numeric>

#include "engine/table_run.h"

namespace sluice {
namespace {

/// What a source's estimate of its rows may be off: fewer deletes than this share of the copy are
/// no more than that.
constexpr std::uint64_t kEstimateShare = 100;

std::uint64_t sum(const std::vector<std::uint64_t>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
}

}  // namespace

TablePlan TableRun::foresee() {
  TablePlan plan;
  plan.table = table_;
  plan.target = receipt_.target;
  plan.strategy = decision_.strategy;
  plan.why = decision_.why;
  plan.finds_deletes = finds_deletes();
  plan.notes = decision_.notes;
  if (decision_.steps.empty()) return plan;
  foresee_read(plan);
  plan.reads = reads();
  plan.deletes = expected_deletes();
  if (table_.guessed && counts_deletes())
    plan.notes.emplace_back(
        "how many rows it would delete is not known without fresh statistics (ANALYZE at the "
        "source)");
  if (plan.deletes && braked(*plan.deletes, shape_.living_rows(landing_.name)))
    plan.notes.push_back("the run may refuse to delete so many rows: --allow-deletes " +
                         table_.name.argument() + " says that it is right");
  return plan;
}

void TableRun::foresee_read(TablePlan& planned) {
  const bool resumes = decision_.steps.front() == Step::resume;
  const bool ranged =
      decision_.steps.front() == Step::merge || decision_.steps.front() == Step::append;
  const Plan read =
      ranged ? context_.scan.source.plan(snapshot_, table_, changed_rows()) : plan(table_.columns);
  const std::size_t chunks = resumes ? state_.loading->todo.size() : read.chunks.size();
  planned.connections = std::clamp<std::size_t>(chunks, 1, readers_of(context_.options));
  if (resumes) {
    planned.rows = sum(state_.loading->todo_rows);
    planned.bytes = sum(state_.loading->todo_bytes);
    return;
  }
  // Only rows that differ, or are new, travel: how many that are nobody knows yet.
  if (decision_.by_versions || (decision_.by_digests && rows_have_digests())) return;
  planned.rows = read.rows;
  for (const Chunk& chunk : read.chunks) planned.bytes += chunk.bytes;
}

/// Rows since the mark, or the horizon.
std::string TableRun::reads_range() const {
  if (decision_.by_versions) return "whole table scanned once";
  return table_.replication_key_indexed()
             ? "one index range"
             : "whole table scanned once (no index leads with " + table_.replication_key + ")";
}

std::string TableRun::reads() {
  std::string text;
  switch (decision_.steps.front()) {
    case Step::load:
      text = "whole table once";
      break;
    case Step::resume:
      text = "rest of the table once";
      if (!state_.loading->todo.empty() || state_.loading->mixed)
        text += ", what is new since it began, all keys";
      break;
    case Step::refresh:
      if (decision_.by_digests && rows_have_digests()) {
        text = "digests of the whole table, computed by the server";
      } else {
        text = "whole table once";
        if (!table_.has_key()) text += ", twice if rows are new";
        if (table_.has_key() && may_rebuild()) text += ", twice if much differs";
      }
      break;
    case Step::append:
      text = reads_range();
      break;
    case Step::merge:
    case Step::prune:
      text = reads_range();
      if (finds_deletes())
        text += keys_by_digests() ? ", digests of all keys, computed by the server" : ", all keys";
      break;
  }
  if (table_.key_origin == KeyOrigin::user) text += ", all keys to prove that key: is one";
  if (context_.options.verify_after_run && options_.mode != Mode::append)
    text +=
        rows_have_digests() ? ", digests of the whole table to verify" : ", all of it to verify";
  return text;
}

/// Whether the source's count would tell how many rows a run deletes.
bool TableRun::counts_deletes() const {
  const bool estimated = table_.rows > 0 && table_.where.empty() && !table_.start && !table_.view;
  return estimated && finds_deletes() && !loads() && stored_ && stored_->live;
}

/// What the source's estimate and the copy's count suggest, where a run looks for deletes.
std::optional<std::uint64_t> TableRun::expected_deletes() const {
  if (table_.guessed || table_.sampled || !counts_deletes()) return std::nullopt;
  const std::uint64_t living = shape_.living_rows(landing_.name);
  const std::uint64_t fewer = living - std::min(living, table_.rows);
  if (fewer <= living / kEstimateShare) return std::nullopt;
  return fewer;
}

}  // namespace sluice
