// SPDX-License-Identifier: Apache-2.0
#include "cli/start.h"

#include <csignal>
#include <cstring>
#include <exception>

#include "cli/commands.h"
#include "cli/log.h"
#include "connectors/registry.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

/// Other users can read a process's arguments: what is secret in them is overwritten, once it is
/// copied.
void hide_secrets(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string shown = redacted(argv[i]);
    if (shown == argv[i] || !looks_like_url(argv[i])) continue;
    const std::size_t room = std::strlen(argv[i]);
    std::memset(argv[i], 0, room);
    std::memcpy(argv[i], shown.data(), std::min(room, shown.size()));
  }
}

}  // namespace

int start(int argc, char** argv, const std::function<int(std::vector<std::string>)>& work) {
  // A reader of our output that goes away is seen at the write.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    hide_secrets(argc, argv);
    return work(arguments);
  } catch (const Error& error) {
    report_error(error);
    return exit_code_of(error);
  } catch (const std::exception& error) {
    report_error(Error(Fault::internal, error.what(), "this is a bug of sluice: please report it"));
    return 1;
  }
}

}  // namespace sluice::cli
