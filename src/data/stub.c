#include "data/dataset.h"
csa_status csa_dataset_open(csa_dataset **dataset, const char *path, csa_dataset_limits limits) {(void)limits; (void)dataset; return csa_fail(CSA_INPUT, "stub %s", path);}
void csa_dataset_close(csa_dataset *dataset) {(void)dataset;}
