#include "train/ledger.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bool held(const csa_probe *p) { return p->error <= p->tolerance; }

static bool same_kernel(const csa_kernel *a, const csa_kernel *b) {
  return strcmp(a->name, b->name) == 0 && strcmp(a->file, b->file) == 0 && strcmp(a->options, b->options) == 0;
}

/* The number of the node's unit, which is entered if it is new. */
static csa_status unit_of(csa_ledger *l, const csa_plan_node *node, size_t *number) {
  csa_unit unit = {.kernel = node->kernel};
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

static bool writes_needed(const needs *n, const csa_plan_node *node) {
  for (int i = 0; i < node->arg_count; i++)
    if (node->args[i].kind == CSA_ARG_OUT && needed(n, node->args[i].value.out)) return true;
  return false;
}

/* What a written tensor held before may be read too (a sum that goes on), so all arguments are needed. */
static csa_status need_arguments(needs *n, const csa_plan_node *node) {
  for (int i = 0; i < node->arg_count; i++)
    if (node->args[i].kind >= CSA_ARG_IN) CSA_TRY(need(n, node->args[i].value.in));
  return CSA_OK;
}

static bool listed(const csa_probe *p, size_t unit) {
  for (size_t i = 0; i < p->count; i++)
    if (p->units[i] == unit) return true;
  return false;
}

/* Enters the units that `tensor` depends on, first launch last. */
static csa_status walk_back(csa_ledger *l, const csa_plan *plan, const csa_tensor *tensor, csa_probe *p) {
  needs n = {0};
  csa_status status;
  CSA_GO(csa_new(&p->units, plan->node_count + 1, sizeof *p->units));
  CSA_GO(need(&n, tensor));
  for (size_t i = plan->node_count; i-- > 0;) {
    size_t unit;
    if (!writes_needed(&n, &plan->nodes[i])) continue;
    CSA_GO(need_arguments(&n, &plan->nodes[i]));
    CSA_GO(unit_of(l, &plan->nodes[i], &unit));
    if (!listed(p, unit)) p->units[p->count++] = unit;
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

bool csa_ledger_has_product(const csa_ledger *l, const char *product) {
  for (size_t p = 0; p < l->probe_count; p++)
    for (size_t i = 0; i < l->probes[p].count; i++)
      if (strcmp(l->units[l->probes[p].units[i]].product, product) == 0) return true;
  return false;
}

/* How alike two units must be for what clears the one to clear the other, too. */
typedef enum { SAME_NAME, SAME_KERNEL, SAME_UNIT, LEVELS } likeness;

static bool alike(const csa_ledger *l, size_t a, size_t b, likeness how) {
  const csa_kernel *x = &l->units[a].kernel, *y = &l->units[b].kernel;
  if (a == b || how == SAME_UNIT) return a == b;
  if (how == SAME_KERNEL) return same_kernel(x, y);
  return strcmp(x->name, y->name) == 0 && strcmp(x->file, y->file) == 0;
}

/* Whether a probe that held depends on the unit, or on one that is alike. */
static bool cleared(const csa_ledger *l, size_t unit, likeness how) {
  for (size_t p = 0; p < l->probe_count; p++)
    for (size_t i = 0; held(&l->probes[p]) && i < l->probes[p].count; i++)
      if (alike(l, unit, l->probes[p].units[i], how)) return true;
  return false;
}

/* The units behind a probe that did not hold which nothing clears: first those whose kernel never held anywhere, else
 * those that never did with these options, else with this product; else all. */
static size_t suspects_of(const csa_ledger *l, const csa_probe *p, size_t *suspects) {
  size_t count = 0;
  for (int how = SAME_NAME; how < LEVELS && count == 0; how++)
    for (size_t i = 0; i < p->count; i++)
      if (!cleared(l, p->units[i], (likeness)how)) suspects[count++] = p->units[i];
  for (size_t i = 0; count == 0 && i < p->count; i++) suspects[i] = p->units[i];
  return count > 0 ? count : p->count;
}

/* The names of suspects, each once, the first launch first: "a (a.cl) or b (b.cl)"; returns how many there are. */
static int name_suspects(const csa_ledger *l, const size_t *suspects, size_t count, char *text, size_t size) {
  int names = 0;
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = count; i-- > 0;) {
    const csa_kernel *k = &l->units[suspects[i]].kernel;
    bool known = false;
    for (size_t j = count; j-- > i + 1;) known = known || alike(l, suspects[i], suspects[j], SAME_NAME);
    if (known || used >= size) continue;
    used += (size_t)snprintf(text + used, size - used, "%s%s", names++ > 0 ? " or " : "", k->name);
    if (k->file[0] != '\0' && used < size) used += (size_t)snprintf(text + used, size - used, " (%s.cl)", k->file);
  }
  return names;
}

/* Of all probes that did not hold the one that says most: with the fewest suspects, and of those the first. */
static csa_status blame(const csa_ledger *l, char *sentence) {
  size_t *suspects = NULL;
  int fewest = INT32_MAX;
  sentence[0] = '\0';
  CSA_TRY(csa_new(&suspects, l->unit_count + 1, sizeof *suspects));
  for (size_t i = 0; i < l->probe_count; i++) {
    const csa_probe *p = &l->probes[i];
    char names[256];
    if (held(p)) continue;
    const int count = name_suspects(l, suspects, suspects_of(l, p, suspects), names, sizeof names);
    if (count >= fewest) continue;
    fewest = count;
    snprintf(sentence, CSA_SENTENCE, "%s: %s: error %.2e is above the tolerance %.0e", names, p->what, p->error,
             p->tolerance);
  }
  free(suspects);
  return CSA_OK;
}

/* The probe that a unit is judged by: with the fewest units behind it, of those the one that is off most. A unit that
 * other probes clear is not judged by one that failed. */
static const csa_probe *judge(const csa_ledger *l, size_t unit) {
  const bool product = l->units[unit].product[0] != '\0', clear = cleared(l, unit, product ? SAME_UNIT : SAME_KERNEL);
  const csa_probe *best = NULL;
  for (size_t i = 0; i < l->probe_count; i++) {
    const csa_probe *p = &l->probes[i];
    if (!listed(p, unit) || (clear && !held(p))) continue;
    if (best != NULL && p->count > best->count) continue;
    if (best != NULL && p->count == best->count && p->error * best->tolerance <= best->error * p->tolerance) continue;
    best = p;
  }
  return best;
}

static csa_status add_check(csa_verification *v, const csa_unit *unit, const csa_probe *p) {
  CSA_TRY(csa_grow(&v->checks, v->count, &v->capacity, sizeof *v->checks));
  csa_check *check = &v->checks[v->count++];
  *check = (csa_check){.error = p != NULL ? p->error : (double)NAN, .tolerance = p != NULL ? p->tolerance : 0.0};
  check->ok = p != NULL && held(p);
  snprintf(check->name, sizeof check->name, "%s: %s", unit->kernel.name, p != NULL ? p->what : "not tested");
  v->ok = v->ok && check->ok;
  return CSA_OK;
}

csa_status csa_ledger_close(const csa_ledger *l, csa_verification *v, char *sentence) {
  *v = (csa_verification){.ok = true};
  CSA_TRY(blame(l, sentence));
  for (size_t i = 0; i < l->unit_count; i++) {
    const csa_unit *unit = &l->units[i];
    const csa_probe *p = judge(l, i);
    const bool shown = unit->in_use || unit->product[0] == '\0' || (p != NULL && strcmp(p->what, unit->product) == 0);
    if (!shown) continue; /* a product of a layer on trial, at that size: only part of the way */
    CSA_TRY(add_check(v, unit, p));
    if (p == NULL && sentence[0] == '\0')
      snprintf(sentence, CSA_SENTENCE, "%s (%s.cl): not tested: no case of the self-test launches it with %s",
               unit->kernel.name, unit->kernel.file, unit->kernel.options);
  }
  return CSA_OK;
}

void csa_ledger_fini(csa_ledger *l) {
  for (size_t i = 0; i < l->probe_count; i++) free(l->probes[i].units);
  free(l->probes);
  free(l->units);
  *l = (csa_ledger){0};
}
