/* Shapes of tensors: up to five extents, outermost first. */
#ifndef CSA_CORE_SHAPE_H
#define CSA_CORE_SHAPE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CSA_RANK_MAX 5

typedef struct {
  int rank;
  int64_t dim[CSA_RANK_MAX];
} csa_shape;

static inline csa_shape csa_shape0(void) { return (csa_shape){0}; }
static inline csa_shape csa_shape1(int64_t a) { return (csa_shape){1, {a}}; }
static inline csa_shape csa_shape2(int64_t a, int64_t b) { return (csa_shape){2, {a, b}}; }
static inline csa_shape csa_shape3(int64_t a, int64_t b, int64_t c) { return (csa_shape){3, {a, b, c}}; }
static inline csa_shape csa_shape4(int64_t a, int64_t b, int64_t c, int64_t d) { return (csa_shape){4, {a, b, c, d}}; }

/* Number of elements; 1 for a scalar. */
static inline int64_t csa_elements(csa_shape s) {
  int64_t n = 1;
  for (int i = 0; i < s.rank; i++) n *= s.dim[i];
  return n;
}

/* The last extent, and the product of all before it: any tensor seen as a matrix [rows, cols]. */
static inline int64_t csa_cols(csa_shape s) { return s.rank > 0 ? s.dim[s.rank - 1] : 1; }
static inline int64_t csa_rows(csa_shape s) { return csa_cols(s) > 0 ? csa_elements(s) / csa_cols(s) : 0; }

static inline bool csa_shape_equal(csa_shape a, csa_shape b) {
  if (a.rank != b.rank) return false;
  for (int i = 0; i < a.rank; i++)
    if (a.dim[i] != b.dim[i]) return false;
  return true;
}

/* "[100, 65, 64]" into `text`, which is returned. */
static inline const char *csa_shape_text(csa_shape s, char text[64]) {
  int used = snprintf(text, 64, "[");
  for (int i = 0; i < s.rank && used < 60; i++)
    used += snprintf(text + used, (size_t)(64 - used), i > 0 ? ", %lld" : "%lld", (long long)s.dim[i]);
  if (used < 63) snprintf(text + used, (size_t)(64 - used), "]");
  return text;
}

#endif
