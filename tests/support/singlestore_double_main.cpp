// SPDX-License-Identifier: Apache-2.0
// What stands in for a SingleStore (singlestore_double.h), for scripts:
//   singlestore_double FILE.sql
// Runs the file's statements, one a line, in a new database of a private MariaDB. Prints `port PORT
// PASSWORD DATABASE` (the user is root), then obeys lines of its input, each answered by `done`:
// `sql TEXT` runs it, `query TEXT` prints its rows before, tabs between values. Ends with its
// input.
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

#include "support/singlestore_double.h"

int main(int count, char** arguments) {
  using sluice::testing::MysqlDatabase;
  try {
    if (count != 2) throw std::runtime_error("usage: singlestore_double FILE.sql");
    MysqlDatabase database;
    std::ifstream file(arguments[1]);
    for (std::string line; std::getline(file, line);) {
      if (!line.empty()) database.exec(line);
    }
    sluice::testing::SingleStoreDouble server(database);
    const std::string url = server.url();
    std::cout << "port " << server.port() << ' ' << server.password() << ' '
              << url.substr(url.rfind('/') + 1) << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      const std::size_t space = line.find(' ');
      const std::string verb = line.substr(0, space);
      if (verb != "sql" && verb != "query") throw std::runtime_error("no such command: " + line);
      if (verb == "sql") {
        database.exec(line.substr(space + 1));
      } else {
        for (const auto& row : database.query(line.substr(space + 1))) {
          for (std::size_t i = 0; i < row.size(); ++i)
            std::cout << (i == 0 ? "" : "\t") << row[i].value_or("NULL");
          std::cout << '\n';
        }
      }
      std::cout << "done" << std::endl;
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "singlestore_double: " << error.what() << '\n';
    return 1;
  }
}
