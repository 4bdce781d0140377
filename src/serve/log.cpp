// SPDX-License-Identifier: Apache-2.0
#include "serve/log.h"

#include <unistd.h>

#include <mutex>
#include <nlohmann/json.hpp>

namespace sluice::serve {

void log_line(const char* origin, LogLevel level, const std::string& message) {
  static std::mutex mutex;
  const char* name = level == LogLevel::info      ? "INFO"
                     : level == LogLevel::warning ? "WARNING"
                                                  : "SEVERE";
  const nlohmann::json line{{"level", name}, {"message", message}, {"message-origin", origin}};
  const std::string text =
      line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const std::scoped_lock lock(mutex);
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (written <= 0) return;
    done += static_cast<std::size_t>(written);
  }
}

}  // namespace sluice::serve
