#include "verify/golden.h"

#include <stdlib.h>
#include <string.h>

static csa_status read_sizes(csa_golden *g) {
  const char *model = csa_safetensors_metadata(g->file, "model"), *sizes = csa_safetensors_metadata(g->file, "sizes");
  if (model == NULL) return csa_fail(CSA_INPUT, "golden: %s: metadata: 'model' is missing", g->path);
  const bool grid = strcmp(model, "vitp") == 0;
  if (csa_architecture_default(&g->architecture, grid ? "vit" : model) != CSA_OK)
    return csa_fail(CSA_INPUT, "golden: %s: metadata: model %s: must be cnn, vit or vitp", g->path, model);
  g->architecture.grid = grid;
  if (sizes == NULL) return CSA_OK;
  json_error_t error;
  json_t *parsed = json_loads(sizes, JSON_REJECT_DUPLICATES, &error);
  if (parsed == NULL) return csa_fail(CSA_INPUT, "golden: %s: metadata: sizes: %s", g->path, error.text);
  const csa_status status = csa_architecture_read_sizes(&g->architecture, parsed, g->path);
  json_decref(parsed);
  return status;
}

static csa_status read_shape(csa_golden *g) {
  const csa_st_tensor *inputs = csa_safetensors_find(g->file, "inputs_all");
  if (inputs == NULL || inputs->shape.rank != 5)
    return csa_fail(
        CSA_INPUT, "golden: %s: tensor 'inputs_all': missing, or not [steps, batch, channels, height, width]", g->path);
  const csa_shape s = inputs->shape;
  const csa_architecture *a = &g->architecture;
  if (s.dim[0] < 1 || s.dim[0] > 100000 || s.dim[1] < 1 || s.dim[1] > 100000 || s.dim[2] != a->channels ||
      s.dim[3] != a->image || s.dim[4] != a->image)
    return csa_fail(CSA_INPUT,
                    "golden: %s: tensor 'inputs_all': its shape does not fit the model's image of %d x %d x %d",
                    g->path, a->channels, a->image, a->image);
  g->steps = (int)s.dim[0];
  g->batch = (int)s.dim[1];
  return CSA_OK;
}

static csa_status read_rate(csa_golden *g) {
  const char *text = csa_safetensors_metadata(g->file, "lr");
  char *end = NULL;
  g->lr = text != NULL ? strtof(text, &end) : 0.0f;
  if (text == NULL || end == text || *end != '\0' || !(g->lr >= 0.0f))
    return csa_fail(CSA_INPUT, "golden: %s: metadata: 'lr' is missing or no number", g->path);
  return CSA_OK;
}

/* [B, C, H, W] of one step as the device has it: [B, H, W, C]. */
static void to_nhwc(const float *from, float *to, int64_t images, int64_t channels, int64_t pixels) {
  for (int64_t n = 0; n < images; n++)
    for (int64_t c = 0; c < channels; c++)
      for (int64_t p = 0; p < pixels; p++) to[(n * pixels + p) * channels + c] = from[(n * channels + c) * pixels + p];
}

static csa_status take_labels(csa_golden *g, const int64_t *from, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (from[i] < 0 || from[i] >= g->architecture.classes)
      return csa_fail(CSA_INPUT, "golden: %s: tensor 'labels_all': %lld is no class of %d", g->path, (long long)from[i],
                      g->architecture.classes);
    g->labels[i] = (int32_t)from[i];
  }
  return CSA_OK;
}

static csa_status read_batches(csa_golden *g) {
  const csa_architecture *a = &g->architecture;
  const csa_shape all = csa_shape2(g->steps, g->batch);
  const int64_t pixels = (int64_t)a->image * a->image, count = csa_elements(all), floats = count * pixels * a->channels;
  float *nchw = NULL;
  int64_t *wide = NULL;
  csa_status status;
  CSA_GO(csa_new(&g->images, (size_t)floats, sizeof *g->images));
  CSA_GO(csa_new(&nchw, (size_t)floats, sizeof *nchw));
  CSA_GO(csa_safetensors_f32(g->file, "inputs_all", NULL, nchw));
  to_nhwc(nchw, g->images, count, a->channels, pixels);
  CSA_GO(csa_new(&wide, (size_t)count, sizeof *wide));
  CSA_GO(csa_new(&g->labels, (size_t)count, sizeof *g->labels));
  CSA_GO(csa_safetensors_i64(g->file, "labels_all", &all, wide));
  status = take_labels(g, wide, count);
done:
  free(nchw);
  free(wide);
  return status;
}

csa_status csa_golden_open(csa_golden *g, const char *path) {
  *g = (csa_golden){.path = path};
  CSA_TRY(csa_safetensors_open(&g->file, path));
  CSA_TRY(read_sizes(g));
  CSA_TRY(read_shape(g));
  CSA_TRY(read_rate(g));
  return read_batches(g);
}

void csa_golden_close(csa_golden *g) {
  free(g->images);
  free(g->labels);
  csa_safetensors_close(g->file);
  *g = (csa_golden){0};
}
