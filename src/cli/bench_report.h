/* What `bench` measured, and the forms in which it is told. */
#ifndef CSA_CLI_BENCH_REPORT_H
#define CSA_CLI_BENCH_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "core/machine.h"
#include "device/chip.h"
#include "measure/roofline.h"
#include "measure/target.h"
#include "report/table.h"

#define CSA_BENCH_MODELS 2
#define CSA_BENCH_PRODUCTS 48
#define CSA_BENCH_ERROR 1024
#define CSA_BENCH_TEXT 1280 /* bytes of a sentence */

typedef struct {
  const char *name; /* "vit", "cnn" */
  csa_benchmark speed;
  double cold_s, warm_s; /* until kernels are ready, with empty caches and with full ones; below 0: not measured */
  csa_target target;     /* wanted = 0: not asked for */
} csa_bench_model;

/* One device. */
typedef struct {
  csa_device_info info;
  char chip[CSA_CHIP]; /* empty: not known */
  char date[32];       /* when it was begun, ISO 8601 */
  double load;         /* of the machine before; below 0: not known */
  csa_status status;
  char error[CSA_BENCH_ERROR]; /* why it failed; what was measured before is there */
  csa_roofline peak;           /* measured */
  csa_bench_model models[CSA_BENCH_MODELS];
  int model_count;
  csa_product products[CSA_BENCH_PRODUCTS];
  double product_gflops[CSA_BENCH_PRODUCTS];
  int product_count;
} csa_bench_device;

typedef struct {
  csa_bench_device *devices;
  int count;
  csa_machine machine;
  uint64_t seed;
  int64_t epoch_images; /* training images of the data set that seconds per epoch are told of */
  const char *data;     /* its name or path */
} csa_bench;

/* ---- figures */

/* What a model has one number of, in the order in which it is told. `scale` times the JSON number is what is shown. */
typedef struct {
  const char *key;   /* in JSON and CSV */
  const char *title; /* for people */
  const char *unit;
  double scale;
  int digits;
} csa_bench_figure;
enum {
  CSA_BENCH_TRAIN,
  CSA_BENCH_EVAL,
  CSA_BENCH_EPOCH,
  CSA_BENCH_TARGET,
  CSA_BENCH_COLD,
  CSA_BENCH_WARM,
  CSA_BENCH_MEMORY,
  CSA_BENCH_STEP,
  CSA_BENCH_OF_PEAK,
  CSA_BENCH_FIGURES
};
extern const csa_bench_figure csa_bench_figures[CSA_BENCH_FIGURES];

/* The figure by its number, unscaled; false where it was not measured, or the target not reached, and of no model. */
bool csa_bench_value(const csa_bench *bench, const csa_bench_device *device, const csa_bench_model *model, int figure,
                     double *value);

/* The same as it is shown, without its unit: "-" where it was not measured. */
bool csa_bench_value_text(const csa_bench *bench, const csa_bench_device *device, const csa_bench_model *model,
                          int figure, char text[32]);

/* The model of that name; NULL where it was not measured. */
const csa_bench_model *csa_bench_model_named(const csa_bench_device *device, const char *name);

/* The device that has most models, as what fails ends the list. */
const csa_bench_device *csa_bench_fullest(const csa_bench *bench);

/* Whether it worked, or something was measured before it failed. */
bool csa_bench_has_figures(const csa_bench_device *device);

/* Steps of an epoch: fewer, or more, were measured. */
int64_t csa_bench_epoch_steps(const csa_bench *bench, const csa_bench_model *model);

/* "NN", "NT" or "TN"; "clblast" or "native". */
const char *csa_product_form(const csa_product *product);
const char *csa_product_provider(const csa_product *product);

/* A table of them. */
void csa_bench_print_products(const csa_bench_device *device, csa_form form, FILE *out);

/* ---- sentences, without an end */

/* "cpu kernels, products by native, winograd convolutions, activations in f32, untuned" */
void csa_bench_choices_text(const csa_bench_model *model, char text[CSA_BENCH_TEXT]);

/* "accuracy 0.500 on … reached after 3 epochs, 12.1 s of training …", or what was reached instead. */
void csa_bench_target_text(const csa_target *target, char text[CSA_BENCH_TEXT]);

/* "the machine was busy before (load 3.1 on 2 processors): …"; false, and no text, where it was not, or nobody knows.
 */
bool csa_bench_busy_text(const csa_bench *bench, char text[CSA_BENCH_TEXT]);

/* The first device that is the same chip as this one: itself, where none before it is known to be. */
int csa_bench_same_chip(const csa_bench *bench, int device);

/* "cpu0, cpu1 are the same chip (…): …"; false, and no text, where `first` is not the first one of several. */
bool csa_bench_chip_text(const csa_bench *bench, int first, char text[CSA_BENCH_TEXT]);

/* ---- forms */

void csa_bench_print(const csa_bench *bench, int device, FILE *out); /* text */
void csa_bench_print_summary(const csa_bench *bench, FILE *out);     /* text: what is of all */
void csa_bench_print_markdown(const csa_bench *bench, FILE *out);
void csa_bench_print_csv(const csa_bench *bench, FILE *out);

/* One device's document, or {"devices": […]} of several; a new reference; NULL without memory. */
json_t *csa_bench_json(const csa_bench *bench);

/* One step of each model on each device as a timeline that chrome://tracing and Perfetto show: a process for each
 * device, a row for each model. */
csa_status csa_bench_write_trace(const csa_bench *bench, const char *path);

/* A page that needs nothing beside it. */
csa_status csa_bench_write_html(const csa_bench *bench, const char *path);

/* Reads two documents that `bench --json` wrote, and prints B / A for all that both have, in Markdown or JSON; warns in
 * it where devices, drivers or commits differ. What is not such a document, or has nothing in common, is CSA_INPUT. */
csa_status csa_bench_compare(const char *path_a, const char *path_b, bool json);

#endif
