/* clsattn cache: the compiled kernels that are kept, how much they take, and their end. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "device/cache.h"
#include "device/tune.h"

static csa_status show(const char *folder, bool json) {
  csa_cache_contents c;
  char tunings[CSA_TUNING_PATH] = "";
  CSA_TRY(csa_cache_look(folder, false, &c));
  (void)csa_tuning_folder(tunings);
  if (json)
    return csa_print_json(json_pack("{s:s, s:I, s:I, s:I, s:s}", "folder", folder, "programs", (json_int_t)c.programs,
                                    "self_tests", (json_int_t)c.notes, "bytes", (json_int_t)c.bytes, "tuning_folder",
                                    tunings));
  printf("%s\n  %zu compiled programs and the notes of %zu self-tests that held, %.1f MiB\n", folder, c.programs,
         c.notes, (double)c.bytes / 1048576.0);
  if (tunings[0] != '\0') printf("%s\n  what tune found, which clear leaves alone\n", tunings);
  return csa_flush_output();
}

static csa_status clear(const char *folder, bool json) {
  csa_cache_contents c;
  CSA_TRY(csa_cache_look(folder, true, &c));
  if (json)
    return csa_print_json(json_pack("{s:s, s:I, s:I, s:I}", "folder", folder, "programs", (json_int_t)c.programs,
                                    "self_tests", (json_int_t)c.notes, "bytes", (json_int_t)c.bytes));
  printf("removed %zu compiled programs and the notes of %zu self-tests, %.1f MiB, from %s\n", c.programs, c.notes,
         (double)c.bytes / 1048576.0, folder);
  return csa_flush_output();
}

csa_status csa_command_cache(int argc, char **argv) {
  bool json = false;
  char **words;
  char folder[CSA_CACHE_FOLDER];
  csa_option options[] = {CSA_JSON_OPTION(&json)};
  const csa_command_line line = {
      "cache",
      "[show|clear]",
      "Shows the compiled kernels that are kept, so that later runs start at once, or clears them: the next run "
      "compiles\nand tests its kernels anew. What tune found is kept elsewhere and stays.",
      "  clsattn cache\n  clsattn cache clear\n",
      options,
      sizeof options / sizeof options[0]};
  CSA_TRY(csa_options_parse(&line, argc, argv, 0, 1, &words));
  if (words == NULL) return CSA_OK;
  const char *action = words[0] != NULL ? words[0] : "show";
  if (strcmp(action, "show") != 0 && strcmp(action, "clear") != 0)
    return csa_fail(CSA_USAGE, "cache: %s: must be show or clear\n  see clsattn cache --help", action);
  CSA_TRY(csa_cache_folder(folder));
  return strcmp(action, "clear") == 0 ? clear(folder, json) : show(folder, json);
}
