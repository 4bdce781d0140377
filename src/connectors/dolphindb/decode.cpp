// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/decode.h"

#include "connectors/dolphindb/text.h"
#include "sluice/error.h"
#include "wire/utf8.h"

namespace sluice::dolphindb {

using wire::Reason;
using wire::Slot;

namespace {

constexpr Reason kNoText = "it is not valid UTF-8";

std::string element_of(const std::string& type) {
  return type.ends_with("[]") ? type.substr(0, type.size() - 2) : std::string();
}

}  // namespace

ColumnDecoder::ColumnDecoder(const ReadColumn& read) : read_(read) {
  const ColumnType& type = read_.type;
  const std::string& landed = read_.column.type;
  bool fits = false;
  if (is_text(type.type) || type.type == Type::blob) {
    as_bytes_ = landed == "BLOB";
    fits = !type.array && (as_bytes_ || landed == "VARCHAR");
  } else if (type.array && landed == "VARCHAR") {
    fits = !landed_type(type).empty();
  } else if (type.array) {
    const std::string element = element_of(landed);
    slot_.shape = Slot::Shape::list;
    slot_.children.resize(1);
    write_ = element.empty() ? nullptr : choose(slot_.children[0], element);
    fits = write_ != nullptr;
  } else {
    write_ = choose(slot_, landed);
    fits = write_ != nullptr;
  }
  if (!fits)
    throw Error(Fault::config,
                read_.table + ": column " + read_.column.name + " is " + name_of(type) +
                    ", which cannot land as " + landed,
                landed_type(type) == "VARCHAR"
                    ? "leave it as VARCHAR"
                    : "leave it as " + landed_type(type) + ", or use VARCHAR");
}

void ColumnDecoder::check(const Cells& cells) const {
  const ColumnType& is = cells.type;
  const bool texts = is_text(is.type) && is_text(read_.type.type) && !read_.type.array;
  if (is == read_.type || texts || is.type == Type::nothing) return;
  throw Error(Fault::schema,
              read_.table + ": column " + read_.column.name + " came as " + name_of(is) +
                  ", and the catalog has it as " + name_of(read_.type),
              "was the table changed while it was read? run it again");
}

std::uint64_t ColumnDecoder::decode(const Cells& cells, std::uint64_t first, std::uint64_t count) {
  misfits_ = 0;
  if (count == 0) return 0;
  if (cells.type.type == Type::nothing) {
    for (std::uint64_t i = 0; i < count; ++i) slot_.set_null(i);
  } else if (cells.symbols != nullptr) {
    decode_symbols(cells, first, count);
  } else if (read_.type.array && write_ == nullptr) {
    decode_arrays_as_text(cells, first, count);
  } else if (write_ == nullptr) {
    decode_texts(cells, first, count);
  } else if (read_.type.array) {
    const std::uint64_t begin = cells.begin_of(first), end = cells.ends[first + count - 1];
    slot_.reserve(end - begin);
    Slot& child = slot_.children[0];
    write_(*this, child, cells.data.data() + begin * width(cells.type.type), end - begin,
           child.size);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t from = cells.begin_of(first + i);
      slot_.values<duckdb_list_entry>()[i] = {child.size + from - begin,
                                              cells.ends[first + i] - from};
    }
    child.size += end - begin;
  } else {
    write_(*this, slot_, cells.data.data() + first * width(cells.type.type), count, 0);
  }
  return misfits_;
}

/// As DuckDB's cast from VARCHAR to a list reads them.
void ColumnDecoder::decode_arrays_as_text(const Cells& cells, std::uint64_t first,
                                          std::uint64_t count) {
  const ColumnType type{cells.type.type, false, cells.type.scale};
  const std::size_t size = width(type.type);
  for (std::uint64_t i = first; i < first + count; ++i) {
    std::string text = "[";
    for (std::uint64_t cell = cells.begin_of(i); cell < cells.ends[i]; ++cell) {
      const Byte* const at = cells.data.data() + cell * size;
      if (text.size() > 1) text += ", ";
      text += is_null(type.type, at) ? "NULL" : text_of(type, at);
    }
    put_text(i - first, text + "]");
  }
}

void ColumnDecoder::decode_texts(const Cells& cells, std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view text = cells.text(first + i);
    if (text.empty()) {
      slot_.set_null(i);
    } else if (as_bytes_ ||
               wire::valid_utf8(reinterpret_cast<const Byte*>(text.data()), text.size())) {
      put_text(i, text);
    } else {
      refuse(slot_, i, kNoText, "a text of " + std::to_string(text.size()) + " bytes");
    }
  }
}

void ColumnDecoder::decode_symbols(const Cells& cells, std::uint64_t first, std::uint64_t count) {
  if (symbols_ != cells.symbols) {
    symbols_ = cells.symbols;
    checked_.clear();
    for (const std::string& each : *symbols_)
      checked_.push_back(as_bytes_ ||
                         wire::valid_utf8(reinterpret_cast<const Byte*>(each.data()), each.size()));
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto number = load<std::uint32_t>(cells.data.data() + (first + i) * 4);
    const std::string& text = (*symbols_)[number];
    if (text.empty()) {
      slot_.set_null(i);
    } else if (checked_[number]) {
      put_text(i, text);
    } else {
      refuse(slot_, i, kNoText, "a symbol of " + std::to_string(text.size()) + " bytes");
    }
  }
}

void ColumnDecoder::put_text(std::uint64_t row, std::string_view text) {
  slot_.set_string(row, reinterpret_cast<const Byte*>(text.data()),
                   static_cast<std::uint32_t>(text.size()));
}

void ColumnDecoder::misfit(Slot& slot, std::uint64_t row, Reason reason, const Byte* value) {
  refuse(slot, row, reason, text_of({read_.type.type, false, read_.type.scale}, value));
}

void ColumnDecoder::refuse(Slot& slot, std::uint64_t row, Reason reason, const std::string& text) {
  const std::string& name = read_.column.name;
  if (read_.column.misfit == Misfit::null) {
    slot.set_null(row);
    ++misfits_;
    return;
  }
  std::string hint = "--misfit null lands such values as NULL and counts them";
  if (read_.column.type != "VARCHAR" && reason != kNoText)
    hint += "; --misfit text, or --type '" + read_.table + "." + name +
            "=VARCHAR', lands the column as text";
  if (reason == kNoText)
    hint += "; --type '" + read_.table + "." + name + "=BLOB' lands the bytes as they are";
  throw Error::misfit(
      name, "column " + name + ": " + text + " does not fit " + read_.column.type + ": " + reason,
      hint);
}

}  // namespace sluice::dolphindb
