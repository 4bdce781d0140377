// SPDX-License-Identifier: Apache-2.0
// Bytes as they come, from the server or from memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/error.h"
#include "wire/slot.h"

namespace sluice::dolphindb {

using wire::Byte;

/// A number of the wire, or of a vector's cells, wherever it begins.
template <class T>
T load(const Byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// Bytes that grow as they arrive, never by what a length field says. Kept when they are reused.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer& other) { append(other.data(), other.size()); }
  Buffer(Buffer&& other) noexcept
      : bytes_(std::move(other.bytes_)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Buffer() = default;
  const Byte* data() const noexcept { return bytes_.get(); }
  Byte* data() noexcept { return bytes_.get(); }
  std::size_t size() const noexcept { return size_; }
  void clear() noexcept { size_ = 0; }
  /// Room for `more` bytes behind those that are there; they count once they were added().
  Byte* room(std::size_t more) {
    if (size_ + more > capacity_) grow(size_ + more);
    return bytes_.get() + size_;
  }
  void added(std::size_t more) noexcept { size_ += more; }
  void append(const Byte* from, std::size_t count) {
    if (count == 0) return;
    std::memcpy(room(count), from, count);
    size_ += count;
  }

 private:
  void grow(std::size_t needed) {
    const std::size_t capacity = std::max({needed, capacity_ * 2, std::size_t{64}});
    std::unique_ptr<Byte[]> larger(new Byte[capacity]);  // not zeroed
    if (size_ > 0) std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }
  std::unique_ptr<Byte[]> bytes_;
  std::size_t size_ = 0, capacity_ = 0;
};

/// Used by one thread. Every member throws Fault::data where the bytes end early in memory, and
/// what the connection throws otherwise.
class Input {
 public:
  Input() = default;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  virtual ~Input() = default;

  /// What is there already, at least one byte.
  std::string_view window() {
    if (at_ == end_) refill();
    return {reinterpret_cast<const char*>(at_), static_cast<std::size_t>(end_ - at_)};
  }
  void skip(std::size_t count) noexcept { at_ += count; }  ///< of the window

  template <class T>
  T number() {
    T value;
    read(reinterpret_cast<Byte*>(&value), sizeof value);
    return value;
  }
  void read(Byte* to, std::size_t count) {
    while (count > 0) {
      const std::size_t part = std::min(count, window().size());
      std::memcpy(to, at_, part);
      at_ += part;
      to += part;
      count -= part;
    }
  }
  /// Appends `count` bytes, as they come.
  void read(Buffer& to, std::uint64_t count) {
    constexpr std::size_t kStep = std::size_t{1} << 20;
    while (count > 0) {
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(count, kStep));
      Byte* const place = to.room(part);
      const auto there = std::min(part, static_cast<std::size_t>(end_ - at_));
      if (there > 0) std::memcpy(place, at_, there);
      at_ += there;
      const std::size_t got = there > 0 ? there : receive(place, part);
      to.added(got);
      count -= got;
    }
  }
  /// Up to `end`, which is not a part of it. Throws Fault::data where that is longer than `most`.
  std::string text(char end, std::size_t most) {
    std::string result;
    while (true) {
      const std::string_view there = window();
      const std::size_t found = there.find(end);
      result += there.substr(0, found);
      if (result.size() > most)
        throw Error(Fault::data, "a text of more than " + std::to_string(most) +
                                     " bytes where a short one belongs");
      skip(found == std::string_view::npos ? there.size() : found + 1);
      if (found != std::string_view::npos) return result;
    }
  }

 protected:
  /// Makes the window anew, not empty.
  virtual void refill() = 0;
  /// Past an empty window: at least one byte, at most `most`, to `to`.
  virtual std::size_t receive(Byte* to, std::size_t most) {
    const std::size_t part = std::min(most, window().size());
    std::memcpy(to, at_, part);
    at_ += part;
    return part;
  }
  const Byte* at_ = nullptr;
  const Byte* end_ = nullptr;
};

/// Bytes that are there.
class Memory : public Input {
 public:
  Memory(const Byte* bytes, std::size_t size) {
    at_ = bytes;
    end_ = bytes + size;
  }
  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }

 protected:
  void refill() override { throw Error(Fault::data, "an object ends in the middle"); }
};

}  // namespace sluice::dolphindb
