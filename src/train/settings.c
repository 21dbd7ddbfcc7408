#include "train/settings.h"

#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/number.h"

#define INT ((double)INT_MAX + 1.0)
#define AT(field) offsetof(csa_config, field)

static const char *const schedules[] = {"constant", "cosine", "step", NULL};
static const char *const decays[] = {"all", "weights", NULL};
static const char *const on_nans[] = {"stop", "skip", NULL};
_Static_assert(sizeof(csa_optimizer_kind) == sizeof(int) && sizeof(csa_lr_kind) == sizeof(int) &&
                   sizeof(csa_decay) == sizeof(int) && sizeof(csa_on_nan) == sizeof(int),
               "names are kept as ints");

const csa_setting csa_settings[CSA_SETTINGS] = {
    {"epochs", "N", "passes over the training images (default 10)", CSA_SETTING_COUNT, true, 1, INT, NULL, AT(epochs)},
    {"batch", "N", "images in a step (default 100)", CSA_SETTING_COUNT, true, 1, INT, NULL, AT(batch)},
    {"accumulate", "N", "a batch is taken in so many parts, for devices that hold no whole one (default 1)",
     CSA_SETTING_COUNT, false, 1, INT, NULL, AT(accumulate)},
    {"shares", "LIST", "of a batch for each of several devices, like 2,1 (default by their speed, as tune measured it)",
     CSA_SETTING_TEXT, false, 0, 0, NULL, AT(shares)},
    {"lr", "X", "learning rate (default 0.001)", CSA_SETTING_REAL, true, 0, INFINITY, NULL, AT(lr)},
    {"seed", "N", "draws initial values and the order of images; the same seed repeats a run (default 0)",
     CSA_SETTING_SEED, true, 0, 0, NULL, AT(seed)},
    {"optimizer", "adam|adamw|sgd", "sgd is with momentum 0.9 (default adam)", CSA_SETTING_NAME, true, 0, 0,
     csa_optimizer_names, AT(optimizer)},
    {"schedule", "constant|cosine|step", "of the learning rate: down to 0, or by steps (default constant)",
     CSA_SETTING_NAME, false, 0, 0, schedules, AT(schedule)},
    {"warmup", "EPOCHS", "the learning rate first rises from 0 for so long, like 0.5 (default 0)", CSA_SETTING_REAL,
     false, 0, INT, NULL, AT(warmup)},
    {"step_epochs", "EPOCHS", "between the falls of --schedule step (default 3)", CSA_SETTING_REAL, false, 1e-6, INT,
     NULL, AT(step_epochs)},
    {"step_factor", "X", "of such a fall (default 0.1)", CSA_SETTING_REAL, false, 0, 1 + 1e-9, NULL, AT(step_factor)},
    {"weight_decay", "X", "L2 in adam and sgd, decoupled in adamw (default 0)", CSA_SETTING_REAL, true, 0, INFINITY,
     NULL, AT(weight_decay)},
    {"decay", "all|weights", "what decays: all parameters, or no biases, norms and positions (default all)",
     CSA_SETTING_NAME, false, 0, 0, decays, AT(decay)},
    {"clip_norm", "X", "gradients are scaled down to this norm, all together (default 0: not)", CSA_SETTING_REAL, false,
     0, INFINITY, NULL, AT(clip_norm)},
    {"label_smoothing", "X", "share of a label spread over all classes, like 0.1 (default 0)", CSA_SETTING_REAL, false,
     0, 1, NULL, AT(label_smoothing)},
    {"ema", "X", "tests and saves a moving average of the weights with this decay, like 0.999 (default 0: not)",
     CSA_SETTING_REAL, false, 0, 1, NULL, AT(ema)},
    {"augment", "LIST", "none, or some of flip,crop=N,cutout=N: images are changed anew each time (default none)",
     CSA_SETTING_AUGMENT, false, 0, 0, NULL, AT(augment)},
    {"val_split", "X", "share of the training images held back to validate on, like 0.1 (default 0)", CSA_SETTING_REAL,
     false, 0, 1, NULL, AT(val_split)},
    {"patience", "EPOCHS", "stops when validation got no better for so many epochs (default 0: never)",
     CSA_SETTING_COUNT, false, 0, INT, NULL, AT(patience)},
    {"freeze", "LIST", "parameters that stay as they are, by name, like 'conv1.*,sa1.*' (default none)",
     CSA_SETTING_TEXT, false, 0, 0, NULL, AT(freeze)},
    {"on_nan", "stop|skip", "after a step whose numbers are not finite, which updates nothing (default stop)",
     CSA_SETTING_NAME, false, 0, 0, on_nans, AT(on_nan)},
    {"threads", "N", "of CPU devices, at most (default 0: a thread for each processor)", CSA_SETTING_COUNT, false, 0,
     INT, NULL, AT(threads)},
    {"log_every", "N", "batches between log lines (default 200)", CSA_SETTING_COUNT, true, 1, INT, NULL, AT(log_every)},
    {"checkpoint_every", "TIME", "like 90s, 5m, 2h (default 5m)", CSA_SETTING_SECONDS, true, 0, INFINITY, NULL,
     AT(checkpoint_every)},
};

const csa_setting *csa_setting_find(const char *key) {
  for (int i = 0; i < CSA_SETTINGS; i++)
    if (strcmp(csa_settings[i].key, key) == 0) return &csa_settings[i];
  return NULL;
}

const char *csa_setting_option(const csa_setting *s, char name[CSA_SETTING_OPTION]) {
  snprintf(name, CSA_SETTING_OPTION, "--%s", s->key);
  for (char *at = name; *at != '\0'; at++) *at = *at == '_' ? '-' : *at;
  return name;
}

static void *place(const csa_setting *s, csa_config *c) { return (char *)c + s->offset; }
static const void *place_of(const csa_setting *s, const csa_config *c) { return (const char *)c + s->offset; }

/* What a value must be, for people. */
static const char *wanted(const csa_setting *s, char text[128]) {
  switch (s->kind) {
    case CSA_SETTING_NAME: snprintf(text, 128, "one of %s", s->option); break;
    case CSA_SETTING_SEED: return CSA_SEED_WANTED;
    case CSA_SETTING_SECONDS: return CSA_SECONDS_WANTED;
    case CSA_SETTING_TEXT: snprintf(text, 128, "a text of less than %d bytes", CSA_SETTING_BYTES); break;
    case CSA_SETTING_AUGMENT:
      snprintf(text, 128, "none, or some of flip,crop=N,cutout=N, N from 1 to %d pixels", CSA_AUGMENT_PIXELS);
      break;
    case CSA_SETTING_COUNT: snprintf(text, 128, "a whole number from %g to %d", s->least, INT_MAX); break;
    case CSA_SETTING_REAL:
      if (s->end >= INT)
        snprintf(text, 128, "a number from %g up", s->least);
      else
        snprintf(text, 128, "a number from %g, below %g", s->least, s->end);
  }
  return text;
}

static bool set_number(const csa_setting *s, double number, csa_config *c) {
  if (!(number >= s->least && number < s->end)) return false;
  if (s->kind != CSA_SETTING_COUNT)
    *(double *)place(s, c) = number;
  else if (number != floor(number))
    return false;
  else
    *(int *)place(s, c) = (int)number;
  return true;
}

/* A number, of a time with its unit. */
static bool read_number(const csa_setting *s, const char *text, csa_config *c) {
  double number;
  const bool is = s->kind == CSA_SETTING_SECONDS ? csa_seconds_read(text, &number) : csa_number_read(text, &number);
  return is && set_number(s, number, c);
}

static bool read_name(const csa_setting *s, const char *text, int *number) {
  for (int i = 0; s->names[i] != NULL; i++)
    if (strcmp(s->names[i], text) == 0) {
      *number = i;
      return true;
    }
  return false;
}

static bool read_text(const char *text, char *to) {
  if (strlen(text) >= CSA_SETTING_BYTES) return false;
  memcpy(to, text, strlen(text) + 1);
  return true;
}

static bool read_words(const csa_setting *s, const char *text, csa_config *c) {
  switch (s->kind) {
    case CSA_SETTING_SEED: return csa_seed_read(text, place(s, c));
    case CSA_SETTING_NAME: return read_name(s, text, place(s, c));
    case CSA_SETTING_TEXT: return read_text(text, place(s, c));
    case CSA_SETTING_AUGMENT: return csa_augment_parse(text, place(s, c));
    default: return read_number(s, text, c);
  }
}

csa_status csa_setting_take(const csa_setting *s, const char *text, csa_config *c) {
  char what[128], option[CSA_SETTING_OPTION];
  if (read_words(s, text, c)) return CSA_OK;
  return csa_fail(CSA_USAGE, "%s: %s: must be %s", csa_setting_option(s, option), text, wanted(s, what));
}

json_t *csa_setting_to_json(const csa_setting *s, const csa_config *c) {
  const void *at = place_of(s, c);
  char text[CSA_AUGMENT_TEXT];
  switch (s->kind) {
    case CSA_SETTING_COUNT: return json_integer(*(const int *)at);
    case CSA_SETTING_NAME: return json_string(s->names[*(const int *)at]);
    case CSA_SETTING_AUGMENT: return json_string(csa_augment_text(at, text));
    case CSA_SETTING_TEXT: return json_string(at);
    case CSA_SETTING_SEED: return json_sprintf("%llu", (unsigned long long)*(const uint64_t *)at);
    default: return json_real(*(const double *)at);
  }
}

static bool from_json(const csa_setting *s, const json_t *value, csa_config *c) {
  const char *text = json_string_value(value);
  switch (s->kind) {
    case CSA_SETTING_COUNT: return json_is_integer(value) && set_number(s, (double)json_integer_value(value), c);
    case CSA_SETTING_REAL:
    case CSA_SETTING_SECONDS: return json_is_number(value) && set_number(s, json_number_value(value), c);
    default: return text != NULL && read_words(s, text, c);
  }
}

csa_status csa_setting_from_json(const csa_setting *s, const json_t *value, csa_config *c) {
  char what[128], *got;
  if (from_json(s, value, c)) return CSA_OK;
  got = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
  csa_fail(CSA_INPUT, "config: %s: %s: must be %s", s->key, got != NULL ? got : "", wanted(s, what));
  free(got);
  return CSA_INPUT;
}
