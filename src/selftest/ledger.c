#include "selftest/ledger.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bool held(const csa_probe *p) { return p->error <= p->tolerance; }

static bool same_name(const csa_kernel *a, const csa_kernel *b) {
  return strcmp(a->name, b->name) == 0 && strcmp(a->file, b->file) == 0;
}

static bool same_kernel(const csa_kernel *a, const csa_kernel *b) {
  return same_name(a, b) && strcmp(a->options, b->options) == 0;
}

/* The number of the node's unit, which is entered if it is new. */
static csa_status unit_of(csa_ledger *l, const csa_plan_node *node, size_t *number) {
  csa_unit unit = {.kernel = node->kernel, .multiplies = node->flops > 0.0};
  if (node->product != NULL) csa_gemm_call_text(node->product, unit.product);
  for (size_t i = 0; i < l->unit_count; i++)
    if (same_kernel(&l->units[i].kernel, &unit.kernel) && strcmp(l->units[i].product, unit.product) == 0) {
      *number = i;
      return CSA_OK;
    }
  CSA_TRY(csa_grow(&l->units, l->unit_count, &l->unit_capacity, sizeof *l->units));
  *number = l->unit_count;
  l->units[l->unit_count++] = unit;
  return CSA_OK;
}

csa_status csa_ledger_use(csa_ledger *l, const csa_plan *plan) {
  for (size_t i = 0; i < plan->node_count; i++) {
    size_t unit;
    CSA_TRY(unit_of(l, &plan->nodes[i], &unit));
    l->units[unit].in_use = true;
  }
  return CSA_OK;
}

/* A run of elements of a tensor that is no view. */
typedef struct {
  const csa_tensor *tensor;
  int64_t first, end;
} extent;

static extent extent_of(const csa_tensor *t) {
  const int64_t first = t->base != NULL ? t->start : 0;
  return (extent){t->base != NULL ? t->base : t, first, first + csa_elements(t->shape)};
}

/* Tensors that are needed, growing as the walk goes back. */
typedef struct {
  extent *list;
  size_t count, capacity;
} needs;

static bool needed(const needs *n, const csa_tensor *t) {
  const extent e = extent_of(t);
  for (size_t i = 0; i < n->count; i++)
    if (n->list[i].tensor == e.tensor && n->list[i].first < e.end && e.first < n->list[i].end) return true;
  return false;
}

static csa_status need(needs *n, const csa_tensor *t) {
  CSA_TRY(csa_grow(&n->list, n->count, &n->capacity, sizeof *n->list));
  n->list[n->count++] = extent_of(t);
  return CSA_OK;
}

/* What a written tensor held before may be read too (a sum that goes on), so all arguments are needed. */
static csa_status need_arguments(needs *n, const csa_plan_node *node) {
  for (int i = 0; i < node->arg_count; i++)
    if (node->args[i].kind >= CSA_ARG_IN) CSA_TRY(need(n, node->args[i].value.in));
  return CSA_OK;
}

static bool listed(const csa_probe *p, size_t part) {
  for (size_t i = 0; i < p->count; i++)
    if (p->parts[i] == part) return true;
  return false;
}

static csa_status add_part(csa_probe *p, size_t *capacity, size_t part) {
  if (listed(p, part)) return CSA_OK;
  CSA_TRY(csa_grow(&p->parts, p->count, capacity, sizeof *p->parts));
  p->parts[p->count++] = part;
  return CSA_OK;
}

/* Enters what `tensor` depends on, first launch last. */
static csa_status walk_back(csa_ledger *l, const csa_plan *plan, const csa_tensor *tensor, csa_probe *p) {
  needs n = {0};
  size_t capacity = 0;
  csa_status status = need(&n, tensor);
  for (size_t i = plan->node_count; status == CSA_OK && i-- > 0;) {
    const csa_plan_node *node = &plan->nodes[i];
    bool wanted = false;
    size_t unit;
    for (int a = 0; a < node->arg_count; a++) {
      if (node->args[a].kind != CSA_ARG_OUT || !needed(&n, node->args[a].value.out)) continue;
      CSA_GO(unit_of(l, node, &unit));
      CSA_GO(add_part(p, &capacity, unit * CSA_ARGS_MAX + (size_t)a));
      wanted = true;
    }
    if (wanted) CSA_GO(need_arguments(&n, node));
  }
done:
  free(n.list);
  return status;
}

csa_status csa_ledger_probe(csa_ledger *l, const csa_plan *plan, const csa_tensor *tensor, double error,
                            double tolerance, const char *what_format, ...) {
  va_list args;
  CSA_TRY(csa_grow(&l->probes, l->probe_count, &l->probe_capacity, sizeof *l->probes));
  csa_probe *p = &l->probes[l->probe_count++];
  *p = (csa_probe){.error = error, .tolerance = tolerance};
  va_start(args, what_format);
  vsnprintf(p->what, sizeof p->what, what_format, args);
  va_end(args);
  return walk_back(l, plan, tensor, p);
}

static const csa_unit *unit_at(const csa_ledger *l, size_t part) { return &l->units[part / CSA_ARGS_MAX]; }

bool csa_ledger_has_product(const csa_ledger *l, const char *product) {
  for (size_t p = 0; p < l->probe_count; p++)
    for (size_t i = 0; i < l->probes[p].count; i++)
      if (strcmp(unit_at(l, l->probes[p].parts[i])->product, product) == 0) return true;
  return false;
}

/* How alike two parts must be to count as one; only for the first it may be another output. */
typedef enum { SAME_NAME_AT_ALL, SAME_NAME, SAME_KERNEL, SAME_UNIT, LEVELS } likeness;

static bool alike(const csa_ledger *l, size_t a, size_t b, likeness how) {
  const csa_kernel *x = &unit_at(l, a)->kernel, *y = &unit_at(l, b)->kernel;
  if (a == b || how == SAME_UNIT) return a == b;
  if (how == SAME_NAME_AT_ALL) return same_name(x, y);
  if (a % CSA_ARGS_MAX != b % CSA_ARGS_MAX) return false;
  return how == SAME_KERNEL ? same_kernel(x, y) : same_name(x, y);
}

/* How well the probes that did not hold are explained by this part alone: failed(part) / sqrt(failed * behind(part)),
 * which is 1 where it stands behind these and no others (Ochiai's coefficient; Abreu et al., "On the Accuracy of
 * Spectrum-based Fault Localization", 2007). */
static double explains(const csa_ledger *l, size_t part, likeness how) {
  int failed = 0, failed_behind = 0, behind = 0;
  for (size_t i = 0; i < l->probe_count; i++) {
    const csa_probe *p = &l->probes[i];
    bool found = false;
    for (size_t j = 0; j < p->count && !found; j++) found = alike(l, part, p->parts[j], how);
    failed += !held(p);
    behind += found;
    failed_behind += found && !held(p);
  }
  return failed_behind / sqrt((double)failed * behind);
}

/* In all it writes, everywhere, with its options, or in one product: whichever explains most. */
static double suspicion(const csa_ledger *l, size_t part) {
  double most = 0.0;
  for (int how = SAME_NAME_AT_ALL; how < LEVELS; how++) most = fmax(most, explains(l, part, (likeness)how));
  return most;
}

/* Parts that are suspected alike, and most of all. */
typedef struct {
  size_t *list, count, capacity;
  double suspicion;
} suspects;

static csa_status suspect(const csa_ledger *l, suspects *s, size_t part) {
  for (size_t i = 0; i < s->count; i++)
    if (s->list[i] == part) return CSA_OK;
  const double own = suspicion(l, part);
  if (own < s->suspicion - 1e-9) return CSA_OK;
  if (own > s->suspicion + 1e-9) s->count = 0;
  s->suspicion = own;
  CSA_TRY(csa_grow(&s->list, s->count, &s->capacity, sizeof *s->list));
  s->list[s->count++] = part;
  return CSA_OK;
}

/* The kernels of the suspects, each once: "a (a.cl) or b (b.cl)". */
static void name_suspects(const csa_ledger *l, const suspects *s, char *text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < s->count; i++) {
    const csa_kernel *k = &unit_at(l, s->list[i])->kernel;
    bool known = false;
    for (size_t j = 0; j < i; j++) known = known || same_name(k, &unit_at(l, s->list[j])->kernel);
    if (known || used >= size) continue;
    used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? " or " : "", k->name);
    if (k->file[0] != '\0' && used < size) used += (size_t)snprintf(text + used, size - used, " (%s.cl)", k->file);
  }
}

/* The probe that shows a suspect at work with the least behind it. */
static const csa_probe *best_witness(const csa_ledger *l, const suspects *s) {
  const csa_probe *best = NULL;
  for (size_t i = 0; i < l->probe_count; i++) {
    const csa_probe *p = &l->probes[i];
    bool shows = false;
    for (size_t j = 0; j < s->count && !held(p); j++) shows = shows || listed(p, s->list[j]);
    if (shows && (best == NULL || p->count < best->count)) best = p;
  }
  return best;
}

static csa_status blame(const csa_ledger *l, char *sentence) {
  suspects s = {0};
  csa_status status = CSA_OK;
  char names[256];
  sentence[0] = '\0';
  for (size_t i = 0; i < l->probe_count; i++) /* of each the first launch first, as it is named */
    for (size_t j = l->probes[i].count; !held(&l->probes[i]) && j-- > 0;) CSA_GO(suspect(l, &s, l->probes[i].parts[j]));
  if (s.count == 0) goto done;
  name_suspects(l, &s, names, sizeof names);
  const csa_probe *p = best_witness(l, &s);
  snprintf(sentence, CSA_SENTENCE, "%s: %s: error %.2e is above the tolerance %.0e", names, p->what, p->error,
           p->tolerance);
done:
  free(s.list);
  return status;
}

static bool depends(const csa_probe *p, size_t unit) {
  for (size_t i = 0; i < p->count; i++)
    if (p->parts[i] / CSA_ARGS_MAX == unit) return true;
  return false;
}

/* The probe that a unit is judged by: with the least behind it, of those the one that is off most. */
static const csa_probe *judge(const csa_ledger *l, size_t unit) {
  const csa_probe *best = NULL;
  for (size_t i = 0; i < l->probe_count; i++) {
    const csa_probe *p = &l->probes[i];
    if (!depends(p, unit) || (best != NULL && p->count > best->count)) continue;
    if (best != NULL && p->count == best->count && p->error * best->tolerance <= best->error * p->tolerance) continue;
    best = p;
  }
  return best;
}

static csa_status add_check(csa_verification *v, const csa_unit *unit, const csa_probe *p) {
  csa_check check = {.error = p != NULL ? p->error : (double)NAN, .tolerance = p != NULL ? p->tolerance : 0.0};
  check.ok = p != NULL && held(p);
  snprintf(check.name, sizeof check.name, "%s: %s", unit->kernel.name, p != NULL ? p->what : "not tested");
  return csa_verification_add(v, &check);
}

/* Whether a unit has a line: products as models ask for them (those of a layer on trial are only part of the way), what
 * goes before and after a product once, and all else. */
static bool is_shown(const csa_ledger *l, size_t number, const csa_probe *judged_by) {
  const csa_unit *unit = &l->units[number];
  if (unit->product[0] == '\0') return true;
  if (unit->multiplies) return unit->in_use || (judged_by != NULL && strcmp(judged_by->what, unit->product) == 0);
  for (size_t i = 0; i < number; i++)
    if (same_kernel(&l->units[i].kernel, &unit->kernel)) return false;
  return true;
}

csa_status csa_ledger_close(const csa_ledger *l, csa_verification *v, char *sentence) {
  *v = (csa_verification){.ok = true};
  CSA_TRY(blame(l, sentence));
  for (size_t i = 0; i < l->unit_count; i++) {
    const csa_unit *unit = &l->units[i];
    const csa_probe *p = judge(l, i);
    if (!is_shown(l, i, p)) continue;
    CSA_TRY(add_check(v, unit, p));
    if (p == NULL && sentence[0] == '\0')
      snprintf(sentence, CSA_SENTENCE, "%s (%s.cl): not tested: no case of the self-test launches it with %.200s",
               unit->kernel.name, unit->kernel.file, unit->kernel.options);
  }
  return CSA_OK;
}

void csa_ledger_fini(csa_ledger *l) {
  for (size_t i = 0; i < l->probe_count; i++) free(l->probes[i].parts);
  free(l->probes);
  free(l->units);
  *l = (csa_ledger){0};
}
