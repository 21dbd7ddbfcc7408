/* A model of one's own on images of one's own: which way do the bars run? Build it against the installed library:
 *   cc -O2 bars.c $(pkg-config --cflags --libs clsattn) -o bars && ./bars */
#include <clsattn.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 16, BATCH = 64, IMAGE = SIDE * SIDE };

/* Grey images [BATCH, 1, SIDE, SIDE]: noisy bars that run down (0), across (1), or along either diagonal (2, 3). */
static void draw(uint8_t *images, int32_t *labels) {
  for (int n = 0; n < BATCH; n++) {
    const int kind = labels[n] = rand() % 4, shift = rand() % 6;
    for (int y = 0; y < SIDE; y++)
      for (int x = 0; x < SIDE; x++) {
        const int along = kind == 0 ? x : kind == 1 ? y : kind == 2 ? x + y : x - y + SIDE;
        images[n * IMAGE + y * SIDE + x] = (uint8_t)((along + shift) % 6 < 3 ? 100 + rand() % 156 : rand() % 156);
      }
  }
}

static csa_status train(csa_model *m) {
  static uint8_t images[BATCH * IMAGE];
  int32_t labels[BATCH], guesses[BATCH];
  float loss;
  csa_node x =
      csa_conv2d(m, csa_input(m), "conv1", (csa_conv2d_config){.out = 16, .kernel = 3, .pad = 1, .relu = true});
  x = csa_max_pool(m, x);
  x = csa_nonlocal(m, x, "sa1", (csa_nonlocal_config){.reduction = 4});
  x = csa_conv2d(m, x, "conv2", (csa_conv2d_config){.out = 32, .kernel = 3, .pad = 1, .relu = true});
  csa_classifier(m, csa_linear(m, csa_global_average(m, x), "fc", (csa_linear_config){.out = 4}));
  csa_status status = csa_model_build(m, &(csa_build){.batch = BATCH, .optimizer = CSA_ADAM, .lr = 3e-3f, .seed = 1});
  for (int step = 1; step <= 60 && status == CSA_OK; step++) {
    draw(images, labels);
    status = csa_train_step(m, images, labels, BATCH, step % 20 == 0 ? &loss : NULL);
    if (status == CSA_OK && step % 20 == 0) printf("step %d: loss %.3f\n", step, (double)loss);
  }
  draw(images, labels);
  if (status == CSA_OK) status = csa_predict(m, images, BATCH, guesses, NULL);
  int right = 0;
  for (int n = 0; n < BATCH && status == CSA_OK; n++) right += guesses[n] == labels[n];
  printf("%lld parameters, %d of %d new images right\n", (long long)csa_parameter_count(m), right, BATCH);
  return status == CSA_OK ? csa_weights_save(m, "bars.safetensors") : status;
}

int main(void) {
  csa_device *device = NULL;
  csa_model *model = NULL;
  csa_status status = csa_device_open(&device, NULL);
  if (status == CSA_OK) status = csa_model_create(&model, device, (csa_size){SIDE, SIDE, 1});
  if (status == CSA_OK) status = train(model);
  if (status != CSA_OK) fprintf(stderr, "bars: %s\n", csa_last_error());
  csa_model_destroy(model);
  csa_device_close(device);
  return status == CSA_OK ? 0 : 1;
}
