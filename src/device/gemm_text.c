/* A product in words, for people and for tunings. */
#include <stdio.h>
#include <string.h>

#include "device/gemm.h"

static char type_letter(const csa_tensor *t) { return t != NULL && t->dtype == CSA_F16 ? 'h' : 'f'; }

void csa_gemm_shape(char text[CSA_TUNING_TEXT], const csa_gemm_call *call) {
  const char types[4] = {type_letter(call->a), type_letter(call->b), type_letter(call->c), '\0'};
  int used = snprintf(text, CSA_TUNING_TEXT, "%dx%dx%d %c%c", call->m, call->n, call->k, call->trans_a ? 't' : 'n',
                      call->trans_b ? 't' : 'n');
  if (strchr(types, 'h') != NULL) used += snprintf(text + used, (size_t)(CSA_TUNING_TEXT - used), " %s", types);
  if (call->batch > 1) snprintf(text + used, (size_t)(CSA_TUNING_TEXT - used), " x%d", call->batch);
}

bool csa_gemm_parse_shape(const char *text, csa_gemm_call *call, csa_dtype types[3]) {
  char a, b, letters[4] = "fff";
  int length = 0, more = 0;
  csa_gemm_call c = {.batch = 1};
  if (sscanf(text, "%dx%dx%d %c%c%n", &c.m, &c.n, &c.k, &a, &b, &length) != 5) return false;
  text += length;
  if (sscanf(text, " %3[hf]%n", letters, &more) == 1) text += more;
  if (sscanf(text, " x%d%n", &c.batch, &more) == 1) text += more;
  for (int i = 0; i < 3; i++) types[i] = letters[i] == 'h' ? CSA_F16 : CSA_F32;
  c.trans_a = a == 't';
  c.trans_b = b == 't';
  c.batch_a = (int64_t)c.m * c.k;
  c.batch_b = (int64_t)c.k * c.n;
  c.batch_c = (int64_t)c.m * c.n;
  *call = c;
  return *text == '\0' && c.m > 0 && c.n > 0 && c.k > 0 && c.batch > 0 && !(c.trans_a && c.trans_b);
}

const char *csa_gemm_call_text(const csa_gemm_call *c, char text[CSA_GEMM_TEXT]) {
  char strides[48] = "", batch[24] = "";
  if (c->lda != (c->trans_a ? c->m : c->k) || c->ldb != (c->trans_b ? c->k : c->n) || c->ldc != c->n)
    snprintf(strides, sizeof strides, ", rows %d, %d, %d apart", c->lda, c->ldb, c->ldc);
  if (c->batch > 1) snprintf(batch, sizeof batch, "%d of ", c->batch);
  snprintf(text, CSA_GEMM_TEXT, "%s%c%c %d x %d over %d%s%s%s%s%s%s", batch, c->trans_a ? 'T' : 'N',
           c->trans_b ? 'T' : 'N', c->m, c->n, c->k, strides, c->beta != 0.0f ? ", beta" : "",
           c->bias != NULL ? ", bias" : "", c->relu ? ", ReLU" : "", c->residual != NULL ? ", residual" : "",
           c->sums != NULL ? ", sums" : "");
  return text;
}
