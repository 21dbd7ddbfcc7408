/* clsattn verify: the self-test of a device; with FILE a golden file's numbers against ours. */
#include <stdio.h>

#include "cli/choices.h"
#include "cli/commands.h"
#include "train/config.h"
#include "train/selftest.h"
#include "train/verify.h"

#define BATCH 100 /* whose products the self-test computes: train's default */

typedef struct {
  const char *device, *dump;
  csa_choice_texts choices;
  bool json;
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

static csa_status run_file(const verify_settings *s, csa_device *device, csa_choices choices, const char *path) {
  csa_verification v = {0};
  csa_status status;
  CSA_GO(csa_verify(&v, device, choices, path, s->dump));
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

static csa_status run(const verify_settings *s, const char *path) {
  csa_device *device = NULL;
  csa_choices choices;
  CSA_TRY(csa_choices_take(&s->choices, &choices));
  CSA_TRY(csa_device_open(&device, s->device));
  const csa_status status = path != NULL ? run_file(s, device, choices, path) : run_self_test(s, device, choices);
  csa_device_close(device);
  return status;
}

csa_status csa_command_verify(int argc, char **argv) {
  verify_settings s = {0};
  bool help;
  int positional;
  csa_option options[] = {
      {"device", "NAME", CSA_OPTION_TEXT, &s.device, "see clsattn devices (default: the first GPU, else CPU)", false},
      CSA_CHOICE_OPTIONS(s.choices),
      {"dump", "OUT", CSA_OPTION_TEXT, &s.dump, "with FILE: write the computed values to OUT, safetensors", false},
      {"json", NULL, CSA_OPTION_FLAG, &s.json, "print one JSON document", false}};
  const csa_command_line line = {
      "verify",
      "[FILE]",
      "Tests every kernel and matrix product that the models use on a device, against plain C; with FILE, a golden\n"
      "file, runs its training steps and compares with the numbers that PyTorch got.",
      "  clsattn verify --device cpu0\n"
      "  clsattn verify tests/golden/vit-tiny.safetensors\n"
      "  clsattn verify --gemm clblast --json tests/golden/vit-tiny.safetensors\n",
      options,
      sizeof options / sizeof options[0]};
  CSA_TRY(csa_options_parse(&line, argc, argv, &positional, &help));
  if (help) return csa_flush_output();
  const char *path = argv[positional];
  CSA_TRY(csa_options_positionals(&line, argc, argv, positional, path != NULL ? 1 : 0));
  if (s.dump != NULL && path == NULL) return csa_fail(CSA_USAGE, "--dump: goes with a golden FILE");
  return run(&s, path);
}
