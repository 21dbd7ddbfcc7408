/* clsattn verify FILE: a golden file's numbers against ours. */
#include <stdio.h>

#include "cli/choices.h"
#include "cli/commands.h"
#include "train/config.h"
#include "train/verify.h"

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
    printf("%-4s %-52s error %.2e, tolerance %.0e\n", c->ok ? "ok" : "FAIL", c->name, c->error, c->tolerance);
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

static csa_status run(const char *path, const char *device_name, csa_choices choices, const char *dump, bool json) {
  csa_device *device = NULL;
  csa_verification v = {0};
  csa_status status;
  CSA_GO(csa_device_open(&device, device_name));
  CSA_GO(csa_verify(&v, device, choices, path, dump));
  if (v.count > 0 || dump != NULL) CSA_GO(json ? print_json(&v) : print_text(&v));
  status = verdict(&v, path, dump != NULL);
done:
  csa_verification_fini(&v);
  csa_device_close(device);
  return status;
}

csa_status csa_command_verify(int argc, char **argv) {
  const char *device = NULL, *dump = NULL;
  csa_choice_texts texts = {0};
  bool json = false, help;
  int positional;
  csa_option options[] = {
      {"device", "NAME", CSA_OPTION_TEXT, &device, "see clsattn devices (default: the first GPU, else CPU)", false},
      CSA_CHOICE_OPTIONS(texts),
      {"dump", "OUT", CSA_OPTION_TEXT, &dump, "write the computed values to OUT, safetensors", false},
      {"json", NULL, CSA_OPTION_FLAG, &json, "print one JSON document", false}};
  const csa_command_line line = {"verify",
                                 "FILE",
                                 "Runs a golden file's training steps and compares with the numbers that PyTorch got.",
                                 "  clsattn verify tests/golden/vit-tiny.safetensors\n"
                                 "  clsattn verify --gemm clblast --json tests/golden/vit-tiny.safetensors\n",
                                 options,
                                 sizeof options / sizeof options[0]};
  csa_choices choices;
  CSA_TRY(csa_options_parse(&line, argc, argv, &positional, &help));
  if (help) return csa_flush_output();
  CSA_TRY(csa_options_positionals(&line, argc, argv, positional, 1));
  CSA_TRY(csa_choices_take(&texts, &choices));
  return run(argv[positional], device, choices, dump, json);
}
