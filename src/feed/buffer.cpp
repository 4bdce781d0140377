// SPDX-License-Identifier: Apache-2.0
#include "feed/buffer.h"

#include <algorithm>
#include <cstring>

#include "feed/types.h"
#include "sluice/batch.h"

namespace sluice::feed {
namespace {

/// Columns of every stage before the table's own.
constexpr std::size_t kOwnColumns = 3;

std::string stage_column(std::size_t position) { return "c" + std::to_string(position); }

void all_valid(const Cells& cells) { std::memset(cells.validity, 0xFF, Batch::kMaxRows / 8); }

}  // namespace

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
      stage_("sluice_changes_" + std::to_string(number)),
      naming_(naming),
      has_key_(std::ranges::any_of(columns, &BufferColumn::key)),
      columns_(std::move(columns)),
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
    if (folded.empty() || is_own(duck::folded(target), has_key_)) {
      throw Error(Fault::config,
                  table_.text() + ": a column cannot be called \"" + std::string(name) + "\"",
                  folded.empty() ? "" : "columns of this name are Sluice's own; choose another");
    }
    const auto known =
        std::ranges::find(columns_, duck::folded(target),
                          [](const BufferColumn& each) { return duck::folded(each.name); });
    const auto position = static_cast<std::size_t>(known - columns_.begin());
    if (known == columns_.end()) {
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
    if (!chunk_) start_chunk();
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
    truncated_ = staged_rows_ + size_;
  });
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
      if (!number || write(cells_[column], size_, value, arena_) != nullptr) {
        const auto wide = widened(*columns_[column].type, found);
        if (!wide) {
          throw wrong("column " + columns_[column].name + " is " + name(*columns_[column].type) +
                          ", and no type holds that and " + name(found),
                      "declare the column in schema()");
        }
        if (*wide != *columns_[column].type) retype(column, *wide);
      }
    }
  }
  const Cells& cells = cells_[column];
  if (const char* why = write(cells, size_, value, arena_)) {
    throw Error::misfit(columns_[column].name,
                        table_.text() + ": column " + columns_[column].name + ", which is " +
                            name(*columns_[column].type) + ", cannot hold " + shown(value) + ": " +
                            why,
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
  static_cast<std::uint64_t*>(seq_.data)[size_] = staged_rows_ + size_;
  static_cast<std::uint8_t*>(change_.data)[size_] = static_cast<std::uint8_t>(now_);
  if (now_ == Change::update) {
    updates_ = true;
    write_string(given_cells_, size_, given_, arena_);
    given_cells_.set_valid(size_);
  } else {
    removes_ = removes_ || now_ == Change::remove;
    given_cells_.set_null(size_);
  }
  ++size_;
  if (size_ == Batch::kMaxRows || arena_.bytes() > Batch::kMaxBytes) stage_chunk();
}

/// With the first change.
void ChangeBuffer::start() {
  if (progress_->started != std::chrono::steady_clock::time_point()) return;
  progress_->started = std::chrono::steady_clock::now();
  if (session_.begun) session_.begun(*this);
}

void ChangeBuffer::start_chunk() {
  start();
  std::vector<std::string> types{"BIGINT", "UTINYINT", "VARCHAR"};
  for (const std::size_t each : laid_out_) types.push_back(duck_type(*columns_[each].type));
  duck::Connection& connection = session_.connection;
  if (!made_) {
    std::string list = "seq BIGINT, op UTINYINT, given VARCHAR";
    for (std::size_t i = 0; i < laid_out_.size(); ++i)
      list += ", " + stage_column(laid_out_[i]) + " " + types[kOwnColumns + i];
    connection.query("CREATE OR REPLACE TEMP TABLE " + duck::quoted(stage_) + " (" + list + ")");
    made_ = true;
  }
  chunk_.emplace(connection.types(types));
  seq_.bind(chunk_->vector(0), {sdk::Type::int64});
  change_.bind(chunk_->vector(1), {sdk::Type::boolean});
  given_cells_.bind(chunk_->vector(2), {sdk::Type::string});
  all_valid(seq_);
  all_valid(change_);
  for (std::size_t i = 0; i < laid_out_.size(); ++i) {
    const std::size_t column = laid_out_[i];
    cells_[column].bind(chunk_->vector(kOwnColumns + i), *columns_[column].type);
    all_valid(cells_[column]);
  }
}

void ChangeBuffer::stage_chunk() {
  if (size_ == 0) return;
  if (!appender_) appender_.emplace(session_.connection, stage_);
  appender_->append(*chunk_, size_);
  staged_rows_ += size_;
  progress_->rows += size_;
  size_ = 0;
  arena_.clear();
}

void ChangeBuffer::close_appender() {
  if (!appender_) return;
  appender_->close();
  appender_.reset();
}

// The rows that have ended are staged in the old shape; the open one moves to the new chunk, and
// what it points at stays in the arena.
void ChangeBuffer::retype(std::size_t column, const sdk::DataType& type) {
  Arena kept = std::exchange(arena_, {});
  const std::size_t row = size_;
  stage_chunk();
  close_appender();
  const bool added = !columns_[column].type;
  columns_[column].type = type;
  if (added) laid_out_.push_back(column);
  session_.connection.query("ALTER TABLE " + duck::quoted(stage_) +
                            (added ? " ADD COLUMN " + stage_column(column) + " "
                                   : " ALTER " + stage_column(column) + " TYPE ") +
                            duck_type(type));
  const duck::DataChunk old = std::move(*chunk_);
  const std::vector<Cells> before = cells_;
  start_chunk();
  arena_ = std::move(kept);
  for (const std::size_t each : laid_out_) {
    if (each != column && given_[each] == '1') cells_[each].copy(0, before[each], row);
  }
}

void ChangeBuffer::close() {
  if (!chunk_) return;
  stage_chunk();
  close_appender();
}

Staged ChangeBuffer::staged() const {
  Staged staged{stage_, staged_rows_, updates_, removes_, truncated_, {}, {}};
  for (const std::size_t each : laid_out_) {
    if (columns_[each].key) staged.key.push_back(staged.columns.size());
    staged.columns.push_back({each, columns_[each].name, duck_type(*columns_[each].type)});
  }
  return staged;
}

void ChangeBuffer::clear() {
  if (made_) session_.connection.query("DROP TABLE temp." + duck::quoted(stage_));
  made_ = false;
  chunk_.reset();
  staged_rows_ = 0;
  updates_ = removes_ = false;
  truncated_.reset();
}

std::vector<std::string> ChangeBuffer::key() const {
  std::vector<std::string> names;
  for (const BufferColumn& each : columns_) {
    if (each.key) names.push_back(each.name);
  }
  return names;
}

}  // namespace sluice::feed
