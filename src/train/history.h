/* metrics.jsonl read back: how a run went. */
#ifndef CSA_TRAIN_HISTORY_H
#define CSA_TRAIN_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* The figures that a line may have. */
typedef enum {
  CSA_OF_TRAIN_LOSS,
  CSA_OF_TEST_LOSS,
  CSA_OF_TEST_ACCURACY,
  CSA_OF_VAL_LOSS,
  CSA_OF_VAL_ACCURACY,
  CSA_OF_LR,
  CSA_OF_IMAGES_PER_S,
  CSA_OF_SECONDS,
  CSA_OF_ALL
} csa_history_figure;

typedef struct {
  bool epoch_end;
  int64_t step;
  int epoch;                 /* from 1 */
  double figure[CSA_OF_ALL]; /* NaN: the line has none */
} csa_history_row;

typedef struct {
  csa_history_row *rows;
  size_t count;
} csa_history;

/* Reads `folder`/metrics.jsonl. A last line that was cut short is left out, as are lines of kinds that came later;
 * anything else that is not as metrics.h writes it is CSA_INPUT. Released by csa_history_fini. */
csa_status csa_history_read(csa_history *history, const char *folder);
void csa_history_fini(csa_history *history);

/* The last line of an epoch's end; NULL before there is one. */
const csa_history_row *csa_history_last(const csa_history *history);

#endif
