/* Trials of tuning: contenders for the best parameters of a kernel, who must first compute what the defaults do. */
#ifndef CSA_MEASURE_TUNER_TRIAL_H
#define CSA_MEASURE_TUNER_TRIAL_H

#include <signal.h>

#include "core/rng.h"
#include "device/gemm.h"
#include "model/graph.h"

#define CSA_CONTENDERS_MAX 24
#define CSA_TRIAL_PARTS 8

/* Parameters on trial, in a plan that is ready to run. */
typedef struct {
  csa_tuning_entry entry;                              /* without values: the defaults, the first contender of all */
  csa_gemm_provider provider;                          /* of a product; auto: the subject's */
  char fault[200];                                     /* why it does not count; empty where it does */
  csa_plan *plan;                                      /* perhaps shared */
  csa_graph *graph;                                    /* its own, with the plan; NULL where the plan is the trial's */
  size_t first[CSA_TRIAL_PARTS], end[CSA_TRIAL_PARTS]; /* the launches that are timed */
  int parts;
  csa_tensor *results[CSA_TRIAL_PARTS]; /* what is compared */
  int result_count;
  double seconds; /* a run's median; 0: not timed to the end */
  double gain;    /* so many times as fast as the first contender in the runs beside it, the median */
  bool sure;      /* that it was faster in all of those but one */
} csa_contender;

/* A layer by itself. */
typedef struct {
  const csa_layer_ops *ops;
  csa_layer_config config;
  csa_shape in, residual; /* residual of rank 0: none */
} csa_contest_spec;

/* A kernel, what it is tried on, and what is wanted of it. */
typedef struct {
  csa_device *device;
  csa_choices choices;
  char kernel[CSA_TUNING_TEXT], shape[CSA_TUNING_TEXT];
  csa_gemm_call product;  /* of the shape; m 0: not a product */
  csa_contest_spec layer; /* where it is not a product: a layer that has the kernel */
  csa_dtype types[3];     /* of A, B and C */
  const csa_tuning *base; /* what holds for all contenders; NULL: the defaults */
  bool all;               /* contenders are timed to the end, however slow */
  const volatile sig_atomic_t *stop;
  double deadline; /* csa_seconds() */
  void *user;
  void (*on_note)(void *user, const char *note); /* hears of contenders that do not count */
} csa_subject;

/* Whether a signal came or time is up: then CSA_INTERRUPTED. */
csa_status csa_subject_stopped(const csa_subject *subject);

/* Tries contenders [count], the first with the defaults: compares what they compute with the first's (for a product,
 * that itself with the reference), then times them in turns. Faults and medians are set. With `whole` a product is
 * tried at its own size; else, where that is long, at a smaller one. CSA_FAILED if the defaults compute wrongly. */
csa_status csa_contest_run(const csa_subject *subject, csa_contender *contenders, int count, bool whole);

/* Parts of csa_contest_run. A plan with the product as each contender makes it, that plan's or, with one, its own; once
 * it is bound: operands, and the first one's result beside the reference. */
csa_status csa_contest_build_product(const csa_subject *subject, const csa_gemm_call *product,
                                     csa_contender *contenders, int count, csa_plan **plan);
csa_status csa_contest_load_product(const csa_gemm_call *product, const csa_contender *first);

/* Operations of all its products, of a product whose every size is filled in. */
double csa_contest_flops(const csa_gemm_call *product);

/* Fills a tensor with numbers uniform in [-1, 1); *kept: what they became there, to be released; NULL: nobody asks. */
csa_status csa_contest_draw(csa_device *device, const csa_tensor *tensor, csa_rng rng, float **kept);

/* For a layer: a graph of it for each contender, placed; and, once it is bound, with values in it. */
csa_status csa_contest_build_layer(const csa_subject *subject, csa_contender *contender);
csa_status csa_contest_load_layer(const csa_contender *contender);

/* Records the layer alone, forward and backward: a graph that is not yet placed. */
csa_status csa_contest_layer(csa_graph **graph, csa_device *device, csa_choices choices, const csa_contest_spec *spec);

#endif
