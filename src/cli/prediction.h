/* What a trained model takes an image for, as predict and attend say it. */
#ifndef CSA_CLI_PREDICTION_H
#define CSA_CLI_PREDICTION_H

#include <jansson.h>

#include "train/trained.h"

/* The image file at `path` as the model takes it: image [3, side, side]. */
csa_status csa_prediction_image(const csa_trained *trained, const char *path, uint8_t *image);

/* Classes by probability, at most `top` of them: [{"class", "probability"}]; and as text, "cat 91.2 %, dog 5.0 %", cut
 * to `size`. probabilities [classes]. CSA_MEMORY. */
csa_status csa_prediction_json(const csa_trained *trained, const double *probabilities, int top, json_t **json);
csa_status csa_prediction_text(const csa_trained *trained, const double *probabilities, int top, char *text,
                               size_t size);

#endif
