/* Settings from texts and from files that say only some of them. */
#include "train/settings.h"

#include <math.h>

#include "core/embedded.h"
#include "testing.h"

static void take(const char *key, const char *text, csa_config *c) {
  const csa_setting *s = csa_setting_find(key);
  assert_non_null(s);
  assert_ok(csa_setting_take(s, text, c));
}

static void test_texts(void **state) {
  (void)state;
  static csa_config c;
  csa_config_default(&c);
  take("epochs", "2147483647", &c);
  assert_int_equal(c.epochs, 2147483647);
  take("lr", "2.5e-3", &c);
  assert_true(c.lr == 2.5e-3);
  take("seed", "18446744073709551615", &c);
  assert_true(c.seed == UINT64_MAX);
  take("optimizer", "sgd", &c);
  assert_int_equal(c.optimizer, CSA_SGD);
  take("augment", "crop,flip", &c);
  assert_true(c.augment.flip && c.augment.crop == 4 && c.augment.cutout == 0);
  take("freeze", "fc.*", &c);
  assert_string_equal(c.freeze, "fc.*");
  static const struct {
    const char *text;
    double seconds;
  } times[] = {{"90", 90}, {"90s", 90}, {"5m", 300}, {"1.5h", 5400}, {"0", 0}};
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
    take("checkpoint_every", times[i].text, &c);
    assert_true(c.checkpoint_every == times[i].seconds);
  }
}

/* Each is refused by the name of its option, says what it must be, and leaves the setting alone. */
static void test_refused_texts(void **state) {
  (void)state;
  static const struct {
    const char *key, *text, *says;
  } cases[] = {{"epochs", "0", "--epochs: 0: must be a whole number from 1 to 2147483647"},
               {"epochs", "2147483648", "--epochs: "},
               {"epochs", "1.5", "--epochs: "},
               {"epochs", "10x", "--epochs: "},
               {"epochs", "", "--epochs: "},
               {"epochs", " 1", "--epochs: "},
               {"lr", "-1", "--lr: -1: must be a number from 0 up"},
               {"lr", "inf", "--lr: "},
               {"lr", "nan", "--lr: "},
               {"lr", "1e999", "--lr: "},
               {"ema", "1", "--ema: 1: must be a number from 0, below 1"},
               {"seed", "-1", "--seed: "},
               {"seed", "18446744073709551616", "--seed: "},
               {"label_smoothing", "1", "--label-smoothing: "},
               {"schedule", "Cosine", "--schedule: Cosine: must be one of constant|cosine|step"},
               {"augment", "mirror", "--augment: mirror: must be none, or some of flip,crop=N,cutout=N"},
               {"checkpoint_every", "5d", "--checkpoint-every: 5d: must be a time like 90s, 5m or 2h"},
               {"checkpoint_every", "5 m", "--checkpoint-every: "},
               {"checkpoint_every", "m", "--checkpoint-every: "}};
  static csa_config c, before;
  csa_config_default(&c);
  before = c;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_fails(CSA_USAGE, cases[i].says, csa_setting_take(csa_setting_find(cases[i].key), cases[i].text, &c));
    assert_memory_equal(&c, &before, sizeof c);
  }
  char long_text[CSA_SETTING_BYTES + 1];
  memset(long_text, 'x', sizeof long_text - 1);
  long_text[sizeof long_text - 1] = '\0';
  assert_fails(CSA_USAGE, "--freeze: ", csa_setting_take(csa_setting_find("freeze"), long_text, &c));
  assert_null(csa_setting_find("epoch"));
}

/* The defaults that --help tells are those that there are. */
static void test_defaults(void **state) {
  (void)state;
  static csa_config c;
  csa_config_default(&c);
  for (int i = 0; i < CSA_SETTINGS; i++) {
    const csa_setting *s = &csa_settings[i];
    const char *told = strstr(s->help, "(default ");
    static csa_config taken;
    char text[64];
    assert_non_null(told);
    snprintf(text, sizeof text, "%.*s", (int)strcspn(told + 9, ":)"), told + 9);
    if (s->kind == CSA_SETTING_TEXT) continue; /* none: empty */
    taken = c;
    assert_ok(csa_setting_take(s, text, &taken));
    assert_memory_equal(&taken, &c, sizeof c);
  }
}

/* A file that says a little: the rest stays. */
static void test_apply(void **state) {
  (void)state;
  static const char some[] =
      "{\"model\": \"cnn\", \"sizes\": {\"widths\": [8, 9], \"k\": 4}, \"lr\": 1,"
      " \"data\": {\"path\": \"here\"}}";
  static const struct {
    const char *text, *says;
  } wrong[] = {{"{\"epochs\": 0}", "config: epochs: 0: must be a whole number from 1 to 2147483647"},
               {"{\"epoch\": 1}", "config: epoch: no such key"},
               {"{\"data\": {\"pth\": \"a\"}}", "config: data: pth: no such key"},
               {"{\"data\": 3}", "config: data"},
               {"{\"choices\": {\"kernel\": \"cpu\"}}", "config: choices: kernel: no such key"},
               {"{\"choices\": {\"conv\": \"fft\"}}", "conv: fft: must be auto, direct or winograd"},
               {"{\"choices\": 3}", "config: choices"},
               {"{\"patches\": \"grid\"}", "\"model\" is missing"},
               {"{\"model\": \"cnn\", \"patches\": \"grid\"}", "only the vit cuts images"},
               {"{\"format\": 2}", "format 2"},
               {"[]", "config: "},
               {"{", "line 1"}};
  const char *path = test_path(test_folder(), "some.json");
  static csa_config got;
  bool has_model = false;
  csa_config_default(&got);
  test_write(path, some, sizeof some - 1);
  assert_ok(csa_config_apply(&got, path, &has_model));
  assert_true(has_model && got.architecture.stages == 2 && got.architecture.widths[1] == 9);
  assert_true(got.architecture.reduction == 4 && got.architecture.image == 32);
  assert_true(got.lr == 1.0 && got.epochs == 10 && got.batch == 100);
  assert_string_equal(got.data, "here");
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    test_write(path, wrong[i].text, strlen(wrong[i].text));
    assert_fails(CSA_INPUT, wrong[i].says, csa_config_apply(&got, path, &has_model));
    assert_non_null(strstr(csa_last_error(), path));
  }
}

/* Every preset is one. */
static void test_presets(void **state) {
  (void)state;
  int count = 0;
  for (const csa_embedded *preset = csa_preset_texts; preset->name != NULL; preset++, count++) {
    static csa_config got;
    char name[64];
    bool has_model = false;
    snprintf(name, sizeof name, "%.*s", (int)strlen(preset->name) - (int)strlen(".json"), preset->name);
    csa_config_default(&got);
    assert_ok(csa_config_apply(&got, name, &has_model));
    assert_true(has_model && strncmp(name, got.architecture.model, 3) == 0);
  }
  assert_true(count >= 2);
  static csa_config got;
  bool has_model;
  assert_fails(CSA_INPUT, "the presets: cnn-strong, ", csa_config_apply(&got, "cnn-stron", &has_model));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_refused_texts),
                                     cmocka_unit_test(test_defaults), cmocka_unit_test(test_apply),
                                     cmocka_unit_test(test_presets)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
