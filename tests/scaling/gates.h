/* The clocks of slowed devices. Launches are gathered in groups; behind one that has earned a delay its queue gets a
 * gate, a barrier that waits for a user event. A thread sets the event at the time at which the slowed device would
 * have been done, which it works out from costs alone: how long the real launches took, beside whatever else ran, does
 * not enter. */
#pragma once

#include <pthread.h>

#include "scaling/costs.h"

#define SLOW_LAUNCHES 64 /* of a group at most */

typedef struct slow_device slow_device;
typedef struct slow_queue slow_queue;

typedef struct {
  cl_event event;
  slow_cost *cost;
  int64_t asked, queued; /* before and after the call that queued it, by our clock */
  bool apart;            /* something other than a kernel is before it, or it waits for an event */
} slow_launch;

/* Set once, before any queue: a device's factor, false if there are too many; or that none is slowed, and all measured.
 */
bool slow_set_factor(unsigned platform, unsigned device, double factor);
void slow_set_learning(void);

/* Whether a device is slowed or measured. */
bool slow_device_meant(cl_device_id id);
/* A queue of such a device. keeps_times: the program itself asked for profiling. */
cl_int slow_queue_add(cl_command_queue id, cl_context context, cl_device_id device, bool keeps_times);
slow_queue *slow_queue_find(cl_command_queue id); /* NULL: of another device */
void slow_queue_retain(slow_queue *queue);
/* True: it was the last reference, and the queue is finished and gone from here. */
bool slow_queue_release(slow_queue *queue);

/* Calls on a queue come one at a time between these. */
void slow_queue_lock(slow_queue *queue);
void slow_queue_unlock(slow_queue *queue);
bool slow_queue_keeps_times(const slow_queue *queue);
uint64_t slow_queue_device(const slow_queue *queue);

/* Takes a launch, whose event is now the group's, and sets a gate if enough has come together; gate as below. */
cl_int slow_queue_launch(slow_queue *queue, const slow_launch *launch, cl_event *gate);
/* Something else than a kernel was queued. */
void slow_queue_apart(slow_queue *queue);
/* Before something that tells the host, or another queue, how far this one is: a gate for what has no gate yet. gate,
 * if not NULL, is the gate's event, or stays NULL if so little was owed that none was set. */
cl_int slow_queue_settle(slow_queue *queue, cl_event *gate);

int64_t slow_now(void);

/* The lock of everything that is shared, costs included. */
void slow_lock(void);
void slow_unlock(void);

/* Opens all gates, ends the thread, and tells about each device. */
void slow_end(void);
