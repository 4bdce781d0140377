// SPDX-License-Identifier: Apache-2.0
// `host_program FILE TARGET CONFIGURATION [PYTHON]`: one sync of a hosted connector, whose
// configuration is a JSON object, into a DuckDB file. Prints "committed STATE" behind each
// checkpoint. For tests that kill it.
#include <iostream>
#include <nlohmann/json.hpp>

#include "fivetran/host.h"
#include "support/feed.h"

namespace {

class Told : public sluice::Observer {
  void checkpoint_committed(const std::string& state) override {
    std::cout << "committed " << state << std::endl;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  using namespace sluice;
  try {
    test::FeedFile file(argv[1]);
    fivetran::HostOptions options;
    options.log = &file.log;
    if (argc > 4) options.python = argv[4];
    const auto hosted = fivetran::host(argv[2], options);
    if (!hosted) return 2;
    const auto configuration = nlohmann::json::parse(argv[3]).get<sdk::Configuration>();
    Told told;
    const auto result =
        feed::run(file.database, file.destination, *hosted, configuration, {}, file.log, told);
    if (result.run.error) throw Error(*result.run.error);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
