// SPDX-License-Identifier: Apache-2.0
#include "cli/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <mutex>

#include "cli/render.h"
#include "cli/value.h"

namespace sluice::cli {
namespace {

using Around = std::function<void(const std::function<void()>&)>;

class Sink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void around(Around around) {
    const std::scoped_lock lock(mutex_);
    around_ = std::move(around);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    const auto write = [&text] {
      [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, text.data(), text.size());
    };
    if (around_) {
      around_(write);
    } else {
      write();
    }
  }
  void flush_() override {}

 private:
  Around around_;
};

const std::shared_ptr<Sink>& the_sink() {
  static const auto sink = std::make_shared<Sink>();
  return sink;
}

}  // namespace

void set_up_log(const Output& output) {
  const auto logger = std::make_shared<spdlog::logger>("sluice", the_sink());
  const auto level = Value::of_flag("--log-level", output.log_level)
                         .one_of<spdlog::level::level_enum>({{"debug", spdlog::level::debug},
                                                             {"info", spdlog::level::info},
                                                             {"warn", spdlog::level::warn},
                                                             {"error", spdlog::level::err},
                                                             // Fivetran's, old and new
                                                             {"fine", spdlog::level::debug},
                                                             {"warning", spdlog::level::warn},
                                                             {"severe", spdlog::level::err},
                                                             {"critical", spdlog::level::err}});
  const Screen screen = Screen::of(STDERR_FILENO);
  logger->set_pattern(screen.tty ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                      spdlog::pattern_time_type::utc);
  logger->set_level(output.quiet ? spdlog::level::err : level);
  spdlog::set_default_logger(logger);
}

void log(Level level, const std::string& line) {
  switch (level) {
    case Level::debug:
      spdlog::debug("{}", line);
      return;
    case Level::info:
      spdlog::info("{}", line);
      return;
    case Level::warn:
      spdlog::warn("{}", line);
      return;
    case Level::error:
      spdlog::error("{}", line);
  }
}

LogAround::LogAround(Around around) { the_sink()->around(std::move(around)); }
LogAround::~LogAround() { the_sink()->around({}); }

void report_error(const Error& error) {
  const Screen screen = Screen::of(STDERR_FILENO);
  std::string text = labelled(0, "error: ", Style::red, error.what(), screen);
  if (!error.hint().empty()) text += labelled(1, "hint: ", Style::yellow, error.hint(), screen);
  [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace sluice::cli
