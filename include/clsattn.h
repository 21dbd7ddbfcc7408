/* clsattn: training image classifiers with attention on any OpenCL device.
 *
 * The one public header. A program opens a device, puts a model together from layers, builds it, and calls
 * csa_train_step with its own images and labels:
 *
 *   csa_device_open -> csa_model_create -> csa_input, csa_conv2d, ... csa_classifier -> csa_model_build
 *   -> csa_train_step ... -> csa_predict, csa_weights_save -> csa_model_destroy -> csa_device_close
 *
 * Every function that can fail returns a csa_status; csa_last_error() then says, for the calling thread, what failed,
 * where and why. The library never prints and never exits. A model and its device belong to one thread at a time;
 * different devices may be used by different threads at once. */
#ifndef CLSATTN_H
#define CLSATTN_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CSA_API __attribute__((visibility("default")))
#else
#define CSA_API
#endif

/* Code, what it means, and the exit code of the command line for it. */
#define CSA_STATUS_LIST(X)                        \
  X(CSA_OK, "done", 0)                            \
  X(CSA_FAILED, "the work failed", 1)             \
  X(CSA_OUTPUT, "output could not be written", 1) \
  X(CSA_USAGE, "bad usage", 2)                    \
  X(CSA_INPUT, "bad or missing input", 3)         \
  X(CSA_DEVICE, "device or OpenCL error", 4)      \
  X(CSA_MEMORY, "out of memory", 5)               \
  X(CSA_INTERRUPTED, "interrupted by a signal", 130)

typedef enum {
#define CSA_STATUS_ENUM(code, text, exit_code) code,
  CSA_STATUS_LIST(CSA_STATUS_ENUM)
#undef CSA_STATUS_ENUM
} csa_status;

/* What a code means, in a few words; never NULL. */
CSA_API const char *csa_status_text(csa_status status);

/* The sentence of the calling thread's last failure: "what: where: why", further lines indented. Never NULL; valid
 * until the thread's next failure. */
CSA_API const char *csa_last_error(void);

/* "0.1.0", and the commit it was built from ("unknown" outside a checkout). */
CSA_API const char *csa_version(void);
CSA_API const char *csa_commit(void);

/* A device at work. */
typedef struct csa_device csa_device;

/* Opens the device called `name`: a short name ("cpu0", "nv0", "amd0", "intel0", as `clsattn devices` lists them) or
 * "PLATFORM:DEVICE" by number; NULL: $CLSATTN_DEVICE if set, else the first GPU, else the first CPU. CSA_DEVICE, with a
 * list of what there is, where there is none of that name; CSA_USAGE for several names. On CPUs by PoCL, two variables
 * in the environment before the first call help: POCL_AFFINITY=1 keeps its threads on cores of their own,
 * POCL_WORK_GROUP_SPECIALIZATION=0 keeps it from compiling every kernel twice. */
CSA_API csa_status csa_device_open(csa_device **device, const char *name);

/* Waits for all that was queued and releases the device; its models must be destroyed before. Accepts NULL. */
CSA_API void csa_device_close(csa_device *device);

/* A model: layers over images of one size. */
typedef struct csa_model csa_model;

typedef struct {
  int height, width, channels;
} csa_size;

/* An empty model for images of `size` on `device`, which must outlive it. */
CSA_API csa_status csa_model_create(csa_model **model, csa_device *device, csa_size size);

/* Releases the model and its device memory; accepts NULL. */
CSA_API void csa_model_destroy(csa_model *model);

/* What a layer puts out, to be handed to the next one; {0} is none. A call that fails (a wrong size, a name twice)
 * makes the later ones do nothing, and csa_model_build reports the first failure: one check, not twenty.
 *
 * N images, H x W pixels, C channels, T tokens. `name` begins the names of the layer's parameters in weight files
 * ("conv1" -> "conv1.weight", "conv1.bias") and is used once in a model. A residual is added to the layer's output and
 * has its shape; it excludes ReLU. Initial values are PyTorch's defaults. */
typedef struct {
  int id;
} csa_node;

/* The images, [N, H, W, C]; each byte b is (b / 255 - 0.5) / 0.5. */
CSA_API csa_node csa_input(csa_model *model);

typedef struct {
  int out;           /* channels */
  int kernel, pad;   /* 3 with pad 1, or 1 with pad 0: the image keeps its size */
  bool relu;         /* max(y, 0) on the result */
  bool no_bias;      /* as where a batch norm follows, which would undo a bias */
  csa_node residual; /* [N, H, W, out] or none */
} csa_conv2d_config;

/* Convolution. [N, H, W, C] -> [N, H, W, out] */
CSA_API csa_node csa_conv2d(csa_model *model, csa_node in, const char *name, csa_conv2d_config config);

/* Largest of squares of 2 x 2 (an odd last row or column is left out). [N, H, W, C] -> [N, H/2, W/2, C] */
CSA_API csa_node csa_max_pool(csa_model *model, csa_node in);

typedef struct {
  int reduction; /* theta, phi and g have C / reduction channels, which must come out whole */
} csa_nonlocal_config;

/* Non-local block (Wang et al. 2018, embedded Gaussian): in + o(softmax(theta phi^T) g), phi and g max-pooled 2 x 2.
 * [N, H, W, C] -> [N, H, W, C]; H, W from 2 */
CSA_API csa_node csa_nonlocal(csa_model *model, csa_node in, const char *name, csa_nonlocal_config config);

typedef struct {
  int out;           /* columns */
  bool relu;         /* max(y, 0) on the result */
  csa_node residual; /* of the output's shape, or none */
} csa_linear_config;

/* Linear layer over the last dimension, with bias. [..., C] -> [..., out] */
CSA_API csa_node csa_linear(csa_model *model, csa_node in, const char *name, csa_linear_config config);

/* Mean over all pixels. [N, H, W, C] -> [N, C] */
CSA_API csa_node csa_global_average(csa_model *model, csa_node in);

typedef struct {
  int patch; /* side; it divides H = W */
  bool grid; /* squares of the image; else runs of C * patch^2 values of its [C, H, W] buffer */
} csa_patches_config;

/* Images cut into tokens. [N, H, W, C] -> [N, H W / patch^2, C patch^2] */
CSA_API csa_node csa_patches(csa_model *model, csa_node in, csa_patches_config config);

/* A learned class token before the others and a learned position for each; parameters "class_token" and
 * "positional_embedding" after `name`. [N, T, C] -> [N, T + 1, C] */
CSA_API csa_node csa_tokens(csa_model *model, csa_node in, const char *name);

/* The first token alone. [N, T, C] -> [N, 1, C] */
CSA_API csa_node csa_class_token(csa_model *model, csa_node in);

typedef struct {
  bool relu; /* max(y, 0) on the result */
} csa_layer_norm_config;

/* Layer normalisation over the last dimension (Ba, Kiros and Hinton 2016). [..., C] -> [..., C] */
CSA_API csa_node csa_layer_norm(csa_model *model, csa_node in, const char *name, csa_layer_norm_config config);

typedef struct {
  bool relu;         /* max(y, 0) on the result */
  csa_node residual; /* of the output's shape, added after that, or none */
} csa_batch_norm_config;

/* Batch normalisation of each channel (Ioffe and Szegedy 2015), as PyTorch's with its defaults; csa_train_step takes
 * the batch's statistics, csa_predict the running ones. [N, ..., C] -> [N, ..., C] */
CSA_API csa_node csa_batch_norm(csa_model *model, csa_node in, const char *name, csa_batch_norm_config config);

typedef struct {
  float rate;        /* share of the elements that become 0, from 0 to below 1 */
  csa_node residual; /* of the output's shape, added after that, or none */
} csa_dropout_config;

/* Dropout (Srivastava et al. 2014): csa_train_step sets elements to 0, other ones in each step, and divides the rest by
 * 1 - rate; csa_predict changes nothing. [...] -> [...] */
CSA_API csa_node csa_dropout(csa_model *model, csa_node in, csa_dropout_config config);

typedef struct {
  int heads;         /* divides C */
  bool class_only;   /* only the first token queries: the output has one token */
  csa_node residual; /* of the output's shape, or none */
} csa_attention_config;

/* Multi-head self-attention (Vaswani et al. 2017); parameters query, key, value and fc_out. [N, T, C] -> [N, T, C], or
 * [N, 1, C] */
CSA_API csa_node csa_attention(csa_model *model, csa_node in, const char *name, csa_attention_config config);

/* Ends the model: softmax cross-entropy on logits [N, classes] or [N, 1, classes]. */
CSA_API void csa_classifier(csa_model *model, csa_node logits);

/* As PyTorch computes them; sgd has a momentum of 0.9. */
typedef enum { CSA_ADAM, CSA_ADAMW, CSA_SGD } csa_optimizer_kind;

typedef struct {
  int batch; /* images of a step, at most */
  csa_optimizer_kind optimizer;
  float lr;           /* learning rate */
  float weight_decay; /* L2 for adam and sgd, decoupled for adamw */
  uint64_t seed;      /* of initial values and dropout: the same seed gives the same bits on the same device */
} csa_build;

/* Plans the model for training, allocates all device memory, compiles the kernels (kept in a cache) and draws initial
 * values. Reports the first failure of the calls before it: CSA_USAGE for a model that cannot be, CSA_MEMORY where the
 * device is too small. Once for a model. */
CSA_API csa_status csa_model_build(csa_model *model, const csa_build *build);

/* Trained values. */
CSA_API int64_t csa_parameter_count(const csa_model *model);

/* The learning rate from the next step on. */
CSA_API void csa_learning_rate(csa_model *model, float lr);

/* One step of training on images [n, C, H, W] with labels [n], 1 <= n <= batch. *loss, where not NULL, is their mean
 * loss before the step; asking for it waits for the device. Where loss or gradients are not finite, nothing is updated.
 * Both arrays may be reused at once. */
CSA_API csa_status csa_train_step(csa_model *model, const uint8_t *images, const int32_t *labels, int n, float *loss);

/* The likeliest class of each of images [n, C, H, W], any n > 0, into classes [n]; logits [n, number of classes] may be
 * NULL. */
CSA_API csa_status csa_predict(csa_model *model, const uint8_t *images, int64_t n, int32_t *classes, float *logits);

/* Parameters as safetensors with PyTorch's layouts. Saving replaces the file at once or not at all; loading checks
 * every name and shape first, and changes nothing if one is wrong. */
CSA_API csa_status csa_weights_save(csa_model *model, const char *path);
CSA_API csa_status csa_weights_load(csa_model *model, const char *path);

#ifdef __cplusplus
}
#endif
#endif
