/* What every test includes: cmocka with what it needs before it, and small helpers. */
#ifndef CSA_TESTS_TESTING_H
#define CSA_TESTS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/status.h"

/* The call succeeds; else the test fails with the sentence. */
#define assert_ok(expression)                                   \
  do {                                                          \
    const csa_status ok_status_ = (expression);                 \
    if (ok_status_ != CSA_OK) fail_msg("%s", csa_last_error()); \
  } while (0)

/* The call fails with `code`, and its sentence has `text` in it. */
#define assert_fails(code, text, expression)                                                         \
  do {                                                                                               \
    const csa_status fails_status_ = (expression);                                                   \
    if (fails_status_ != (code) || strstr(csa_last_error(), (text)) == NULL)                         \
      fail_msg("expected %s with \"%s\", got %s: %s", #code, (text), csa_status_text(fails_status_), \
               csa_last_error());                                                                    \
  } while (0)

/* A new empty folder below /tmp, removed with all in it at exit; the path stays valid. */
const char *test_folder(void);

/* "FOLDER/name" in a static buffer of 8 that take turns. */
const char *test_path(const char *folder, const char *name);

/* Writes `size` bytes to a file, as plain as can be. */
void test_write(const char *path, const void *data, size_t size);

#endif
