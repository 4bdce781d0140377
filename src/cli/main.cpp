// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/log.h"
#include "connectors/registry.h"
#include "sluice/error.h"

namespace {

/// Other users can read a process's arguments: what is secret in them is overwritten, once it is
/// copied.
void hide_secrets(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string shown = sluice::redacted(argv[i]);
    if (shown == argv[i] || !sluice::cli::looks_like_url(argv[i])) continue;
    const std::size_t room = std::strlen(argv[i]);
    std::memset(argv[i], 0, room);
    std::memcpy(argv[i], shown.data(), std::min(room, shown.size()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  // A reader of our output that goes away is seen at the write.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    hide_secrets(argc, argv);
    return sluice::cli::run(arguments);
  } catch (const sluice::Error& error) {
    sluice::cli::report_error(error);
    return sluice::exit_code_of(error);
  } catch (const std::exception& error) {
    sluice::cli::report_error(sluice::Error(sluice::Fault::internal, error.what(),
                                            "this is a bug of sluice: please report it"));
    return 1;
  }
}
