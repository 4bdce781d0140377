// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/copy_stream.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice::postgres {
namespace {

constexpr std::array<Byte, 11> kSignature{'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xFF, '\r', '\n', 0};
constexpr std::size_t kHeader = kSignature.size() + 8;  // flags, length of the extension
constexpr std::uint32_t kCriticalFlags = 0xFFFF0000;
constexpr std::uint16_t kTrailer = 0xFFFF;

}  // namespace

void CopyStream::start(std::size_t columns) {
  columns_ = columns;
  in_rows_ = ended_ = kept_ = false;
  at_ = end_ = nullptr;
  rest_.clear();
}

void CopyStream::feed(const Byte* bytes, std::size_t size) {
  if (!kept_) {
    at_ = bytes;
    end_ = bytes + size;
    return;
  }
  rest_.insert(rest_.end(), bytes, bytes + size);
  at_ = rest_.data();
  end_ = at_ + rest_.size();
}

CopyStream::Step CopyStream::next(Fields& fields) {
  if (!in_rows_ && !read_header()) return keep_rest();
  if (ended_) {
    if (left() != 0) broken("bytes after the end of COPY");
    return Step::end;
  }
  if (left() < 2) return keep_rest();
  const std::uint16_t count = load16(at_);
  if (count == kTrailer) {
    if (left() != 2) broken("bytes after the end of COPY");
    at_ = end_;
    ended_ = true;
    return Step::end;
  }
  if (count != columns_) {
    broken(std::to_string(count) + " columns instead of " + std::to_string(columns_));
  }
  if (kept_ && !whole_row()) return keep_rest();
  fields = {at_ + 2, end_};
  return Step::row;
}

void CopyStream::incomplete() { keep_rest(); }

bool CopyStream::read_header() {
  const std::size_t known = std::min(left(), kSignature.size());
  if (known > 0 && std::memcmp(at_, kSignature.data(), known) != 0) broken("no COPY signature");
  if (left() < kHeader) return false;
  if ((load32(at_ + kSignature.size()) & kCriticalFlags) != 0) broken("unknown COPY flags");
  const std::uint32_t extension = load32(at_ + kSignature.size() + 4);
  if (left() - kHeader < extension) return false;
  at_ += kHeader + extension;
  in_rows_ = true;
  return true;
}

bool CopyStream::whole_row() const {
  Cursor cursor(at_ + 2, left() - 2);
  for (std::size_t i = 0; i < columns_; ++i) {
    if (cursor.left() < 4) return false;
    std::uint32_t size = 0;
    if (!cursor.length(size)) continue;
    if (cursor.left() < size) return false;
    cursor.take(size);
  }
  return true;
}

CopyStream::Step CopyStream::keep_rest() {
  if (kept_) {
    rest_.erase(rest_.begin(), rest_.end() - static_cast<std::ptrdiff_t>(left()));
  } else {
    rest_.assign(at_, end_);
  }
  kept_ = !rest_.empty();
  at_ = rest_.data();
  end_ = at_ + rest_.size();
  return Step::more;
}

}  // namespace sluice::postgres
