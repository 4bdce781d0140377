// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/plan.h"

#include <algorithm>
#include <limits>

#include "connectors/dolphindb/cuts.h"
#include "connectors/dolphindb/digest.h"
#include "connectors/dolphindb/statement.h"
#include "connectors/dolphindb/text.h"
#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

constexpr std::int64_t kNull = std::numeric_limits<std::int64_t>::min();
/// The server holds a statement's whole result in memory before it sends any of it.
constexpr std::uint64_t kMostRows = 1'000'000, kMostBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kWorthCutting = 200'000;  // rows
constexpr std::size_t kKeysOfChunk = 1'000, kTuplesOfChunk = 100;

class Planner {
 public:
  Planner(DolphindbSnapshot& snapshot, const Table& table, const Read& read, const Stop& stop)
      : snapshot_(snapshot),
        shape_(snapshot.shape(table.name)),
        table_(table),
        read_(read),
        session_(*snapshot.sessions(), stop, shape_.in_memory) {}

  Plan make() {
    check_words();
    Plan plan;
    plan.table = table_;
    plan.read = read_;
    if (!read_.keys.empty()) {
      by_keys(plan);
      return plan;
    }
    if (!table_.replication_key.empty() && !read_.buckets) plan.until = until();
    if (read_.buckets && !read_.buckets->only.empty()) {
      by_buckets(plan);
    } else {
      by_slices(plan);
    }
    for (const Chunk& each : plan.chunks) plan.rows += each.rows;
    return plan;
  }

 private:
  Object ask(const Query& query) {
    session_->bind(query.variables);
    return session_->run(query.script);
  }

  /// The user's own words, tried by themselves: what the server says of them names the option.
  void check_words() {
    if (table_.start && !mark_number(shape_.type(table_.replication_key).type, *table_.start))
      throw Error(Fault::config,
                  table_.name.text() + ": start: \"" + *table_.start + "\" is no " +
                      name_of(shape_.type(table_.replication_key)),
                  "start: is a value of the replication key, like 2026-01-31");
    if (table_.where.empty()) return;
    Table alone = table_;
    alone.start.reset();
    const std::string item = "top 1 " + column_name(shape_.table.columns.front().name);
    try {
      ask(select_query(shape_, alone, {}, {}, item));
    } catch (const Error& error) {
      if (error.fault() != Fault::schema && error.fault() != Fault::config) throw;
      throw Error(Fault::config, table_.name.text() + ": where: " + error.what(),
                  "where: is a predicate in the source's SQL, like \"volume > 0\"");
    }
  }

  /// The highest mark that any later row may still be above: never beyond the server's clock.
  std::optional<std::string> until() {
    Read whole = read_;
    whole.from.reset();
    const std::string& mark = table_.replication_key;
    const ColumnType& type = shape_.type(mark);
    if (!is_mark(type.type) || type.array)
      throw Error(Fault::config,
                  table_.name.text() + ": the replication key " + mark + " is " + name_of(type),
                  "it has to be a date, an instant or a whole number");
    const Object found = ask(select_query(
        shape_, table_, whole, {}, "max(" + column_name(mark) + ") as " + variable(shape_, "hi")));
    const std::vector<std::int64_t> most =
        found.items.empty() ? std::vector<std::int64_t>() : found.items.front().numbers();
    if (most.empty() || most.front() == kNull) return std::nullopt;
    if (is_integer(type.type)) return mark_text(type.type, most.front());
    return mark_text(type.type, std::min(now_of(type.type), most.front()));
  }

  /// The server's time in a type's own unit, the one that has begun: what is still to come of a day
  /// has its date.
  std::int64_t now_of(Type type) const {
    const std::int64_t ms = snapshot_.server_time();
    if (type == Type::month) {
      const std::string today = mark_text(Type::timestamp, ms);
      return *mark_number(type, today.substr(0, 7) + "-01");
    }
    const std::int64_t unit = unit_of(type)->nanoseconds;
    constexpr std::int64_t kMillisecond = 1'000'000;
    if (unit < kMillisecond) return ms * (kMillisecond / unit);
    const std::int64_t per = unit / kMillisecond;
    return ms / per - (ms % per < 0 ? 1 : 0);
  }

  void by_keys(Plan& plan) const {
    const std::size_t most = table_.primary_key.size() == 1 ? kKeysOfChunk : kTuplesOfChunk;
    for (std::size_t first = 0; first < read_.keys.size(); first += most) {
      Slice slice;
      slice.first_key = first;
      slice.keys = std::min(most, read_.keys.size() - first);
      plan.chunks.push_back({slice.text(), slice.keys, 0});
    }
    plan.rows = read_.keys.size();
  }

  /// A partition's column before all, as its ranges are partitions; else the replication key.
  std::string slicing_column() const {
    const auto fits = [&](const std::string& name) {
      if (shape_.table.column(name) == nullptr) return false;
      const ColumnType& type = shape_.type(name);
      return !type.array && is_mark(type.type);
    };
    const std::string& mark = table_.replication_key;
    for (const PartitionColumn& each : shape_.partitions) {
      if (each.by != PartitionColumn::By::hash && each.name == mark && fits(mark)) return mark;
    }
    // What is new is to be found by the mark, whatever the partitions are.
    if (read_.from && !mark.empty() && fits(mark)) return mark;
    for (const PartitionColumn& each : shape_.partitions) {
      if (each.by != PartitionColumn::By::hash && fits(each.name)) return each.name;
    }
    return !mark.empty() && fits(mark) ? mark : std::string();
  }

  std::uint64_t rows_of_chunk() const {
    return std::clamp(kMostBytes / std::max<std::uint64_t>(1, shape_.row_bytes()),
                      std::uint64_t{8'192}, kMostRows);
  }

  /// Where the rows are. The server groups them by day, where the column has days.
  std::vector<Stretch> stretches(const Slice& bounds) {
    const std::string column = column_name(bounds.column);
    const Type type = shape_.type(bounds.column).type;
    const bool has_days = !is_integer(type) && type != Type::month;
    const std::string day = variable(shape_, "day");
    Query query = select_query(shape_, table_, read_, bounds,
                               "count(*) as " + variable(shape_, "n") + ", min(" + column +
                                   ") as " + variable(shape_, "lo") + ", max(" + column + ") as " +
                                   variable(shape_, "hi"));
    if (has_days)
      query.script +=
          " group by " + (type == Type::date ? column : "date(" + column + ")") + " as " + day;
    const Object found = ask(query);
    const auto numbers = [&](const char* purpose) {
      const Object* column_of = found.find(variable(shape_, purpose));
      return column_of == nullptr ? std::vector<std::int64_t>() : column_of->numbers();
    };
    const auto rows = numbers("n"), least = numbers("lo"), most = numbers("hi");
    std::vector<Stretch> all;
    for (std::size_t i = 0; i < rows.size() && i < least.size() && i < most.size(); ++i) {
      if (rows[i] > 0 && least[i] != kNull && most[i] != kNull)
        all.push_back({least[i], most[i], static_cast<std::uint64_t>(rows[i])});
    }
    std::ranges::sort(all, {}, &Stretch::first);
    return all;
  }

  /// Each at most so long, in the column's unit; as long as it likes where nobody says.
  std::int64_t longest(Type type) const {
    const auto unit = unit_of(type);
    if (!table_.window || !unit) return std::numeric_limits<std::int64_t>::max();
    const __int128 window = static_cast<__int128>(table_.window->count()) * 1'000'000'000;
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(window / unit->nanoseconds));
  }

  /// Slices that together are everything, whatever was counted: the first has no lower end but the
  /// read's own, the last no upper one, and NULL is one of its own.
  void by_slices(Plan& plan) {
    Slice whole;
    whole.column = slicing_column();
    const std::uint64_t rows = shape_.table.rows;
    // Digests go by the column that has the ranges: of rows without a number there is one bucket.
    const bool by_ranges = read_.buckets && read_.buckets->by == Buckets::By::ranges;
    if (by_ranges) whole.column = range_column(table_)->name;
    if (whole.column.empty()) {
      plan.chunks.push_back({whole.text(), rows, rows * shape_.row_bytes()});
      return;
    }
    const ColumnType& type = shape_.type(whole.column);
    const bool by_mark = whole.column == table_.replication_key;
    if (by_mark) {
      for (const auto& bound : {read_.from, table_.start}) {
        if (!bound) continue;
        const auto number = mark_number(type.type, *bound);
        if (!number)
          throw Error(Fault::config,
                      table_.name.text() + ": \"" + *bound + "\" is no " + name_of(type));
        whole.from = whole.from ? std::max(*whole.from, *number) : *number;
      }
    }
    if (!read_.digest.empty() && read_.buckets->by == Buckets::By::ranges)
      whole.base = base_of_buckets();
    std::vector<Cut> starts;
    if (rows > kWorthCutting || table_.window)
      starts = cuts(stretches(whole), rows_of_chunk(), longest(type.type));
    if (starts.empty()) starts.push_back({0, read_.from ? 0 : rows});
    for (std::size_t i = 0; i < starts.size(); ++i) {
      Slice slice = whole;
      if (i > 0) slice.from = starts[i].at;
      if (i + 1 < starts.size()) slice.to = starts[i + 1].at;
      plan.chunks.push_back({slice.text(), starts[i].rows, starts[i].rows * shape_.row_bytes()});
    }
    if (by_mark && table_.start) return;
    Slice nulls;
    nulls.column = whole.column;
    nulls.nulls = true;
    plan.chunks.push_back({nulls.text(), 0, 0});
  }

  /// The bucket that no value is below, as its first number.
  std::int64_t base_of_buckets() {
    const std::string& column = range_column(table_)->name;
    const Object found =
        ask(select_query(shape_, table_, read_, {},
                         "min(" + column_name(column) + ") as " + variable(shape_, "lo")));
    const std::vector<std::int64_t> least =
        found.items.empty() ? std::vector<std::int64_t>() : found.items.front().numbers();
    if (least.empty() || least.front() == kNull) return 0;
    const int bits = read_.buckets->bits;
    return (least.front() * landed_factor(shape_.type(column)) >> bits) << bits;
  }

  /// Only rows of some buckets; many of them in one statement.
  void by_buckets(Plan& plan) {
    constexpr std::size_t kRangesOfChunk = 64;
    constexpr std::size_t kHashesOfChunk = 10'000;
    const Buckets& buckets = *read_.buckets;
    const std::uint64_t of_bucket = shape_.table.rows / std::max<std::uint64_t>(1, buckets.count);
    const auto add = [&](const Slice& slice, std::size_t count) {
      const std::uint64_t rows = of_bucket * count;
      plan.chunks.push_back({slice.text(), rows, rows * shape_.row_bytes()});
    };
    if (buckets.by == Buckets::By::hashes) {
      for (std::size_t i = 0; i < buckets.only.size(); i += kHashesOfChunk) {
        Slice slice;
        const auto part =
            std::span(buckets.only).subspan(i, std::min(kHashesOfChunk, buckets.only.size() - i));
        slice.hashes.assign(part.begin(), part.end());
        add(slice, part.size());
      }
      return;
    }
    Slice slice;
    slice.column = range_column(table_)->name;
    const std::int64_t base = read_.digest.empty() ? 0 : base_of_buckets();
    const std::int64_t factor = landed_factor(shape_.type(slice.column));
    if (buckets.nulls()) {
      Slice nulls = slice;
      nulls.nulls = true;
      add(nulls, 1);
    }
    slice.base = base;
    const std::int64_t most = mark_limit(shape_.type(slice.column).type);
    std::uint64_t held = 0;
    const auto flush = [&] {
      if (slice.ranges.empty()) return;
      // What is outside of all of them is pruned by the server.
      slice.from = slice.ranges.front().first;
      slice.to.reset();
      if (slice.ranges.back().last < most) slice.to = slice.ranges.back().last + 1;
      add(slice, static_cast<std::size_t>(held));
      slice.ranges.clear();
      held = 0;
    };
    const std::int64_t bucket_width = std::int64_t{1} << buckets.bits;
    for (const KeyRange& each : key_ranges(buckets)) {
      // To the server's own numbers: those that land within the range.
      const auto up = [&](std::int64_t n) { return n / factor + (n % factor > 0 ? 1 : 0); };
      const auto down = [&](std::int64_t n) { return n / factor - (n % factor < 0 ? 1 : 0); };
      const KeyRange own{std::clamp(up(each.first), -most, most),
                         std::clamp(down(each.last), -most, most)};
      if (own.first > own.last) continue;
      slice.ranges.push_back(own);
      held += static_cast<std::uint64_t>((each.last - each.first) / bucket_width) + 1;
      if (slice.ranges.size() == kRangesOfChunk) flush();
    }
    flush();
  }

  /// The greatest number that a value of the type can be.
  static std::int64_t mark_limit(Type type) {
    return width(type) == 8 ? std::numeric_limits<std::int64_t>::max()
                            : (std::int64_t{1} << (width(type) * 8 - 1)) - 1;
  }

  DolphindbSnapshot& snapshot_;
  const Shape& shape_;
  const Table& table_;
  const Read& read_;
  const Borrowed session_;
};

}  // namespace

Plan make_plan(DolphindbSnapshot& snapshot, const Table& table, const Read& read,
               const Stop& stop) {
  return Planner(snapshot, table, read, stop).make();
}

}  // namespace sluice::dolphindb
