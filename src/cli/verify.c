/* clsattn verify: the self-test of a device; with FILE a golden file's numbers against ours, of one device or several;
 * with --against two devices side by side; with --determinism one device twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/choices.h"
#include "cli/commands.h"
#include "cli/device_set.h"
#include "cli/output.h"
#include "selftest/selftest.h"
#include "verify/against.h"
#include "verify/determinism.h"
#include "verify/verify.h"

#define BATCH 100 /* whose products the self-test computes: train's default */

typedef struct {
  const char *device, *dump, *against, *model, *patches, *shares;
  csa_choice_texts choices;
  int accumulate, steps, batch;
  uint64_t seed;
  bool determinism, json;
} verify_settings;

static csa_status print_json(const csa_verification *v) {
  json_t *checks = json_array();
  for (size_t i = 0; i < v->count; i++) {
    const csa_check *c = &v->checks[i];
    json_t *error = c->error - c->error == 0.0 ? json_real(c->error) : json_null(); /* not a number: JSON has none */
    json_array_append_new(checks, json_pack("{s:s, s:o, s:f, s:b}", "name", c->name, "error", error, "tolerance",
                                            c->tolerance, "ok", c->ok));
  }
  return csa_print_json(json_pack("{s:b, s:o}", "ok", v->ok, "checks", checks));
}

static csa_status print_text(const csa_verification *v) {
  for (size_t i = 0; i < v->count; i++) {
    const csa_check *c = &v->checks[i];
    printf("%-4s %-76s error %.2e, tolerance %.0e\n", c->ok ? "ok" : "FAIL", c->name, c->error, c->tolerance);
  }
  return csa_flush_output();
}

static csa_status verdict(const csa_verification *v, const char *path, bool dumped) {
  if (v->count == 0 && !dumped)
    return csa_fail(CSA_INPUT, "verify: %s: has no expected values; --dump writes ours", path);
  for (size_t i = 0; i < v->count; i++)
    if (!v->checks[i].ok)
      return csa_fail(CSA_FAILED, "verify: %s: %s: error %.2e is above the tolerance %.0e", path, v->checks[i].name,
                      v->checks[i].error, v->checks[i].tolerance);
  return CSA_OK;
}

static csa_status run_file(const verify_settings *s, const csa_device_set *set, csa_choices choices, const char *path) {
  csa_verification v = {0};
  const csa_golden_way way = {choices, s->shares, s->accumulate};
  csa_status status;
  CSA_GO(csa_verify(&v, set->devices, set->count, &way, path, s->dump));
  if (v.count > 0 || s->dump != NULL) CSA_GO(s->json ? print_json(&v) : print_text(&v));
  status = verdict(&v, path, s->dump != NULL);
done:
  csa_verification_fini(&v);
  return status;
}

static csa_status run_self_test(const verify_settings *s, csa_device *device, csa_choices choices) {
  csa_verification v = {0};
  char sentence[CSA_SENTENCE];
  csa_status status;
  CSA_GO(csa_selftest(&v, sentence, device, choices, BATCH));
  CSA_GO(s->json ? print_json(&v) : print_text(&v));
  if (sentence[0] != '\0')
    status = csa_fail(CSA_FAILED,
                      "verify: %s: %s\n  try --kernels portable, or --gemm native or clblast, or another version of "
                      "the driver (%s, %s)",
                      device->info.name, sentence, device->info.platform, device->info.driver);
done:
  csa_verification_fini(&v);
  return status;
}

/* All checks, in a step's order of rows. */
static csa_status flatten(const csa_divergence *d, csa_verification *v) {
  *v = (csa_verification){.ok = d->first == NULL};
  for (size_t i = 0; i < d->count; i++)
    for (int kind = 0; kind < CSA_KINDS; kind++) {
      if (d->rows[i].kinds[kind].name[0] == '\0') continue;
      CSA_TRY(csa_verification_add(v, &d->rows[i].kinds[kind]));
    }
  return CSA_OK;
}

static csa_status print_rows(const csa_divergence *d) {
  printf("%-4s %4s  %-36s", "", "step", "largest relative error of");
  for (int kind = 0; kind < CSA_KINDS; kind++) printf(" %19s", csa_against_text((csa_against_kind)kind));
  printf("\n");
  for (size_t i = 0; i < d->count; i++) {
    const csa_against_row *row = &d->rows[i];
    char name[CSA_TENSOR_NAME + 20];
    bool ok = true;
    for (int kind = 0; kind < CSA_KINDS; kind++) ok = ok && (row->kinds[kind].name[0] == '\0' || row->kinds[kind].ok);
    snprintf(name, sizeof name, "%s (%s)", row->layer, row->ops);
    printf("%-4s %4d  %-36s", ok ? "ok" : "FAIL", row->step, name);
    for (int kind = 0; kind < CSA_KINDS; kind++)
      if (row->kinds[kind].name[0] == '\0')
        printf(" %19s", "-");
      else
        printf(" %19.1e", row->kinds[kind].error);
    printf("\n");
  }
  return csa_flush_output();
}

static csa_status report(const verify_settings *s, const csa_divergence *d, const char *tested, const char *reference) {
  csa_verification v = {0};
  csa_status status;
  CSA_GO(flatten(d, &v));
  CSA_GO(s->json ? print_json(&v) : print_rows(d));
  if (d->first != NULL) {
    const csa_check *c = &d->first->kinds[d->first_kind];
    status = csa_fail(CSA_FAILED, "verify: %s parts from %s first at %s: error %.2e is above the tolerance %.0e",
                      tested, reference, c->name, c->error, c->tolerance);
  }
done:
  csa_verification_fini(&v);
  return status;
}

/* What is trained, and for how long. */
static csa_status take_steps(const verify_settings *s, csa_sample_config *config) {
  *config = (csa_sample_config){.batch = s->batch, .steps = s->steps, .seed = s->seed};
  CSA_TRY(csa_architecture_default(&config->architecture, s->model != NULL ? s->model : "vit"));
  return s->patches != NULL ? csa_architecture_patches(&config->architecture, s->patches) : CSA_OK;
}

static csa_status run_determinism(const verify_settings *s, csa_device *device, csa_choices choices) {
  csa_sample_config config;
  csa_verification v = {0};
  csa_status status;
  CSA_TRY(take_steps(s, &config));
  CSA_GO(csa_determinism(&v, &(csa_side){device, choices}, &config));
  CSA_GO(s->json ? print_json(&v) : print_text(&v));
  if (!v.ok)
    status = csa_fail(CSA_FAILED, "verify: %s: the same steps give other bits: %s", device->info.name,
                      v.checks[v.count - 1].name);
done:
  csa_verification_fini(&v);
  return status;
}

static csa_status run_against(const verify_settings *s, csa_device *device, csa_choices choices) {
  csa_sample_config config;
  csa_side tested = {device, choices}, reference = {0};
  csa_divergence d = {0};
  csa_status status;
  CSA_TRY(take_steps(s, &config));
  CSA_GO(csa_device_open(&reference.device, s->against));
  CSA_GO(csa_against(&d, &tested, &reference, &config));
  status = report(s, &d, device->info.name, reference.device->info.name);
done:
  csa_divergence_fini(&d);
  csa_device_close(reference.device);
  return status;
}

static csa_status run_one(const verify_settings *s, csa_device *device, csa_choices choices) {
  if (s->against != NULL) return run_against(s, device, choices);
  return s->determinism ? run_determinism(s, device, choices) : run_self_test(s, device, choices);
}

static csa_status run(const verify_settings *s, const char *path) {
  csa_device_set set = {0};
  csa_choices choices = {0};
  csa_status status;
  CSA_TRY(csa_choices_take(&s->choices, &choices));
  CSA_GO(csa_device_set_open(&set, s->device));
  if (path != NULL)
    status = run_file(s, &set, choices, path);
  else if (set.count == 1)
    status = run_one(s, set.devices[0], choices);
  else
    status = csa_fail(CSA_USAGE, "verify: %d devices: several go with a golden FILE only", set.count);
done:
  csa_device_set_close(&set);
  return status;
}

/* What belongs to one of the ways only. */
static csa_status check_together(const csa_command_line *line, const verify_settings *s, const char *path) {
  static const char *const of_files[] = {"dump", "shares", "accumulate"};
  static const char *const of_training[] = {"model", "patches", "steps", "batch", "seed"};
  if (path != NULL && s->against != NULL) return csa_fail(CSA_USAGE, "--against: not together with a golden FILE");
  if (s->determinism && (path != NULL || s->against != NULL))
    return csa_fail(CSA_USAGE, "--determinism: not together with %s", path != NULL ? "a golden FILE" : "--against");
  if (s->against != NULL && strchr(s->against, ',') != NULL)
    return csa_fail(CSA_USAGE, "--against: %s: must be one device", s->against);
  for (size_t i = 0; i < sizeof of_files / sizeof of_files[0]; i++)
    if (path == NULL && csa_option_given(line, of_files[i]))
      return csa_fail(CSA_USAGE, "--%s: goes with a golden FILE", of_files[i]);
  for (size_t i = 0; i < sizeof of_training / sizeof of_training[0]; i++)
    if (s->against == NULL && !s->determinism && csa_option_given(line, of_training[i]))
      return csa_fail(CSA_USAGE, "--%s: goes with --against or --determinism", of_training[i]);
  return CSA_OK;
}

csa_status csa_command_verify(int argc, char **argv) {
  verify_settings s = {.accumulate = 1, .steps = 3, .batch = 20};
  csa_option options[] = {
      {"device", "DEVICE", CSA_OPTION_TEXT, &s.device,
       "one that clsattn devices names, with FILE several: cpu0,amd0 (default: $CLSATTN_DEVICE, else the first GPU, "
       "else "
       "CPU)",
       false},
      CSA_CHOICE_OPTIONS(s.choices),
      {"dump", "OUT", CSA_OPTION_TEXT, &s.dump, "with FILE: write the computed values to OUT, safetensors", false},
      {"shares", "LIST", CSA_OPTION_TEXT, &s.shares,
       "with FILE: of a batch for each of several devices, like 2,1 (default: as fast as tune found them to be)",
       false},
      {"accumulate", "N", CSA_OPTION_INT, &s.accumulate, "with FILE: a batch is taken in so many parts (default 1)",
       false},
      {"against", "DEVICE", CSA_OPTION_TEXT, &s.against,
       "train some steps there too, with kernels as auto chooses, and compare", false},
      {"determinism", NULL, CSA_OPTION_FLAG, &s.determinism, "train some steps twice, and compare bits", false},
      {"model", "vit|cnn", CSA_OPTION_TEXT, &s.model, "with these two: what is trained (default vit)", false},
      {"patches", "rows|grid", CSA_OPTION_TEXT, &s.patches, "with these two: how the vit cuts images (default rows)",
       false},
      {"steps", "N", CSA_OPTION_INT, &s.steps, "with these two: steps of training (default 3)", false},
      {"batch", "N", CSA_OPTION_INT, &s.batch, "with these two: images of a step (default 20)", false},
      {"seed", "N", CSA_OPTION_SEED, &s.seed, "with these two: of parameters and images (default 0)", false},
      CSA_JSON_OPTION(&s.json)};
  const csa_command_line line = {
      "verify",
      "[FILE]",
      "Without FILE: tests every kernel and matrix product that the models use on a device, against plain C.\n"
      "With FILE, a golden file: runs its training steps and compares with the numbers that PyTorch got. Several\n"
      "devices share each batch, as train does it, and must have the same parameters in the end.\n"
      "With --against: trains the same steps on two devices (or on one, with other kernels), each step from the\n"
      "reference's parameters, and names the first layer whose numbers part. --kernels, --gemm and --conv are for\n"
      "--device.\n"
      "With --determinism: trains the same steps twice and compares bits.",
      "  clsattn verify --device cpu0\n"
      "  clsattn verify --against cpu0 --device amd0 --model cnn\n"
      "  clsattn verify --against cpu0 --device cpu0 --kernels portable --gemm clblast\n"
      "  clsattn verify --determinism --model cnn --steps 10\n"
      "  clsattn verify --json tests/golden/vit-tiny.safetensors\n"
      "  clsattn verify --device amd0,cpu0 --shares 2,1 tests/golden/vit-tiny.safetensors\n",
      options,
      sizeof options / sizeof options[0]};
  char **words;
  CSA_TRY(csa_options_parse(&line, argc, argv, 0, 1, &words));
  if (words == NULL) return CSA_OK;
  CSA_TRY(check_together(&line, &s, words[0]));
  return run(&s, words[0]);
}
