/* The scheduler: a step is a list of launches, recorded once and replayed. What changes from step to step is in one
 * small struct on the device, step_state, that kernels read. */
#ifndef CSA_MODEL_SCHEDULE_H
#define CSA_MODEL_SCHEDULE_H

#include "model/graph.h"

/* The same struct as in cl/common.clh. */
typedef struct {
  cl_float lr;          /* learning rate of this step */
  cl_float correction1; /* 1 - beta1^t */
  cl_float correction2; /* sqrt(1 - beta2^t) */
  cl_int active;        /* images of this batch that count, 1 .. batch */
  cl_int images;        /* of all batches of the step: devices share it, and may take it in parts; 0: just these */
  cl_int first;         /* of this batch, its first one's number in the step */
  cl_int part;          /* number of this batch in the step, on this device: results are added to those of part 0 */
  cl_int offset;        /* of this batch in the list of indices */
  cl_int slot;          /* of this batch in the history of losses, 0 .. CSA_HISTORY-1 */
  cl_float scale;       /* of the loss: 1, unless the graph has a scaler, which then writes it on the device */
  cl_int finite;        /* 1, and less where the update list's guard finds that it is not; the host need not write it */
  cl_float clip;        /* factor of the gradients: 1, unless the update list bounds their norm */
  cl_int training;      /* whether this is a step of training, not of evaluation */
  cl_uint seed[2];      /* of the run, low word first: the key of random numbers drawn on the device */
  cl_uint step;         /* number of this step, from 0: part of their counter */
} csa_step_state;

/* Ends recording and makes the graph ready to run: places, allocates, builds and binds; or only the last three. */
csa_status csa_schedule_prepare(csa_graph *graph);
csa_status csa_schedule_bind(csa_graph *graph);

/* Loss scale and guard as before the first step, which binding makes them. */
csa_status csa_schedule_reset(csa_graph *graph);

/* Queues the new state; launches queued before it still see the old one. */
csa_status csa_schedule_state(csa_graph *graph, const csa_step_state *state);

/* The scale of the gradients that the last step left; waits for it. */
csa_status csa_schedule_scale(csa_graph *graph, float *scale);

/* Before the parts of a step: where the graph accumulates, its gradients are zeros again. */
csa_status csa_schedule_begin(csa_graph *graph);

/* In place of a micro-step, where the graph has no image of a step: all that the update needs of one. */
csa_status csa_schedule_no_images(csa_graph *graph);

/* Queues the forward part of the micro-step, all of it, or the update. Nothing waits. */
csa_status csa_schedule_forward(csa_graph *graph);
csa_status csa_schedule_micro_step(csa_graph *graph);
csa_status csa_schedule_update(csa_graph *graph);

/* Waits until at most two of the calls to this function lie ahead of the device: the host may prepare the next step,
 * but not run away. */
csa_status csa_schedule_pace(csa_graph *graph);

#endif
