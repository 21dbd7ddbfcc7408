/* How functions fail: a code is returned, a sentence is kept for the thread, nothing is printed. */
#ifndef CSA_CORE_STATUS_H
#define CSA_CORE_STATUS_H

#include <stddef.h>

#include "clsattn.h"

/* Keeps the sentence "what: where: why" (more lines may follow, indented by two blanks: what to do) and returns
 * `code`, so that `return csa_fail(...)` reads as one step. */
csa_status csa_fail(csa_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the sentence of the failure being passed on, and returns `code`. */
csa_status csa_fail_in(csa_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The exit code of the command line for `code`. */
int csa_exit_code(csa_status code);

/* Allocates `count` zeroed elements of `size` bytes into *(void **)out; CSA_MEMORY, with *out NULL, where it cannot.
 * Released with free(). */
csa_status csa_new(void *out, size_t count, size_t size);

/* Doubles the room of an array of `size`-byte elements at *(void **)array, if `count` has reached *capacity. */
csa_status csa_grow(void *array, size_t count, size_t *capacity, size_t size);

/* A copy of `text` on the heap. */
csa_status csa_copy_text(char **out, const char *text);

/* Returns on failure: for functions with nothing to release. */
#define CSA_TRY(expression)                        \
  do {                                             \
    const csa_status try_status_ = (expression);   \
    if (try_status_ != CSA_OK) return try_status_; \
  } while (0)

/* Goes to `done:` on failure, with the code in the local `status`: for functions that release something. */
#define CSA_GO(expression)           \
  do {                               \
    status = (expression);           \
    if (status != CSA_OK) goto done; \
  } while (0)

/* Analyzers do not look into csa_fail: tell them that the code comes back. CSA_ANALYZER: gcc's, which has no name. */
#if defined(__clang_analyzer__) || defined(CSA_ANALYZER)
#define csa_fail(code, ...) (csa_fail(code, __VA_ARGS__), (code))
#define csa_fail_in(code, ...) (csa_fail_in(code, __VA_ARGS__), (code))
#endif

#endif
