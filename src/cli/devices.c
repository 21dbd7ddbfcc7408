/* clsattn devices: every OpenCL device there is. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "device/device.h"

static csa_status print_list(const csa_device_list *list) {
  json_t *all = json_array();
  for (int i = 0; i < list->count; i++) {
    const csa_device_info *d = &list->devices[i];
    json_array_append_new(
        all, json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:b, s:b}", "name", d->name, "platform",
                       d->platform, "device", d->device, "type", csa_device_type_text(d->type), "driver", d->driver,
                       "compute_units", d->compute_units, "global_bytes", (json_int_t)d->global_bytes, "local_bytes",
                       (json_int_t)d->local_bytes, "max_alloc_bytes", (json_int_t)d->max_alloc_bytes, "fp16", d->fp16,
                       "subgroups", d->subgroups));
  }
  return csa_print_json(all);
}

static csa_status print_table(const csa_device_list *list) {
  printf("%-8s %-6s %-36.36s %-16.16s %-20.20s %5s %10s %4s %10s\n", "name", "number", "device", "vendor", "driver",
         "units", "memory", "fp16", "sub-groups");
  for (int i = 0; i < list->count; i++) {
    const csa_device_info *d = &list->devices[i];
    char number[32];
    snprintf(number, sizeof number, "%d:%d", d->platform_number, d->device_number);
    printf("%-8s %-6s %-36.36s %-16.16s %-20.20s %5d %6llu MiB %4s %10s\n", d->name, number, d->device, d->vendor,
           d->driver, d->compute_units, (unsigned long long)(d->global_bytes >> 20), d->fp16 ? "yes" : "no",
           d->subgroups ? "yes" : "no");
  }
  return csa_flush_output();
}

static csa_status none_found(const csa_device_list *list) {
  return csa_fail(CSA_DEVICE,
                  "devices: %d OpenCL platforms, but no device\n%s"
                  "  for the CPU: apt-get install pocl-opencl-icd",
                  list->platforms, list->notes);
}

csa_status csa_command_devices(int argc, char **argv) {
  bool json = false, help;
  int positional;
  csa_option options[] = {{"json", NULL, CSA_OPTION_FLAG, &json, "print a JSON list", false}};
  const csa_command_line line = {"devices",
                                 "",
                                 "Lists every OpenCL device, with the name that --device takes.",
                                 "  clsattn devices\n  clsattn devices --json\n",
                                 options,
                                 1};
  CSA_TRY(csa_options_parse(&line, argc, argv, &positional, &help));
  if (help) return csa_flush_output();
  CSA_TRY(csa_options_positionals(&line, argc, argv, positional, 0));
  csa_device_list list;
  CSA_TRY(csa_device_list_init(&list));
  if (list.count > 0) fputs(list.notes, stderr);
  const csa_status status = list.count == 0 ? none_found(&list) : json ? print_list(&list) : print_table(&list);
  csa_device_list_fini(&list);
  return status;
}
