/* `bench`'s report as JSON; doc/formats.md names its fields. */
#include "cli/bench_report.h"

static json_t *kernels_json(const csa_bench_device *d, const csa_benchmark *m) {
  json_t *kernels = json_array();
  for (size_t i = 0; i < m->kernel_count; i++) {
    const csa_kernel_figures *k = &m->kernels[i];
    json_array_append_new(
        kernels,
        json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:s}", "name", k->name, "calls", k->calls, "ms", 1e3 * k->seconds,
                  "gflops", csa_giga_rate(k->flops, k->seconds), "gbytes_per_s", csa_giga_rate(k->bytes, k->seconds),
                  "of_peak", csa_roofline_share(&d->peak, k), "bound", csa_roofline_bound(&d->peak, k)));
  }
  return kernels;
}

static json_t *rate_json(const csa_rate *r) {
  return json_pack("{s:i, s:i, s:f, s:f}", "runs", CSA_BENCHMARK_RUNS, "steps", r->steps, "slowest_images_per_s",
                   r->slowest, "fastest_images_per_s", r->fastest);
}

static json_t *target_json(const csa_bench *b, const csa_target *t) {
  return json_pack("{s:f, s:b, s:f, s:i, s:f, s:f, s:I, s:I, s:s}", "wanted", t->wanted, "reached", t->reached,
                   "accuracy", t->accuracy, "epochs", t->epochs, "train_s", t->train_s, "evaluation_s", t->evaluation_s,
                   "train_images", (json_int_t)t->train_images, "validation_images", (json_int_t)t->validation_images,
                   "data", b->data);
}

static json_t *model_json(const csa_bench *b, const csa_bench_device *d, const csa_bench_model *m) {
  json_t *root =
      json_pack("{s:i, s:f, s:f, s:o, s:o, s:{s:I, s:I}, s:o}", "batch", m->speed.batch, "compile_s",
                m->speed.compile_s, "kernels_ms", 1e3 * m->speed.kernels_s, "train", rate_json(&m->speed.train), "eval",
                rate_json(&m->speed.eval), "epoch", "images", (json_int_t)b->epoch_images, "steps",
                (json_int_t)csa_bench_epoch_steps(b, m), "kernels", kernels_json(d, &m->speed));
  for (int f = 0; f < CSA_BENCH_FIGURES; f++) {
    double value;
    if (!csa_bench_value(b, d, m, f, &value)) continue;
    json_object_set_new(root, csa_bench_figures[f].key,
                        f == CSA_BENCH_MEMORY ? json_integer((json_int_t)value) : json_real(value));
  }
  const csa_choices *c = &m->speed.choices;
  json_object_set_new(
      root, "choices",
      json_pack("{s:s, s:s, s:s, s:s}", "kernels", csa_kernels_text(c->kernels), "gemm", csa_gemm_text(c->gemm), "conv",
                csa_conv_text(c->conv), "precision", csa_precision_text(c->precision)));
  json_object_set(root, "tuning", m->speed.tuning);
  if (m->target.wanted > 0.0) json_object_set_new(root, "target", target_json(b, &m->target));
  return root;
}

static json_t *device_json(const csa_bench_device *d) {
  return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s*}", "name", d->info.name, "device", d->info.device, "platform",
                   d->info.platform, "driver", d->info.driver, "type", csa_device_type_text(d->info.type),
                   "compute_units", d->info.compute_units, "chip", d->chip[0] != '\0' ? d->chip : NULL);
}

/* Where and when: each device's document has it, so that it can stand alone. */
static void add_circumstances(const csa_bench *b, const csa_bench_device *d, json_t *root) {
  char seed[24]; /* as text: JSON's numbers lose digits in other programs */
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)b->seed);
  json_t *machine = json_pack("{s:s, s:i}", "processor", b->machine.processor, "cores", b->machine.cores);
  if (d->load >= 0.0) json_object_set_new(machine, "load", json_real(d->load));
  json_object_set_new(root, "clsattn", json_string(csa_version()));
  json_object_set_new(root, "commit", json_string(csa_commit()));
  json_object_set_new(root, "date", json_string(d->date));
  json_object_set_new(root, "seed", json_string(seed));
  json_object_set_new(root, "machine", machine);
}

static void add_figures(const csa_bench *b, const csa_bench_device *d, json_t *root) {
  json_t *models = json_object(), *products = json_array();
  for (int i = 0; i < d->model_count; i++)
    json_object_set_new(models, d->models[i].name, model_json(b, d, &d->models[i]));
  for (int i = 0; i < d->product_count; i++) {
    const csa_product *p = &d->products[i];
    json_array_append_new(
        products, json_pack("{s:i, s:i, s:i, s:s, s:s, s:f}", "m", p->m, "n", p->n, "k", p->k, "form",
                            csa_product_form(p), "provider", csa_product_provider(p), "gflops", d->product_gflops[i]));
  }
  json_object_set_new(root, "peak",
                      json_pack("{s:f, s:f}", "gflops", d->peak.gflops, "gbytes_per_s", d->peak.gbytes_per_s));
  json_object_set_new(root, "models", models);
  json_object_set_new(root, "gemm", products);
}

static json_t *document(const csa_bench *b, const csa_bench_device *d) {
  json_t *root = json_pack("{s:o}", "device", device_json(d));
  add_circumstances(b, d, root);
  if (d->status != CSA_OK) {
    json_object_set_new(root, "error", json_string(d->error));
    json_object_set_new(root, "exit", json_integer(csa_exit_code(d->status)));
  }
  if (csa_bench_has_figures(d)) add_figures(b, d, root);
  return root;
}

/* Devices that share a chip with others. */
static json_t *chips_json(const csa_bench *b) {
  json_t *chips = json_array();
  for (int first = 0; first < b->count; first++) {
    json_t *names = json_array();
    for (int i = first; i < b->count; i++)
      if (csa_bench_same_chip(b, i) == first) json_array_append_new(names, json_string(b->devices[i].info.name));
    if (json_array_size(names) > 1)
      json_array_append_new(chips, json_pack("{s:s, s:O}", "chip", b->devices[first].chip, "devices", names));
    json_decref(names);
  }
  return chips;
}

json_t *csa_bench_json(const csa_bench *b) {
  if (b->count == 1) return document(b, b->devices);
  json_t *devices = json_array();
  for (int i = 0; i < b->count; i++) json_array_append_new(devices, document(b, &b->devices[i]));
  return json_pack("{s:o, s:o}", "devices", devices, "same_chip", chips_json(b));
}
