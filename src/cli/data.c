/* clsattn data list | info | fetch: which data sets there are, what is in one, and getting one. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/fetch.h"
#include "cli/options.h"
#include "data/dataset.h"
#include "data/formats.h"
#include "data/known.h"

static bool is_there(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

static csa_status list_json(void) {
  json_t *sets = json_array(), *formats = json_array();
  for (int i = 0; csa_known_at(i) != NULL; i++) {
    const csa_known_dataset *k = csa_known_at(i);
    char path[PATH_MAX];
    csa_known_path(k->name, path);
    json_array_append_new(sets, json_pack("{s:s, s:s, s:s, s:b, s:s}", "name", k->name, "what", k->what, "path", path,
                                          "there", is_there(path), "how", k->how));
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
    if (is_there(path))
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
  bool json = false, help;
  int positional;
  csa_option options[] = {{"json", NULL, CSA_OPTION_FLAG, &json, "print one JSON document", false}};
  const csa_command_line line = {"data list",
                                 "",
                                 "Lists the data sets that have a name, and the formats that --data takes.",
                                 "  clsattn data list\n",
                                 options,
                                 sizeof options / sizeof options[0]};
  CSA_TRY(csa_options_parse(&line, argc, argv, &positional, &help));
  if (help) return csa_flush_output();
  CSA_TRY(csa_options_positionals(&line, argc, argv, positional, 0));
  return json ? list_json() : list_text();
}

static int64_t count_class(const csa_split *split, int class) {
  int64_t count = 0;
  for (int64_t i = 0; i < split->count; i++) count += split->labels[i] == class;
  return count;
}

static csa_status info_json(const csa_dataset *d) {
  json_t *classes = json_array();
  for (int c = 0; c < d->classes; c++)
    json_array_append_new(
        classes, json_pack("{s:s, s:I, s:I}", "class", d->class_names[c], "train",
                           (json_int_t)count_class(&d->train, c), "test", (json_int_t)count_class(&d->test, c)));
  return csa_print_json(json_pack("{s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:o, s:s}", "path", d->path, "format", d->format,
                                  "height", d->height, "width", d->width, "channels", d->channels, "train",
                                  (json_int_t)d->train.count, "test", (json_int_t)d->test.count, "classes", classes,
                                  "hash", d->hash));
}

static csa_status info_text(const csa_dataset *d) {
  printf("%s\n%s, %d x %d, %d channels, %d classes\nhash %s\n\n", d->path, d->format, d->height, d->width, d->channels,
         d->classes, d->hash);
  printf("%-16s %9s %9s\n", "class", "train", "test");
  for (int c = 0; c < d->classes; c++)
    printf("%-16s %9lld %9lld\n", d->class_names[c], (long long)count_class(&d->train, c),
           (long long)count_class(&d->test, c));
  printf("%-16s %9lld %9lld\n", "all", (long long)d->train.count, (long long)d->test.count);
  return csa_flush_output();
}

static csa_status run_info(int argc, char **argv) {
  bool json = false, help;
  int positional;
  csa_option options[] = {{"json", NULL, CSA_OPTION_FLAG, &json, "print one JSON document", false}};
  const csa_command_line line = {"data info",
                                 "PATH",
                                 "Says what is in a data set, after checking all of it: its format, its images, how "
                                 "many of each class.",
                                 "  clsattn data info cifar10\n  clsattn data info cifar-10-binary.tar.gz --json\n",
                                 options,
                                 sizeof options / sizeof options[0]};
  CSA_TRY(csa_options_parse(&line, argc, argv, &positional, &help));
  if (help) return csa_flush_output();
  CSA_TRY(csa_options_positionals(&line, argc, argv, positional, 1));
  csa_dataset *d;
  CSA_TRY(csa_dataset_open(&d, argv[positional], (csa_dataset_limits){0}));
  const csa_status status = json ? info_json(d) : info_text(d);
  csa_dataset_close(d);
  return status;
}

static csa_status run_fetch(int argc, char **argv) {
  bool json = false, help;
  int positional;
  const char *url = NULL;
  csa_fetched fetched;
  csa_option options[] = {{"url", "URL", CSA_OPTION_TEXT, &url,
                           "of another copy (default $CLSATTN_CIFAR10_URL, else the publisher's)", false},
                          {"json", NULL, CSA_OPTION_FLAG, &json, "print one JSON document", false}};
  const csa_command_line line = {
      "data fetch",
      "NAME",
      "Fetches a data set (cifar10) once, to where train finds it. A copy elsewhere must have "
      "the published\nchecksums, or those that its URL ends with: #md5=HEX&sha256=HEX.",
      "  clsattn data fetch cifar10\n"
      "  clsattn data fetch cifar10 --url https://mirror/cifar-10-binary.tar.gz\n",
      options,
      sizeof options / sizeof options[0]};
  CSA_TRY(csa_options_parse(&line, argc, argv, &positional, &help));
  if (help) return csa_flush_output();
  CSA_TRY(csa_options_positionals(&line, argc, argv, positional, 1));
  const csa_known_dataset *known = csa_known_find(argv[positional]);
  if (known == NULL)
    return csa_fail(CSA_USAGE, "fetch: %s: no such data set\n  see clsattn data list", argv[positional]);
  if (strcmp(known->name, "cifar10") != 0)
    return csa_fail(CSA_USAGE, "fetch: %s: comes another way: %s", known->name, known->how);
  CSA_TRY(csa_fetch_cifar10(url, &fetched));
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
               {"info", run_info, "say what is in a data set"},
               {"fetch", run_fetch, "get a data set from the network"}};

#define ACTIONS (int)(sizeof actions / sizeof actions[0])

csa_status csa_command_data(int argc, char **argv) {
  if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
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
