/* A table, filled once and written in the form that its reader wants. */
#ifndef CSA_REPORT_TABLE_H
#define CSA_REPORT_TABLE_H

#include <stdio.h>

typedef enum { CSA_AS_TEXT, CSA_AS_MARKDOWN, CSA_AS_HTML, CSA_AS_CSV } csa_form;

typedef struct {
  const char *title;
  int width; /* of a number, which stands at the right; below 0: of words, which stand at the left. Other forms than
                plain text take what the cell takes */
} csa_column;

typedef struct {
  FILE *out;
  csa_form form;
  const csa_column *columns;
  int count, at;
} csa_table;

/* Up to and with the row of titles. */
csa_table csa_table_begin(FILE *out, csa_form form, const csa_column *columns, int count);

/* The next cell, as printf makes it, row by row; what would end a cell, or be markup, is escaped. Cut after 1023 bytes.
 */
void csa_cell(csa_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The next cell, which on a page leads to `address`. */
void csa_cell_link(csa_table *table, const char *address, const char *text);

void csa_table_end(csa_table *table);

#endif
