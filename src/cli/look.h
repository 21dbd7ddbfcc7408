/* What attend shows of the layers and heads of a model that looked at an image: pictures on a sheet, figures as JSON.
 */
#ifndef CSA_CLI_LOOK_H
#define CSA_CLI_LOOK_H

#include <jansson.h>

#include "cli/sheet.h"
#include "model/maps.h"

typedef struct {
  const csa_maps *maps; /* of one image, that of the sheet */
  const csa_map *only;  /* this layer; NULL: all */
  int x, y;             /* the pixel that asks, where no class token does */
} csa_look;

/* Adds the image and a picture for each layer and head, with a legend, and to the object `json` "layers": [{"name",
 * "keys", "heads": [{"head", "entropy", "max", "class_token", "peak"}]}]; of a model with a class token, and without
 * `only`, also the rollout. Entropy is in bits, max the largest weight, peak the [x, y] where the most looked at
 * begins. */
csa_status csa_look_draw(const csa_look *look, csa_sheet *sheet, json_t *json);

#endif
