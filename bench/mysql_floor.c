// SPDX-License-Identifier: Apache-2.0
// The least that reading a table costs: its rows, as the server sends them, dropped.
// mysql_floor SOCKET DATABASE TABLE CONNECTIONS: of several, each reads an equal range of l_orderkey.
#include <mysql.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const char* socket_path;
static const char* database;
static const char* table;
static int connections;

static void* drop(void* number) {
  const long mine = (long)number;
  MYSQL* mysql = mysql_init(NULL);
  if (!mysql_real_connect(mysql, NULL, "root", "", database, 0, socket_path, 0)) {
    fprintf(stderr, "%s\n", mysql_error(mysql));
    exit(1);
  }
  char statement[300];
  if (connections == 1) {
    snprintf(statement, sizeof statement, "SELECT * FROM %s", table);
  } else {
    snprintf(statement, sizeof statement,
             "SELECT t.* FROM %s t, (SELECT max(l_orderkey) + 1 AS n FROM %s) m WHERE l_orderkey >= "
             "n * %ld DIV %d AND l_orderkey < n * %ld DIV %d",
             table, table, mine, connections, mine + 1, connections);
  }
  if (mysql_query(mysql, statement)) {
    fprintf(stderr, "%s\n", mysql_error(mysql));
    exit(1);
  }
  MYSQL_RES* result = mysql_use_result(mysql);
  while (mysql_fetch_row(result)) {
  }
  mysql_free_result(result);
  mysql_close(mysql);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  socket_path = argv[1], database = argv[2], table = argv[3], connections = atoi(argv[4]);
  if (mysql_library_init(0, NULL, NULL)) return 1;
  pthread_t threads[16];
  if (connections < 1 || connections > 16) return 2;
  for (long i = 0; i < connections; ++i) pthread_create(&threads[i], NULL, drop, (void*)i);
  for (int i = 0; i < connections; ++i) pthread_join(threads[i], NULL);
  return 0;
}
