// SPDX-License-Identifier: Apache-2.0
#include "engine/digest.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <numeric>
#include <random>

#include "planted.h"

namespace sluice {
namespace {

/// Ranges of which one holds so many times what was wanted are no help.
constexpr std::uint64_t kUneven = 8;
constexpr int kWidest = 62;
constexpr int kNarrowestOfMark = 1;  // no stamp is in Buckets::kNulls

std::uint64_t at(const duck::Result& result, std::size_t column) {
  return static_cast<std::uint64_t>(result.integer(0, column));
}

/// The BIGINT that DuckDB stores for a value of the type (NULL: NULL), as struct Buckets says.
std::string number_sql(const std::string& name, const std::string& type) {
  if (!duck::is_temporal(type)) return name + "::BIGINT";
  const std::string value = name + "::" + type;
  // Of a difference and of nanoseconds infinities are numbers already.
  if (type == "DATE") return "(" + value + " - DATE '1970-01-01')";
  if (type == "TIMESTAMP_NS") return "epoch_ns(" + value + ")";
  const std::string most = std::to_string(INT64_MAX);
  const std::string finite = type == "TIMESTAMP_S"    ? "epoch_us(" + value + ") // 1000000"
                             : type == "TIMESTAMP_MS" ? "epoch_us(" + value + ") // 1000"
                                                      : "epoch_us(" + value + ")";
  return "(CASE WHEN " + value + " = 'infinity' THEN " + most + " WHEN " + value +
         " = '-infinity' THEN -" + most + " ELSE " + finite + " END)";
}

}  // namespace

DigestCompare::DigestCompare(duck::Connection& connection, const ScanContext& context,
                             Snapshot& snapshot, const Table& table, const Landing& landing,
                             const apply::Target& target, std::vector<Column> digested)
    : connection_(connection),
      context_(context),
      snapshot_(snapshot),
      table_(table),
      landing_(landing),
      target_(target),
      digested_(std::move(digested)),
      ranged_(range_column(table)) {
  for (const std::string& name : table.primary_key) key_.push_back(*table.column(name));
  if (key_.empty()) key_ = table.columns;
  if (target.elsewhere) {
    why_not_ = "the copy is kept by a service, and digests of it would fetch its rows";
    return;
  }
  const RowDigest digest = context.source.row_digest(snapshot, table, digested_, connection);
  const RowDigest keys = context.source.row_digest(snapshot, table, key_, connection);
  digest_ = digest.sql;
  key_digest_ = keys.sql;
  slow_ = keys.slow;
  why_not_ = digest.why_not.empty() ? keys.why_not : digest.why_not;
}

std::string DigestCompare::list(const std::vector<Column>& columns, bool to_source,
                                const std::string& prefix) const {
  std::string text;
  for (std::size_t i = 0; i < table_.columns.size(); ++i) {
    if (std::ranges::find(columns, table_.columns[i].name, &Column::name) == columns.end())
      continue;
    const std::string there = duck::quoted(table_.columns[i].name);
    const std::string here = duck::quoted(landing_.table.columns[i].name);
    text += ", " + prefix + (to_source ? here + " AS " + there : there + " AS " + here);
  }
  return text;
}

std::string DigestCompare::range_sql(const std::string& name, int bits) const {
  const std::string number = number_sql(duck::quoted(name), ranged_->type);
  const std::string range = "(" + number + " >> " + std::to_string(bits) + ")";
  return by_mark() ? "coalesce(" + range + ", (" + std::to_string(Buckets::kNulls) + ")::BIGINT)"
                   : range;
}

std::string DigestCompare::bucket_sql(const Buckets& buckets) const {
  if (buckets.by == Buckets::By::ranges) return range_sql(ranged_->name, buckets.bits);
  return "(" + (key_digest_ == digest_ ? "_sluice_digest" : key_digest_) + " & " +
         std::to_string((std::int64_t{1} << buckets.bits) - 1) + ")";
}

std::string DigestCompare::range_name() const {
  return by_mark() ? landing_.table.replication_key : landing_.table.primary_key.front();
}

std::string DigestCompare::living() const {
  return " FROM " + target_.sql() + " WHERE " + target_.living();
}

Buckets DigestCompare::buckets(std::uint64_t rows) const {
  const std::uint64_t all = at(connection_.query("SELECT count(*)" + living()), 0);
  const std::uint64_t wanted = std::max<std::uint64_t>(1, all / std::max<std::uint64_t>(1, rows));
  Buckets ranges;
  ranges.by = Buckets::By::ranges;
  ranges.count = 2 * wanted;  // a power of two has been rounded to
  if (by_mark()) {
    ranges.bits = all == 0 ? kWidest : mark_bits(ranges.count);
    return ranges;
  }
  Buckets hashes;
  hashes.bits = static_cast<int>(std::bit_width(wanted) - 1);
  hashes.count = std::uint64_t{1} << hashes.bits;
  if (ranged_ == nullptr || all == 0) return hashes;
  const std::string name = duck::quoted(range_name()) + "::BIGINT";
  const auto ends = connection_.query("SELECT min(" + name + "), max(" + name + ")" + living());
  const std::uint64_t most = kUneven * rows;
  ranges.bits =
      std::min(kWidest, static_cast<int>(std::bit_width(
                            std::max<std::uint64_t>(1, (at(ends, 1) - at(ends, 0)) / wanted) - 1)));
  // As many keys as a range is wide is what it holds at most.
  if ((std::uint64_t{1} << ranges.bits) <= most) return ranges;
  const auto fullest = connection_.query("SELECT max(n) FROM (SELECT count(*) AS n" + living() +
                                         " GROUP BY " + range_sql(range_name(), ranges.bits) + ")");
  return at(fullest, 0) > most ? hashes : ranges;
}

/// Stamps lie unevenly (nights, bursts, a year 1900 for "unknown"): the narrowest ranges of which
/// about `most` have rows, wherever these are.
int DigestCompare::mark_bits(std::uint64_t most) const {
  int low = kNarrowestOfMark, high = kWidest;
  while (low < high) {
    const int bits = (low + high) / 2;
    const auto held = connection_.query("SELECT approx_count_distinct(" +
                                        range_sql(range_name(), bits) + ")" + living());
    if (at(held, 0) > most) {
      low = bits + 1;
    } else {
      high = bits;
    }
  }
  return low;
}

int DigestCompare::splits(const Buckets& buckets, int most) const {
  if (buckets.by != Buckets::By::ranges) return 0;
  return std::min(most, buckets.bits - (by_mark() ? kNarrowestOfMark : 0));
}

std::vector<std::int64_t> DigestCompare::sample(const Buckets& buckets, double percent) const {
  if (percent >= 100) return {};
  std::vector<std::int64_t> all;
  if (buckets.by == Buckets::By::ranges && by_mark()) {
    const auto held = connection_.query("SELECT DISTINCT " + range_sql(range_name(), buckets.bits) +
                                        " AS bucket" + living() + " ORDER BY bucket");
    for (std::size_t i = 0; i < held.rows(); ++i) all.push_back(held.integer(i, 0));
  } else {
    std::int64_t first = 0, last = (std::int64_t{1} << buckets.bits) - 1;
    if (buckets.by == Buckets::By::ranges) {
      const std::string range = range_sql(range_name(), buckets.bits);
      const auto ends =
          connection_.query("SELECT min(" + range + "), max(" + range + ")" + living());
      first = ends.integer(0, 0);
      last = ends.integer(0, 1);
    }
    all.resize(static_cast<std::size_t>(last - first) + 1);
    std::iota(all.begin(), all.end(), first);
  }
  const double part = std::ceil(static_cast<double>(all.size()) * percent / 100);
  const auto wanted = static_cast<std::size_t>(std::max(part, 1.0));
  if (wanted >= all.size()) return {};
  std::vector<std::int64_t> chosen;
  std::sample(all.begin(), all.end(), std::back_inserter(chosen), wanted,
              std::minstd_rand(std::random_device{}()));
  return chosen;
}

std::string DigestCompare::own_rows(const Buckets& buckets, const std::string& staged,
                                    const std::string& gone, const std::string& among) const {
  return rows_where(target_.living() + (gone.empty() ? "" : " AND NOT (" + gone + ")"), buckets,
                    staged, among);
}

std::string DigestCompare::rows_where(const std::string& condition, const Buckets& buckets,
                                      const std::string& staged, const std::string& among) const {
  constexpr std::size_t kMostRanges = 200;  // that are worth being compared with each row group's

  std::vector<Column> needed = key_;
  for (const Column& each : digested_) {
    if (std::ranges::find(needed, each.name, &Column::name) == needed.end()) needed.push_back(each);
  }
  std::string rows = "SELECT rowid AS _sluice_rid" + list(needed, true) + " FROM " + target_.sql() +
                     " WHERE " + condition;
  const std::vector<KeyRange> only = key_ranges(buckets);
  if (!only.empty() && only.size() <= kMostRanges) {
    // A key's own column: row groups know its lowest and highest value.
    const std::string name = duck::quoted(range_name());
    const std::string number = by_mark() ? number_sql(name, ranged_->type) : name;
    std::string ranges = buckets.nulls() ? " OR " + name + " IS NULL" : "";
    for (const KeyRange& each : only) {
      ranges += " OR " + number + " BETWEEN " + std::to_string(each.first) + " AND " +
                std::to_string(each.last);
    }
    rows += " AND (" + ranges.substr(4) + ")";
  }
  if (!staged.empty()) rows += " UNION ALL SELECT NULL" + list(needed, true) + " FROM " + staged;
  // Not of rows that nobody asks for, where the bucket can be had without their digest.
  if (!among.empty() && buckets.by == Buckets::By::ranges)
    rows = "FROM (" + rows + ") WHERE " + bucket_sql(buckets) + " IN (" + among + ")";
  return "(SELECT _sluice_rid" + list(key_, false) + ", _sluice_digest, " + bucket_sql(buckets) +
         " AS _sluice_bucket FROM (SELECT *, " + digest_ + " AS _sluice_digest FROM (" + rows +
         ")))";
}

std::string DigestCompare::own_condition(const Buckets& buckets) const {
  std::string numbers;
  for (const std::int64_t each : buckets.only)
    numbers += (numbers.empty() ? "" : ", ") + std::to_string(each);
  if (buckets.by == Buckets::By::ranges)
    return range_sql(range_name(), buckets.bits) + " IN (" + numbers + ")";
  return "rowid IN (SELECT _sluice_rid FROM " + rows_where(target_.replaceable(), buckets, {}, {}) +
         " WHERE _sluice_bucket IN (" + numbers + "))";
}

std::string DigestCompare::cut(const Buckets& buckets) const {
  return (buckets.by == Buckets::By::ranges ? "ranges " : "hashes ") +
         std::to_string(buckets.bits) + " " +
         connection_.query("SELECT md5($1)", {digest_ + list(key_, false)}).text(0, 0);
}

void DigestCompare::compare(const Buckets& buckets, const std::string& staged,
                            const std::string& gone, const std::string& kept) {
  Read read;
  read.columns = digest_columns();
  read.digest = digested_;
  read.buckets = buckets;
  const Plan plan = context_.source.plan(snapshot_, table_, read);
  Relation relation(connection_, context_, snapshot_, plan);
  relation.run(
      "CREATE OR REPLACE TEMP TABLE sluice_theirs AS SELECT bucket, sum(rows)::BIGINT AS n, "
      "sum(digest)::HUGEINT AS s FROM " +
      relation.sql() + " GROUP BY bucket");
  bytes_ += relation.bytes();
  std::string some;
  for (const std::int64_t each : buckets.only)
    some += (some.empty() ? " WHERE _sluice_bucket IN (" : ", ") + std::to_string(each);
  if (!some.empty()) some += ")";
  const auto summed = [&](const std::string& rows) {
    return "SELECT _sluice_bucket AS bucket, count(*) AS n, sum(_sluice_digest)::HUGEINT AS s "
           "FROM " +
           rows + some + " GROUP BY _sluice_bucket";
  };
  const std::string own =
      kept.empty()
          ? summed(own_rows(buckets, staged, gone))
          : "SELECT bucket, sum(n) AS n, sum(s)::HUGEINT AS s FROM (SELECT bucket, n, s FROM " +
                kept + " UNION ALL " + summed(rows_where("false", buckets, staged, {})) +
                ") GROUP BY bucket";
  connection_.query(
      "CREATE OR REPLACE TEMP TABLE sluice_differ AS SELECT bucket, coalesce(o.n, 0) - "
      "coalesce(t.n, 0) AS n, coalesce(o.s, 0) - coalesce(t.s, 0) AS s, greatest(o.n, t.n) AS most "
      "FROM (" +
      own +
      ") o FULL JOIN sluice_theirs t USING (bucket) WHERE o.n IS DISTINCT "
      "FROM t.n" +
      std::string(planted("digests-counted") ? "" : " OR o.s IS DISTINCT FROM t.s"));
}

std::uint64_t DigestCompare::rows_differing(const std::string& condition) const {
  return at(connection_.query("SELECT coalesce(sum(most), 0)::BIGINT FROM sluice_differ WHERE " +
                              condition),
            0);
}

std::uint64_t DigestCompare::rows_there() const {
  return at(connection_.query("SELECT coalesce(sum(n), 0)::BIGINT FROM sluice_theirs"), 0);
}

}  // namespace sluice
