#include "cli/live.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/clock.h"

#define REDRAW 0.1 /* seconds */
#define WIDTH_MAX 400
#define BAR_LEAST 8
#define BAR_MOST 32
#define PARTS 8

static struct {
  bool known, able, colours, unicode; /* what stderr can do */
  bool drawn;
  const char *name;
  const csa_trainer *trainer;
  double last;               /* when it was drawn */
  double loss;               /* the latest there is; 0 before the first */
  double accuracy;           /* of the last evaluation in this process, or before; below 0: none */
  double test_since, tested; /* when an evaluation began, or 0; how long the last took, or 0 */
} live = {.name = ""};

static void look_at_terminal(void) {
  const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
  live.known = true;
  live.able = isatty(STDERR_FILENO) && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
  live.colours = no_color == NULL || no_color[0] == '\0';
  setlocale(LC_CTYPE, "");
  live.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* Asked each time, as windows change their size. The last column stays free: terminals go to the next line after it. */
static int columns(void) {
  struct winsize size;
  int width = 0;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0) width = size.ws_col;
  const char *said = getenv("COLUMNS");
  if (width == 0 && said != NULL) width = atoi(said);
  if (width <= 1) width = 80;
  return (width < WIDTH_MAX ? width : WIDTH_MAX) - 1;
}

/* How long the rest takes: steps at the rate so far, evaluations as long as the last; before the first, a third of a
 * step's work an image. */
static double seconds_left(const csa_trainer *t, double images_per_s) {
  const csa_progress *p = &t->progress;
  const int64_t train = t->train_images, test = t->dataset->test.count;
  const int64_t done = p->batch * t->config.batch < train ? p->batch * t->config.batch : train;
  const int epochs = t->config.epochs - p->epoch;
  const double evaluation = live.tested > 0.0 ? live.tested : (double)test / (3.0 * images_per_s);
  return ((double)epochs * (double)train - (double)done) / images_per_s + epochs * evaluation;
}

/* The parts of the line, the most wanted first: what does not fit is left out from the end. */
static int make_parts(char parts[PARTS][64], double images_per_s) {
  const csa_trainer *t = live.trainer;
  int n = 0;
  snprintf(parts[n++], 64, "epoch %d/%d", t->progress.epoch + 1, t->config.epochs);
  if (live.loss > 0.0) snprintf(parts[n++], 64, "loss %.3f", live.loss);
  if (images_per_s > 0.0) {
    const long left = (long)seconds_left(t, images_per_s);
    snprintf(parts[n++], 64, "%ld:%02ld:%02ld left", left / 3600, left / 60 % 60, left % 60);
  }
  if (live.accuracy >= 0.0) snprintf(parts[n++], 64, "accuracy %.2f %%", 100.0 * live.accuracy);
  if (images_per_s > 0.0) snprintf(parts[n++], 64, "%.0f images/s", images_per_s);
  snprintf(parts[n++], 64, "%.60s", t->replicas[0].device->info.name);
  snprintf(parts[n++], 64, "%.0f MiB", (double)csa_trainer_bytes(t) / 1048576.0);
  return n;
}

static void draw_bar(int width, double done) {
  const int full = (int)(done * width + 0.5);
  const char *const marks[] = {live.unicode ? "━" : "#", live.unicode ? "─" : "."};
  if (live.colours) fputs("\033[32m", stderr);
  for (int i = 0; i < width; i++) {
    if (live.colours && i == full) fputs("\033[39m", stderr);
    fputs(marks[i >= full], stderr);
  }
  fputs(live.colours ? "\033[39m " : " ", stderr);
}

/* Draws a bar of what is done (below 0: none) and the parts that fit. */
static void draw(double done, char parts[PARTS][64], int count) {
  char text[WIDTH_MAX + 1] = "";
  const int width = columns();
  int used = snprintf(text, sizeof text, "%.*s%s", width > 20 ? width - 20 : 0, live.name, live.name[0] ? ": " : "");
  const int bar_room = done >= 0.0 && width - used >= 3 * BAR_LEAST ? BAR_LEAST + 1 : 0;
  for (int i = 0; i < count; i++) {
    const int length = (int)strlen(parts[i]) + (i > 0 ? 2 : 0);
    if (used + length > width - bar_room) break;
    used += snprintf(text + used, sizeof text - (size_t)used, "%s%s", i > 0 ? ", " : "", parts[i]);
  }
  const int bar = width - used - 1 < BAR_MOST ? width - used - 1 : BAR_MOST;
  fputc('\r', stderr);
  if (bar_room > 0) draw_bar(bar, done);
  fprintf(stderr, "%s\033[K", text);
  fflush(stderr);
  live.drawn = true;
  live.last = csa_seconds();
}

void csa_live_begin(const char *name, const csa_trainer *trainer) {
  if (!live.known) look_at_terminal();
  live.name = name;
  live.trainer = trainer;
  live.loss = live.tested = live.test_since = live.last = 0.0;
  live.accuracy = -1.0;
}

void csa_live_step(void *user, const csa_progress *p, double images_per_s) {
  char parts[PARTS][64];
  (void)user;
  if (!live.able) return;
  const double now = csa_seconds();
  if (live.test_since > 0.0) live.tested = now - live.test_since;
  live.test_since = 0.0;
  if (now - live.last < REDRAW) return;
  if (p->interval_batches > 0) live.loss = p->interval_sum / (double)p->interval_batches;
  if (p->epoch > 0) live.accuracy = p->test_accuracy;
  const csa_trainer *t = live.trainer;
  const double batches = (double)t->train_images / t->config.batch;
  const double done = (double)p->batch / batches;
  draw(done < 1.0 ? done : 1.0, parts, make_parts(parts, images_per_s));
}

void csa_live_test(void *user) {
  (void)user;
  live.test_since = csa_seconds();
  csa_live_say("testing");
}

void csa_live_selftest(const char *device, const char *what, size_t done, size_t count) {
  char parts[PARTS][64];
  if (!live.known) look_at_terminal();
  if (what == NULL) csa_live_clear();
  if (!live.able || what == NULL) return;
  snprintf(parts[0], 64, "testing %.16s, %zu of %zu", device, done, count);
  snprintf(parts[1], 64, "%.63s", what);
  draw((double)done / (double)count, parts, 2);
}

void csa_live_say(const char *what) {
  char parts[PARTS][64];
  if (!live.able) return;
  snprintf(parts[0], 64, "%.40s on %.16s", what, live.trainer->replicas[0].device->info.name);
  draw(-1.0, parts, 1);
}

void csa_live_loss(double loss) { live.loss = loss; }

void csa_live_clear(void) {
  if (!live.drawn) return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
  live.drawn = false;
}
