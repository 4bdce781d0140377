// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/copy_stream.h"

#include "connectors/postgres/wire.h"

namespace sluice::postgres {
namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
constexpr std::size_t kHeader = 19;  // signature, flags, length of the extension

}  // namespace

void CopyStream::reset() {
  kept_.clear();
  rest_ = {};
  header_seen_ = complete_ = false;
}

void CopyStream::feed(std::string_view message) {
  if (kept_.empty()) {
    rest_ = message;
    return;
  }
  kept_ += message;
  rest_ = kept_;
}

bool CopyStream::advance() {
  if (split_row()) return true;
  keep();  // it belongs to a row that the next message completes
  return false;
}

void CopyStream::keep() {
  if (rest_.data() != kept_.data() || rest_.size() != kept_.size()) kept_ = std::string(rest_);
  rest_ = kept_;
}

bool CopyStream::split_row() {
  if (!header_seen_) {
    if (rest_.size() < kHeader) return false;
    if (!rest_.starts_with(kSignature)) bad_wire("COPY's signature is missing");
    const auto flags = big_endian<std::uint32_t>(rest_.data() + 11);
    const auto extension = big_endian<std::uint32_t>(rest_.data() + 15);
    if (flags != 0) bad_wire("COPY has flags that no version of it knows");
    if (extension > 1 << 20) bad_wire("COPY's header is too long");
    if (rest_.size() < kHeader + extension) return false;
    rest_.remove_prefix(kHeader + extension);
    header_seen_ = true;
  }
  std::string_view row = rest_;
  if (row.size() < 2) return false;
  const auto count = big_endian<std::int16_t>(row.data());
  row.remove_prefix(2);
  if (complete_) bad_wire("COPY goes on after its end");
  if (count == -1) {
    complete_ = true;
    rest_ = row;
    if (!row.empty()) bad_wire("COPY goes on after its end");
    return false;
  }
  if (count < 0 || static_cast<std::size_t>(count) != fields_.size())
    bad_wire("a row has another number of columns");
  for (std::string_view& field : fields_) {
    if (row.size() < 4) return false;
    const auto size = big_endian<std::int32_t>(row.data());
    row.remove_prefix(4);
    if (size == -1) {
      field = {};
      continue;
    }
    if (size < 0) bad_wire("a field has a negative length");
    if (row.size() < static_cast<std::size_t>(size)) return false;
    field = row.substr(0, static_cast<std::size_t>(size));
    row.remove_prefix(static_cast<std::size_t>(size));
  }
  rest_ = row;
  return true;
}

}  // namespace sluice::postgres
