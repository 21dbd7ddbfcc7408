#include "verify/sample.h"

#include <stdlib.h>

#include "core/rng.h"

csa_status csa_sample_batch(csa_graph *g, int classes, uint64_t seed, int step) {
  const csa_rng rng = {seed, CSA_RNG_TEST, (uint32_t)step};
  const int64_t count = csa_elements(g->input->shape), channels = csa_cols(g->input->shape);
  float *values = NULL;
  int32_t *labels = NULL;
  csa_status status;
  CSA_GO(csa_new(&values, (size_t)count, sizeof *values));
  CSA_GO(csa_new(&labels, (size_t)g->config.batch, sizeof *labels));
  for (int64_t i = 0; i < count; i++) {
    const double before = i >= channels ? (double)values[i - channels] : 0.0;
    values[i] = (float)(0.8 * before + 0.3 * (double)csa_rng_normal(&rng, (uint64_t)i));
  }
  for (int i = 0; i < g->config.batch; i++)
    labels[i] = (int32_t)(csa_rng_u32(&rng, (uint64_t)(count * 8 + i)) % (uint32_t)classes);
  CSA_GO(csa_tensor_write_floats(g->device, g->input, values));
  status = csa_tensor_upload(g->device, g->labels, labels);
done:
  free(values);
  free(labels);
  return status;
}
