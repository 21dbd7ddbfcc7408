/* --weights and what goes with it, for every command that takes a trained model. */
#ifndef CSA_CLI_TRAINED_OPTIONS_H
#define CSA_CLI_TRAINED_OPTIONS_H

#include "cli/choices.h"
#include "train/trained.h"

typedef struct {
  const char *weights, *model, *patches, *device;
  csa_choice_texts choices;
} csa_trained_options;

/* Rows of an option table that set `o`, a csa_trained_options. */
#define CSA_TRAINED_OPTIONS(o)                                                                                      \
  {"weights", "FILE", CSA_OPTION_TEXT, &(o).weights, "the weights, safetensors (required)", false},                 \
      CSA_DEVICE_OPTION(&(o).device),                                                                               \
      {"model", "vit|cnn", CSA_OPTION_TEXT, &(o).model, "for weights written by PyTorch, which do not say", false}, \
      {"patches", "rows|grid", CSA_OPTION_TEXT, &(o).patches, "likewise, of a vit", false},                         \
      CSA_CHOICE_OPTIONS((o).choices)

/* Opens the weights of `command`'s options and takes its choices; CSA_USAGE where --weights is missing. As
 * csa_trained_open, to be released even after a failure. */
static inline csa_status csa_trained_take(const csa_trained_options *o, const char *command, csa_trained *trained,
                                          csa_choices *choices) {
  *trained = (csa_trained){0};
  *choices = (csa_choices){0};
  if (o->weights == NULL)
    return csa_fail(CSA_USAGE, "%s: --weights is missing: which weights?\n  see clsattn %s --help", command, command);
  CSA_TRY(csa_choices_take(&o->choices, choices));
  return csa_trained_open(trained, o->weights, o->model, o->patches);
}

#endif
