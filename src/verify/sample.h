/* Training on images and labels that are drawn: what devices are compared on. */
#ifndef CSA_VERIFY_SAMPLE_H
#define CSA_VERIFY_SAMPLE_H

#include "model/architecture.h"
#include "model/optimizer.h"

/* A device and how it computes. */
typedef struct {
  csa_device *device;
  csa_choices choices;
} csa_side;

typedef struct {
  csa_architecture architecture;
  int batch, steps;
  uint64_t seed; /* of parameters, images and labels */
} csa_sample_config;

typedef struct {
  const csa_sample_config *config;
  csa_graph *graph;
  csa_optimizer optimizer;
} csa_sample;

/* A model in training, by Adam with the default learning rate; its parameters are not drawn yet. `keep_all`: every
 * tensor of a step can be read after it. Config and device must last as long; `sample->graph` is to be destroyed even
 * after a failure. */
csa_status csa_sample_create(csa_sample *sample, const csa_side *side, const csa_sample_config *config, bool keep_all);

/* Queues step `number`, from 1. */
csa_status csa_sample_step(csa_sample *sample, int number);

/* Uploads the batch of a step: neighbouring pixels alike, as in pictures, in about [-1, 1]; the same for the same seed,
 * on any device. */
csa_status csa_sample_batch(csa_graph *graph, int classes, uint64_t seed, int step);

#endif
