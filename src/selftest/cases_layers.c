/* Layers of the self-test, each forward and backward. */
#include <string.h>

#include "selftest/cases.h"

/* What files call the parameter: "weight". */
static const char *name_of(const csa_trial *t, int slot) { return strchr(csa_trial_parameter(t, slot)->name, '.') + 1; }

static csa_status enter(csa_ledger *ledger, const csa_trial *t, const csa_expectation *e, const char *text) {
  const csa_layer *l = t->layer;
  const csa_plan *plan = t->graph->plan;
  CSA_TRY(csa_ledger_probe(ledger, plan, l->out, csa_difference(t->out, e->out, csa_elements(l->out->shape), NULL),
                           e->tolerance.out, "%s", text));
  if (t->din != NULL)
    CSA_TRY(csa_ledger_probe(ledger, plan, t->gradient,
                             csa_difference(t->din, e->din, csa_elements(l->in[0]->shape), NULL), e->tolerance.din,
                             "%s: d input", text));
  for (int slot = 0; slot < CSA_LAYER_SLOTS; slot++) {
    const csa_tensor *d = l->dparam[slot];
    if (d == NULL) continue;
    CSA_TRY(csa_ledger_probe(ledger, plan, d,
                             csa_difference(t->dparam[slot], e->dparam[slot], csa_elements(d->shape), NULL),
                             e->tolerance.dparam, "%s: d %s", text, name_of(t, slot)));
  }
  return CSA_OK;
}

csa_status csa_selftest_layer(csa_ledger *ledger, csa_device *device, csa_choices choices, const csa_trial_case *c) {
  csa_trial trial = {0};
  csa_expectation expectation = {0};
  char text[CSA_TRIAL_TEXT];
  csa_status status;
  CSA_GO(csa_trial_run(&trial, device, choices, c));
  CSA_GO(csa_trial_expect(&trial, &expectation));
  status = enter(ledger, &trial, &expectation, csa_trial_text(c, text));
done:
  csa_expectation_fini(&expectation);
  csa_trial_fini(&trial);
  return status;
}
