/* --gemm, --kernels, --conv and --precision: how the numbers are computed, for every command that computes some. */
#ifndef CSA_CLI_CHOICES_H
#define CSA_CLI_CHOICES_H

#include "cli/options.h"
#include "train/config.h"

typedef struct {
  const char *gemm, *kernels, *conv, *precision; /* as given; NULL: auto, or f32 */
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

/* What they say; an unknown one is CSA_USAGE. */
static inline csa_status csa_choices_take(const csa_choice_texts *t, csa_choices *choices) {
  *choices = (csa_choices){0}; /* also the tuning: what is kept for the device */
  CSA_TRY(csa_kernels_parse(t->kernels != NULL ? t->kernels : "auto", &choices->kernels));
  CSA_TRY(csa_gemm_parse(t->gemm != NULL ? t->gemm : "auto", &choices->gemm));
  CSA_TRY(csa_conv_parse(t->conv != NULL ? t->conv : "auto", &choices->conv));
  return csa_precision_parse(t->precision != NULL ? t->precision : "f32", &choices->precision);
}

#endif
