/* Preloaded (LD_PRELOAD), it makes the wall clock jump by years at every look, back and forth; the monotonic one, which
 * no one can set, goes on. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define YEARS (10 * 365 * 86400L)

static long jump(void) {
  static _Atomic int looks;
  return looks++ % 2 == 0 ? YEARS : -YEARS;
}

int clock_gettime(clockid_t clock, struct timespec *t) {
  const int result = (int)syscall(SYS_clock_gettime, clock, t);
  if (result == 0 && clock == CLOCK_REALTIME) t->tv_sec += jump();
  return result;
}

time_t time(time_t *to) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  if (to != NULL) *to = t.tv_sec;
  return t.tv_sec;
}

int gettimeofday(struct timeval *restrict to, void *restrict zone) {
  struct timespec t;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &t);
  *to = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
  return 0;
}
