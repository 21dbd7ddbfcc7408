/* Batch normalisation over images and pixels, per channel, with ReLU after it where asked, and then + in[1].
 * in, out, in[1] [N, ..., C]; weight, bias [C], and the running statistics, which evaluation uses in place of the
 * batch's: the same launches do both, as the step's state says. */
#include "device/reduce.h"
#include "layers/layer.h"

#define EPSILON 1e-5f

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };
enum { STATS };

static csa_status plan(csa_parameters *parameters, csa_layer *l) {
  const csa_shape in = l->in[0]->shape, shape = csa_shape1(csa_cols(in));
  if (in.rank < 2) return csa_layer_bad(l, "the input is not [images, ..., channels]");
  if (l->in[1] != NULL && !csa_shape_equal(in, l->in[1]->shape))
    return csa_layer_bad(l, "the residual is not of the output's shape");
  CSA_TRY(csa_layer_output(parameters, l, in));
  CSA_TRY(csa_layer_param(parameters, l, WEIGHT, shape, CSA_INIT_ONES, 0, &(csa_part){"weight", shape, false}, 1));
  CSA_TRY(csa_layer_param(parameters, l, BIAS, shape, CSA_INIT_ZEROS, 0, &(csa_part){"bias", shape, false}, 1));
  CSA_TRY(csa_layer_buffer(parameters, l, RUNNING_MEAN, shape, CSA_INIT_ZEROS, "running_mean"));
  CSA_TRY(csa_layer_buffer(parameters, l, RUNNING_VAR, shape, CSA_INIT_ONES, "running_var"));
  return csa_layer_statistics(parameters, l, STATS, csa_shape2(2, shape.dim[0]), "statistics");
}

/* How the rows are shared out. */
typedef struct {
  int rows, cols, pixels; /* pixels: rows of an image */
  int chunks, chunk_rows;
  bool cpu; /* cl/cpu/ takes whole vectors only */
} sizes;

static sizes sizes_of(const csa_plan *p, const csa_layer *l) {
  const csa_shape in = l->in[0]->shape;
  const int rows = (int)csa_rows(in), cols = (int)csa_cols(in), wanted = csa_plan_chunks(p, rows);
  const int chunk_rows = (rows + wanted - 1) / wanted;
  return (sizes){.rows = rows,
                 .cols = cols,
                 .pixels = rows / (int)in.dim[0],
                 .chunks = (rows + chunk_rows - 1) / chunk_rows,
                 .chunk_rows = chunk_rows,
                 .cpu = csa_kernel_is_cpu(p, "batchnorm_sums") && cols % 16 == 0};
}

static csa_kernel kernel(const csa_plan *p, const csa_layer *l, const sizes *s, const char *name) {
  const char *relu = l->config.relu ? " -DRELU" : "", *residual = l->in[1] != NULL ? " -DRESIDUAL" : "";
  if (!s->cpu) return csa_kernel_portable(p, name, "-DCOLS=%d%s%s", s->cols, relu, residual);
  return csa_kernel_named(p, name, "-DCOLS=%d%s%s", s->cols, relu, residual);
}

static int streamed(const csa_plan *p, const sizes *s, const csa_tensor *to) {
  return csa_plan_streams(p, to, csa_elements(to->shape), s->cols, 16);
}

/* Work of a kernel that adds up rows. */
static csa_work work_of(const csa_plan *p, const sizes *s) {
  return csa_groups(s->cpu ? s->chunks : csa_plan_strips(p, s->chunks, s->cols));
}

/* A plan that does not train keeps nothing of what it sees. */
static csa_status finish(csa_plan *p, csa_layer *l, const sizes *s, const csa_tensor *parts) {
  const csa_tensor *mean = l->param[RUNNING_MEAN], *var = l->param[RUNNING_VAR], *step = p->step;
  const bool trains = l->dparam[RUNNING_MEAN] != NULL;
  csa_tensor *seen_mean = trains ? l->dparam[RUNNING_MEAN] : l->saved[STATS];
  csa_tensor *seen_var = trains ? l->dparam[RUNNING_VAR] : l->saved[STATS];
  return csa_launch(p, csa_kernel_portable(p, "batchnorm_finish", "-DCOLS=%d%s", s->cols, trains ? " -DSEEN" : ""),
                    csa_groups(csa_plan_strips(p, 1, s->cols)),
                    CSA_ARGS(parts, mean, var, step, seen_mean, seen_var, l->saved[STATS], s->pixels, s->chunks,
                             s->chunk_rows, EPSILON, p->beta));
}

static csa_status forward(csa_plan *p, csa_layer *l) {
  const csa_tensor *x = l->in[0], *weight = l->param[WEIGHT], *bias = l->param[BIAS], *step = p->step;
  const csa_tensor *residual = l->in[1] != NULL ? l->in[1] : x, *stats = l->saved[STATS];
  const sizes s = sizes_of(p, l);
  csa_tensor *parts;
  CSA_TRY(csa_plan_scratch(p, csa_shape3(s.chunks, 2, s.cols), &parts));
  CSA_TRY(csa_launch(p, kernel(p, l, &s, "batchnorm_statistics"), work_of(p, &s),
                     CSA_ARGS(x, step, parts, s.pixels, s.chunks, s.chunk_rows)));
  CSA_TRY(finish(p, l, &s, parts));
  const csa_kernel k = kernel(p, l, &s, "batchnorm_normalize");
  if (s.cpu)
    return csa_launch(
        p, k, work_of(p, &s),
        CSA_ARGS(x, weight, bias, stats, residual, l->out, s.rows, s.chunk_rows, streamed(p, &s, l->out)));
  return csa_launch(p, k, csa_items((int64_t)s.rows * s.cols),
                    CSA_ARGS(x, weight, bias, stats, residual, l->out, s.rows));
}

/* Sums over the batch [2, C]: they are the gradients of weight and bias, and part of the input's. */
static csa_status sums_of(csa_plan *p, csa_layer *l, const sizes *s, csa_tensor **sums) {
  const csa_tensor *x = l->in[0], *weight = l->param[WEIGHT], *bias = l->param[BIAS], *stats = l->saved[STATS];
  const csa_tensor *dy = l->dout, *step = p->step;
  csa_tensor *parts;
  CSA_TRY(csa_plan_scratch(p, csa_shape3(s->chunks, 2, s->cols), &parts));
  CSA_TRY(csa_plan_scratch(p, csa_shape2(2, s->cols), sums));
  CSA_TRY(csa_launch(p, kernel(p, l, s, "batchnorm_sums"), work_of(p, s),
                     CSA_ARGS(x, weight, bias, stats, dy, step, parts, s->pixels, s->chunks, s->chunk_rows)));
  return csa_sum_rows(p, parts, s->chunks, 2 * s->cols, 2 * s->cols, 0.0f, *sums);
}

static csa_status backward(csa_plan *p, csa_layer *l) {
  const csa_tensor *x = l->in[0], *weight = l->param[WEIGHT], *bias = l->param[BIAS], *stats = l->saved[STATS];
  const csa_tensor *dy = l->dout, *step = p->step;
  const sizes s = sizes_of(p, l);
  csa_tensor *added;
  CSA_TRY(sums_of(p, l, &s, &added));
  CSA_TRY(csa_sum_rows_of_two(p, added, 1, p->beta, l->dparam[WEIGHT], s.cols, l->dparam[BIAS], s.cols));
  if (l->din == NULL) return CSA_OK;
  const csa_tensor *sums = added;
  const csa_kernel k = kernel(p, l, &s, "batchnorm_backward");
  if (s.cpu)
    return csa_launch(p, k, work_of(p, &s),
                      CSA_ARGS(x, weight, bias, stats, sums, dy, step, l->din, s.pixels, s.rows, s.chunk_rows,
                               l->din != l->dout && streamed(p, &s, l->din)));
  return csa_launch(p, k, csa_items((int64_t)s.rows * s.cols),
                    CSA_ARGS(x, weight, bias, stats, sums, dy, step, l->din, s.pixels, s.rows));
}

const csa_layer_ops csa_layer_batchnorm = {"batchnorm", plan, forward, backward, .joins = false, .in_place = true};
