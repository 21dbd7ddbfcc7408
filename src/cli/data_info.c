/* clsattn data info: what is in a data set, after all of it was read. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "core/text.h"
#include "data/dataset.h"

typedef struct {
  char *path, *why;
} damaged_file;

typedef struct {
  damaged_file *files;
  size_t count, capacity;
  csa_status status; /* a failure to keep one */
} damaged_list;

/* Of one channel, of bytes / 255. */
typedef struct {
  double mean, deviation;
} spread;

/* Keeps the file, and of its sentence "image: PATH: why" the why. */
static csa_status keep(damaged_list *list, const char *path, const char *sentence) {
  const char *found = strstr(sentence, path), *why = found != NULL ? found + strlen(path) : sentence;
  char safe[PATH_MAX];
  why += strspn(why, ": ");
  CSA_TRY(csa_grow(&list->files, list->count, &list->capacity, sizeof *list->files));
  damaged_file *file = &list->files[list->count++];
  *file = (damaged_file){0};
  CSA_TRY(csa_copy_text(&file->path, csa_text_utf8(path, safe, sizeof safe)));
  CSA_TRY(csa_copy_text(&file->why, why));
  file->why[strcspn(file->why, "\n")] = '\0';
  return CSA_OK;
}

static void note_damaged(void *user, const char *path, const char *sentence) {
  damaged_list *list = user;
  if (list->status == CSA_OK) list->status = keep(list, path, sentence);
}

static void free_list(damaged_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    free(list->files[i].path);
    free(list->files[i].why);
  }
  free(list->files);
}

static int64_t count_class(const csa_split *split, int class) {
  int64_t count = 0;
  for (int64_t i = 0; i < split->count; i++) count += split->labels[i] == class;
  return count;
}

/* Of the images to train on, from how often each value comes: whole numbers, so nothing is lost in long sums. */
static spread measure(const csa_dataset *d, int channel) {
  const int64_t plane = (int64_t)d->height * d->width;
  int64_t times[256] = {0}, count = d->train.count * plane;
  double sum = 0.0, squares = 0.0;
  for (int64_t n = 0; n < d->train.count; n++) {
    const uint8_t *values = d->train.images + (n * d->channels + channel) * plane;
    for (int64_t i = 0; i < plane; i++) times[values[i]]++;
  }
  if (count == 0) return (spread){0};
  for (int v = 0; v < 256; v++) sum += (double)times[v] * v;
  const double mean = sum / (double)count;
  for (int v = 0; v < 256; v++) squares += (double)times[v] * (v - mean) * (v - mean);
  return (spread){mean / 255.0, sqrt(squares / (double)count) / 255.0};
}

static csa_status print_json(const csa_dataset *d, const damaged_list *list) {
  json_t *classes = json_array(), *means = json_array(), *deviations = json_array(), *files = json_array();
  for (int c = 0; c < d->classes; c++)
    json_array_append_new(
        classes, json_pack("{s:s, s:I, s:I}", "class", d->class_names[c], "train",
                           (json_int_t)count_class(&d->train, c), "test", (json_int_t)count_class(&d->test, c)));
  for (int c = 0; c < d->channels; c++) {
    const spread s = measure(d, c);
    json_array_append_new(means, json_real(s.mean));
    json_array_append_new(deviations, json_real(s.deviation));
  }
  for (size_t i = 0; i < list->count; i++)
    json_array_append_new(files, json_pack("{s:s, s:s}", "file", list->files[i].path, "why", list->files[i].why));
  return csa_print_json(json_pack("{s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:o, s:o, s:o, s:I, s:o, s:s}", "path", d->path,
                                  "format", d->format, "height", d->height, "width", d->width, "channels", d->channels,
                                  "train", (json_int_t)d->train.count, "test", (json_int_t)d->test.count, "classes",
                                  classes, "mean", means, "deviation", deviations, "other_files",
                                  (json_int_t)d->other_files, "damaged", files, "hash", d->hash));
}

static csa_status print_text(const csa_dataset *d, const damaged_list *list) {
  static const char *const channels[] = {"red", "green", "blue"};
  printf("%s\n%s, %d x %d, %d channels, %d classes\nhash %s\n\n", d->path, d->format, d->height, d->width, d->channels,
         d->classes, d->hash);
  printf("%-16s %9s %9s\n", "class", "train", "test");
  for (int c = 0; c < d->classes; c++)
    printf("%-16s %9lld %9lld\n", d->class_names[c], (long long)count_class(&d->train, c),
           (long long)count_class(&d->test, c));
  printf("%-16s %9lld %9lld\n\n", "all", (long long)d->train.count, (long long)d->test.count);
  printf("%-16s %9s %9s   of the training images, from 0 to 1\n", "channel", "mean", "deviation");
  for (int c = 0; c < d->channels && c < 3; c++) {
    const spread s = measure(d, c);
    printf("%-16s %9.4f %9.4f\n", channels[c], s.mean, s.deviation);
  }
  if (d->other_files > 0) printf("\nother files, no images, that are passed over: %lld\n", (long long)d->other_files);
  if (list->count > 0) printf("\ndamaged image files, not counted above: %zu\n", list->count);
  for (size_t i = 0; i < list->count; i++) printf("  %s: %s\n", list->files[i].path, list->files[i].why);
  return csa_flush_output();
}

static csa_status info(const char *path, int image, bool json) {
  damaged_list list = {0};
  csa_dataset *d = NULL;
  csa_status status;
  CSA_GO(csa_dataset_open(&d, path, (csa_dataset_limits){.image = image, .damaged = note_damaged, .user = &list}));
  CSA_GO(list.status);
  CSA_GO(json ? print_json(d, &list) : print_text(d, &list));
  if (list.count > 0)
    status =
        csa_fail(CSA_INPUT, "data: %s: damaged image files: %zu, %s first\n  repair or remove them; all are named %s",
                 d->path, list.count, list.files[0].path, json ? "under \"damaged\"" : "above");
done:
  free_list(&list);
  csa_dataset_close(d);
  return status;
}

csa_status csa_data_info(int argc, char **argv) {
  bool json = false;
  char **words;
  int image = 0;
  csa_option options[] = {{"image", "N", CSA_OPTION_INT, &image,
                           "side that images in files of their own are resized to (default 32)", false},
                          CSA_JSON_OPTION(&json)};
  const csa_command_line line = {
      "data info",
      "PATH",
      "Says what is in a data set, after reading all of it: its format, how many images of "
      "each class,\nmean and deviation of each channel, and every image file that is damaged.",
      "  clsattn data info cifar10\n"
      "  clsattn data info cifar-100-binary.tar.gz --json\n"
      "  clsattn data info photos --image 64\n",
      options,
      sizeof options / sizeof options[0]};
  CSA_TRY(csa_options_parse(&line, argc, argv, 1, 1, &words));
  if (words == NULL) return CSA_OK;
  return info(words[0], image, json);
}
