#include "report/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "report/html.h"

#define CELL_MAX 1024

/* Words are set off from numbers before them, and are not padded where the line ends. */
static void put_text(const csa_table *t, const char *text) {
  const int width = t->columns[t->at].width, before = t->at > 0 ? t->columns[t->at - 1].width : 0;
  const int blanks = t->at == 0 ? 0 : width < 0 && before > 0 ? 2 : 1;
  fprintf(t->out, "%*s%*s", blanks, "", width < 0 && t->at + 1 == t->count ? 0 : width, text);
}

static void put_markdown(const csa_table *t, const char *text) {
  fputs(t->at == 0 ? "|" : "", t->out);
  fputs(*text != '\0' ? " " : "", t->out);
  for (; *text != '\0'; text++) {
    if (strchr("|\\<`*", *text) != NULL) putc('\\', t->out);
    putc(*text == '\n' || *text == '\r' ? ' ' : *text, t->out);
  }
  fputs(" |", t->out);
}

static void put_csv(const csa_table *t, const char *text) {
  const char *quote = strpbrk(text, ",\"\r\n") != NULL ? "\"" : "";
  fprintf(t->out, "%s%s", t->at > 0 ? "," : "", quote);
  for (; *text != '\0'; text++) fprintf(t->out, *text == '"' ? "\"\"" : "%c", *text);
  fputs(quote, t->out);
}

static void begin_row(const csa_table *t) {
  if (t->at == 0 && t->form == CSA_AS_HTML) fprintf(t->out, "<tr>");
}

static void end_row(csa_table *t) {
  if (++t->at < t->count) return;
  fputs(t->form == CSA_AS_HTML ? "</tr>\n" : "\n", t->out);
  t->at = 0;
}

static void put(csa_table *t, bool title, const char *text) {
  static const char *const tags[2][2] = {{"td", "td class=\"number\""}, {"th", "th class=\"number\""}};
  begin_row(t);
  switch (t->form) {
    case CSA_AS_TEXT: put_text(t, text); break;
    case CSA_AS_MARKDOWN: put_markdown(t, text); break;
    case CSA_AS_HTML: csa_html_element(t->out, tags[title][t->columns[t->at].width > 0], "%s", text); break;
    case CSA_AS_CSV: put_csv(t, text); break;
  }
  end_row(t);
}

csa_table csa_table_begin(FILE *out, csa_form form, const csa_column *columns, int count) {
  csa_table t = {out, form, columns, count, 0};
  if (form == CSA_AS_HTML) fprintf(out, "<div class=\"scroll\"><table>\n");
  for (int i = 0; i < count; i++) put(&t, true, columns[i].title);
  for (int i = 0; i < count && form == CSA_AS_MARKDOWN; i++)
    fprintf(out, "%s%s|%s", i == 0 ? "|" : "", columns[i].width > 0 ? "--:" : "---", i + 1 == count ? "\n" : "");
  return t;
}

void csa_cell(csa_table *t, const char *format, ...) {
  char text[CELL_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  put(t, false, text);
}

void csa_cell_link(csa_table *t, const char *address, const char *text) {
  if (t->form != CSA_AS_HTML) {
    put(t, false, text);
    return;
  }
  begin_row(t);
  fprintf(t->out, "<td><a href=\"");
  csa_html_text(t->out, address);
  fprintf(t->out, "\">");
  csa_html_text(t->out, text);
  fprintf(t->out, "</a></td>");
  end_row(t);
}

void csa_table_end(csa_table *t) {
  if (t->form == CSA_AS_HTML) fprintf(t->out, "</table></div>\n");
}
