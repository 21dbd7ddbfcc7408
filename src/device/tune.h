/* Tuning: parameters of kernels that were measured to be best on a device, and the file that keeps them. A kernel asks
 * for them while a plan is recorded; nothing is measured then.
 *
 * One file holds what is known of a device with a driver: $XDG_DATA_HOME/clsattn/tuning/DEVICE-HASH.json (by default
 * below ~/.local/share). */
#ifndef CSA_DEVICE_TUNE_H
#define CSA_DEVICE_TUNE_H

#include <jansson.h>

#include "device/plan.h"

#define CSA_TUNING_TEXT 64
#define CSA_TUNING_VALUES 16
#define CSA_TUNING_PATH 1024

/* What a kernel works with for one shape. Parameters have the names that its file (cl/, or CLBlast) gives them. */
typedef struct {
  char kernel[CSA_TUNING_TEXT]; /* "gemm_tile" */
  char shape[CSA_TUNING_TEXT];  /* "6500x256x64 nt", as the kernel's host side writes it; "": all shapes */
  struct {
    char name[24];
    int value;
  } values[CSA_TUNING_VALUES];
  int count;   /* of values; 0: the defaults serve best, or were never compared (gain 0) */
  double gain; /* so many times as fast as the defaults, as measured */
  int uses;    /* so many launches of a plan asked for it */
} csa_tuning_entry;

typedef struct csa_tuning {
  csa_tuning_entry *entries;
  size_t count, capacity;
  bool trial; /* its entries are candidates: that a device cannot do what one says is no news */
} csa_tuning;

/* Accept NULL. A copy has no marks of use. */
csa_status csa_tuning_create(csa_tuning **tuning, const csa_tuning *copied);
void csa_tuning_destroy(csa_tuning *tuning);

/* The entry for this kernel and shape, or NULL. */
csa_tuning_entry *csa_tuning_find(const csa_tuning *tuning, const char *kernel, const char *shape);

/* Sets the entry for its kernel and shape. */
csa_status csa_tuning_put(csa_tuning *tuning, const csa_tuning_entry *entry);

/* Sets one value of an entry. */
void csa_tuning_set(csa_tuning_entry *entry, const char *name, int value);

/* Whether they say the same of parameters. */
bool csa_tuning_same(const csa_tuning_entry *a, const csa_tuning_entry *b);

/* For a kernel's host side: the plan's entry, marked as used; NULL: defaults. Every question is noted in the plan's
 * tuning, as an entry without values, so that who tunes knows what was asked. */
csa_tuning_entry *csa_tuned(const csa_plan *plan, const char *kernel, const char *shape);

/* A value of an entry, or `fallback` where it has none, or is NULL. */
int csa_tuned_value(const csa_tuning_entry *entry, const char *name, int fallback);

/* How many entries with values a plan has used: those with uses > 0 and count > 0. */
int csa_tuning_used(const csa_tuning *tuning);

/* The device cannot do what an entry says: empties it, so that defaults are used, and says so in the log. */
void csa_tuned_refuse(const csa_plan *plan, csa_tuning_entry *entry, const char *why);

/* A list of the entries with values; with `used`, only of those that a plan has used. NULL where memory is short. */
json_t *csa_tuning_to_json(const csa_tuning *tuning, bool used);

/* Adds the entries of such a list. What is no entry, unknown or out of range is CSA_INPUT. */
csa_status csa_tuning_from_json(csa_tuning *tuning, const json_t *list);

/* The folder of all tunings, and where that of a device is kept; false where there is no home for it. */
bool csa_tuning_folder(char folder[CSA_TUNING_PATH]);
bool csa_tuning_path(const csa_device_info *info, char path[CSA_TUNING_PATH]);

/* Adds what a file says, which must be of this device and driver, else CSA_INPUT. */
csa_status csa_tuning_read(csa_tuning *tuning, const csa_device_info *info, const char *path);

/* Writes the file as a whole; with all entries that were measured. */
csa_status csa_tuning_write(const csa_tuning *tuning, const csa_device_info *info, const char *path);

/* The same to where it is kept; makes the folder, for the user alone, if need be. */
csa_status csa_tuning_keep(const csa_tuning *tuning, const csa_device_info *info);

/* What is kept for the device: empty where nothing is. A file that cannot be read or that others could have
 * written, and entries that cannot be, are passed over with a line in the log. */
csa_status csa_tuning_load(csa_tuning **tuning, const csa_device_info *info);

/* Whether there is a file for it. */
bool csa_tuning_exists(const csa_device_info *info);

#endif
