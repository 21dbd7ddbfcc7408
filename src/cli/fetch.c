#include "cli/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/known.h"

#ifdef CSA_HAVE_CURL

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <md5.h>
#include <sha2.h>
#include <strings.h>
#include <time.h>

#include "cli/download.h"
#include "cli/stop.h"
#include "core/file.h"
#include "core/log.h"
#include "train/checkpoint.h"

#define PUBLISHER "https://www.cs.toronto.edu/~kriz/"

typedef struct {
  const char *name, *variable, *file, *size;
  const char *published; /* the URL with its checksums */
} source;

static const source sources[] = {
    {"cifar10", "CLSATTN_CIFAR10_URL", "cifar-10-binary.tar.gz", "170 MB",
     PUBLISHER "cifar-10-binary.tar.gz#md5=c32a1d4ab5d03f1284b67883e8d87530"
               "&sha256=c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
    {"cifar100", "CLSATTN_CIFAR100_URL", "cifar-100-binary.tar.gz", "169 MB",
     PUBLISHER "cifar-100-binary.tar.gz#md5=03b5dce01913d631647c71ecec9e9cb8"
               "&sha256=58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"},
};

typedef struct {
  char md5[MD5_DIGEST_STRING_LENGTH], sha256[SHA256_DIGEST_STRING_LENGTH];
} sums;

/* A checksum in hexadecimal, if `text` is `name`= and one. */
static bool take_sum(const char *text, const char *name, char *sum, size_t digits) {
  const size_t length = strlen(name);
  if (strncmp(text, name, length) != 0 || strlen(text + length) != digits) return false;
  if (strspn(text + length, "0123456789abcdefABCDEF") != digits) return false;
  memcpy(sum, text + length, digits + 1);
  return true;
}

/* Cuts the checksums off a URL. */
static csa_status cut_sums(char *url, sums *wanted) {
  char *at = strchr(url, '#'), *rest = NULL;
  bool md5 = false, sha256 = false, fine = true;
  if (at == NULL) return CSA_OK;
  *at = '\0';
  for (char *part = strtok_r(at + 1, "&", &rest); part != NULL; part = strtok_r(NULL, "&", &rest)) {
    if (take_sum(part, "md5=", wanted->md5, sizeof wanted->md5 - 1))
      md5 = true;
    else if (take_sum(part, "sha256=", wanted->sha256, sizeof wanted->sha256 - 1))
      sha256 = true;
    else
      fine = false;
  }
  if (md5 && sha256 && fine) return CSA_OK;
  return csa_fail(CSA_USAGE, "url: %s: what follows # must be both checksums: #md5=HEX&sha256=HEX", url);
}

static bool same_sums(const sums *a, const sums *b) {
  return strcasecmp(a->md5, b->md5) == 0 && strcasecmp(a->sha256, b->sha256) == 0;
}

/* The URL in use, without checksums, and the checksums that what it names is to have: the published ones, unless it
 * brings its own. */
static csa_status choose_url(const source *s, const char *given, char **url, sums *wanted) {
  char published[256];
  const char *chosen = given != NULL ? given : getenv(s->variable);
  snprintf(published, sizeof published, "%s", s->published);
  CSA_TRY(cut_sums(published, wanted));
  if (chosen == NULL || chosen[0] == '\0') return csa_copy_text(url, published);
  const sums before = *wanted;
  CSA_TRY(csa_copy_text(url, chosen));
  CSA_TRY(cut_sums(*url, wanted));
  if (!same_sums(wanted, &before))
    csa_log("%s: to be checked against its URL's checksums, not the published ones", s->name);
  return CSA_OK;
}

static csa_status compute_sums(const char *path, sums *found) {
  uint8_t block[65536];
  MD5_CTX md5;
  SHA2_CTX sha256;
  FILE *file = fopen(path, "rb");
  if (file == NULL) return csa_fail(CSA_INPUT, "fetch: %s: %s", path, strerror(errno));
  MD5Init(&md5);
  SHA256Init(&sha256);
  for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;) {
    MD5Update(&md5, block, got);
    SHA256Update(&sha256, block, got);
  }
  const bool whole = !ferror(file);
  fclose(file);
  MD5End(&md5, found->md5);
  SHA256End(&sha256, found->sha256);
  return whole ? CSA_OK : csa_fail(CSA_INPUT, "fetch: %s: cannot be read", path);
}

/* Has `part` made the wanted file. One that is whole already, after a run that was killed, takes no network. */
static csa_status get_part(const char *url, const sums *wanted, const char *part) {
  sums found;
  if (access(part, F_OK) == 0) {
    CSA_TRY(compute_sums(part, &found));
    if (same_sums(&found, wanted)) return CSA_OK;
  }
  CSA_TRY(csa_download(url, part));
  CSA_TRY(compute_sums(part, &found));
  if (same_sums(&found, wanted)) return CSA_OK;
  unlink(part);
  return csa_fail(CSA_INPUT,
                  "fetch: %s: what came is not the file that was wanted, and was deleted\n"
                  "  MD5 %s, wanted %s\n  SHA-256 %s, wanted %s",
                  url, found.md5, wanted->md5, found.sha256, wanted->sha256);
}

/* The folder gets its name once all in it is on the disk and can be read as a data set. */
static csa_status install(const char *part, const char *folder, const char *path) {
  csa_dataset *d = NULL;
  csa_status status;
  csa_folder_remove(folder); /* of a run that was killed */
  CSA_GO(csa_folder_make(folder, 0777));
  CSA_GO(csa_dataset_unpack(part, folder));
  CSA_GO(csa_dataset_open(&d, folder, (csa_dataset_limits){0}));
  CSA_GO(csa_folder_rename(folder, path));
done:
  csa_dataset_close(d);
  csa_folder_remove(folder);
  return status;
}

/* Says what else there is to train on. */
static csa_status with_advice(csa_status status, const char *part) {
  char *sentence = NULL;
  if (status != CSA_INPUT || csa_copy_text(&sentence, csa_last_error()) != CSA_OK) return status;
  csa_fail(status, "%s\n%s" CSA_OTHER_DATA, sentence,
           access(part, F_OK) == 0 ? "  what has come is kept: the same again goes on from there;\n" : "");
  free(sentence);
  return status;
}

static csa_status fetch_locked(const source *s, const char *url, const sums *wanted, const char *home,
                               csa_fetched *fetched) {
  char part[PATH_MAX + 64], folder[PATH_MAX + 64];
  if (access(fetched->path, F_OK) == 0) return CSA_OK; /* another has fetched it while this one waited */
  snprintf(part, sizeof part, "%s/%s.part", home, s->file);
  snprintf(folder, sizeof folder, "%s/.%s.part", home, s->name);
  csa_log("%s: not there yet, and fetched once (%s): from %s to %s", s->name, s->size, url, fetched->path);
  const csa_status status = get_part(url, wanted, part);
  if (status != CSA_OK) return with_advice(status, part);
  CSA_TRY(install(part, folder, fetched->path));
  unlink(part);
  fetched->fetched = true;
  return CSA_OK;
}

static csa_status lock(const char *home, int *descriptor) {
  const volatile sig_atomic_t *stop = csa_stop_catch();
  csa_status status;
  for (bool said = false; (status = csa_folder_lock(home, descriptor)) == CSA_FAILED && *stop == 0; said = true) {
    if (!said) csa_log("fetch: %s: another clsattn is fetching into it: waiting", home);
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
  }
  return status == CSA_FAILED ? csa_fail(CSA_INTERRUPTED, "fetch: %s: stopped", home) : status;
}

csa_status csa_fetch(const char *name, const char *given, csa_fetched *fetched) {
  const source *s = strcmp(name, sources[0].name) == 0 ? &sources[0] : &sources[1];
  char home[PATH_MAX], *url = NULL;
  sums wanted;
  int descriptor = -1;
  csa_status status;
  fetched->fetched = false;
  csa_known_home(home);
  snprintf(fetched->path, sizeof fetched->path, "%.*s/%s", PATH_MAX - 16, home, s->name);
  if (access(fetched->path, F_OK) == 0) return CSA_OK;
  CSA_GO(choose_url(s, given, &url, &wanted));
  CSA_GO(lock(home, &descriptor));
  status = fetch_locked(s, url, &wanted, home, fetched);
done:
  if (descriptor >= 0) close(descriptor);
  free(url);
  return status;
}

#else

static csa_status not_built_in(csa_status code) {
  return csa_fail(code,
                  "fetch: fetching data sets is not built in\n"
                  "  apt-get install libcurl4-openssl-dev libmd-dev libarchive-dev, then configure and build clsattn "
                  "again;\n" CSA_OTHER_DATA);
}

csa_status csa_fetch(const char *name, const char *given, csa_fetched *fetched) {
  (void)name, (void)given, (void)fetched;
  return not_built_in(CSA_USAGE);
}

#endif

static csa_status fetch_missing(const char *name) {
  char path[PATH_MAX];
  const char *chosen = getenv("CLSATTN_DATA");
  const csa_known_dataset *known = csa_known_find(name);
  csa_known_path(name, path);
  if (known == NULL || !known->fetched || access(path, F_OK) == 0) return CSA_OK;
  if (strcmp(name, "cifar10") == 0 && chosen != NULL && chosen[0] != '\0') return CSA_OK;
#ifdef CSA_HAVE_CURL
  csa_fetched fetched;
  return csa_fetch(name, NULL, &fetched);
#else
  return not_built_in(CSA_INPUT);
#endif
}

csa_status csa_fetch_and_open(csa_dataset **dataset, const char *name, csa_dataset_limits limits) {
  *dataset = NULL;
  CSA_TRY(fetch_missing(name));
  return csa_dataset_open(dataset, name, limits);
}
