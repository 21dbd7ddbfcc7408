/* Pages that need nothing beside them: nothing is loaded; light or dark as the reader's system
 * is, readable on a phone. Everything that is not fixed text goes through an escape. */
#ifndef CSA_REPORT_HTML_H
#define CSA_REPORT_HTML_H

#include <stdio.h>

/* Text between tags or within a quoted attribute, of HTML and SVG: & < > " ' are written as references; control
 * characters but newline and tab, and bytes that are not UTF-8, become U+FFFD. */
void csa_html_text(FILE *out, const char *text);

/* <TAG>text</TAG>, the text as printf makes it, then escaped; cut after 4095 bytes. `tag` may have attributes: "td
 * class=\"number\"". */
void csa_html_element(FILE *out, const char *tag, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The text of colours.css, page.css, plot.css or page.js, which are part of the program. */
void csa_html_part(FILE *out, const char *name);

/* A name and its value, within <dl>. */
void csa_html_entry(FILE *out, const char *name, const char *value);

/* The script that shows the values of plots: at the end of a page that has some. */
void csa_html_script(FILE *out);

/* The page up to where its content begins, and from where it ends. */
void csa_html_begin(FILE *out, const char *title);
void csa_html_end(FILE *out);

#endif
