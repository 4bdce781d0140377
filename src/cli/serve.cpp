// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "cli/commands.h"
#include "cli/open.h"
#include "cli/signals.h"
#include "cli/value.h"
#include "connectors/registry.h"
#include "serve/destination.h"
#include "serve/log.h"
#include "serve/server.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::seconds kWaitForFile{60};

duck::Database served_database(const ServeRequest& request) {
  const std::uint64_t memory = request.memory.empty()
                                   ? Connection{}.memory
                                   : Value::of_flag("--memory", request.memory).bytes();
  const std::string temp =
      !request.temp.empty()
          ? request.temp
          : (std::filesystem::temp_directory_path() / ("sluice-" + std::to_string(::getpid())))
                .string();
  return duck::Database({{"memory_limit", std::to_string(duck_memory_limit(memory)) + "B"},
                         {"temp_directory", temp},
                         {"temp_file_encryption", "true"},  // rows were sent encrypted
                         {"preserve_insertion_order", "true"},
                         {"autoinstall_known_extensions", "false"},
                         {"autoload_known_extensions", "false"}});
}

}  // namespace

int serve_destination(const ServeRequest& request) {
  block_signals();
  duck::Database database = served_database(request);
  serve::DestinationService service(
      database, [](duck::Database& with, const std::string& url, const Secret& password) {
        DestinationSettings settings;
        settings.wait = kWaitForFile;
        settings.password = password;
        return make_destination(with, url, settings);
      });
  const serve::Listening listening = serve::listen(service, request.listen, request.port);
  std::jthread stopper;
  const SignalWatch watch([&](int count, int) {
    if (count > 1) service.interrupt();
    // In a thread of its own: it waits for the calls that run, and a second signal ends those.
    if (count == 1) stopper = std::jthread([&] { listening.server->Shutdown(); });
  });
  serve::log_line("sdk_destination", serve::LogLevel::info,
                  "sluice serves fivetran_sdk.v2.DestinationConnector on port " +
                      std::to_string(listening.port));
  listening.server->Wait();
  serve::log_line("sdk_destination", serve::LogLevel::info, "sluice ends");
  return 0;
}

}  // namespace sluice::cli
