/* Where the time of a step goes, kernel by kernel; beside a device's roofline where that was measured, else NULL. */
#ifndef CSA_REPORT_KERNELS_H
#define CSA_REPORT_KERNELS_H

#include "measure/roofline.h"
#include "report/table.h"

void csa_kernels_table(FILE *out, csa_form form, const csa_benchmark *benchmark, const csa_roofline *roofline);

/* In a page: a bar for each that takes a hundredth of the time, solid up to what the roofline allows, and one for all
 * others; then the table, folded. */
csa_status csa_kernels_print(FILE *out, const csa_benchmark *benchmark, const csa_roofline *roofline);

#endif
