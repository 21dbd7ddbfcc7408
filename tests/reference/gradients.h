/* Gradients against central differences, one element after the other. */
#ifndef CSA_TESTS_REFERENCE_GRADIENTS_H
#define CSA_TESTS_REFERENCE_GRADIENTS_H

#include "testing.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Arrays of the case at hand, of zeros or of normal numbers; test_release, a teardown, frees them all. */
double *test_fresh(int64_t count);
double *test_random(int64_t count, double scale);
int test_release(void **state);

double test_dot(const double *a, const double *b, int64_t count);

/* Fails unless `gradient` is that of f by x [count], which is part of the problem; the largest error is taken against
 * the largest magnitude. */
typedef double test_objective(const void *problem);
void assert_gradient(const char *what, test_objective *f, const void *problem, double *x, const double *gradient,
                     int64_t count);

/* Draws x anew until no element of y, which f leaves in the problem, is near the kink of a ReLU: central differences
 * mean nothing across it. */
void test_avoid_kink(test_objective *f, const void *problem, const double *y, int64_t y_count, double *x,
                     int64_t x_count, double scale);

#endif
