/* Runs one layer on a device and gives back all it computed, to be compared with src/reference. */
#ifndef CSA_TESTS_LAYERS_HARNESS_H
#define CSA_TESTS_LAYERS_HARNESS_H

#include "selftest/trial.h"
#include "testing.h"

/* Every kernel family with every GEMM provider; the first four are both families, with floats and with halves. */
typedef struct {
  const char *name;
  csa_choices choices;
} test_variant;
extern const test_variant test_variants[];
extern const int test_variant_count;

/* The device under test ($CLSATTN_DEVICE or the default), opened once for the program. */
csa_device *test_device(void);

/* A second one beside it: its platform's next, or else the same opened once more. */
csa_device *test_other_device(void);

/* Whether a case of many, by its number, is worth compiling kernels for: of halves every third, as they differ in loads
 * and stores alone. */
bool test_takes(const test_variant *variant, size_t number);

/* Calls `check` with the portable family while the device is taken for one of small limits: groups of 1 and 8
 * work-items, 16 KiB of local memory. */
void test_small_limits(void (*check)(const test_variant *variant));

/* Whether a case is left out: the CPU family on other devices; variants whose name lacks $CLSATTN_TEST_VARIANT; more
 * work than $CLSATTN_TEST_WORK multiply-adds, or elements where there are none, which slow implementations set. The
 * number of cases is printed at exit, and a program that left out all of them fails. */
bool test_skips(const test_variant *variant, int64_t work);

/* Runs the case, the input's gradient with it, and compares all that came out with what the reference expects. Of a
 * layer that says it can work in place, gradients are the same when it does. */
void test_layer_case(const test_variant *variant, csa_trial_case c);

/* Largest |got - want| is at most `tolerance` times the largest |want| (or times 1, if that is smaller). */
void assert_close(const char *what, const double *got, const double *want, int64_t count, double tolerance);

/* A heap array of `count` zeros. */
double *test_zeros(int64_t count);

#endif
