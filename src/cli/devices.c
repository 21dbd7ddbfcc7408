/* clsattn devices: every OpenCL device there is; and why there is none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "device/setup.h"
#include "device/tune.h"

static csa_status print_list(const csa_device_list *list) {
  json_t *all = json_array();
  for (int i = 0; i < list->count; i++) {
    const csa_device_info *d = &list->devices[i];
    json_array_append_new(
        all, json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:b, s:b, s:b}", "name", d->name, "platform",
                       d->platform, "device", d->device, "type", csa_device_type_text(d->type), "driver", d->driver,
                       "compute_units", d->compute_units, "global_bytes", (json_int_t)d->global_bytes, "local_bytes",
                       (json_int_t)d->local_bytes, "max_alloc_bytes", (json_int_t)d->max_alloc_bytes, "fp16", d->fp16,
                       "subgroups", d->subgroups, "tuned", csa_tuning_exists(d)));
  }
  return csa_print_json(all);
}

static csa_status print_table(const csa_device_list *list) {
  printf("%-8s %-6s %-36.36s %-16.16s %-20.20s %5s %10s %4s %10s %5s\n", "name", "number", "device", "vendor", "driver",
         "units", "memory", "fp16", "sub-groups", "tuned");
  for (int i = 0; i < list->count; i++) {
    const csa_device_info *d = &list->devices[i];
    char number[32];
    snprintf(number, sizeof number, "%d:%d", d->platform_number, d->device_number);
    printf("%-8s %-6s %-36.36s %-16.16s %-20.20s %5d %6llu MiB %4s %10s %5s\n", d->name, number, d->device, d->vendor,
           d->driver, d->compute_units, (unsigned long long)(d->global_bytes >> 20), d->fp16 ? "yes" : "no",
           d->subgroups ? "yes" : "no", csa_tuning_exists(d) ? "yes" : "no");
  }
  return csa_flush_output();
}

static csa_status none_found(const csa_device_list *list) {
  return csa_fail(CSA_DEVICE,
                  "devices: %d OpenCL platforms, but no device\n%s"
                  "  clsattn devices --check looks for the reason; for the CPU: apt-get install pocl-opencl-icd",
                  list->platforms, list->notes);
}

static const char *const levels[] = {"ok", "warning", "problem"};

static json_t *findings_json(const csa_findings *f) {
  json_t *all = json_array();
  for (size_t i = 0; i < f->count; i++) {
    const csa_finding *x = &f->list[i];
    json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s}", "level", levels[x->level], "what", x->what, "why",
                                         x->why, "do", x->todo));
  }
  return json_pack("{s:b, s:o}", "ok", f->working > 0, "findings", all);
}

static void print_findings(const csa_findings *f) {
  for (size_t i = 0; i < f->count; i++) {
    const csa_finding *x = &f->list[i];
    printf("%-8s %s: %s\n", levels[x->level], x->what, x->why);
    if (x->todo[0] != '\0') printf("%-8s   -> %s\n", "", x->todo);
  }
  if (f->working > 0) printf("\nready: clsattn train --device %s\n", f->usable);
}

/* Where no device works, the first thing to do stands in the sentence. */
static csa_status verdict(const csa_findings *f) {
  if (f->working > 0) return CSA_OK;
  const char *todo = "apt-get install pocl-opencl-icd brings one for the CPU";
  for (size_t i = f->count; i-- > 0;)
    if (f->list[i].todo[0] != '\0') todo = f->list[i].todo;
  return csa_fail(CSA_DEVICE, "devices: no OpenCL device works here\n  %s", todo);
}

static csa_status find_out(csa_findings *f, const csa_device_list *list, bool any) {
  const csa_host host = {"", getenv("OCL_ICD_VENDORS"), getenv("OPENCL_VENDOR_PATH"), access};
  CSA_TRY(csa_setup_check_host(f, &host, any ? list : NULL));
  return any ? csa_setup_check_devices(f, list) : CSA_OK;
}

static csa_status check(bool json) {
  csa_device_list list = {0};
  csa_findings f = {0};
  csa_status status;
  const bool any = csa_device_list_init(&list) == CSA_OK; /* else the host's own findings say why */
  CSA_GO(find_out(&f, &list, any));
  status = verdict(&f);
  if (!json)
    print_findings(&f);
  else if (status == CSA_OK)
    status = csa_print_json(findings_json(&f));
  if (status == CSA_OK) status = csa_flush_output();
done:
  csa_findings_fini(&f);
  csa_device_list_fini(&list);
  return status;
}

static csa_status list_devices(bool json) {
  csa_device_list list;
  CSA_TRY(csa_device_list_init(&list));
  if (list.count > 0) fputs(list.notes, stderr);
  const csa_status status = list.count == 0 ? none_found(&list) : json ? print_list(&list) : print_table(&list);
  csa_device_list_fini(&list);
  return status;
}

csa_status csa_command_devices(int argc, char **argv) {
  bool json = false, diagnose = false;
  char **words;
  csa_option options[] = {{"check", NULL, CSA_OPTION_FLAG, &diagnose,
                           "diagnose the set-up: drivers, cards, permissions; try every device", false},
                          CSA_JSON_OPTION(&json)};
  const csa_command_line line = {"devices",
                                 "",
                                 "Lists every OpenCL device, with the name that --device takes.",
                                 "  clsattn devices\n  clsattn devices --check\n  clsattn devices --json\n",
                                 options,
                                 sizeof options / sizeof options[0]};
  CSA_TRY(csa_options_parse(&line, argc, argv, 0, 0, &words));
  if (words == NULL) return CSA_OK;
  return diagnose ? check(json) : list_devices(json);
}
