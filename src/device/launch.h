/* Launches: a kernel with its options, its typed arguments and how much work there is; recorded once, bound once, then
 * enqueued as often as wanted. */
#ifndef CSA_DEVICE_LAUNCH_H
#define CSA_DEVICE_LAUNCH_H

#include "device/tensor.h"

#define CSA_ARGS_MAX 24
#define CSA_OPTIONS_MAX 384 /* bytes of a program's own options */

/* A kernel to be: file and name, and the options its program is built with. Made by csa_kernel_named (device/plan.h).
 */
typedef struct {
  char file[48];
  char name[48];
  char options[CSA_OPTIONS_MAX];
  int local;         /* work-items of a group */
  csa_dtype storage; /* `storage` of cl/common.clh */
} csa_kernel;

/* How much work: so many groups, or so many work-items of no particular group. */
typedef struct {
  bool by_group;
  int64_t count;
} csa_work;
static inline csa_work csa_groups(int64_t count) { return (csa_work){true, count}; }
static inline csa_work csa_items(int64_t count) { return (csa_work){false, count}; }

/* An argument. A tensor passed as `const csa_tensor *` is read, as `csa_tensor *` written (and perhaps read). */
typedef struct {
  enum { CSA_ARG_INT, CSA_ARG_FLOAT, CSA_ARG_IN, CSA_ARG_OUT } kind;
  union {
    cl_int i;
    cl_float f;
    const csa_tensor *in;
    csa_tensor *out;
  } value;
} csa_arg;
static inline csa_arg csa_arg_int(int i) { return (csa_arg){CSA_ARG_INT, {.i = i}}; }
static inline csa_arg csa_arg_float(float f) { return (csa_arg){CSA_ARG_FLOAT, {.f = f}}; }
static inline csa_arg csa_arg_in(const csa_tensor *t) { return (csa_arg){CSA_ARG_IN, {.in = t}}; }
static inline csa_arg csa_arg_out(csa_tensor *t) { return (csa_arg){CSA_ARG_OUT, {.out = t}}; }

#define CSA_ARG(x) \
  _Generic((x), int : csa_arg_int, float : csa_arg_float, csa_tensor * : csa_arg_out, const csa_tensor * : csa_arg_in)(x)

/* CSA_ARGS(x, n, y): an array of arguments and their number, two arguments of a call. */
#define CSA_ARGS(...) \
  (const csa_arg[]){CSA_MAP(__VA_ARGS__)}, (int)(sizeof((const csa_arg[]){CSA_MAP(__VA_ARGS__)}) / sizeof(csa_arg))
#define CSA_MAP(...)                                                                                                \
  CSA_MAP_PICK(__VA_ARGS__, CSA_MAP22, CSA_MAP21, CSA_MAP20, CSA_MAP19, CSA_MAP18, CSA_MAP17, CSA_MAP16, CSA_MAP15, \
               CSA_MAP14, CSA_MAP13, CSA_MAP12, CSA_MAP11, CSA_MAP10, CSA_MAP9, CSA_MAP8, CSA_MAP7, CSA_MAP6,       \
               CSA_MAP5, CSA_MAP4, CSA_MAP3, CSA_MAP2, CSA_MAP1, )                                                  \
  (__VA_ARGS__)
#define CSA_MAP_PICK(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, pick, ...) pick
#define CSA_MAP1(a) CSA_ARG(a)
#define CSA_MAP2(a, ...) CSA_ARG(a), CSA_MAP1(__VA_ARGS__)
#define CSA_MAP3(a, ...) CSA_ARG(a), CSA_MAP2(__VA_ARGS__)
#define CSA_MAP4(a, ...) CSA_ARG(a), CSA_MAP3(__VA_ARGS__)
#define CSA_MAP5(a, ...) CSA_ARG(a), CSA_MAP4(__VA_ARGS__)
#define CSA_MAP6(a, ...) CSA_ARG(a), CSA_MAP5(__VA_ARGS__)
#define CSA_MAP7(a, ...) CSA_ARG(a), CSA_MAP6(__VA_ARGS__)
#define CSA_MAP8(a, ...) CSA_ARG(a), CSA_MAP7(__VA_ARGS__)
#define CSA_MAP9(a, ...) CSA_ARG(a), CSA_MAP8(__VA_ARGS__)
#define CSA_MAP10(a, ...) CSA_ARG(a), CSA_MAP9(__VA_ARGS__)
#define CSA_MAP11(a, ...) CSA_ARG(a), CSA_MAP10(__VA_ARGS__)
#define CSA_MAP12(a, ...) CSA_ARG(a), CSA_MAP11(__VA_ARGS__)
#define CSA_MAP13(a, ...) CSA_ARG(a), CSA_MAP12(__VA_ARGS__)
#define CSA_MAP14(a, ...) CSA_ARG(a), CSA_MAP13(__VA_ARGS__)
#define CSA_MAP15(a, ...) CSA_ARG(a), CSA_MAP14(__VA_ARGS__)
#define CSA_MAP16(a, ...) CSA_ARG(a), CSA_MAP15(__VA_ARGS__)
#define CSA_MAP17(a, ...) CSA_ARG(a), CSA_MAP16(__VA_ARGS__)
#define CSA_MAP18(a, ...) CSA_ARG(a), CSA_MAP17(__VA_ARGS__)
#define CSA_MAP19(a, ...) CSA_ARG(a), CSA_MAP18(__VA_ARGS__)
#define CSA_MAP20(a, ...) CSA_ARG(a), CSA_MAP19(__VA_ARGS__)
#define CSA_MAP21(a, ...) CSA_ARG(a), CSA_MAP20(__VA_ARGS__)
#define CSA_MAP22(a, ...) CSA_ARG(a), CSA_MAP21(__VA_ARGS__)

/* What a step is made of: a kernel launch, or a call into a library that enqueues by itself (CLBlast). */
typedef struct csa_plan_node {
  char label[CSA_TENSOR_NAME]; /* which layer it is for */
  csa_kernel kernel;
  csa_work work;
  csa_arg args[CSA_ARGS_MAX];
  int arg_count;
  csa_status (*call)(csa_device *device, const struct csa_plan_node *node, cl_event *event); /* NULL for a kernel */
  void *call_data; /* on the heap, the node's */
  cl_kernel bound;
  double flops;                  /* of its product, 2 per multiply-add; 0 for launches that are no product */
  struct csa_gemm_call *product; /* of one that belongs to a matrix product: what was asked for; on the heap, the
                                    node's; else NULL */
} csa_plan_node;

/* Builds the node's kernel and sets its arguments, which must agree in number and type with the kernel's; every tensor
 * has its place by now. A call node has nothing to bind. */
csa_status csa_plan_node_bind(csa_device *device, csa_plan_node *node);

/* Queues it; *event, where not NULL, is its end, to be released; NULL if there was nothing to do. */
csa_status csa_plan_node_enqueue(csa_device *device, const csa_plan_node *node, cl_event *event);

void csa_plan_node_release(csa_plan_node *node);

#endif
