// SPDX-License-Identifier: Apache-2.0
// The observer of a run, told from many threads.
#pragma once

#include <exception>
#include <mutex>
#include <optional>

#include "sluice/sync.h"

namespace sluice {

/// Tells one thing at a time. What an observer throws must end neither a thread nor a run that
/// copies well: the first of it is kept.
class Told {
 public:
  explicit Told(Observer& observer) : observer_(observer) {}

  template <typename What>
  void operator()(What&& what) noexcept {
    const std::scoped_lock lock(mutex_);
    try {
      what(observer_);
    } catch (...) {
      if (first_ == nullptr) first_ = std::current_exception();
    }
  }

  /// What the observer threw first.
  std::optional<Error> failure() const {
    const std::scoped_lock lock(mutex_);
    if (first_ == nullptr) return std::nullopt;
    try {
      std::rethrow_exception(first_);
    } catch (const Error& error) {
      return error;
    } catch (const std::exception& error) {
      return Error(Fault::internal, error.what());
    } catch (...) {
      return Error(Fault::internal, "unknown");
    }
  }

 private:
  Observer& observer_;
  mutable std::mutex mutex_;
  std::exception_ptr first_;
};

}  // namespace sluice
