// SPDX-License-Identifier: Apache-2.0
// What DuckDB needs alone: `sql_floor FILE SETTING=VALUE.. < SQL` runs each line and
// prints its seconds. Made with `cc -O1 sql_floor.c -lduckdb`.
#include <duckdb.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int main(int argc, char** argv) {
  duckdb_config config;
  duckdb_database database;
  duckdb_connection connection;
  char* why = NULL;
  if (argc < 2 || duckdb_create_config(&config) != DuckDBSuccess) return 2;
  for (int i = 2; i < argc; ++i) {
    char* value = strchr(argv[i], '=');
    if (value == NULL) return 2;
    *value = 0;
    if (duckdb_set_config(config, argv[i], value + 1) != DuckDBSuccess) return 2;
  }
  if (duckdb_open_ext(argv[1], &database, config, &why) != DuckDBSuccess) return fprintf(stderr, "%s\n", why), 1;
  duckdb_connect(database, &connection);
  static char line[1 << 20];
  while (fgets(line, sizeof line, stdin) != NULL) {
    struct timespec begin, end;
    duckdb_result result;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    if (duckdb_query(connection, line, &result) != DuckDBSuccess)
      return fprintf(stderr, "%s\n", duckdb_result_error(&result)), 1;
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.3f\n", (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
    duckdb_destroy_result(&result);
  }
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return 0;
}
