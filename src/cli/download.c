#include "cli/download.h"

#ifdef CSA_HAVE_CURL

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/stop.h"
#include "core/clock.h"
#include "core/log.h"

#define BYTES_MAX ((int64_t)2 << 30) /* no data set that is fetched has more; a server may send without end */
#define TRIES 4
#define MIB 1048576.0

typedef struct {
  const char *url, *path;
  CURL *curl;
  int file;
  int64_t have, total; /* bytes in the file; of the whole, 0 while that is not known */
  bool answered;       /* the current request has an answer that brings bytes */
  bool moved;          /* some connection has */
  bool too_large;
  int error; /* errno of a failed write */
  double start, shown;
  int64_t at_start, tenth; /* of the whole, that were told of */
  const volatile sig_atomic_t *stop;
  char why[CURL_ERROR_SIZE];
} transfer;

/* A line that is drawn over itself on a terminal; elsewhere one for each tenth. */
static void show(transfer *t) {
  const double time = csa_seconds(), seconds = time - t->start;
  if (t->total <= 0) return;
  const int64_t percent = 100 * t->have / t->total;
  const bool live = isatty(STDERR_FILENO), end = t->have == t->total;
  if (live ? time - t->shown < 0.2 && !end : percent / 10 <= t->tenth) return;
  t->shown = time;
  t->tenth = percent / 10;
  fprintf(stderr, "%s%.1f of %.1f MiB (%lld %%), %.1f MiB/s%s", live ? "\r" : "", (double)t->have / MIB,
          (double)t->total / MIB, (long long)percent,
          seconds > 0.0 ? (double)(t->have - t->at_start) / MIB / seconds : 0.0, live && !end ? "  " : "\n");
}

/* Ends a line that would be drawn over. */
static void end_line(const transfer *t) {
  if (t->shown > 0.0 && t->have != t->total && isatty(STDERR_FILENO)) fputc('\n', stderr);
}

/* The file begins anew, where the server does not send the rest alone. */
static bool begin_anew(transfer *t) {
  if (ftruncate(t->file, 0) != 0 || lseek(t->file, 0, SEEK_SET) != 0) {
    t->error = errno;
    return false;
  }
  t->have = t->at_start = t->tenth = 0;
  return true;
}

/* What the head of an answer says, before its first bytes are taken. */
static bool take_head(transfer *t) {
  long code = 0;
  curl_off_t length = -1;
  curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
  curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  if (code != 206 && t->have > 0 && !begin_anew(t)) return false;
  t->total = length >= 0 ? t->have + length : 0;
  t->answered = t->moved = true;
  return true;
}

static size_t take(char *bytes, size_t one, size_t count, void *user) {
  transfer *t = user;
  size_t done = 0;
  const size_t size = one * count;
  if (!t->answered && !take_head(t)) return 0;
  t->too_large = t->have + (int64_t)size > BYTES_MAX;
  if (t->too_large) return 0;
  while (done < size) {
    const ssize_t put = write(t->file, bytes + done, size - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      t->error = errno;
      return 0;
    }
    done += (size_t)put;
    t->have += put;
  }
  show(t);
  return size;
}

static int check_stop(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  (void)a, (void)b, (void)c, (void)d;
  return *((transfer *)user)->stop != 0;
}

static CURLcode request(transfer *t) {
  char range[32];
  snprintf(range, sizeof range, "%lld-", (long long)t->have);
  curl_easy_setopt(t->curl, CURLOPT_RANGE, t->have > 0 ? range : NULL);
  t->answered = false;
  t->why[0] = '\0';
  t->start = csa_seconds();
  t->at_start = t->have;
  return curl_easy_perform(t->curl);
}

/* Whether asking again may help: the connection broke, or the server is overloaded. */
static bool may_pass(const transfer *t, CURLcode code) {
  long answer = 0;
  curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &answer);
  switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return true;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT: return t->moved; /* it was there a moment ago */
    case CURLE_HTTP_RETURNED_ERROR: return answer >= 500;
    default: return false;
  }
}

static csa_status failed(const transfer *t, CURLcode code) {
  if (t->error != 0) return csa_fail(CSA_OUTPUT, "fetch: %s: %s", t->path, strerror(t->error));
  if (*t->stop != 0) return csa_fail(CSA_INTERRUPTED, "fetch: %s: stopped; the same again goes on from here", t->path);
  if (t->too_large) return csa_fail(CSA_INPUT, "fetch: %s: sends more than %lld bytes", t->url, (long long)BYTES_MAX);
  return csa_fail(CSA_INPUT, "fetch: %s: %s", t->url, t->why[0] != '\0' ? t->why : curl_easy_strerror(code));
}

static csa_status transfer_all(transfer *t) {
  for (int tried = 1;; tried++) {
    const CURLcode code = request(t);
    long answer = 0;
    if (code == CURLE_OK) return CSA_OK;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &answer);
    const bool beyond = code == CURLE_HTTP_RETURNED_ERROR && answer == 416 && t->have > 0;
    if (*t->stop != 0 || t->error != 0 || tried == TRIES || (!beyond && !may_pass(t, code))) return failed(t, code);
    if (beyond && !begin_anew(t)) return failed(t, code); /* the file has more than the server */
    end_line(t);
    csa_log("fetch: %s: %s; trying again", t->url, t->why[0] != '\0' ? t->why : curl_easy_strerror(code));
    nanosleep(&(struct timespec){.tv_sec = 1 << (tried - 1)}, NULL); /* a signal cuts it short */
    if (*t->stop != 0) return failed(t, code);
  }
}

static void set_up(transfer *t) {
  curl_easy_setopt(t->curl, CURLOPT_URL, t->url);
  curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(t->curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(t->curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(t->curl, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(t->curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT, 30L);
  curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_TIME, 60L);
  curl_easy_setopt(t->curl, CURLOPT_USERAGENT, "clsattn");
  curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, t->why);
  curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
  curl_easy_setopt(t->curl, CURLOPT_XFERINFOFUNCTION, check_stop);
  curl_easy_setopt(t->curl, CURLOPT_XFERINFODATA, t);
  curl_easy_setopt(t->curl, CURLOPT_NOPROGRESS, 0L);
}

csa_status csa_download(const char *url, const char *path) {
  transfer t = {.url = url, .path = path, .stop = csa_stop_catch()};
  csa_status status;
  t.file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (t.file < 0) return csa_fail(CSA_OUTPUT, "fetch: %s: %s", path, strerror(errno));
  t.have = lseek(t.file, 0, SEEK_END);
  t.curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
  if (t.curl != NULL) {
    set_up(&t);
    status = transfer_all(&t);
    end_line(&t);
  } else {
    status = csa_fail(CSA_FAILED, "fetch: %s: libcurl cannot be set up", url);
  }
  curl_easy_cleanup(t.curl);
  curl_global_cleanup();
  if (close(t.file) != 0 && status == CSA_OK) status = csa_fail(CSA_OUTPUT, "fetch: %s: %s", path, strerror(errno));
  return status;
}

#endif
