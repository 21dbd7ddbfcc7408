/* Convolution of images of few channels, without a rearranged image: what cl/few.cl is asked for. */
#include "device/reduce.h"
#include "layers/conv2d.h"

#define FEW 4      /* channels */
#define CHUNKS 128 /* parts of the weight gradient, at most */
#define LINE 65536 /* floats: three lines of an image lie on the stack of the CPU family's kernels */

bool csa_few_fits(const csa_conv_sizes *s) { return s->taps == 9 && s->inputs <= FEW; }

/* cl/cpu/few.cl works in whole vectors of outputs, on lines that are not too long. */
static bool has_cpu_kernel(const csa_plan *p, const csa_conv_sizes *s) {
  return csa_kernel_is_cpu(p, "few_forward") && s->outputs % 4 == 0 && (int64_t)s->width * s->inputs <= LINE;
}

/* The register tile on CPUs: 6 pixels of a vector of outputs, or of two where outputs are so many and registers 32; for
 * the gradient 3 CI of these vectors. */
static csa_kernel kernel_of(const csa_plan *p, const csa_layer *l, const csa_conv_sizes *s, const char *name) {
  char options[160];
  snprintf(options, sizeof options, "-DHEIGHT=%d -DWIDTH=%d -DCI=%d -DCO=%d%s%s%s", s->height, s->width, s->inputs,
           s->outputs, l->config.no_bias ? "" : " -DBIAS", l->config.relu ? " -DRELU" : "",
           l->in[1] != NULL ? " -DRESIDUAL" : "");
  if (!has_cpu_kernel(p, s)) return csa_kernel_portable(p, name, "%s", options);
  int vector = csa_device_vector(&p->device->info);
  while (s->outputs % vector != 0) vector /= 2;
  const int vectors = vector == 16 && s->outputs % 32 == 0 ? 2 : 1;
  return csa_kernel_named(p, name, "%s -DVW=%d -DNV=%d", options, vector, vectors);
}

csa_status csa_few_forward(csa_plan *p, csa_layer *l, const csa_conv_sizes *s) {
  const csa_tensor *x = l->in[0], *w = l->param[CSA_CONV_WEIGHT];
  const csa_tensor *bias = l->config.no_bias ? w : l->param[CSA_CONV_BIAS]; /* not read without -DBIAS */
  const csa_tensor *residual = l->in[1] != NULL ? l->in[1] : x;             /* not read without -DRESIDUAL */
  const int n = (int)csa_elements(l->out->shape);
  const csa_work work = has_cpu_kernel(p, s) ? csa_groups((int64_t)s->images * s->height) : csa_items(n);
  CSA_TRY(csa_launch(p, kernel_of(p, l, s, "few_forward"), work, CSA_ARGS(x, w, bias, residual, l->out, n)));
  csa_plan_flops(p, s->flops);
  return CSA_OK;
}

csa_status csa_few_weights(csa_plan *p, csa_layer *l, const csa_conv_sizes *s, const csa_tensor *dz) {
  const int rows = s->images * s->height, weights = 9 * s->inputs * s->outputs;
  const int chunk_rows = (rows + CHUNKS - 1) / CHUNKS, chunks = (rows + chunk_rows - 1) / chunk_rows;
  const csa_work work = has_cpu_kernel(p, s) ? csa_groups(chunks) : csa_items((int64_t)chunks * weights);
  const csa_tensor *x = l->in[0];
  csa_tensor *parts;
  CSA_TRY(csa_plan_scratch(p, csa_shape2(chunks, weights), &parts));
  CSA_TRY(csa_launch(p, kernel_of(p, l, s, "few_weights"), work,
                     CSA_ARGS(x, dz, parts, rows, chunk_rows, chunks * weights)));
  csa_plan_flops(p, s->flops);
  return csa_sum_rows(p, parts, chunks, weights, weights, p->beta, l->dparam[CSA_CONV_WEIGHT]);
}
