/* Sums over the rows of a matrix: bias gradients, and the parts of a product whose inner dimension was split. */
#ifndef CSA_DEVICE_REDUCE_H
#define CSA_DEVICE_REDUCE_H

#include "device/plan.h"

/* out[cols] = beta * out + the sum over rows of x [rows, cols], rows `ld` elements apart; the order of addition is
 * fixed by the plan. beta is 0 or 1. */
csa_status csa_sum_rows(csa_plan *plan, const csa_tensor *x, int rows, int cols, int ld, float beta, csa_tensor *out);

/* The same for x [rows, a_cols + b_cols], dense: the first columns go to a, the others to b. It is one launch where b
 * follows a in memory, as a layer's bias may follow its weight. */
csa_status csa_sum_rows_of_two(csa_plan *plan, csa_tensor *x, int rows, float beta, csa_tensor *a, int a_cols,
                               csa_tensor *b, int b_cols);

#endif
