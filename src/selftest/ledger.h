/* The self-test's books: which launches there are, which took part in what was compared, and so which one is to blame.
 *
 * A probe is one comparison of a tensor with its reference; behind it stand all launches that the tensor depends on,
 * each with what it wrote that was needed. Where probes did not hold, the launch is to blame that stands behind those,
 * and behind as few others as can be. */
#ifndef CSA_SELFTEST_LEDGER_H
#define CSA_SELFTEST_LEDGER_H

#include "device/gemm.h"
#include "selftest/checks.h"

/* A kernel with its options and, if it belongs to a matrix product, which. */
typedef struct {
  csa_kernel kernel;
  char product[CSA_GEMM_TEXT]; /* empty: none */
  bool multiplies;             /* it is that product's own, not what goes before or after */
  bool in_use;                 /* a model asks for it */
} csa_unit;

typedef struct {
  char what[136];
  double error, tolerance;
  size_t *parts; /* behind it, on the heap: number of the unit * CSA_ARGS_MAX + number of the argument it wrote */
  size_t count;
} csa_probe;

typedef struct {
  csa_unit *units;
  size_t unit_count, unit_capacity;
  csa_probe *probes; /* in the order in which they were made: what is simple comes first */
  size_t probe_count, probe_capacity;
} csa_ledger;

/* Says that every launch of the recorded plan is in use. */
csa_status csa_ledger_use(csa_ledger *ledger, const csa_plan *plan);

/* Enters that `tensor`, as the launches of `plan` computed it, is off by `error`. */
csa_status csa_ledger_probe(csa_ledger *ledger, const csa_plan *plan, const csa_tensor *tensor, double error,
                            double tolerance, const char *what_format, ...) __attribute__((format(printf, 6, 7)));

/* Whether the product is behind any probe. */
bool csa_ledger_has_product(const csa_ledger *ledger, const char *product);

/* A check for each unit, judged by the probe that has least behind it; one that is in use and stands behind none has
 * failed, with an error that is not a number. `sentence`, CSA_SENTENCE bytes, says which kernel is to blame, or among
 * which the probes cannot tell, "attention_backward (cpu/attention.cl): heads 4 x 16, 65 tokens: d input: error 1.2e-01
 * is above the tolerance 3e-05"; empty if all held. */
#define CSA_SENTENCE 640
csa_status csa_ledger_close(const csa_ledger *ledger, csa_verification *verification, char *sentence);

void csa_ledger_fini(csa_ledger *ledger);

#endif
