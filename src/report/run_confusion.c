/* What a model makes of the test images: the matrix of classes, and the mistakes it was surest of. */
#include <math.h>
#include <stdlib.h>

#include "report/html.h"
#include "report/picture.h"
#include "report/run_parts.h"

#define MISTAKES 24
#define DEEP 0.62 /* a tint from which on the number in it is light */

void csa_run_class(const csa_dataset *d, int class, char name[CSA_CLASS_NAME]) {
  if (class < d->classes)
    snprintf(name, CSA_CLASS_NAME, "%s", d->class_names[class]);
  else
    snprintf(name, CSA_CLASS_NAME, "%d", class);
}

static int64_t row_sum(const csa_evaluation *e, int class) {
  int64_t sum = 0;
  for (int c = 0; c < e->classes; c++) sum += e->confusion[(int64_t) class * e->classes + c];
  return sum;
}

/* The largest share of a class that was taken for one other. */
static double worst_share(const csa_evaluation *e) {
  double worst = 0.0;
  for (int t = 0; t < e->classes; t++) {
    const int64_t sum = row_sum(e, t);
    for (int p = 0; p < e->classes && sum > 0; p++)
      if (p != t) worst = fmax(worst, (double)e->confusion[(int64_t)t * e->classes + p] / (double)sum);
  }
  return worst;
}

static void print_head(FILE *out, const csa_evaluation *e, const csa_dataset *d) {
  char name[CSA_CLASS_NAME];
  fprintf(out, "<thead><tr><th></th>");
  for (int c = 0; c < e->classes; c++) {
    csa_run_class(d, c, name);
    fprintf(out, "<th scope=\"col\"><span class=\"turned\">");
    csa_html_text(out, name);
    fprintf(out, "</span></th>");
  }
  fprintf(out, "<th scope=\"col\">right</th></tr></thead>\n");
}

/* Right ones are tinted by their share of the class; mistakes, which are few, by that of the worst. */
static void print_row(FILE *out, const csa_evaluation *e, const csa_dataset *d, int class, double worst) {
  const int64_t sum = row_sum(e, class), *row = e->confusion + (int64_t) class * e->classes;
  char name[CSA_CLASS_NAME];
  csa_run_class(d, class, name);
  fprintf(out, "<tr><th scope=\"row\">");
  csa_html_text(out, name);
  fprintf(out, "</th>");
  for (int p = 0; p < e->classes; p++) {
    const double share = row[p] > 0 ? (double)row[p] / (double)sum : 0.0, much = p == class ? share : share / worst;
    if (row[p] == 0)
      fprintf(out, "<td></td>");
    else
      fprintf(out, "<td class=\"%s%s\" style=\"--much:%.3f\">%lld</td>", p == class ? "right" : "wrong",
              much > DEEP ? " deep" : "", much, (long long)row[p]);
  }
  fprintf(out, "<td class=\"share\">");
  if (sum > 0) fprintf(out, "%.1f %%", 100.0 * (double)row[class] / (double)sum);
  fprintf(out, "</td></tr>\n");
}

void csa_run_print_confusion(FILE *out, const csa_evaluation *e, const csa_dataset *d) {
  const double worst = worst_share(e);
  fprintf(out, "<section>\n<h2>Who is taken for whom</h2>\n");
  csa_html_element(
      out, "p class=\"soft\"",
      "%lld test images: a row for each true class, a column for each that the model chose. Right ones are "
      "shaded by their share of the class; mistakes more strongly, the worst (%.1f %% of its class) "
      "fully.",
      (long long)e->images, 100.0 * worst);
  fprintf(
      out,
      "<div class=\"card\"><div class=\"scroll window\" tabindex=\"0\" role=\"region\" aria-label=\"confusion matrix\">"
      "<table class=\"matrix\" id=\"confusion\">\n");
  print_head(out, e, d);
  fprintf(out, "<tbody>\n");
  for (int t = 0; t < e->classes; t++) print_row(out, e, d, t, worst);
  fprintf(out, "</tbody></table></div></div>\n</section>\n");
}

/* ---- mistakes */

typedef struct {
  int64_t image;
  csa_guess guess;
} mistake;

static int surest_first(const void *a, const void *b) {
  const mistake *x = a, *y = b;
  if (x->guess.probability != y->guess.probability) return x->guess.probability < y->guess.probability ? 1 : -1;
  return x->image < y->image ? -1 : 1;
}

static void print_mistake(FILE *out, const mistake *m, const csa_dataset *d) {
  const int64_t size = (int64_t)d->channels * d->height * d->width;
  const csa_picture picture = {d->test.images + m->image * size, d->channels, d->height, d->width, NULL};
  char chosen[CSA_CLASS_NAME], right[CSA_CLASS_NAME];
  csa_run_class(d, m->guess.class, chosen);
  csa_run_class(d, d->test.labels[m->image], right);
  fprintf(out, "<figure><div class=\"pixels\">");
  csa_picture_print(out, &picture, right);
  fprintf(out, "</div><figcaption>");
  csa_html_element(out, "b", "%s, %.1f\xC2\xA0%%", chosen, 100.0 * (double)m->guess.probability);
  csa_html_element(out, "span", "is %s, image\xC2\xA0%lld", right, (long long)m->image);
  fprintf(out, "</figcaption></figure>\n");
}

csa_status csa_run_print_mistakes(FILE *out, const csa_evaluation *e, const csa_dataset *d) {
  mistake *all = NULL;
  size_t count = 0;
  CSA_TRY(csa_new(&all, (size_t)e->images + 1, sizeof *all));
  for (int64_t i = 0; i < e->images; i++)
    if (e->guesses[i].class != d->test.labels[i]) all[count++] = (mistake){i, e->guesses[i]};
  qsort(all, count, sizeof *all, surest_first);
  fprintf(out, "<section>\n<h2>The surest mistakes</h2>\n");
  csa_html_element(out, "p class=\"soft\"",
                   "%zu of %lld test images were taken for another class%s. Images are counted from 0.", count,
                   (long long)e->images, count > MISTAKES ? "; these with the highest probability" : "");
  fprintf(out, "<div class=\"card images\" id=\"mistakes\">\n");
  for (size_t i = 0; i < count && i < MISTAKES; i++) print_mistake(out, &all[i], d);
  fprintf(out, "</div>\n</section>\n");
  free(all);
  return CSA_OK;
}
