#include "scaling/gates.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "opencl/layer.h"

#define DEVICES 16
#define GATE_FROM 500000   /* nanoseconds of delay that are worth a gate */
#define SETTLE_FROM 100000 /* the same before the host or another queue is told */
#define PATIENCE 60        /* seconds that a queue's last groups are waited for */

typedef struct group {
  struct group *after;
  slow_queue *queue;
  slow_launch launches[SLOW_LAUNCHES];
  int count;
  bool failed;
  bool behind_gate;
  cl_event gate; /* or NULL */
  int64_t first, due;
} group;

struct slow_device {
  cl_device_id id;
  unsigned platform, number;
  double factor;
  uint64_t hash;      /* of its name: devices of a kind share costs */
  int64_t clock;      /* when it is done with all that it was given and that has run */
  int64_t since;      /* when the first launch was ready that no gate has followed yet, or 0 */
  int64_t busy_until; /* when its last gate opened */
  int64_t own, slowed, took;
  unsigned long launches, unknown, gates, early, late, errors;
  int64_t worst;
  bool used;
};

struct slow_queue {
  slow_queue *after;
  cl_command_queue id;
  cl_context context;
  slow_device *device;
  pthread_mutex_t mutex;
  group *open;
  double debt; /* nanoseconds of delay that the open group has earned */
  bool apart, behind_gate, keeps_times;
  int references;
  int under_way;     /* groups that were closed and are not done */
  int gates_shut;    /* of those, with a gate that is known to the thread and shut */
  cl_ulong last_end; /* of the last launch, by the device's clock */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake, idle; /* for the thread; for who waits for groups */
static pthread_t thread;
static bool running, ending, learning;
static slow_device devices[DEVICES];
static int device_count;
static slow_queue *queues;
static group *arrived, **arrived_last = &arrived; /* their launches have run */
static group *shut;                               /* their gates are to be opened when due */

int64_t slow_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

void slow_lock(void) { pthread_mutex_lock(&lock); }
void slow_unlock(void) { pthread_mutex_unlock(&lock); }

void slow_set_learning(void) { learning = true; }

bool slow_set_factor(unsigned platform, unsigned device, double factor) {
  if (device_count == DEVICES) return false;
  devices[device_count++] = (slow_device){.platform = platform, .number = device, .factor = factor};
  return true;
}

/* Which of the devices this is; handles are known from the program's first call on. Where all are measured they get
 * their places as they come. */
static slow_device *device_find(cl_device_id id) {
  for (int i = 0; i < device_count; i++) {
    if (devices[i].id == NULL) devices[i].id = layer_device(devices[i].platform, devices[i].number);
    if (devices[i].id == id) return &devices[i];
  }
  for (unsigned platform = 0; learning && platform < 64; platform++)
    for (unsigned number = 0; number < 64 && layer_device(platform, number) != NULL; number++)
      if (layer_device(platform, number) == id && slow_set_factor(platform, number, 1.0)) {
        devices[device_count - 1].id = id;
        return &devices[device_count - 1];
      }
  return NULL;
}

bool slow_device_meant(cl_device_id id) {
  slow_lock();
  const slow_device *device = device_find(id);
  const bool meant = device != NULL && (learning || device->factor > 1.0);
  slow_unlock();
  return meant;
}

static void release_events(group *done) {
  for (int i = 0; i < done->count; i++) next->clReleaseEvent(done->launches[i].event);
  if (done->gate != NULL) next->clReleaseEvent(done->gate);
}

/* When the launches of a group would be done on the slowed device, one after the other. A launch is ready when it was
 * asked for, or, if it had something else to wait for, when it really began. With the lock. */
static void replay(group *of, const cl_ulong (*times)[3]) {
  slow_queue *queue = of->queue;
  slow_device *device = queue->device;
  for (int i = 0; i < of->count; i++) {
    const slow_launch *launch = &of->launches[i];
    const cl_ulong queued = times[i][0], start = times[i][1], end = times[i][2];
    const bool first_behind_gate = i == 0 && of->behind_gate;
    cl_ulong from = start; /* what the driver takes between kernels is the kernel's, too */
    if (!launch->apart && !first_behind_gate) from = queue->last_end > queued ? queue->last_end : queued;
    slow_cost_add(launch->cost, end > from ? (int64_t)(end - from) : 1);
    const int64_t ready = launch->apart ? launch->queued + (int64_t)(start - queued) : launch->asked;
    const int64_t cost = slow_cost_value(launch->cost), slowed = (int64_t)(device->factor * (double)cost);
    if (device->since == 0) device->since = ready;
    if (device->clock < ready) device->clock = ready;
    device->clock += slowed;
    device->own += cost;
    device->slowed += slowed;
    device->unknown += !launch->cost->given;
    queue->last_end = end;
  }
  device->launches += (unsigned long)of->count;
  of->first = device->since;
  if (of->gate != NULL) device->since = 0;
  if (queue->gates_shut > 0) device->early++; /* it ran, though it was behind that gate */
}

/* A group has run: its launches' times are read, its gate gets its time. */
static void take(group *of) {
  cl_ulong times[SLOW_LAUNCHES][3];
  const cl_profiling_info which[3] = {CL_PROFILING_COMMAND_QUEUED, CL_PROFILING_COMMAND_START,
                                      CL_PROFILING_COMMAND_END};
  bool known = !of->failed;
  for (int i = 0; i < of->count && known; i++)
    for (int j = 0; j < 3 && known; j++)
      known = next->clGetEventProfilingInfo(of->launches[i].event, which[j], sizeof times[i][j], &times[i][j], NULL) ==
              CL_SUCCESS;
  slow_lock();
  if (known)
    replay(of, (const cl_ulong(*)[3])times);
  else
    of->queue->device->errors++;
  of->due = known ? of->queue->device->clock : 0;
  if (of->gate != NULL) {
    of->queue->gates_shut++;
    of->after = shut;
    shut = of;
    slow_unlock();
    return;
  }
  of->queue->under_way--;
  pthread_cond_broadcast(&idle);
  slow_unlock();
  release_events(of);
  free(of);
}

static void open_gate(group *of) {
  slow_device *device = of->queue->device;
  const int64_t now = slow_now(), late = now - of->due;
  slow_lock();
  of->queue->gates_shut--; /* before it opens: what runs from now on is not early */
  slow_unlock();
  const cl_int error = next->clSetUserEventStatus(of->gate, CL_COMPLETE);
  release_events(of);
  slow_lock();
  device->gates++;
  device->errors += error != CL_SUCCESS;
  if (of->due > 0) {
    const int64_t begun = of->first > device->busy_until ? of->first : device->busy_until;
    if (now > begun) device->took += now - begun;
    device->late += late > GATE_FROM;
    if (late > device->worst) device->worst = late;
    device->busy_until = now;
  }
  of->queue->under_way--;
  pthread_cond_broadcast(&idle);
  slow_unlock();
  free(of);
}

static group **earliest(void) {
  group **found = &shut;
  for (group **each = &shut; *each != NULL; each = &(*each)->after)
    if ((*each)->due < (*found)->due) found = each;
  return found;
}

static void *run_clocks(void *unused) {
  (void)unused;
  slow_lock();
  for (;;) {
    group **first = earliest();
    group *of = arrived;
    if (of != NULL) {
      arrived = of->after;
      if (arrived == NULL) arrived_last = &arrived;
      slow_unlock();
      take(of);
      slow_lock();
    } else if (*first != NULL && (ending || (*first)->due <= slow_now())) {
      of = *first;
      *first = of->after;
      slow_unlock();
      open_gate(of);
      slow_lock();
    } else if (*first != NULL) {
      const struct timespec due = {(time_t)((*first)->due / 1000000000), (long)((*first)->due % 1000000000)};
      pthread_cond_timedwait(&wake, &lock, &due);
    } else if (!ending) {
      pthread_cond_wait(&wake, &lock);
    } else {
      break;
    }
  }
  slow_unlock();
  return NULL;
}

static void CL_CALLBACK arrive(cl_event event, cl_int status, void *user) {
  group *of = user;
  (void)event;
  slow_lock();
  of->failed = status < 0;
  of->after = NULL;
  *arrived_last = of;
  arrived_last = &of->after;
  pthread_cond_signal(&wake);
  slow_unlock();
}

/* With the lock. */
static bool start_thread(void) {
  pthread_condattr_t attributes;
  if (running) return true;
  if (pthread_condattr_init(&attributes) != 0) return false;
  running = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
            pthread_cond_init(&wake, &attributes) == 0 && pthread_cond_init(&idle, &attributes) == 0 &&
            pthread_create(&thread, NULL, run_clocks, NULL) == 0;
  pthread_condattr_destroy(&attributes);
  return running;
}

static uint64_t hash_name(cl_device_id id) {
  char name[256] = "";
  next->clGetDeviceInfo(id, CL_DEVICE_NAME, sizeof name, name, NULL); /* else all unnamed ones are of a kind */
  return slow_hash(SLOW_HASH_START, name, strnlen(name, sizeof name));
}

cl_int slow_queue_add(cl_command_queue id, cl_context context, cl_device_id device, bool keeps_times) {
  slow_queue *queue = calloc(1, sizeof *queue);
  if (queue == NULL) return CL_OUT_OF_HOST_MEMORY;
  queue->id = id;
  queue->context = context;
  queue->keeps_times = keeps_times;
  queue->references = 1;
  queue->apart = true;
  slow_lock();
  queue->device = device_find(device);
  if (queue->device == NULL || !start_thread() || pthread_mutex_init(&queue->mutex, NULL) != 0) {
    slow_unlock();
    free(queue);
    return CL_OUT_OF_RESOURCES;
  }
  queue->device->hash = hash_name(device);
  queue->device->used = true;
  queue->after = queues;
  queues = queue;
  slow_unlock();
  return CL_SUCCESS;
}

slow_queue *slow_queue_find(cl_command_queue id) {
  slow_lock();
  slow_queue *queue = queues;
  while (queue != NULL && queue->id != id) queue = queue->after;
  slow_unlock();
  return queue;
}

void slow_queue_lock(slow_queue *queue) { pthread_mutex_lock(&queue->mutex); }
void slow_queue_unlock(slow_queue *queue) { pthread_mutex_unlock(&queue->mutex); }
bool slow_queue_keeps_times(const slow_queue *queue) { return queue->keeps_times; }
uint64_t slow_queue_device(const slow_queue *queue) { return queue->device->hash; }
void slow_queue_apart(slow_queue *queue) { queue->apart = true; }

static cl_int set_gate(slow_queue *queue, group *of, cl_event *barrier) {
  cl_int error;
  of->gate = next->clCreateUserEvent(queue->context, &error);
  if (of->gate == NULL) return error;
  error = next->clEnqueueBarrierWithWaitList(queue->id, 1, &of->gate, barrier);
  if (error == CL_SUCCESS) return CL_SUCCESS;
  next->clReleaseEvent(of->gate);
  of->gate = NULL;
  return error;
}

/* The open group goes its way, with a gate or without. */
static cl_int close_group(slow_queue *queue, bool gated, cl_event *barrier) {
  group *of = queue->open;
  if (of == NULL) return CL_SUCCESS;
  queue->open = NULL;
  queue->debt = 0.0;
  const cl_int error = gated ? set_gate(queue, of, barrier) : CL_SUCCESS;
  queue->behind_gate = of->gate != NULL;
  slow_lock();
  queue->under_way++;
  slow_unlock();
  const cl_event last = of->launches[of->count - 1].event;
  const cl_int unheard = next->clSetEventCallback(last, CL_COMPLETE, arrive, of);
  if (unheard != CL_SUCCESS) arrive(last, unheard, of); /* so its gate opens at once */
  return error != CL_SUCCESS ? error : unheard;
}

cl_int slow_queue_launch(slow_queue *queue, const slow_launch *launch, cl_event *barrier) {
  const double factor = queue->device->factor;
  if (queue->open == NULL) {
    queue->open = calloc(1, sizeof *queue->open);
    if (queue->open == NULL) {
      next->clReleaseEvent(launch->event);
      return CL_OUT_OF_HOST_MEMORY;
    }
    queue->open->queue = queue;
    queue->open->behind_gate = queue->behind_gate;
  }
  group *of = queue->open;
  of->launches[of->count] = *launch;
  of->launches[of->count++].apart |= queue->apart;
  queue->apart = false;
  slow_lock();
  const int64_t cost = slow_cost_value(launch->cost);
  slow_unlock();
  queue->debt += (factor - 1.0) * (double)cost;
  if (factor > 1.0 && cost == 0) queue->debt += GATE_FROM; /* nothing is known of it yet */
  if (queue->debt >= GATE_FROM) return close_group(queue, true, barrier);
  return of->count == SLOW_LAUNCHES ? close_group(queue, false, NULL) : CL_SUCCESS;
}

cl_int slow_queue_settle(slow_queue *queue, cl_event *barrier) {
  return queue->debt >= SETTLE_FROM ? close_group(queue, true, barrier) : CL_SUCCESS;
}

void slow_queue_retain(slow_queue *queue) {
  slow_lock();
  queue->references++;
  slow_unlock();
}

bool slow_queue_release(slow_queue *queue) {
  slow_lock();
  const bool last = --queue->references == 0;
  slow_unlock();
  if (!last) return false;
  slow_queue_lock(queue);
  cl_int error = close_group(queue, false, NULL);
  if (error == CL_SUCCESS) error = next->clFinish(queue->id);
  slow_queue_unlock(queue);
  const struct timespec until = {(time_t)(slow_now() / 1000000000 + PATIENCE), 0};
  slow_lock();
  while (queue->under_way > 0 && pthread_cond_timedwait(&idle, &lock, &until) == 0) continue;
  queue->device->errors += error != CL_SUCCESS || queue->under_way > 0;
  const bool done = queue->under_way == 0;
  slow_queue **each = &queues;
  while (*each != queue) each = &(*each)->after;
  *each = queue->after;
  slow_unlock();
  if (!done) return true; /* its groups still point to it */
  pthread_mutex_destroy(&queue->mutex);
  free(queue);
  return true;
}

void slow_end(void) {
  slow_lock();
  ending = true;
  const bool join = running;
  if (join) pthread_cond_signal(&wake);
  slow_unlock();
  if (join) pthread_join(thread, NULL);
  for (int i = 0; i < device_count; i++) {
    const slow_device *d = &devices[i];
    if (!d->used) continue;
    fprintf(stderr,
            "slow: %u:%u: factor %g, launches %lu, unknown %lu, own %.6f s, slowed %.6f s, took %.6f s, gates %lu, "
            "early %lu, late %lu, latest %.3f ms, errors %lu\n",
            d->platform, d->number, d->factor, d->launches, d->unknown, 1e-9 * (double)d->own, 1e-9 * (double)d->slowed,
            1e-9 * (double)d->took, d->gates, d->early, d->late, 1e-6 * (double)d->worst, d->errors);
  }
}
