// SPDX-License-Identifier: Apache-2.0
// Holds a DuckDB file open as another program would: `hold_file FILE read|write [SQL]`. Says
// "ready" once it has it (and the SQL has run), then waits for its standard input to end.
#include <duckdb.h>

#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  duckdb_config config = nullptr;
  duckdb_create_config(&config);
  duckdb_set_config(config, "access_mode",
                    std::strcmp(argv[2], "read") == 0 ? "READ_ONLY" : "READ_WRITE");
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  char* message = nullptr;
  if (duckdb_open_ext(argv[1], &database, config, &message) != DuckDBSuccess ||
      duckdb_connect(database, &connection) != DuckDBSuccess) {
    std::fprintf(stderr, "%s\n", message != nullptr ? message : "cannot open");
    return 1;
  }
  if (argc > 3 && duckdb_query(connection, argv[3], nullptr) != DuckDBSuccess) return 1;
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  duckdb_destroy_config(&config);
  return 0;
}
