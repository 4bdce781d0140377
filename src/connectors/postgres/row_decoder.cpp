// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/row_decoder.h"

#include <utility>

#include "connectors/postgres/render.h"
#include "sluice/error.h"

namespace sluice::postgres {
namespace {

constexpr std::uint32_t kNull = 0xFFFFFFFF;

}  // namespace

RowDecoder::RowDecoder(const std::vector<ReadColumn>& columns, Encoding encoding) {
  fields_.reserve(columns.size());
  for (const ReadColumn& each : columns) {
    WireType travelling = travelling_type(each.wire, each.column.type);
    Slot slot = make_slot(each.column.name, travelling, each.column.type, encoding);
    fields_.push_back({std::move(slot), each.column, std::move(travelling), each.key, each.table});
  }
}

void RowDecoder::begin(Batch& batch) {
  if (batch.width() != fields_.size()) {
    throw Error(Fault::internal, "a batch of " + std::to_string(batch.width()) + " vectors for " +
                                     std::to_string(fields_.size()) + " columns");
  }
  batch_ = &batch;
  rows_ = 0;
  heap_bytes_ = 0;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    fields_[i].slot.bind(batch.vector(i), heap_bytes_);
  }
}

const Byte* RowDecoder::add(const CopyStream::Fields& fields) {
  const Byte* at = fields.begin;
  std::uint64_t misfits = 0;
  for (Field& field : fields_) {
    if (fields.end - at < 4) return nullptr;
    const std::uint32_t size = load32(at);
    at += 4;
    if (size == kNull) {
      field.slot.set_null(rows_);
      continue;
    }
    expect_length(size);
    if (static_cast<std::size_t>(fields.end - at) < size) return nullptr;
    if (const Reason reason = field.slot.decode(field.slot, at, size, rows_)) [[unlikely]] {
      if (field.column.misfit != Misfit::null) refuse(field, reason, at, size, fields);
      field.slot.set_null(rows_);
      ++misfits;
    }
    at += size;
  }
  ++rows_;
  batch_->misfits += misfits;
  return at;
}

void RowDecoder::finish() {
  for (Field& field : fields_) field.slot.finish();
  batch_->set_size(rows_);
}

void RowDecoder::refuse(const Field& field, Reason reason, const Byte* value, std::uint32_t size,
                        const CopyStream::Fields& row) const {
  const std::string& name = field.column.name;
  std::string hint = "--misfit null lands such values as NULL and counts them";
  if (field.column.type != "VARCHAR") {
    hint += "; --misfit text, or --type '" + field.table + "." + name +
            "=VARCHAR', lands the column as text";
  }
  throw Error::misfit(name,
                      "column " + name + ": " + value_text(field.wire, value, size) +
                          " does not fit " + field.column.type + ": " + reason + key_text(row),
                      hint);
}

std::string RowDecoder::key_text(CopyStream::Fields row) const {
  std::string text;
  for (const Field& field : fields_) {
    if (row.end - row.begin < 4) break;
    const std::uint32_t size = load32(row.begin);
    row.begin += 4;
    if (size == kNull) continue;
    if (static_cast<std::size_t>(row.end - row.begin) < size) break;
    if (field.key) {
      text += (text.empty() ? " (in the row with " : ", ") + field.column.name + " " +
              value_text(field.wire, row.begin, size);
    }
    row.begin += size;
  }
  return text.empty() ? text : text + ")";
}

}  // namespace sluice::postgres
