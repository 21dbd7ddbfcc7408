/* A model made ready to be trained on a device, or the reason why it does not fit there. */
#ifndef CSA_MODEL_FIT_H
#define CSA_MODEL_FIT_H

#include "model/architecture.h"
#include "model/optimizer.h"

/* A graph of the architecture, recorded with its optimizer and placed, but nothing allocated. What does not fit the
 * device is CSA_MEMORY, and names the largest batch whose plan does. The caller destroys *graph. */
csa_status csa_fit(csa_graph **graph, csa_optimizer *optimizer, csa_device *device,
                   const csa_architecture *architecture, csa_graph_config config,
                   csa_optimizer_config optimizer_config);

/* Passes `status` on. Where it is CSA_MEMORY, as the device did not give what it says it has, the graph is destroyed,
 * and the sentence names the largest batch that the device does give memory for. Whatever else the model took there has
 * to be released before. `optimizer`: NULL for a graph without. */
csa_status csa_fit_refused(csa_status status, csa_graph **graph, const csa_optimizer *optimizer,
                           const csa_architecture *architecture);

#endif
