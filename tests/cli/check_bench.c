/* check_bench FILE: whether a document of `bench --json`, of one device or of several, has all that is promised, each
 * of its kind, and whether its figures agree with each other. Prints the first thing that is wrong. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *where = "";

static void wrong(const char *what) {
  fprintf(stderr, "check_bench: %s: %s\n", where, what);
  exit(1);
}

static void hold(int condition, const char *what) {
  if (!condition) wrong(what);
}

/* Keys of "name:kind" with kinds s text, i whole number, n number above or at 0, o object, a list, b truth. */
static void has(const json_t *object, const char *const *keys) {
  for (; *keys != NULL; keys++) {
    char name[64], text[160];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(*keys, ":"), *keys);
    const json_t *value = json_object_get(object, name);
    snprintf(text, sizeof text, "%s is missing or of another kind", *keys);
    switch ((*keys)[strlen(name) + 1]) {
      case 's': hold(json_is_string(value), text); break;
      case 'i': hold(json_is_integer(value) && json_integer_value(value) >= 0, text); break;
      case 'n': hold(json_is_number(value) && json_number_value(value) >= 0.0, text); break;
      case 'o': hold(json_is_object(value), text); break;
      case 'a': hold(json_is_array(value), text); break;
      case 'b': hold(json_is_boolean(value), text); break;
      default: wrong("unknown kind");
    }
  }
}
#define HAS(object, ...) has(object, (const char *const[]){__VA_ARGS__, NULL})

static double number(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }
static int near(double a, double b) { return fabs(a - b) <= 1e-6 * fabs(a) + 1e-9; }

static void check_kernels(const json_t *model, const json_t *peak) {
  double all_ms = 0.0, bound_ms = 0.0, before = INFINITY;
  size_t i;
  json_t *k;
  json_array_foreach(json_object_get(model, "kernels"), i, k) {
    HAS(k, "name:s", "calls:i", "ms:n", "gflops:n", "gbytes_per_s:n", "of_peak:n", "bound:s");
    const double ms = number(k, "ms"), arithmetic = number(k, "gflops") / number(peak, "gflops"),
                 bytes = number(k, "gbytes_per_s") / number(peak, "gbytes_per_s");
    hold(ms <= before, "kernels: not the one that takes most first");
    hold(near(number(k, "of_peak"), fmax(arithmetic, bytes)), "kernels: of_peak is not the share of the roofline");
    const char *bound = arithmetic > bytes ? "compute" : "memory";
    hold(strcmp(json_string_value(json_object_get(k, "bound")), bound) == 0, "kernels: bound by the other");
    before = ms;
    all_ms += ms;
    bound_ms += number(k, "of_peak") * ms;
  }
  hold(all_ms > 0.0 && near(all_ms, number(model, "kernels_ms")), "kernels: their times do not add up to kernels_ms");
  hold(near(number(model, "of_peak"), bound_ms / all_ms), "of_peak is not that of all kernels");
}

static void check_target(const json_t *model) {
  const json_t *t = json_object_get(model, "target");
  if (t == NULL) return;
  HAS(t, "wanted:n", "reached:b", "accuracy:n", "epochs:i", "train_s:n", "evaluation_s:n", "train_images:i",
      "validation_images:i", "data:s");
  const int reached = json_is_true(json_object_get(t, "reached"));
  hold(reached == (number(t, "accuracy") >= number(t, "wanted")), "target: reached, or not, against its accuracy");
  hold(reached == (json_object_get(model, "target_s") != NULL), "target_s without having reached it, or not with it");
  hold(!reached || near(number(model, "target_s"), number(t, "train_s")), "target_s is not the training's time");
}

static void check_model(const json_t *m, const json_t *peak) {
  HAS(m, "batch:i", "train_images_per_s:n", "eval_images_per_s:n", "compile_s:n", "peak_bytes:i", "kernels:a",
      "step_ms:n", "kernels_ms:n", "epoch_s:n", "epoch:o", "train:o", "eval:o", "of_peak:n", "choices:o", "tuning:a");
  static const char *const rates[] = {"train", "eval"};
  for (int i = 0; i < 2; i++) {
    const json_t *rate = json_object_get(m, rates[i]);
    char key[32];
    HAS(rate, "runs:i", "steps:i", "slowest_images_per_s:n", "fastest_images_per_s:n");
    snprintf(key, sizeof key, "%s_images_per_s", rates[i]);
    hold(number(rate, "steps") >= number(rate, "runs"), "fewer steps than runs");
    hold(number(rate, "slowest_images_per_s") <= number(m, key) &&
             number(m, key) <= number(rate, "fastest_images_per_s"),
         "a median beyond the extremes");
  }
  const json_t *epoch = json_object_get(m, "epoch");
  HAS(epoch, "images:i", "steps:i");
  hold(near(number(m, "epoch_s"), number(epoch, "images") / number(m, "train_images_per_s")),
       "epoch_s is another rate's");
  hold(number(epoch, "steps") == ceil(number(epoch, "images") / number(m, "batch")), "steps of an epoch");
  check_kernels(m, peak);
  check_target(m);
}

static void check_device(const json_t *d) {
  const char *name;
  size_t i;
  json_t *item;
  HAS(d, "device:o", "clsattn:s", "commit:s", "date:s", "seed:s", "machine:o");
  HAS(json_object_get(d, "device"), "name:s", "device:s", "platform:s", "driver:s", "type:s", "compute_units:i");
  HAS(json_object_get(d, "machine"), "processor:s", "cores:i");
  if (json_object_get(d, "error") != NULL) {
    HAS(d, "error:s", "exit:i");
    if (json_object_get(d, "models") == NULL) return;
  }
  HAS(d, "peak:o", "models:o", "gemm:a");
  const json_t *peak = json_object_get(d, "peak");
  HAS(peak, "gflops:n", "gbytes_per_s:n");
  json_object_foreach(json_object_get(d, "models"), name, item) {
    where = name;
    check_model(item, peak);
  }
  where = "gemm";
  json_array_foreach(json_object_get(d, "gemm"), i, item) HAS(item, "m:i", "n:i", "k:i", "provider:s", "gflops:n");
}

int main(int argc, char **argv) {
  json_error_t error;
  size_t i;
  json_t *d;
  if (argc != 2) return 2;
  where = argv[1];
  json_t *root = json_load_file(argv[1], 0, &error);
  if (root == NULL) wrong(error.text);
  const json_t *devices = json_object_get(root, "devices");
  if (devices == NULL) check_device(root);
  json_array_foreach(devices, i, d) {
    where = "a device of several";
    check_device(d);
  }
  if (devices != NULL) HAS(root, "devices:a", "same_chip:a");
  json_decref(root);
  return 0;
}
