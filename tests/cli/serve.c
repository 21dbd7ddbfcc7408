/* serve FILE LOG MODE [BYTES [TIMES]]: a web server on the loopback that sends FILE whatever is asked for. It prints
 * its port, and writes a line to LOG for each request: the range that it asks for, or "whole". normal   sends it, or
 * the range cut      closes the connection after BYTES of it, the first TIMES times whole    ignores ranges missing
 * answers 404 slow     waits a second before the answer */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static char *bytes;
static long size;

static int load(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) return 1;
  size = ftell(file);
  rewind(file);
  bytes = malloc((size_t)size + 1);
  if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size) return 1;
  return fclose(file);
}

static int listen_on_loopback(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  if (server < 0 || bind(server, (struct sockaddr *)&address, sizeof address) != 0 || listen(server, 16) != 0) exit(1);
  if (getsockname(server, (struct sockaddr *)&address, &length) != 0) exit(1);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return server;
}

static void send_all(int client, const char *data, long count) {
  while (count > 0) {
    const ssize_t sent = send(client, data, (size_t)count, MSG_NOSIGNAL);
    if (sent <= 0) return;
    data += sent;
    count -= sent;
  }
}

/* Where the request's range begins, or less than 0. */
static long read_request(int client) {
  static char text[65536];
  size_t used = 0;
  while (used < sizeof text - 1) {
    const ssize_t got = recv(client, text + used, sizeof text - 1 - used, 0);
    if (got <= 0) break;
    used += (size_t)got;
    text[used] = '\0';
    if (strstr(text, "\r\n\r\n") != NULL) break;
  }
  const char *range = strstr(text, "Range: bytes=");
  return range != NULL ? atol(range + strlen("Range: bytes=")) : -1;
}

static void answer(int client, const char *mode, long from, long cut) {
  char head[256];
  if (strcmp(mode, "slow") == 0) sleep(1);
  if (strcmp(mode, "whole") == 0) from = -1;
  if (strcmp(mode, "missing") == 0 || from >= size) {
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsorry",
             from >= size ? "416 Range Not Satisfiable" : "404 Not Found");
    send_all(client, head, (long)strlen(head));
    return;
  }
  const long start = from > 0 ? from : 0, count = size - start;
  snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %ld\r\nConnection: close\r\n",
           from >= 0 ? "206 Partial Content" : "200 OK", count);
  send_all(client, head, (long)strlen(head));
  if (from >= 0) snprintf(head, sizeof head, "Content-Range: bytes %ld-%ld/%ld\r\n", start, size - 1, size);
  if (from >= 0) send_all(client, head, (long)strlen(head));
  send_all(client, "\r\n", 2);
  send_all(client, bytes + start, cut >= 0 && cut < count ? cut : count);
}

int main(int argc, char **argv) {
  if (argc < 4 || load(argv[1]) != 0) return 2;
  const char *mode = argv[3];
  const long cut = argc > 4 ? atol(argv[4]) : -1;
  long times = argc > 5 ? atol(argv[5]) : 1000000;
  const int server = listen_on_loopback();
  alarm(300); /* whatever becomes of the test */
  for (int client; (client = accept(server, NULL, NULL)) >= 0;) {
    const long from = read_request(client);
    FILE *log = fopen(argv[2], "a");
    if (log == NULL) return 1;
    if (from >= 0)
      fprintf(log, "%ld\n", from);
    else
      fprintf(log, "whole\n");
    fclose(log);
    answer(client, mode, from, strcmp(mode, "cut") == 0 && times-- > 0 ? cut : -1);
    shutdown(client, SHUT_WR);
    close(client);
  }
  return 1;
}
