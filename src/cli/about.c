/* clsattn --version: what this program is made of. */
#include <CL/cl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>
#include <zlib.h>

#include "cli/commands.h"
#include "cli/launch.h"
#include "cli/output.h"

#ifdef CSA_HAVE_ARCHIVE
#include <archive.h>
#endif
#ifdef CSA_HAVE_CAIRO
#include <cairo.h>
#endif
#ifdef CSA_HAVE_CURL
#include <curl/curl.h>
#endif
#ifdef CSA_HAVE_IMAGES
#include <jpeglib.h>
#include <png.h>
#endif

static const char *archives(void) {
#ifdef CSA_HAVE_ARCHIVE
  return archive_version_string();
#else
  return "no";
#endif
}

static const char *pictures(void) {
#ifdef CSA_HAVE_CAIRO
  return "cairo " CAIRO_VERSION_STRING;
#else
  return "no";
#endif
}

static void network(char text[64]) {
#ifdef CSA_HAVE_CURL
  snprintf(text, 64, "libcurl %s", curl_version_info(CURLVERSION_NOW)->version);
#else
  snprintf(text, 64, "no");
#endif
}

static void images(char text[64]) {
#ifdef CSA_HAVE_IMAGES
  snprintf(text, 64, "libpng %s, libjpeg %d", png_get_libpng_ver(NULL), JPEG_LIB_VERSION);
#else
  snprintf(text, 64, "no");
#endif
}

static json_t *parts_json(void) {
  char opencl[32], xxhash[32], curl[64], codecs[64];
  network(curl);
  images(codecs);
  snprintf(opencl, sizeof opencl, "%d.%d", CL_TARGET_OPENCL_VERSION / 100, CL_TARGET_OPENCL_VERSION / 10 % 10);
  snprintf(xxhash, sizeof xxhash, "%d.%d.%d", XXH_VERSION_MAJOR, XXH_VERSION_MINOR, XXH_VERSION_RELEASE);
  return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "OpenCL", opencl, "CLBlast",
                   CSA_CLBLAST_VERSION, "jansson", jansson_version_str(), "zlib", zlibVersion(), "xxHash", xxhash,
                   "archives", archives(), "network", curl, "images", codecs, "pictures", pictures(), "MPI",
                   csa_launch_version(), "compiler", CSA_COMPILER, "build", CSA_BUILD);
}

csa_status csa_print_about(bool json) {
  json_t *parts = parts_json(), *value;
  const char *key;
  if (json)
    return csa_print_json(
        json_pack("{s:s, s:s, s:o}", "clsattn", csa_version(), "commit", csa_commit(), "built_with", parts));
  printf("clsattn %s (%s)\n", csa_version(), csa_commit());
  json_object_foreach(parts, key, value) printf("  %-9s %s\n", key, json_string_value(value));
  json_decref(parts);
  return csa_flush_output();
}
