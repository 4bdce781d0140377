// SPDX-License-Identifier: Apache-2.0
// What stands in for MotherDuck's PostgreSQL endpoint (endpoint_double.h), for scripts:
//   endpoint_double DATABASE
// Prints `port PORT CERTIFICATES TOKEN`, then obeys lines of its input, each answered by `done`:
// `sql TEXT` runs it as another client of the service, `query TEXT` prints the first column of its
// rows before. Ends with its input.
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

#include "support/endpoint_double.h"

int main(int count, char** arguments) {
  using sluice::testing::EndpointDouble;
  try {
    if (count != 2) throw std::runtime_error("usage: endpoint_double DATABASE");
    EndpointDouble::Options options;
    options.database = arguments[1];
    EndpointDouble service(options);
    std::cout << "port " << service.port() << ' ' << service.certificates() << ' '
              << EndpointDouble::kToken << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      const std::size_t space = line.find(' ');
      const std::string verb = line.substr(0, space);
      if (verb != "sql" && verb != "query") throw std::runtime_error("no such command: " + line);
      if (verb == "sql") {
        service.exec(line.substr(space + 1));
      } else {
        for (const std::string& value : service.query(line.substr(space + 1)))
          std::cout << value << '\n';
      }
      std::cout << "done" << std::endl;
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "endpoint_double: " << error.what() << '\n';
    return 1;
  }
}
