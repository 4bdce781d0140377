// SPDX-License-Identifier: Apache-2.0
// A password or token: a value that cannot be printed by accident.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <utility>

namespace sluice {

/// Holds a secret and wipes its memory when it goes. It has no text form: streams and formatters
/// refuse it when they are compiled. Whoever calls reveal() keeps the text out of logs, errors,
/// process titles and the state.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) { wipe(text); }
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
  Secret& operator=(const Secret& other) {
    if (this != &other) *this = Secret(other);
    return *this;
  }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe(text_);
      text_ = std::move(other.text_);
      wipe(other.text_);
    }
    return *this;
  }
  ~Secret() { wipe(text_); }

  const std::string& reveal() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }

 private:
  /// Through volatile: a compiler may drop writes to memory that is about to be freed.
  static void wipe(std::string& text) noexcept {
    volatile char* bytes = text.data();
    for (std::size_t i = 0; i < text.capacity(); ++i) bytes[i] = 0;
    text.clear();
  }

  std::string text_;
};

std::ostream& operator<<(std::ostream&, const Secret&) = delete;
/// What {fmt} would call.
template <typename Context>
void format_as(const Secret&, Context&) = delete;
void format_as(const Secret&) = delete;

}  // namespace sluice
