/* Parameters between the device and safetensors files, with PyTorch's names and layouts. */
#ifndef CSA_MODEL_WEIGHTS_H
#define CSA_MODEL_WEIGHTS_H

#include "model/architecture.h"
#include "model/safetensors.h"

/* Writes the model: every parameter, and metadata that says which model it is, its sizes, the classes' names, the
 * data set's (NULL: it has none) and the normalisation. Where `architecture` is NULL, it is a model of one's own, and
 * only the last is said. */
csa_status csa_weights_write(csa_graph *graph, const csa_architecture *architecture, char *const *class_names,
                             const char *data, const char *path);

/* The values of such a tensor `flat` on the host, on the heap; gradients without the loss's scale. */
csa_status csa_weights_download(csa_graph *graph, const csa_tensor *flat, float **values);

/* Adds a tensor PREFIX + NAME for every parameter, with values from `flat`, a tensor laid out as the graph's parameters
 * (the parameters themselves, their gradients, or optimizer state). */
csa_status csa_weights_add(csa_safetensors_writer *writer, csa_graph *graph, const char *prefix,
                           const csa_tensor *flat);

/* CSA_FAILED, naming the first parameter, unless all are finite. */
csa_status csa_weights_check_finite(csa_graph *graph);

/* Reads them into `flat`, but for those whose names begin with `except` (NULL: all), which stay. A tensor that is
 * missing, or of another type or shape, is CSA_INPUT and named. */
csa_status csa_weights_read(csa_graph *graph, const csa_safetensors *file, const char *prefix, const csa_tensor *flat,
                            const char *except);

/* One parameter's values from the device's layout to that of files. */
void csa_parameter_to_file(const csa_parameter *parameter, const float *device, float *file);

/* Whether the file's tensors are the model's parameters, all but those whose names begin with `except` (NULL: all),
 * with their shapes and finite values, and nothing else; CSA_INPUT names the first that is not. Nothing is allocated: a
 * model of sizes that a file only claims costs no memory. */
csa_status csa_weights_check(const csa_graph *graph, const csa_safetensors *file, const char *except);

/* Which model the file holds, from its metadata; `model` and `patches` (each may be NULL) say it for a file without
 * metadata (written by PyTorch), and must not contradict a file that has it. */
csa_status csa_weights_architecture(const csa_safetensors *file, const char *model, const char *patches,
                                    csa_architecture *architecture);

#endif
