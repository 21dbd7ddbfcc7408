#include "cli/prediction.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "data/image.h"

csa_status csa_prediction_image(const csa_trained *t, const char *path, uint8_t *image) {
  csa_image file = {0};
  struct stat info;
  if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
    return csa_fail(CSA_INPUT, "image: %s: a folder; images are given one by one, like %s/*.jpg", path, path);
  csa_status status = csa_image_read(&file, path);
  if (status == CSA_OK) status = csa_image_resize(&file, t->architecture.image, image);
  csa_image_fini(&file);
  return status;
}

/* The most probable class that is not `taken` yet; of equals, the first. */
static int next(const double *probabilities, bool *taken, int classes) {
  int best = -1;
  for (int c = 0; c < classes; c++)
    if (!taken[c] && (best < 0 || probabilities[c] > probabilities[best])) best = c;
  taken[best] = true;
  return best;
}

csa_status csa_prediction_json(const csa_trained *t, const double *probabilities, int top, json_t **json) {
  const int classes = t->architecture.classes;
  bool *taken = NULL;
  CSA_TRY(csa_new(&taken, (size_t)classes, sizeof *taken));
  *json = json_array();
  for (int i = 0; i < top && i < classes; i++) {
    const int c = next(probabilities, taken, classes);
    json_array_append_new(*json, json_pack("{s:s, s:f}", "class", t->class_names[c], "probability", probabilities[c]));
  }
  free(taken);
  return CSA_OK;
}

csa_status csa_prediction_text(const csa_trained *t, const double *probabilities, int top, char *text, size_t size) {
  const int classes = t->architecture.classes;
  size_t used = 0;
  bool *taken = NULL;
  CSA_TRY(csa_new(&taken, (size_t)classes, sizeof *taken));
  text[0] = '\0';
  for (int i = 0; i < top && i < classes && used < size; i++) {
    const int c = next(probabilities, taken, classes);
    used += (size_t)snprintf(text + used, size - used, "%s%s %.1f %%", i > 0 ? ", " : "", t->class_names[c],
                             100.0 * probabilities[c]);
  }
  free(taken);
  return CSA_OK;
}
