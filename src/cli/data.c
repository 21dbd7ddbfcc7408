/* clsattn data list | info | fetch: which data sets there are, what is in one (data_info.c), and getting one. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/fetch.h"
#include "cli/options.h"
#include "cli/output.h"
#include "data/formats.h"
#include "data/known.h"

static csa_status list_json(void) {
  json_t *sets = json_array(), *formats = json_array();
  for (int i = 0; csa_known_at(i) != NULL; i++) {
    const csa_known_dataset *k = csa_known_at(i);
    char path[PATH_MAX];
    csa_known_path(k->name, path);
    json_array_append_new(sets, json_pack("{s:s, s:s, s:s, s:b, s:s}", "name", k->name, "what", k->what, "path", path,
                                          "there", access(path, F_OK) == 0, "how", k->how));
  }
  for (int i = 0; csa_format_at(i) != NULL; i++)
    json_array_append_new(formats,
                          json_pack("{s:s, s:s}", "name", csa_format_at(i)->name, "layout", csa_format_at(i)->layout));
  return csa_print_json(json_pack("{s:o, s:o}", "datasets", sets, "formats", formats));
}

static csa_status list_text(void) {
  for (int i = 0; csa_known_at(i) != NULL; i++) {
    const csa_known_dataset *k = csa_known_at(i);
    char path[PATH_MAX];
    csa_known_path(k->name, path);
    printf("%-14s %s\n%-14s ", k->name, k->what, "");
    if (access(path, F_OK) == 0)
      printf("in %s\n", path);
    else
      printf("not in %s; %s\n", path, k->how);
  }
  printf("\n--data takes one of these names, a folder (or its parent) with\n");
  for (int i = 0; csa_format_at(i) != NULL; i++)
    printf("  %-16s %s\n", csa_format_at(i)->name, csa_format_at(i)->layout);
#ifdef CSA_HAVE_ARCHIVE
  printf("or a tar archive, plain or .gz, in a layout of CIFAR\n");
#else
  printf("(archives are not built in: apt-get install libarchive-dev, then configure and build clsattn again)\n");
#endif
  return csa_flush_output();
}

static csa_status run_list(int argc, char **argv) {
  bool json = false;
  char **words;
  csa_option options[] = {CSA_JSON_OPTION(&json)};
  const csa_command_line line = {"data list",
                                 "",
                                 "Lists the data sets that have a name, and the formats that --data takes.",
                                 "  clsattn data list\n",
                                 options,
                                 sizeof options / sizeof options[0]};
  CSA_TRY(csa_options_parse(&line, argc, argv, 0, 0, &words));
  if (words == NULL) return CSA_OK;
  return json ? list_json() : list_text();
}

static csa_status run_fetch(int argc, char **argv) {
  bool json = false;
  char **words;
  const char *url = NULL;
  csa_fetched fetched;
  csa_option options[] = {
      {"url", "URL", CSA_OPTION_TEXT, &url,
       "of another copy (default $CLSATTN_CIFAR10_URL or $CLSATTN_CIFAR100_URL, else the publisher's)", false},
      CSA_JSON_OPTION(&json)};
  const csa_command_line line = {"data fetch",
                                 "cifar10|cifar100",
                                 "Fetches a data set once, to where train finds it. A copy elsewhere must have "
                                 "the published\nchecksums, or those that its URL ends with: #md5=HEX&sha256=HEX.",
                                 "  clsattn data fetch cifar10\n"
                                 "  clsattn data fetch cifar10 --url https://mirror/cifar-10-binary.tar.gz\n",
                                 options,
                                 sizeof options / sizeof options[0]};
  CSA_TRY(csa_options_parse(&line, argc, argv, 1, 1, &words));
  if (words == NULL) return CSA_OK;
  const csa_known_dataset *known = csa_known_find(words[0]);
  if (known == NULL)
    return csa_fail(CSA_USAGE, "fetch: %s: no such data set%s\n  see clsattn data list", words[0],
                    csa_known_meant(words[0]));
  if (!known->fetched) return csa_fail(CSA_USAGE, "fetch: %s: comes another way: %s", known->name, known->how);
  CSA_TRY(csa_fetch(known->name, url, &fetched));
  if (json)
    return csa_print_json(
        json_pack("{s:s, s:s, s:b}", "name", known->name, "path", fetched.path, "fetched", fetched.fetched));
  printf("%s: %s%s\n", known->name, fetched.fetched ? "in " : "already there: ", fetched.path);
  return csa_flush_output();
}

static const struct {
  const char *name;
  csa_status (*run)(int argc, char **argv);
  const char *summary;
} actions[] = {{"list", run_list, "list data sets that have a name, and the formats that can be read"},
               {"info", csa_data_info, "say what is in a data set"},
               {"fetch", run_fetch, "get a data set from the network"}};

#define ACTIONS (int)(sizeof actions / sizeof actions[0])

csa_status csa_command_data(int argc, char **argv) {
  if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
    printf("Usage: clsattn data ACTION [options]\n\nLists, describes and fetches data sets.\n\nActions:\n");
    for (int i = 0; i < ACTIONS; i++) printf("  %-10s %s\n", actions[i].name, actions[i].summary);
    printf("\nExamples:\n  clsattn data list\n  clsattn data fetch cifar10\n  clsattn data info cifar10\n");
    return csa_flush_output();
  }
  for (int i = 0; argc >= 2 && i < ACTIONS; i++)
    if (strcmp(argv[1], actions[i].name) == 0) return actions[i].run(argc - 1, argv + 1);
  return csa_fail(CSA_USAGE, "data: %s: must be list, info or fetch\n  see clsattn data --help",
                  argc >= 2 ? argv[1] : "what to do is missing");
}
