/* A plan: tensors, and the launches over them in two lists. First everything is declared and recorded, then every
 * tensor gets its place (the total is known before a byte is allocated), then kernels are built and bound; from then on
 * the lists are replayed. */
#ifndef CSA_DEVICE_PLAN_H
#define CSA_DEVICE_PLAN_H

#include "device/launch.h"

/* cpu: one fat work-item a core (cl/cpu/), where there is such a kernel; portable: work-group parallel (cl/). */
typedef enum { CSA_KERNELS_AUTO, CSA_KERNELS_CPU, CSA_KERNELS_PORTABLE } csa_kernels;
typedef enum { CSA_GEMM_AUTO, CSA_GEMM_CLBLAST, CSA_GEMM_NATIVE } csa_gemm_provider;

/* 3 x 3 convolutions: as products over the rearranged image, or by Winograd's filtering where the sizes fit. */
typedef enum { CSA_CONV_AUTO, CSA_CONV_DIRECT, CSA_CONV_WINOGRAD } csa_conv;

/* What activations and their gradients are kept in; everything is computed in float. */
typedef enum { CSA_PRECISION_F32, CSA_PRECISION_F16 } csa_precision;

/* Made once, written to config.json and the checkpoint, and used again on resume, so that a run repeats. */
typedef struct {
  csa_kernels kernels;
  csa_gemm_provider gemm;
  csa_conv conv;
  csa_precision precision;
  const struct csa_tuning *tuning; /* device/tune.h; NULL: what is kept for the device */
} csa_choices;

/* What `auto` means on a device of this type. */
csa_choices csa_choices_resolve(csa_choices choices, const csa_device_info *info);

/* In the order in which they are recorded: forward, loss and backward of one batch; the optimizer. What several devices
 * do in between is train/reducer.c's. */
typedef enum { CSA_MICRO_STEP, CSA_UPDATE, CSA_LISTS } csa_list;

typedef struct {
  uint64_t *bytes;
  cl_mem *memory; /* NULL until allocated */
  int count;
} csa_arena;

typedef struct csa_plan {
  csa_device *device;
  csa_choices choices;       /* as resolved; its tuning is the one below */
  struct csa_tuning *tuning; /* its own: what kernels asked for is marked (device/tune.h) */
  bool keep_all;             /* every transient tensor has a place of its own, for inspection */
  float beta;                /* of parameter gradients: 0 overwrites, 1 accumulates */
  csa_tensor **tensors;
  size_t tensor_count, tensor_capacity;
  csa_plan_node *nodes; /* all lists, one after the other */
  size_t node_count, node_capacity;
  size_t list_end[CSA_LISTS]; /* nodes before it belong to this list or an earlier one */
  csa_list recording;
  char label[CSA_TENSOR_NAME]; /* of what is recorded next */
  csa_arena arenas[CSA_ROLES];
  csa_tensor *step;      /* step_state of cl/common.clh */
  csa_tensor *workspace; /* [bytes / 4]: CLBlast's own scratch, alone in its buffer; NULL where none is needed */
} csa_plan;

csa_status csa_plan_create(csa_plan **plan, csa_device *device, csa_choices choices);
void csa_plan_destroy(csa_plan *plan);

/* A new tensor, the plan's. Names are for people. More than CSA_ELEMENTS_MAX elements are CSA_MEMORY. */
csa_status csa_plan_tensor(csa_plan *plan, csa_role role, csa_dtype dtype, csa_shape shape, csa_tensor **tensor,
                           const char *name_format, ...) __attribute__((format(printf, 6, 7)));

/* A transient float tensor named after what is being recorded. */
csa_status csa_plan_scratch(csa_plan *plan, csa_shape shape, csa_tensor **tensor);

/* The same for activations and their gradients: of the plan's precision. */
csa_status csa_plan_activation(csa_plan *plan, csa_shape shape, csa_tensor **tensor);

/* `storage` of cl/common.clh. */
csa_dtype csa_plan_storage(const csa_plan *plan);

/* A view: `shape` elements of `base` from element `start` on. */
csa_status csa_plan_view(csa_plan *plan, csa_tensor *base, int64_t start, csa_shape shape, csa_tensor **view);

/* Makes room for at least `bytes` in the workspace. */
csa_status csa_plan_workspace(csa_plan *plan, uint64_t bytes);

/* From here on launches belong to `list`; lists are recorded in order. */
void csa_plan_record(csa_plan *plan, csa_list list);

/* The kernel called NAME of file NAME up to its first underscore: cl/cpu/ if the plan's family is cpu and has the
 * file, else cl/. */
csa_kernel csa_kernel_named(const csa_plan *plan, const char *name, const char *options_format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, always from cl/: for sizes that the CPU kernel is not made for. */
csa_kernel csa_kernel_portable(const csa_plan *plan, const char *name, const char *options_format, ...)
    __attribute__((format(printf, 3, 4)));

/* Groups of a portable kernel that takes `rows` times a strip of columns each: as group_width of cl/common.clh. */
int64_t csa_plan_strips(const csa_plan *plan, int64_t rows, int cols);

/* ROW_ITEMS of a portable kernel in groups of `group`: work-items of a row of `cols` numbers. */
int csa_plan_row_items(int64_t cols, int group);

/* Options for a program of cl/ that calls group_sum: to use sub-groups, where the device has some. */
const char *csa_plan_group_sums(const csa_plan *plan);

/* Whether csa_kernel_named would take the kernel from cl/cpu/. */
bool csa_kernel_is_cpu(const csa_plan *plan, const char *name);

/* Whether a CPU kernel should store `elements` of tensor t past the caches: they are more than caches keep until they
 * are read, and vectors of `vector` floats, whose rows are `stride` apart, are aligned. */
bool csa_plan_streams(const csa_plan *plan, const csa_tensor *t, int64_t elements, int64_t stride, int vector);

/* Into how many chunks a long loop of `count` is cut: enough for every compute unit, the same on every run. */
int csa_plan_chunks(const csa_plan *plan, int64_t count);

/* Records a launch, or a call (which names the tensors it touches, and whose `data`, on the heap, it takes over). */
csa_status csa_launch(csa_plan *plan, csa_kernel kernel, csa_work work, const csa_arg *args, int count);
csa_status csa_record_call(csa_plan *plan, const char *name,
                           csa_status (*call)(csa_device *, const csa_plan_node *, cl_event *), void *data,
                           const csa_arg *args, int count);

/* Says of the launch recorded last that it is a product of so many floating-point operations. */
void csa_plan_flops(csa_plan *plan, double flops);

/* Ends recording: finds the life of every transient tensor and places all tensors. */
csa_status csa_plan_place(csa_plan *plan);

/* Bytes of device memory that the placed plan needs, or one arena of it. */
uint64_t csa_plan_bytes(const csa_plan *plan);
uint64_t csa_arena_bytes(const csa_plan *plan, csa_role role);

/* Builds every program that the recorded plan needs and no cache has, side by side where the device's compiler can.
 * What fails to build fails again, with its sentence, when it is bound. */
csa_status csa_plan_compile(const csa_plan *plan);

/* Allocates the arenas, zeroed but for the transient one. CSA_MEMORY says what is needed and what the device has. */
csa_status csa_plan_allocate(csa_plan *plan);

/* Allocates, builds and binds every kernel. */
csa_status csa_plan_bind(csa_plan *plan);

/* Enqueues nodes [first, end). */
csa_status csa_plan_run(csa_plan *plan, size_t first, size_t end);

#endif
