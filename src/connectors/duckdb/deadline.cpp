// SPDX-License-Identifier: Apache-2.0
#include "connectors/duckdb/deadline.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace sluice::duckdb_file {
namespace {

using namespace std::chrono_literals;

std::atomic<int> left_behind{0};

void end_at_once(int status, void*) {
  if (left_behind.load() == 0) return;
  std::fflush(nullptr);
  _exit(status);
}

}  // namespace

Waited run_within(std::chrono::milliseconds limit, const std::function<bool()>& stop,
                  std::function<void()> work, const std::function<void()>& interrupt) {
  constexpr auto kSlice = 50ms;
  constexpr auto kMoment = 300ms;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  std::promise<void> promise;
  std::future<void> done = promise.get_future();
  const auto left = std::make_shared<std::atomic<bool>>(false);
  std::thread([work = std::move(work), promise = std::move(promise), left]() mutable {
    std::exception_ptr failed;
    try {
      work();
    } catch (...) {
      failed = std::current_exception();
    }
    work = nullptr;  // what it owns goes before it counts as ended
    failed ? promise.set_exception(std::move(failed)) : promise.set_value();
    if (left->exchange(true)) --left_behind;
  }).detach();
  Waited waited = Waited::done;
  while (done.wait_for(kSlice) != std::future_status::ready) {
    if (stop && stop()) waited = Waited::stopped;
    if (std::chrono::steady_clock::now() >= deadline) waited = Waited::too_long;
    if (waited != Waited::done) break;
  }
  if (waited == Waited::done) {
    done.get();
    return waited;
  }
  interrupt();
  if (done.wait_for(kMoment) == std::future_status::ready) return waited;
  static std::once_flag once;
  std::call_once(once, [] { on_exit(end_at_once, nullptr); });
  ++left_behind;
  if (left->exchange(true)) --left_behind;
  return waited;
}

}  // namespace sluice::duckdb_file
