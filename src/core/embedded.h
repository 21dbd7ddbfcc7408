/* Files that are part of the program: cmake/embed.cmake makes these tables, which end with a NULL name. */
#ifndef CSA_CORE_EMBEDDED_H
#define CSA_CORE_EMBEDDED_H

#include <stddef.h>

typedef struct {
  const char *name, *text;
} csa_embedded;

extern const csa_embedded csa_kernel_texts[]; /* of cl/: "layernorm.cl", "cpu/layernorm.cl" */
extern const csa_embedded csa_preset_texts[]; /* of presets/: "cnn-strong.json" */
extern const csa_embedded csa_page_texts[];   /* of src/report/: "page.css" */

#endif
