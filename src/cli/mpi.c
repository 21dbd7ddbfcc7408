#include "cli/mpi.h"

#include <errno.h>
#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include <xxhash.h>

#include "cli/stop.h"
#include "core/clock.h"
#include "core/log.h"
#include "train/ranks.h"

enum { NOTICE = 1 };      /* a message's tag: its sender has failed */
#define LOOK_EVERY 0.02   /* seconds between looks at the others */
#define SOON 0.5          /* before the launcher's patience ends, which for Open MPI is a second */
#define AFTER_SIGNAL 60.0 /* that a sum may take once this process was told to stop */
#define PATIENCE 5.0      /* that a rank which has failed waits for the others to hear of it */

/* Where a rank runs; those of the same system see each other's process. */
typedef struct {
  char system[96];
  int64_t process;
} place;

/* Sums are made in memory of their own: who began one may have gone when it goes on. */
typedef struct pending {
  MPI_Request request;
  void *values;
  size_t bytes, room;
  char *sent, *sum;
  struct pending *next; /* of those not in use */
} pending;

static struct {
  MPI_Comm sums, last; /* the second for notices and the end */
  int count, own;
  place *places;
  const volatile sig_atomic_t *stop;
  double looked, told; /* csa_seconds(); when it first waited with a signal there */
  int gone;            /* who keeps a sum from being done, or -1 */
  bool lost;           /* without a word */
  pending *spare;
} mpi = {.gone = -1};

static csa_status check(int error, const char *call) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length;
  if (error == MPI_SUCCESS) return CSA_OK;
  MPI_Error_string(error, text, &length);
  return csa_fail(CSA_FAILED, "mpi: %s: %s", call, text);
}

static csa_status look_for_lost(void) {
  for (int i = 0; i < mpi.count; i++) {
    if (mpi.places[i].process == 0 || kill((pid_t)mpi.places[i].process, 0) == 0 || errno != ESRCH) continue;
    mpi.gone = i;
    mpi.lost = true;
    return csa_fail(CSA_FAILED, "ranks: rank %d was lost: its process has ended", i);
  }
  return CSA_OK;
}

static csa_status look_for_notice(void) {
  MPI_Status from;
  int there;
  CSA_TRY(check(MPI_Iprobe(MPI_ANY_SOURCE, NOTICE, mpi.last, &there, &from), "MPI_Iprobe"));
  if (!there) return CSA_OK;
  mpi.gone = from.MPI_SOURCE;
  return csa_fail(CSA_FAILED, "ranks: rank %d has failed", mpi.gone);
}

/* A rank of another system may be lost unseen; its launcher then tells the others to stop, and soon ends them. */
static csa_status look_for_signal(double now) {
  static bool said;
  if (*mpi.stop == 0) return CSA_OK;
  if (mpi.told == 0.0) mpi.told = now;
  if (!said && now - mpi.told > SOON) {
    said = true;
    csa_log("other ranks do not answer; if one is lost, train --resume goes on from the last checkpoint");
  }
  if (now - mpi.told < AFTER_SIGNAL) return CSA_OK;
  mpi.lost = true;
  return csa_fail(CSA_FAILED, "ranks: a rank was lost: %.0f s after signal %d there is still no sum", AFTER_SIGNAL,
                  (int)*mpi.stop);
}

static csa_status look_around(void) {
  const double now = csa_seconds();
  if (now - mpi.looked < LOOK_EVERY) return CSA_OK;
  mpi.looked = now;
  CSA_TRY(look_for_notice());
  CSA_TRY(look_for_lost());
  return look_for_signal(now);
}

static csa_status take(size_t bytes, pending **out) {
  pending **at = &mpi.spare;
  while (*at != NULL && (*at)->room < bytes) at = &(*at)->next;
  *out = *at;
  if (*out != NULL) {
    *at = (*out)->next;
    return CSA_OK;
  }
  CSA_TRY(csa_new(out, 1, sizeof **out));
  (*out)->room = bytes;
  csa_status status = csa_new(&(*out)->sent, bytes, 1);
  if (status == CSA_OK) status = csa_new(&(*out)->sum, bytes, 1);
  if (status == CSA_OK) return CSA_OK;
  free((*out)->sent);
  free(*out);
  return status;
}

static csa_status begin(void **request, void *values, int64_t count, csa_ranks_type type) {
  const bool floats = type == CSA_RANKS_FLOAT;
  const size_t bytes = (size_t)count * (floats ? sizeof(float) : sizeof(int64_t));
  pending *p;
  if (count > INT_MAX) return csa_fail(CSA_FAILED, "mpi: %lld numbers at once are too many", (long long)count);
  CSA_TRY(take(bytes, &p));
  p->values = values;
  p->bytes = bytes;
  memcpy(p->sent, values, bytes);
  CSA_TRY(check(
      MPI_Iallreduce(p->sent, p->sum, (int)count, floats ? MPI_FLOAT : MPI_INT64_T, MPI_SUM, mpi.sums, &p->request),
      "MPI_Iallreduce"));
  *request = p;
  return CSA_OK;
}

static csa_status test(void *request, bool *done) {
  pending *p = request;
  int complete;
  CSA_TRY(check(MPI_Test(&p->request, &complete, MPI_STATUS_IGNORE), "MPI_Test"));
  *done = complete != 0;
  if (!*done) return look_around();
  memcpy(p->values, p->sum, p->bytes);
  p->next = mpi.spare;
  mpi.spare = p;
  mpi.told = 0.0;
  return CSA_OK;
}

/* The same for processes that can see each other. */
static void name_system(char text[96]) {
  char boot[40], space[48] = "";
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
  memset(text, 0, 96);
  if (file == NULL) return;
  if (fgets(boot, sizeof boot, file) != NULL && readlink("/proc/self/ns/pid", space, sizeof space - 1) > 0)
    snprintf(text, 96, "%s%s", boot, space);
  fclose(file);
}

static csa_status find_places(void) {
  place own = {.process = (int64_t)getpid()};
  name_system(own.system);
  CSA_TRY(csa_new(&mpi.places, (size_t)mpi.count, sizeof *mpi.places));
  CSA_TRY(check(MPI_Allgather(&own, (int)sizeof own, MPI_BYTE, mpi.places, (int)sizeof own, MPI_BYTE, mpi.last),
                "MPI_Allgather"));
  for (int i = 0; i < mpi.count; i++) {
    place *p = &mpi.places[i];
    if (own.system[0] == '\0' || strcmp(p->system, own.system) != 0) p->process = 0;
  }
  return CSA_OK;
}

csa_status csa_mpi_join(int count) {
  static csa_ranks_link link = {.begin = begin, .test = test};
  int given;
  mpi.stop = csa_stop_catch();
  CSA_TRY(check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given), "MPI_Init_thread"));
  CSA_TRY(check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler"));
  CSA_TRY(check(MPI_Comm_size(MPI_COMM_WORLD, &mpi.count), "MPI_Comm_size"));
  CSA_TRY(check(MPI_Comm_rank(MPI_COMM_WORLD, &mpi.own), "MPI_Comm_rank"));
  if (mpi.count != count)
    return csa_fail(CSA_USAGE,
                    "mpi: %d processes were started, but %s sees %d\n"
                    "  the launcher must be of the MPI that clsattn was built with",
                    count, csa_mpi_version(), mpi.count);
  CSA_TRY(check(MPI_Comm_dup(MPI_COMM_WORLD, &mpi.sums), "MPI_Comm_dup"));
  CSA_TRY(check(MPI_Comm_dup(MPI_COMM_WORLD, &mpi.last), "MPI_Comm_dup"));
  CSA_TRY(find_places());
  if (mpi.own > 0 && freopen("/dev/null", "w", stdout) == NULL)
    return csa_fail(CSA_OUTPUT, "/dev/null: %s", strerror(errno));
  link.count = mpi.count;
  link.own = mpi.own;
  csa_ranks_join(&link);
  return CSA_OK;
}

/* How a rank ends. */
typedef struct {
  enum { WELL, FAILED, FOLLOWS } how; /* the last: as another has */
  int code;
  uint64_t sentence; /* its hash */
} report;

static void notify(void) {
  for (int i = 0; i < mpi.count; i++) {
    MPI_Request request;
    if (i != mpi.own && MPI_Isend(NULL, 0, MPI_BYTE, i, NOTICE, mpi.last, &request) == MPI_SUCCESS)
      MPI_Request_free(&request);
  }
}

/* Whether all ranks have come; all[count] are then their reports. */
static bool meet(const report *own, report *all) {
  const double start = csa_seconds();
  MPI_Request request;
  int complete = 0;
  if (MPI_Iallgather(own, (int)sizeof *own, MPI_BYTE, all, (int)sizeof *own, MPI_BYTE, mpi.last, &request) !=
      MPI_SUCCESS)
    return false;
  for (int turn = 0;; turn++) {
    if (MPI_Test(&request, &complete, MPI_STATUS_IGNORE) != MPI_SUCCESS) return false;
    if (complete) return true;
    if (mpi.lost || (own->how != WELL && csa_seconds() - start > PATIENCE)) return false;
    csa_ranks_nap(turn);
    if (turn % 100 == 99 && look_for_lost() != CSA_OK) return false;
  }
}

/* What all say is said once, without a rank. */
static void say_own(const report *all) {
  int same = 0;
  for (int i = 0; i < mpi.count; i++) {
    const bool is = all != NULL && all[i].how == FAILED && all[i].sentence == all[mpi.own].sentence;
    if (is && i < mpi.own) return;
    same += is;
  }
  if (same == mpi.count)
    fprintf(stderr, "clsattn: %s\n", csa_last_error());
  else
    fprintf(stderr, "clsattn: rank %d: %s\n", mpi.own, csa_last_error());
}

/* Who speaks for one that is lost; others that fail say it themselves. */
static bool speaks(void) { return mpi.own == (mpi.gone == 0 ? 1 : 0); }

int csa_mpi_leave(csa_status status, int code) {
  const char *sentence = status != CSA_OK ? csa_last_error() : "";
  const report own = {status == CSA_OK     ? WELL
                      : csa_ranks_broken() ? FOLLOWS
                                           : FAILED,
                      code, XXH3_64bits(sentence, strlen(sentence))};
  report *all = calloc((size_t)mpi.count, sizeof *all);
  if (own.how == FAILED) notify();
  const bool met = all != NULL && meet(&own, all);
  if (own.how == FAILED) say_own(met ? all : NULL);
  if (own.how != FAILED && (mpi.lost ? speaks() : own.how == FOLLOWS && mpi.gone < 0))
    fprintf(stderr, "clsattn: %s\n", csa_last_error());
  if (!met) {
    sleep(own.how == FAILED || speaks() ? 0 : 1); /* else it might be ended before it has spoken */
    MPI_Abort(MPI_COMM_WORLD, code != 0 ? code : 1);
    _exit(code != 0 ? code : 1);
  }
  for (int i = mpi.count - 1; i >= 0; i--)
    if (all[i].how == FAILED) code = all[i].code;
  free(all);
  MPI_Finalize();
  return code;
}

const char *csa_mpi_version(void) {
  static char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length;
  if (MPI_Get_library_version(text, &length) != MPI_SUCCESS) return "unknown";
  text[strcspn(text, ",\n")] = '\0';
  return text;
}
