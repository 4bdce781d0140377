// SPDX-License-Identifier: Apache-2.0
#include "feed/buffer.h"

#include <algorithm>
#include <cstring>

#include "feed/types.h"
#include "sluice/batch.h"

namespace sluice::feed {
namespace {

void all_valid(const Cells& cells) { std::memset(cells.validity, 0xFF, Batch::kMaxRows / 8); }

/// Whether cells of this type are integers of their own width.
bool is_number(sdk::Type type) {
  using sdk::Type;
  return (type >= Type::int16 && type <= Type::int64) ||
         (type >= Type::naive_date && type <= Type::utc_datetime);
}

std::int64_t number(const Cells& cells, std::size_t row) {
  switch (cells.width) {
    case 2:
      return static_cast<const std::int16_t*>(cells.data)[row];
    case 4:
      return static_cast<const std::int32_t*>(cells.data)[row];
    default:
      return static_cast<const std::int64_t*>(cells.data)[row];
  }
}

}  // namespace

void check_columns(const TableName& table, std::size_t columns) {
  constexpr std::size_t kMost = 4096;
  if (columns < kMost) return;
  throw Error(Fault::config, table.text() + ": more than " + std::to_string(kMost) + " columns",
              "names that are made of values belong into one column of JSON, or into rows");
}

void Session::next() {
  end_row();
  check_stop();
}

void Session::end_row() {
  if (failed) std::rethrow_exception(failed);
  if (open != nullptr) std::exchange(open, nullptr)->end_row();
}

void Session::check_stop() const {
  if (!stop.stop_requested()) return;
  throw Error(Fault::cancelled, "stopped before the end; what the last checkpoint committed stays",
              "the same command again goes on from there");
}

ChangeBuffer::ChangeBuffer(Session& session, TableName table, std::size_t number, Naming naming,
                           std::vector<BufferColumn> columns)
    : session_(session),
      table_(std::move(table)),
      naming_(naming),
      has_key_(std::ranges::any_of(columns, &BufferColumn::key)),
      columns_(std::move(columns)),
      stage_(session.connection, session.held, number),
      cells_(columns_.size()),
      given_(columns_.size(), '0') {
  progress_->table = table_;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!columns_[i].source.empty()) positions_.emplace(columns_[i].source, i);
    if (columns_[i].type) laid_out_.push_back(i);
  }
}

Error ChangeBuffer::wrong(const std::string& what, const std::string& hint) const {
  return {Fault::misfit, table_.text() + ": " + what, hint};
}

std::size_t ChangeBuffer::column(std::string_view name) {
  return session_.guarded([&] {
    const std::string folded = duck::folded(name);
    const auto found = positions_.find(folded);
    if (found != positions_.end()) return found->second;
    const std::string target = column_name(std::string(name), naming_);
    if (is_own(duck::folded(target), has_key_)) {
      throw Error(Fault::config,
                  table_.text() + ": a column cannot be called \"" + std::string(name) + "\"",
                  "columns of this name are Sluice's own; choose another");
    }
    const auto known =
        std::ranges::find(columns_, duck::folded(target),
                          [](const BufferColumn& each) { return duck::folded(each.name); });
    const auto position = static_cast<std::size_t>(known - columns_.begin());
    if (known == columns_.end()) {
      check_columns(table_, columns_.size());
      columns_.push_back({target, std::nullopt, false, false});
      cells_.emplace_back();
      given_.push_back('0');
    } else if (!known->source.empty()) {
      throw Error(Fault::config,
                  table_.text() + ": columns " + known->source + " and " + folded +
                      " would both be " + known->name,
                  "give one of them another name");
    }
    columns_[position].source = folded;
    positions_.emplace(folded, position);
    return position;
  });
}

sdk::Row& ChangeBuffer::begin(Change change) {
  return session_.guarded([&]() -> sdk::Row& {
    session_.next();
    if (change != Change::upsert && !has_key_) {
      throw Error(Fault::config,
                  table_.text() + ": rows cannot be updated or removed without a primary key",
                  "declare a primary key in schema()");
    }
    if (!block_) open_block();
    now_ = change;
    open_ = true;
    session_.open = this;
    std::memset(given_.data(), '0', given_.size());
    ++(change == Change::upsert   ? calls_.upserts
       : change == Change::update ? calls_.updates
                                  : calls_.removes);
    return *this;
  });
}

void ChangeBuffer::truncate() {
  session_.guarded([&] {
    session_.next();
    start();
    ++calls_.truncates;
    truncated_ = stage_.rows() + size_;
  });
}

void ChangeBuffer::truncate_at_end() {
  session_.guarded([&] {
    session_.next();
    if (stage_.rows() + size_ > 0) {
      throw Error(Fault::config,
                  table_.text() +
                      ": a truncate that is put off to the end of the sync comes behind changes of "
                      "the table that no checkpoint covers",
                  "truncate before the first change, or behind a checkpoint");
    }
    start();
    ++calls_.truncates;
    outdated_ = session_.synced;
  });
}

void ChangeBuffer::declare(const sdk::TableSchema& declared) {
  std::vector<std::string> said, before;
  for (const std::string& each : declared.primary_key)
    said.push_back(duck::folded(columns_[column(each)].name));
  for (const std::string& each : key()) before.push_back(duck::folded(each));
  if (!said.empty() && !std::ranges::is_permutation(said, before)) {
    throw Error(Fault::drift, table_.text() + ": its primary key was changed within a sync",
                "`sluice state reset " + table_.argument() +
                    " --yes` loads the table anew: the connector then starts over");
  }
  for (const auto& [name, type] : declared.columns) {
    check_declared(table_, name, type);
    const std::size_t at = column(name);
    const std::optional<sdk::DataType> known = columns_[at].type;
    const auto both = known ? widened(*known, type) : type;
    if (!both) {
      throw Error(Fault::drift,
                  table_.text() + ": column " + columns_[at].name + " was " + feed::name(*known) +
                      " and is declared as " + feed::name(type) + " within a sync",
                  "give it another name");
    }
    columns_[at].declared = true;
    if (known != both) settle(at, *both);
  }
}

/// retype() where no row is open.
void ChangeBuffer::settle(std::size_t column, const sdk::DataType& type) {
  if (!made_) {
    if (!columns_[column].type) laid_out_.push_back(column);
    columns_[column].type = type;
    return;
  }
  if (!block_) open_block();
  std::memset(given_.data(), '0', given_.size());
  retype(column, type);
}

sdk::Row& ChangeBuffer::set(std::size_t column, const sdk::Value& value) {
  return session_.guarded([&]() -> sdk::Row& {
    if (!open_) {
      throw Error(Fault::config, table_.text() + ": a value is set, but no row is open",
                  "a row ends when the next operation begins: set its values before that");
    }
    if (column >= columns_.size()) {
      throw Error(Fault::config, table_.text() + ": there is no column " + std::to_string(column),
                  "positions are what this table's column() returned");
    }
    put(column, value);
    return *this;
  });
}

std::string ChangeBuffer::place(std::size_t column) const {
  return table_.text() + ": column " + columns_[column].name + ", which is " +
         name(*columns_[column].type);
}

void ChangeBuffer::put(std::size_t column, const sdk::Value& value) {
  const bool null = value.index() == 0;
  given_[column] = '1';
  if (null) {
    if (columns_[column].type) cells_[column].set_null(size_);
    return;
  }
  if (!columns_[column].declared) {
    const sdk::DataType found = *inferred(value);
    if (!columns_[column].type) {
      retype(column, found);
    } else if (*columns_[column].type != found) {
      const bool number = std::holds_alternative<std::int64_t>(value) &&
                          columns_[column].type->type != sdk::Type::boolean;
      if (!number || write(cells_[column], size_, value, stage_.arena()) != nullptr) {
        const auto wide = widened(*columns_[column].type, found);
        if (!wide) {
          throw Error(Fault::misfit, place(column) + ", and no type holds that and " + name(found),
                      "declare the column in schema()");
        }
        if (*wide != *columns_[column].type) retype(column, *wide);
      }
    }
  }
  const Cells& cells = cells_[column];
  if (const char* why = write(cells, size_, value, stage_.arena())) {
    throw Error::misfit(columns_[column].name,
                        place(column) + ", cannot hold " + kind_of(value) + ": " + why +
                            " (operation " + std::to_string(stage_.rows() + size_ + 1) +
                            " on the table since the last checkpoint)",
                        "declare the column as a type that holds it, or change the value");
  }
  cells.set_valid(size_);
}

void ChangeBuffer::end_row() {
  open_ = false;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const bool has = given_[i] == '1';
    const bool typed = columns_[i].type.has_value();
    if (columns_[i].key) {
      if (!has || !typed || !cells_[i].is_valid(size_)) {
        throw wrong("a row without a value for " + columns_[i].name + ", of the primary key",
                    "set every column of the primary key in each operation");
      }
    } else if (has && now_ == Change::remove) {
      throw wrong("remove() was given " + columns_[i].name + ", which is not of the primary key",
                  "set the primary key and nothing else");
    } else if (!has && typed) {
      cells_[i].set_null(size_);
    }
  }
  static_cast<std::uint8_t*>(change_.data)[size_] = static_cast<std::uint8_t>(now_);
  if (now_ == Change::update) {
    updates_ = true;
    if (given_cells_.data == nullptr) given_cells_.bind(stage_.given(), {sdk::Type::string});
    write_string(given_cells_, size_, given_, stage_.arena());
    given_cells_.set_valid(size_);
  }
  removes_ = removes_ || now_ == Change::remove;
  if (ascending_) follow_key();
  ++size_;
  if (size_ == Batch::kMaxRows || stage_.text_bytes() > Batch::kMaxBytes) close_block();
}

void ChangeBuffer::follow_key() {
  if (number_key_ == kNone) {
    ascending_ = false;
    return;
  }
  const std::int64_t key = number(cells_[number_key_], size_);
  if (!last_key_) first_key_ = key;
  ascending_ = !last_key_ || key > *last_key_;
  last_key_ = key;
}

/// With the first change.
void ChangeBuffer::start() {
  if (progress_->started != std::chrono::steady_clock::time_point()) return;
  progress_->started = std::chrono::steady_clock::now();
  if (session_.begun) session_.begun(*this);
}

std::vector<Stage::Column> ChangeBuffer::layout() const {
  std::vector<Stage::Column> columns;
  for (const std::size_t each : laid_out_) {
    const sdk::DataType& type = *columns_[each].type;
    columns.push_back({"c" + std::to_string(each), duck_type(type), cell_width(type)});
  }
  return columns;
}

void ChangeBuffer::open_block() {
  start();
  if (!made_) stage_.lay_out(layout());
  made_ = block_ = true;
  const Block& block = stage_.block();
  change_.bind(block.chunk.vector(0), {sdk::Type::boolean});
  all_valid(change_);
  given_cells_ = {};
  number_key_ = kNone;
  for (std::size_t i = 0; i < laid_out_.size(); ++i)
    cells_[laid_out_[i]].bind(block.chunk.vector(1 + i), *columns_[laid_out_[i]].type);
  const auto is_key = [](const BufferColumn& each) { return each.key; };
  const auto key = std::ranges::find_if(columns_, is_key);
  if (std::ranges::count_if(columns_, is_key) == 1 && key->type && is_number(key->type->type))
    number_key_ = static_cast<std::size_t>(key - columns_.begin());
}

void ChangeBuffer::close_block() {
  if (!block_) return;
  stage_.block().rows = size_;
  stage_.close_block();
  progress_->rows += std::exchange(size_, 0);
  block_ = false;
}

// The rows that have ended are staged in the old shape; the open one moves to a new block.
void ChangeBuffer::retype(std::size_t column, const sdk::DataType& type) {
  if (columns_[column].key && columns_[column].type) ascending_ = false;
  if (!columns_[column].type) laid_out_.push_back(column);
  columns_[column].type = type;
  const std::size_t row = size_;
  progress_->rows += std::exchange(size_, 0);
  stage_.block().rows = row;
  std::optional<Block> old;
  try {
    old = stage_.lay_out(layout());
  } catch (const Error& error) {
    if (error.fault() != Fault::data) throw;  // DuckDB's own words quote the value
    throw wrong("a value of column " + columns_[column].name +
                    " since the last checkpoint cannot be what it widens to, " + name(type),
                "declare the column as STRING");
  }
  const std::vector<Cells> before = cells_;
  open_block();
  for (const std::size_t each : laid_out_) {
    if (each != column && given_[each] == '1')
      cells_[each].copy(0, before[each], row, stage_.arena());
  }
}

Staged ChangeBuffer::staged() {
  Staged staged;
  staged.rows = stage_.rows();
  if (staged.rows > 0) staged.relation = stage_.relation();
  staged.updates = updates_;
  staged.removes = removes_;
  staged.truncated = truncated_;
  for (const std::size_t each : laid_out_) {
    if (columns_[each].key) staged.key.push_back(staged.columns.size());
    staged.columns.push_back({each, columns_[each].name, duck_type(*columns_[each].type)});
  }
  staged.each_key_once = ascending_ && !staged.key.empty();
  if (ascending_ && last_key_ && columns_[number_key_].type->type <= sdk::Type::int64)
    staged.range.emplace(first_key_, *last_key_);
  return staged;
}

void ChangeBuffer::clear() {
  stage_.clear();
  updates_ = removes_ = false;
  truncated_.reset();
  ascending_ = true;
  last_key_.reset();
}

std::vector<std::string> ChangeBuffer::key() const {
  std::vector<std::string> names;
  for (const BufferColumn& each : columns_) {
    if (each.key) names.push_back(each.name);
  }
  return names;
}

}  // namespace sluice::feed
