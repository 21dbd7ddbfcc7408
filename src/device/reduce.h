/* Sums over the rows of a matrix: bias gradients, and the parts of a product whose inner dimension was split. */
#ifndef CSA_DEVICE_REDUCE_H
#define CSA_DEVICE_REDUCE_H

#include "device/plan.h"

/* out[cols] = beta * out + the sum over rows of x [rows, cols], rows `ld` elements apart; the order of addition is
 * fixed by the plan. beta is 0 or 1. */
csa_status csa_sum_rows(csa_plan *plan, const csa_tensor *x, int rows, int cols, int ld, float beta, csa_tensor *out);

#endif
