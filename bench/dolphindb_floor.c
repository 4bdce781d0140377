// SPDX-License-Identifier: Apache-2.0
// The least that reading a table costs: the bytes of its blocks, as they come, dropped.
// dolphindb_floor PORT SCRIPT ROWS_OF_BLOCK [BYTES]: ends after so many bytes of the answer; without
// them after a second of silence, and prints how many there were.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int server;

static void ask(const char* body, const char* options) {
  char request[4096];
  const int size = snprintf(request, sizeof request, "API 0 %zu / %s\n%s", strlen(body), options, body);
  if (write(server, request, (size_t)size) != size) exit(1);
}

int main(int count, char** arguments) {
  static char buffer[1 << 18];
  if (count < 4) return 2;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[1]))};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  server = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(server, (struct sockaddr*)&address, sizeof address) != 0) return 1;
  ask("connect\nlogin\nadmin\n123456\nfalse", "0_1_4_2");
  if (recv(server, buffer, sizeof buffer, 0) <= 0) return 1;
  char script[2048], options[64];
  snprintf(script, sizeof script, "script\n%s", arguments[2]);
  snprintf(options, sizeof options, "0_1_4_64__%s", arguments[3]);
  ask(script, options);
  const long long wanted = count > 4 ? atoll(arguments[4]) : -1;
  const struct timeval second = {1, 0};
  long long all = 0;
  while (wanted < 0 || all < wanted) {
    const ssize_t got = recv(server, buffer, sizeof buffer, 0);
    if (got <= 0) break;
    all += got;
    if (wanted < 0) setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
  }
  if (wanted < 0) printf("%lld\n", all);
  return wanted >= 0 && all != wanted;
}
