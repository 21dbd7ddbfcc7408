/* --gemm, --kernels, --conv and --precision: how the numbers are computed, for every command that computes some. */
#ifndef CSA_CLI_CHOICES_H
#define CSA_CLI_CHOICES_H

#include "cli/options.h"
#include "train/config.h"

typedef struct {
  const char *gemm, *kernels, *conv, *precision; /* as given; NULL: not */
} csa_choice_texts;

/* Rows of an option table that set `t`, a csa_choice_texts. */
#define CSA_CHOICE_OPTIONS(t)                                                                                            \
  {"gemm", "auto|clblast|native", CSA_OPTION_TEXT, &(t).gemm, "who makes matrix products (default auto)", false},        \
      {"kernels",                                                                                                        \
       "auto|cpu|portable",                                                                                              \
       CSA_OPTION_TEXT,                                                                                                  \
       &(t).kernels,                                                                                                     \
       "written for CPUs, or for any device (default auto)",                                                             \
       false},                                                                                                           \
      {"conv", "auto|direct|winograd", CSA_OPTION_TEXT, &(t).conv, "how 3 x 3 convolutions are computed (default auto)", \
       false},                                                                                                           \
  {                                                                                                                      \
    "precision", "f32|f16", CSA_OPTION_TEXT, &(t).precision, "of activations in memory; f16 halves it (default f32)",    \
        false                                                                                                            \
  }

/* Into `choices` what was given, beside what is there; an unknown one is CSA_USAGE. */
static inline csa_status csa_choices_take(const csa_choice_texts *t, csa_choices *choices) {
  if (t->kernels != NULL) CSA_TRY(csa_kernels_parse(t->kernels, &choices->kernels));
  if (t->gemm != NULL) CSA_TRY(csa_gemm_parse(t->gemm, &choices->gemm));
  if (t->conv != NULL) CSA_TRY(csa_conv_parse(t->conv, &choices->conv));
  return t->precision != NULL ? csa_precision_parse(t->precision, &choices->precision) : CSA_OK;
}

#endif
