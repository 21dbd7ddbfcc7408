#include "device/plan_print.h"

static const char *const role_names[CSA_ROLES] = {"parameters", "gradients", "optimizer", "data", "transient"};
static const char *const list_names[CSA_LISTS] = {"micro-step", "update"};

static void print_tensors(const csa_plan *plan, FILE *out) {
  fprintf(out, "tensors (life: first and last launch; place: arena, buffer, byte offset)\n");
  for (size_t i = 0; i < plan->tensor_count; i++) {
    const csa_tensor *t = plan->tensors[i];
    char shape[64], life[32] = "always";
    if (t->base != NULL) continue;
    if (t->role == CSA_TRANSIENT) snprintf(life, sizeof life, "%d-%d", t->first, t->last);
    fprintf(out, "  %-44s %-20s %12llu B  %-9s %s %d +%llu\n", t->name, csa_shape_text(t->shape, shape),
            (unsigned long long)csa_tensor_bytes(t), life, role_names[t->role], t->buffer,
            (unsigned long long)(t->offset * csa_dtype_size(t->dtype)));
  }
}

static void print_launches(const csa_plan *plan, FILE *out) {
  size_t first = 0;
  for (int list = 0; list < CSA_LISTS; list++) {
    fprintf(out, "%s: %zu launches\n", list_names[list], plan->list_end[list] - first);
    for (size_t i = first; i < plan->list_end[list]; i++) {
      const csa_plan_node *n = &plan->nodes[i];
      if (n->call != NULL)
        fprintf(out, "  %4zu %-40s %s\n", i, n->label, n->kernel.name);
      else
        fprintf(out, "  %4zu %-40s %s.cl %s: %lld %s of %d %s\n", i, n->label, n->kernel.file, n->kernel.name,
                (long long)n->work.count, n->work.by_group ? "groups" : "items in groups", n->kernel.local,
                n->kernel.options);
    }
    first = plan->list_end[list];
  }
}

/* The most bytes that transient tensors have at one launch: what their arena would take without any gap. */
static uint64_t high_water(const csa_plan *plan, size_t *launch) {
  uint64_t most = 0;
  *launch = 0;
  for (size_t i = 0; i < plan->node_count; i++) {
    uint64_t alive = 0;
    for (size_t j = 0; j < plan->tensor_count; j++) {
      const csa_tensor *t = plan->tensors[j];
      if (t->role == CSA_TRANSIENT && t->base == NULL && t->first <= (int)i && (int)i <= t->last)
        alive += csa_tensor_bytes(t);
    }
    if (alive <= most) continue;
    most = alive;
    *launch = i;
  }
  return most;
}

void csa_plan_print(const csa_plan *plan, FILE *out) {
  print_tensors(plan, out);
  print_launches(plan, out);
  size_t launch;
  const uint64_t most = high_water(plan, &launch);
  fprintf(out, "memory on %s\n", plan->device->info.name);
  for (int role = 0; role < CSA_ROLES; role++)
    fprintf(out, "  %-12s %12llu B in %d buffers\n", role_names[role],
            (unsigned long long)csa_arena_bytes(plan, (csa_role)role), plan->arenas[role].count);
  if (plan->node_count > 0)
    fprintf(out, "  %-12s %12llu B of transient tensors at once, in launch %zu (%s %s)\n", "high water",
            (unsigned long long)most, launch, plan->nodes[launch].label, plan->nodes[launch].kernel.name);
  fprintf(out, "  %-12s %12llu B\n", "total", (unsigned long long)csa_plan_bytes(plan));
}

static json_t *tensors_json(const csa_plan *plan) {
  json_t *all = json_array();
  for (size_t i = 0; i < plan->tensor_count; i++) {
    const csa_tensor *t = plan->tensors[i];
    if (t->base != NULL) continue;
    json_t *shape = json_array();
    for (int d = 0; d < t->shape.rank; d++) json_array_append_new(shape, json_integer(t->shape.dim[d]));
    json_array_append_new(
        all, json_pack("{s:s, s:o, s:I, s:o, s:s, s:i, s:I}", "name", t->name, "shape", shape, "bytes",
                       (json_int_t)csa_tensor_bytes(t), "life",
                       t->role == CSA_TRANSIENT ? json_pack("[i, i]", t->first, t->last) : json_null(), "arena",
                       role_names[t->role], "buffer", t->buffer, "offset_bytes",
                       (json_int_t)(t->offset * csa_dtype_size(t->dtype))));
  }
  return all;
}

static json_t *launch_json(const csa_plan_node *n, const char *list) {
  json_t *one = json_pack("{s:s, s:s, s:s}", "list", list, "what", n->label, "kernel", n->kernel.name);
  if (n->call == NULL)
    json_object_update_new(one, json_pack("{s:s+, s:I, s:s, s:i, s:s}", "file", n->kernel.file, ".cl", "count",
                                          (json_int_t)n->work.count, "of", n->work.by_group ? "groups" : "items",
                                          "local", n->kernel.local, "options", n->kernel.options));
  return one;
}

static json_t *launches_json(const csa_plan *plan) {
  json_t *all = json_array();
  size_t i = 0;
  for (int list = 0; list < CSA_LISTS; list++)
    for (; i < plan->list_end[list]; i++) json_array_append_new(all, launch_json(&plan->nodes[i], list_names[list]));
  return all;
}

json_t *csa_plan_json(const csa_plan *plan) {
  json_t *memory = json_object();
  size_t launch;
  const uint64_t most = high_water(plan, &launch);
  for (int role = 0; role < CSA_ROLES; role++)
    json_object_set_new(memory, role_names[role],
                        json_pack("{s:I, s:i}", "bytes", (json_int_t)csa_arena_bytes(plan, (csa_role)role), "buffers",
                                  plan->arenas[role].count));
  return json_pack("{s:s, s:o, s:o, s:o, s:{s:I, s:I}, s:I}", "device", plan->device->info.name, "tensors",
                   tensors_json(plan), "launches", launches_json(plan), "memory", memory, "high_water", "bytes",
                   (json_int_t)most, "launch", (json_int_t)launch, "total_bytes", (json_int_t)csa_plan_bytes(plan));
}
