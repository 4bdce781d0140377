// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>

#include "cli/text.h"

namespace sluice::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kFrame = std::chrono::milliseconds(150);
constexpr auto kReport = std::chrono::seconds(10);
constexpr double kMemory =
    3;  // seconds that a rate looks back: calmer when longer, later when longer

double smoothed(double before, double rows, double seconds) {
  if (seconds <= 0) return before;
  const double now = rows / seconds;
  if (before == 0) return now;
  const double weight = std::min(1.0, seconds / kMemory);
  return before + (now - before) * weight;
}

void to_terminal(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;  // progress is worth no failure
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string part_text(const Running& table) {
  if (table.chunks > 1)
    return fmt::format("chunk {}/{}", std::min(table.chunks_done + 1, table.chunks), table.chunks);
  if (table.rows_expected == 0) return "";
  return fmt::format("{}%", std::min<std::uint64_t>(99, table.rows * 100 / table.rows_expected));
}

std::string left_text(const Running& table) {
  if (table.rate < 1 || table.rows_expected <= table.rows) return "";
  return human_seconds(static_cast<double>(table.rows_expected - table.rows) / table.rate) +
         " left";
}

}  // namespace

std::string progress_line(const Running& table, std::size_t width) {
  // A table that DuckDB reads by itself, or one whose first rows are still on their way.
  if (table.rows == 0) {
    const std::string time = " " + human_seconds(table.seconds);
    const std::size_t room = width > time.size() ? width - time.size() : 0;
    return fitted(left(fitted(table.name, room), std::min<std::size_t>(room, 24)) + time, width);
  }
  const std::vector<std::string> parts{
      right(compact(table.rows) + " rows", 12),
      right(compact(static_cast<std::uint64_t>(table.rate)) + "/s", 9),
      right(human_bytes(table.bytes), 7),
      left(part_text(table), 13),
      right(left_text(table), 12),
  };
  constexpr std::size_t kGap = 1, kName = 16;
  std::size_t used = 0, shown = 0;
  while (shown < parts.size() && used + display_width(parts[shown]) + kGap + kName <= width) {
    used += display_width(parts[shown++]) + kGap;
  }
  const std::size_t room = std::max(width, used + 1) - used;
  std::string line = left(fitted(table.name, room), room);
  for (std::size_t i = 0; i < shown; ++i) line += " " + parts[i];
  line = fitted(line, width);
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string total_line(std::size_t finished, std::size_t running, std::uint64_t rows, double rate,
                       std::uint64_t bytes, double seconds) {
  const std::string moved =
      rows == 0 ? ""
                : fmt::format("  {} rows  {}/s  {}", with_commas(rows),
                              compact(static_cast<std::uint64_t>(rate)), human_bytes(bytes));
  return fmt::format("{} {} done, {} running{}  {}", finished, finished == 1 ? "table" : "tables",
                     running, moved, human_seconds(seconds));
}

Display::Display(Screen screen, bool live, std::function<void(const Display&)> every_ten_seconds)
    : screen_(screen),
      live_(live),
      every_ten_seconds_(std::move(every_ten_seconds)),
      thread_([this](const std::stop_token& done) { loop(done); }) {}

Display::~Display() {
  thread_.request_stop();
  thread_.join();
  const std::scoped_lock lock(mutex_);
  erase();
}

void Display::table_started(const std::shared_ptr<const Progress>& progress) {
  const std::scoped_lock lock(mutex_);
  tables_.push_back({progress});
}

void Display::table_finished(const Receipt& receipt) {
  const std::scoped_lock lock(mutex_);
  const auto found = std::ranges::find(tables_, receipt.table,
                                       [](const Tracked& each) { return each.progress->table; });
  finished_.insert(receipt.table);
  if (found == tables_.end()) return;
  finished_rows_ += found->progress->rows.load();
  finished_bytes_ += found->progress->bytes.load();
  tables_.erase(found);
}

void Display::above(const std::function<void()>& write) {
  const std::scoped_lock lock(mutex_);
  erase();
  write();
}

std::string Display::summary() const {
  const std::scoped_lock lock(mutex_);
  return total_line(finished_.size(), tables_.size(), rows_now(), rate_, bytes_now(), elapsed());
}

std::vector<std::shared_ptr<const Progress>> Display::running() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::shared_ptr<const Progress>> all;
  for (const Tracked& each : tables_) all.push_back(each.progress);
  return all;
}

double Display::elapsed() const {
  return std::chrono::duration<double>(Clock::now() - started_).count();
}

std::uint64_t Display::rows_now() const {
  std::uint64_t rows = finished_rows_;
  for (const Tracked& each : tables_) rows += each.progress->rows.load();
  return rows;
}

std::uint64_t Display::bytes_now() const {
  std::uint64_t bytes = finished_bytes_;
  for (const Tracked& each : tables_) bytes += each.progress->bytes.load();
  return bytes;
}

void Display::measure(double seconds) {
  for (Tracked& each : tables_) {
    const std::uint64_t rows = each.progress->rows.load();
    each.rate =
        smoothed(each.rate, static_cast<double>(rows - std::min(rows, each.last_rows)), seconds);
    each.last_rows = rows;
  }
  const std::uint64_t rows = rows_now();
  rate_ = smoothed(rate_, static_cast<double>(rows - std::min(rows, last_rows_)), seconds);
  last_rows_ = rows;
}

void Display::erase() {
  if (drawn_ == 0) return;
  to_terminal(fmt::format("\r\x1b[{}A\x1b[J", drawn_));
  drawn_ = 0;
}

void Display::draw() {
  if (tables_.empty()) {
    erase();
    return;
  }
  // Asked anew each time: a window changes its size.
  const Screen now = Screen::of(STDERR_FILENO);
  const std::size_t width = (now.width > 0 ? now.width : screen_.width) - 1;
  const std::size_t most = std::max<std::size_t>(now.height, 4) - 3;
  std::string frame = drawn_ > 0 ? fmt::format("\r\x1b[{}A", drawn_) : "";
  const auto put = [&](const std::string& line) { frame += "\x1b[2K" + line + "\n"; };
  const std::size_t shown = tables_.size() <= most ? tables_.size() : most - 1;
  for (std::size_t i = 0; i < shown; ++i) {
    const Progress& p = *tables_[i].progress;
    put(progress_line({p.table.text(), p.rows.load(), p.rows_expected.load(), p.bytes.load(),
                       p.chunks_done.load(), p.chunks.load(), tables_[i].rate,
                       std::chrono::duration<double>(Clock::now() - p.started).count()},
                      width));
  }
  std::size_t lines = shown;
  if (shown < tables_.size()) {
    put(fmt::format("and {} more", tables_.size() - shown));
    ++lines;
  }
  put(styled(fitted(total_line(finished_.size(), tables_.size(), rows_now(), rate_, bytes_now(),
                               elapsed()),
                    width),
             Style::bold, screen_.color));
  to_terminal(frame + "\x1b[J");
  drawn_ = lines + 1;
}

/// No exception may leave this thread: it would end the process.
void Display::report() noexcept {
  try {
    if (every_ten_seconds_) every_ten_seconds_(*this);
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    if (failure_ == nullptr) failure_ = std::current_exception();
  }
}

std::exception_ptr Display::failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

void Display::loop(const std::stop_token& done) {
  std::condition_variable_any wake;
  std::mutex sleeping;
  auto last_frame = Clock::now();
  auto last_report = last_frame;
  while (!done.stop_requested()) {
    {
      std::unique_lock lock(sleeping);
      wake.wait_for(lock, done, kFrame, [] { return false; });
    }
    if (done.stop_requested()) return;
    const auto now = Clock::now();
    {
      const std::scoped_lock lock(mutex_);
      measure(std::chrono::duration<double>(now - last_frame).count());
      if (live_) draw();
    }
    last_frame = now;
    if (now - last_report >= kReport) {
      last_report = now;
      report();
    }
  }
}

}  // namespace sluice::cli
