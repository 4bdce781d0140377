// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/row_decoder.h"

#include <charconv>
#include <limits>
#include <utility>

#include "sluice/error.h"

namespace sluice::mysql {
namespace {

using wire::Byte;
using wire::Reason;

constexpr unsigned kBinaryCharset = 63;

/// A length as the protocol writes it, in 1, 3, 4 or 9 bytes; false: there is none before `end`.
bool take_length(Byte*& at, const Byte* end, std::uint64_t& length) {
  if (at >= end) return false;
  const Byte first = *at++;
  if (first < 251) {
    length = first;
    return true;
  }
  const int bytes = first == 252 ? 2 : first == 253 ? 3 : first == 254 ? 8 : 0;
  if (bytes == 0 || end - at < bytes) return false;
  length = 0;
  for (int i = bytes - 1; i >= 0; --i) length = length << 8 | at[i];
  at += bytes;
  return true;
}

}  // namespace

RowDecoder::RowDecoder(const std::vector<ReadColumn>& columns, std::span<const MYSQL_FIELD> fields,
                       bool text) {
  if (columns.size() != fields.size()) {
    throw Error(Fault::data, "the server sends " + std::to_string(fields.size()) +
                                 " columns where " + std::to_string(columns.size()) +
                                 " were asked for");
  }
  fields_.reserve(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const MYSQL_FIELD& sent = fields[i];
    Field& field = fields_.emplace_back();
    field.read = columns[i];
    field.travelling = {sent.type, (sent.flags & UNSIGNED_FLAG) != 0,
                        sent.charsetnr == kBinaryCharset, text,
                        static_cast<std::uint32_t>(sent.length)};
    // SingleStore's bits are eight bytes whatever the column says.
    if (const std::string& type = field.read.column.source_type; type.starts_with("bit("))
      std::from_chars(type.data() + 4, type.data() + type.size(), field.travelling.length);
    field.fixed = fixed_size(field.travelling);
    std::optional<wire::Slot> slot = make_slot(field.travelling, field.read.column.type);
    if (!slot) {
      throw Error(Fault::config,
                  "column " + field.read.column.name + " cannot land as " + field.read.column.type,
                  "types: can say VARCHAR");
    }
    field.slot = std::move(*slot);
  }
}

void RowDecoder::begin(Batch& batch) {
  if (batch.width() != fields_.size()) {
    throw Error(Fault::internal, "a batch of " + std::to_string(batch.width()) + " vectors for " +
                                     std::to_string(fields_.size()) + " columns");
  }
  batch_ = &batch;
  rows_ = heap_bytes_ = 0;
  bytes_ = misfits_ = 0;
  for (std::size_t i = 0; i < fields_.size(); ++i)
    fields_[i].slot.bind(batch.vector(i), heap_bytes_);
}

void RowDecoder::take(unsigned column, Byte** at, const Byte* end) noexcept {
  Field& field = fields_[column];
  if (at == nullptr) return take(column, static_cast<const Byte*>(nullptr), 0);
  std::uint64_t size = 0;
  if (field.fixed) {
    size = *field.fixed;
  } else if (!take_length(*at, end, size)) {
    broken_ = true;
  }
  if (broken_ || size > static_cast<std::uint64_t>(end - *at)) {
    broken_ = true;
    return;
  }
  const Byte* value = *at;
  *at += size;
  take(column, value, size);
}

void RowDecoder::take(unsigned column, const Byte* bytes, std::uint64_t size) noexcept {
  Field& field = fields_[column];
  field.value = {bytes, static_cast<std::uint32_t>(size)};
  if (bytes == nullptr) {
    field.slot.set_null(rows_);
    return;
  }
  if (size > std::numeric_limits<std::uint32_t>::max() || broken_) {
    broken_ = true;
    return;
  }
  bytes_ += size;
  const Reason reason = field.slot.decode(field.slot, bytes, field.value.size, rows_);
  if (reason == nullptr) [[likely]]
    return;
  field.slot.set_null(rows_);
  if (field.read.column.misfit == Misfit::null) {
    ++misfits_;
  } else if (refused_ == nullptr) {
    refused_ = &field, reason_ = reason;
  }
}

void RowDecoder::end_row() {
  if (broken_) throw Error(Fault::data, "the server sent a row that cannot be read");
  if (refused_ != nullptr) refuse();
  ++rows_;
}

void RowDecoder::finish() {
  batch_->bytes += bytes_;
  batch_->misfits += misfits_;
  batch_->set_size(rows_);
}

void RowDecoder::refuse() const {
  const auto text = [](const Field& field) {
    return value_text(field.travelling, field.value.bytes, field.value.size);
  };
  std::string row;
  for (const Field& field : fields_) {
    if (!field.read.key || field.value.bytes == nullptr) continue;
    row += (row.empty() ? " (in the row with " : ", ") + field.read.column.name + " " + text(field);
  }
  const std::string& name = refused_->read.column.name;
  std::string hint = "--misfit null lands such values as NULL and counts them";
  if (refused_->read.column.type != "VARCHAR") {
    hint += "; --misfit text, or --type '" + refused_->read.table + "." + name +
            "=VARCHAR', lands the column as text";
  }
  throw Error::misfit(name,
                      "column " + name + ": " + text(*refused_) + " does not fit " +
                          refused_->read.column.type + ": " + reason_ +
                          (row.empty() ? row : row + ")"),
                      hint);
}

}  // namespace sluice::mysql
