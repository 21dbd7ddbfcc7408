/* --gemm, --kernels, --conv and --precision: how the numbers are computed, for every command that computes some. */
#ifndef CSA_CLI_CHOICES_H
#define CSA_CLI_CHOICES_H

#include "cli/options.h"
#include "train/config.h"

typedef struct {
  const char *gemm, *kernels, *conv, *precision; /* as given; NULL: auto, or f32 */
} csa_choice_texts;

/* Rows of an option table that set `t`, a csa_choice_texts. */
#define CSA_CHOICE_OPTIONS(t)                                                                                          \
  {"gemm", "WHICH", CSA_OPTION_TEXT, &(t).gemm, "auto, clblast or native (default auto)", false},                      \
      {"kernels", "WHICH", CSA_OPTION_TEXT, &(t).kernels, "auto, cpu or portable (default auto)", false},              \
      {"conv", "WHICH", CSA_OPTION_TEXT, &(t).conv, "3 x 3: auto, direct or winograd (default auto)", false}, {        \
    "precision", "WHICH", CSA_OPTION_TEXT, &(t).precision, "of activations in memory: f32 or f16 (default f32)", false \
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
