#include "model/fit.h"

#include <stdio.h>

/* Without an optimizer, for a model that is only asked. */
static csa_status place(csa_graph **out, csa_optimizer *optimizer, csa_device *device, const csa_architecture *a,
                        csa_graph_config config, const csa_optimizer_config *optimizer_config) {
  csa_graph *graph = NULL;
  csa_status status;
  *out = NULL;
  CSA_GO(csa_graph_create(&graph, device, config));
  CSA_GO(csa_architecture_build(a, graph));
  if (optimizer_config != NULL) CSA_GO(csa_optimizer_record(optimizer, graph, *optimizer_config));
  CSA_GO(csa_plan_place(graph->plan));
  *out = graph;
  graph = NULL;
done:
  csa_graph_destroy(graph);
  return status;
}

/* Whether the device gives that much, where `allocate`; else whether it says that it has it. */
static bool fits(csa_device *device, const csa_architecture *a, csa_graph_config config,
                 const csa_optimizer_config *optimizer_config, bool allocate) {
  csa_graph *graph;
  csa_optimizer optimizer;
  csa_status status = place(&graph, &optimizer, device, a, config, optimizer_config);
  if (status == CSA_OK && allocate) status = csa_plan_allocate(graph->plan);
  if (status == CSA_OK && allocate) status = csa_device_finish(device);
  csa_graph_destroy(graph);
  return status == CSA_OK;
}

/* Adds the largest batch below config.batch that was found to fit to the sentence of the failure. Where a device bounds
 * its buffers, a larger batch may pack better than a smaller one; so the steps are the powers of two, whatever the
 * batch asked for, and asking for one image more than was advised gets the same advice. */
static csa_status advise(csa_device *device, const csa_architecture *a, csa_graph_config config,
                         const csa_optimizer_config *optimizer_config, bool allocate, const char *why) {
  const int too_many = config.batch;
  int least = 0;
  for (int step = 1 << 30; step > 0; step /= 2) {
    if (step >= too_many - least) continue;
    config.batch = least + step;
    if (fits(device, a, config, optimizer_config, allocate)) least = config.batch;
  }
  if (least == 0) return csa_fail(CSA_MEMORY, "%s\n  but here not even a batch of one image fits", why);
  return csa_fail(CSA_MEMORY, "%s\n  of this model, %s takes up to: --batch %d", why, device->info.name, least);
}

csa_status csa_fit(csa_graph **graph, csa_optimizer *optimizer, csa_device *device, const csa_architecture *a,
                   csa_graph_config config, csa_optimizer_config optimizer_config) {
  char why[512];
  const csa_status status = place(graph, optimizer, device, a, config, &optimizer_config);
  if (status != CSA_MEMORY) return status;
  snprintf(why, sizeof why, "%s", csa_last_error());
  return advise(device, a, config, &optimizer_config, false, why);
}

csa_status csa_fit_refused(csa_status status, csa_graph **graph, const csa_optimizer *optimizer,
                           const csa_architecture *a) {
  char why[512];
  if (status != CSA_MEMORY || *graph == NULL) return status;
  csa_device *device = (*graph)->device;
  const csa_graph_config config = (*graph)->config;
  const csa_optimizer_config *optimizer_config = optimizer != NULL ? &optimizer->config : NULL;
  snprintf(why, sizeof why, "%s", csa_last_error());
  csa_graph_destroy(*graph); /* what it holds has to be free again */
  *graph = NULL;
  if (fits(device, a, config, optimizer_config, true)) return csa_fail(status, "%s", why); /* the host, or for once */
  return advise(device, a, config, optimizer_config, true, why);
}
