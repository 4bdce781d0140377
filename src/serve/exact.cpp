// SPDX-License-Identifier: Apache-2.0
#include "serve/exact.h"

#include <charconv>
#include <cstdio>

#include "duck/scalar_function.h"

namespace sluice::serve {
namespace {

constexpr const char* kFunction = "_sluice_exact";
constexpr int kDate = -1, kTime = -2, kTimestamp = -3;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool only(std::string_view text, std::string_view others) {
  for (const char c : text) {
    if (!is_digit(c) && others.find(c) == std::string_view::npos) return false;
  }
  return !text.empty();
}

std::string_view without_sign(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return text;
}

bool is_exact(std::string_view text, int kind) {
  switch (kind) {
    case kDate:
      return is_date(text);
    case kTime:
      return is_time(text);
    case kTimestamp:
      return is_timestamp(text);
    default:
      return is_number(text, kind);
  }
}

/// Arguments: a text, and a kind, which is the same in all rows.
void compute(duckdb_data_chunk arguments, duckdb_vector result) {
  const duckdb_vector texts = duckdb_data_chunk_get_vector(arguments, 0);
  auto* values = static_cast<duckdb_string_t*>(duckdb_vector_get_data(texts));
  const int kind = *static_cast<std::int32_t*>(
      duckdb_vector_get_data(duckdb_data_chunk_get_vector(arguments, 1)));
  std::uint64_t* validity = duckdb_vector_get_validity(texts);
  auto* out = static_cast<bool*>(duckdb_vector_get_data(result));
  const idx_t rows = duckdb_data_chunk_get_size(arguments);
  for (idx_t i = 0; i < rows; ++i) {
    const bool valid = validity == nullptr || duckdb_validity_row_is_valid(validity, i);
    out[i] = !valid ||
             is_exact({duckdb_string_t_data(&values[i]), duckdb_string_t_length(values[i])}, kind);
  }
}

}  // namespace

bool is_number(std::string_view text, int digits) {
  text = without_sign(text);
  std::size_t at = 0;
  while (at < text.size() && is_digit(text[at])) ++at;
  const bool whole = at > 0;
  if (at == text.size()) return whole;
  std::size_t needed = 0, fraction = 0;
  if (text[at] == '.') {
    for (++at; at < text.size() && is_digit(text[at]); ++at) {
      ++fraction;
      if (text[at] != '0') needed = fraction;
    }
  }
  if (!whole && fraction == 0) return false;
  int exponent = 0;
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return false;
    text.remove_prefix(at + 1);
    if (text.starts_with('+')) text.remove_prefix(1);
    const auto read = std::from_chars(text.data(), text.data() + text.size(), exponent);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return false;
  }
  return static_cast<std::int64_t>(needed) - exponent <= digits;
}

bool is_date(std::string_view text) { return only(without_sign(text), "-"); }

bool is_time(std::string_view text) { return only(text, ":."); }

bool is_timestamp(std::string_view text) {
  text = without_sign(text);
  const std::size_t time = text.find_first_of("T ");
  return only(text.substr(0, time), "-") &&
         (time == std::string_view::npos || is_time(text.substr(time + 1)));
}

void register_exact(duck::Connection& connection) {
  duck::register_scalar_function(connection, kFunction, DUCKDB_TYPE_BOOLEAN, &compute);
}

std::string inexact(const std::string& type, const std::string& text) {
  unsigned precision = 0, scale = 0;
  const auto ask = [&](int kind) {
    return "NOT " + std::string(kFunction) + "(" + text + ", " + std::to_string(kind) + ")";
  };
  if (std::sscanf(type.c_str(), "DECIMAL(%u,%u)", &precision, &scale) == 2)
    return ask(static_cast<int>(scale));
  if (duck::is_integer(type)) return ask(0);
  if (type == "DATE") return ask(kDate);
  if (type == "TIME") return ask(kTime);
  if (type == "TIMESTAMP") return ask(kTimestamp);
  return {};
}

}  // namespace sluice::serve
