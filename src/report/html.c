#include "report/html.h"

#include <stdarg.h>
#include <string.h>

#include "core/text.h"
#include "report/plot.h"

#define TEXT_MAX 4096

static const char *reference(unsigned char c) {
  switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return c == 0x7F || (c < 0x20 && c != '\n' && c != '\t') ? "\xEF\xBF\xBD" : NULL;
  }
}

void csa_html_text(FILE *out, const char *text) {
  while (*text != '\0') {
    const int length = csa_text_character(text);
    const char *instead = length == 0 ? "\xEF\xBF\xBD" : reference((unsigned char)*text);
    if (instead != NULL)
      fputs(instead, out);
    else
      fwrite(text, 1, (size_t)length, out);
    text += length > 0 ? length : 1;
  }
}

void csa_html_element(FILE *out, const char *tag, const char *format, ...) {
  char text[TEXT_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fprintf(out, "<%s>", tag);
  csa_html_text(out, text);
  fprintf(out, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

static const char colours[] =
    ":root{color-scheme:light dark;--page:#f7f5f1;--card:#fff;--ink:#1d1c1a;--soft:#5e5a54;--line:#e0dcd4;"
    "--bar:#20639b;--pale:#d3e3f2;--mark:#8a4b00;--note:#fdf3e0;--one:#20639b;--two:#c2571a;--three:#2b8264}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#13151a;--card:#1b1e25;--ink:#ecebe7;--soft:#aaa79f;"
    "--line:#343944;--bar:#6fb0ea;--pale:#26405a;--mark:#f0b45c;--note:#2a2418;--one:#6fb0ea;--two:#f29a5e;"
    "--three:#63c7a0}}\n";

void csa_html_colours(FILE *out) { fputs(colours, out); }

static const char style[] =
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,\"Segoe UI\","
    "Roboto,\"DejaVu Sans\",sans-serif;font-variant-numeric:tabular-nums}\n"
    "main{max-width:64rem;margin:0 auto;padding:2rem 1rem 3rem}\n"
    "h1{font-size:1.75rem;line-height:1.2;margin:0 0 .4rem;letter-spacing:-.01em}\n"
    "h2{font-size:1.25rem;margin:2.5rem 0 .8rem;letter-spacing:-.005em}\n"
    "h3{font-size:1rem;margin:0 0 .6rem;font-weight:600;overflow-wrap:anywhere}\n"
    "header{margin-bottom:1.5rem}.caps::first-letter{text-transform:uppercase}\n"
    "p{margin:.4rem 0}a{color:var(--bar)}\n"
    ".soft,footer{color:var(--soft);font-size:.875rem}\n"
    ".grid{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr))}\n"
    ".tiles{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,10.5rem),1fr))}\n"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.1rem;min-width:0}\n"
    ".wide{margin:1rem 0}.under{margin-top:1rem}\n"
    ".note{background:var(--note);border-left:4px solid var(--mark);border-radius:4px;padding:.7rem 1rem;"
    "margin:1rem 0;overflow-wrap:anywhere;white-space:pre-line}\n"
    ".tile b{display:block;font-size:1.6rem;line-height:1.25;font-weight:600}\n"
    ".tile span{display:block;color:var(--soft);font-size:.875rem}\n"
    "dl{display:grid;grid-template-columns:7.2rem 1fr;gap:.15rem .6rem;margin:0;font-size:.875rem}\n"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
    ".chart{padding-right:7.5rem}\n"
    ".chart svg{display:block;overflow:visible;font-size:13px}\n"
    ".chart text{fill:var(--ink);paint-order:stroke;stroke:var(--card);stroke-width:4px}"
    ".chart .tick{fill:var(--soft)}\n"
    ".chart .whole{fill:var(--pale);stroke:var(--bar);stroke-width:1}.chart .part{fill:var(--bar)}\n"
    ".key{display:inline-block;width:.9em;height:.9em;vertical-align:-.1em;margin-right:.35em;"
    "border:1px solid var(--bar);background:var(--pale)}.key.full{background:var(--bar)}\n"
    "details{margin:.8rem 0 0}summary{cursor:pointer;color:var(--soft);font-size:.875rem;padding:.3rem 0}\n"
    ".scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%;font-size:.875rem;white-space:nowrap}\n"
    "th,td{text-align:left;padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--line)}\n"
    "th{color:var(--soft);font-weight:500}.number{text-align:right}\n"
    "footer{margin-top:3rem;border-top:1px solid var(--line);padding-top:1rem}\n"
    "@media print{.card{break-inside:avoid}}\n";

void csa_html_begin(FILE *out, const char *title) {
  fprintf(out,
          "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
  csa_html_element(out, "title", "%s", title);
  fprintf(out, "<style>\n%s%s%s</style>\n</head>\n<body>\n<main>\n", colours, style, csa_plot_style);
}

void csa_html_end(FILE *out) { fprintf(out, "</main>\n</body>\n</html>\n"); }
