#include "train/fit.h"

#include <stdio.h>

static csa_status place(csa_graph **out, csa_optimizer *optimizer, csa_device *device, const csa_architecture *a,
                        csa_graph_config config, csa_optimizer_config optimizer_config) {
  csa_graph *graph = NULL;
  csa_status status;
  *out = NULL;
  CSA_GO(csa_graph_create(&graph, device, config));
  CSA_GO(csa_architecture_build(a, graph));
  CSA_GO(csa_optimizer_record(optimizer, graph, optimizer_config));
  CSA_GO(csa_plan_place(graph->plan));
  *out = graph;
  graph = NULL;
done:
  csa_graph_destroy(graph);
  return status;
}

/* The largest batch below config.batch that fits; 0: none. */
static int largest_batch(csa_device *device, const csa_architecture *a, csa_graph_config config,
                         csa_optimizer_config optimizer_config) {
  int fits = 0, too_many = config.batch;
  while (too_many - fits > 1) {
    csa_graph *graph;
    csa_optimizer optimizer;
    config.batch = fits + (too_many - fits) / 2;
    if (place(&graph, &optimizer, device, a, config, optimizer_config) == CSA_OK)
      fits = config.batch;
    else
      too_many = config.batch;
    csa_graph_destroy(graph);
  }
  return fits;
}

csa_status csa_fit(csa_graph **graph, csa_optimizer *optimizer, csa_device *device, const csa_architecture *a,
                   csa_graph_config config, csa_optimizer_config optimizer_config) {
  char why[512];
  const csa_status status = place(graph, optimizer, device, a, config, optimizer_config);
  if (status != CSA_MEMORY) return status;
  snprintf(why, sizeof why, "%s", csa_last_error());
  const int batch = largest_batch(device, a, config, optimizer_config);
  if (batch == 0) return csa_fail(CSA_MEMORY, "%s\n  but here not even a batch of one image fits", why);
  return csa_fail(CSA_MEMORY, "%s\n  of this model, %s takes up to: --batch %d", why, device->info.name, batch);
}
