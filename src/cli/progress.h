// SPDX-License-Identifier: Apache-2.0
// What is going on, while it is going on: lines redrawn in place on a terminal, else a line every
// ten seconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cli/render.h"
#include "sluice/sync.h"

namespace sluice::cli {

/// One running table, as numbers to draw.
struct Running {
  std::string name;
  std::uint64_t rows = 0, rows_expected = 0, bytes = 0, chunks_done = 0, chunks = 0;
  double rate = 0;     ///< rows a second, of the last seconds
  double seconds = 0;  ///< since it began
};

/// One line of at most `width` columns: name, rows, rows/s, bytes, chunk k/n or %, time left.
/// Narrow screens lose the right-hand parts first.
std::string progress_line(const Running& table, std::size_t width);
/// "3 of 14 tables  1,200,000 rows  101,123/s  240 MB  0:12".
std::string total_line(std::size_t finished, std::size_t running, std::uint64_t rows, double rate,
                       std::uint64_t bytes, double seconds);

/// Draws until destroyed, on standard error, from a thread of its own that only reads counters.
class Display : public Observer {
 public:
  /// `live`: lines in place; else `every_ten_seconds` is given a line now and then, outside any
  /// lock of ours.
  Display(Screen screen, bool live, std::function<void(const Display&)> every_ten_seconds);
  ~Display() override;

  void table_started(const std::shared_ptr<const Progress>& progress) override;
  void table_finished(const Receipt& receipt) override;

  /// Runs `write` with the live lines out of the way. Any thread.
  void above(const std::function<void()>& write);
  /// For the line every ten seconds.
  std::string summary() const;
  std::vector<std::shared_ptr<const Progress>> running() const;
  /// What `every_ten_seconds` threw first; the lines go on.
  std::exception_ptr failure() const;

 private:
  struct Tracked {
    std::shared_ptr<const Progress> progress;
    std::uint64_t last_rows = 0;
    double rate = 0;
  };
  void loop(const std::stop_token& done);
  void report() noexcept;
  void measure(double seconds);
  void erase();
  void draw();
  double elapsed() const;
  std::uint64_t rows_now() const;
  std::uint64_t bytes_now() const;

  const Screen screen_;
  const bool live_;
  const std::function<void(const Display&)> every_ten_seconds_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;
  std::vector<Tracked> tables_;
  std::set<TableName> finished_;  ///< a table that is tried again finishes more than once
  std::exception_ptr failure_;
  std::uint64_t finished_rows_ = 0, finished_bytes_ = 0;
  std::uint64_t last_rows_ = 0;
  double rate_ = 0;
  std::size_t drawn_ = 0;  ///< lines on the screen that are ours
  std::jthread thread_;
};

}  // namespace sluice::cli
