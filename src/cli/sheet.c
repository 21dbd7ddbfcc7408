#include "cli/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/text.h"
#include "report/heat.h"

csa_status csa_sheet_add(csa_sheet *s, int row, int column, bool with_heat, csa_panel **panel) {
  CSA_TRY(csa_grow(&s->panels, s->count, &s->capacity, sizeof *s->panels));
  *panel = &s->panels[s->count++];
  **panel = (csa_panel){.row = row, .column = column};
  return with_heat ? csa_new(&(*panel)->heat, (size_t)s->height * (size_t)s->width, sizeof *(*panel)->heat) : CSA_OK;
}

void csa_sheet_fini(csa_sheet *s) {
  for (size_t i = 0; i < s->count; i++) free(s->panels[i].heat);
  free(s->panels);
  *s = (csa_sheet){0};
}

#ifdef CSA_HAVE_CAIRO

#include <cairo.h>

/* All lengths are in pixels of the sheet. */
enum { MARGIN = 20, GAP = 14, LINE = 18, HEADER = 58, FOOTER = 44, SCALE_WIDTH = 160, SCALE_HEIGHT = 12 };

typedef struct {
  const csa_sheet *sheet;
  cairo_t *cairo;
  int zoom; /* of one pixel of the image */
  int rows, columns;
} drawing;

static int panel_width(const drawing *d) { return d->sheet->width * d->zoom; }
static int panel_height(const drawing *d) { return d->sheet->height * d->zoom; }

static void measure(drawing *d) {
  for (size_t i = 0; i < d->sheet->count; i++) {
    const csa_panel *p = &d->sheet->panels[i];
    if (p->row >= d->rows) d->rows = p->row + 1;
    if (p->column >= d->columns) d->columns = p->column + 1;
  }
  d->zoom = (d->columns > 6 ? 160 : 192) / d->sheet->width;
  if (d->zoom < 1) d->zoom = 1;
}

/* The pixel as it is, or in grey under its heat. */
static uint32_t colour_of(const csa_sheet *s, const csa_panel *p, double largest, int pixel) {
  uint8_t rgb[3];
  const double share = p->heat == NULL ? -1.0 : largest > 0.0 ? p->heat[pixel] / largest : 0.0;
  csa_heat_over(s->image, s->channels, s->height * s->width, pixel, share, rgb);
  return (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
}

static void text(const drawing *d, double x, double y, double size, bool strong, const char *words) {
  char safe[CSA_SHEET_TEXT];
  cairo_select_font_face(d->cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                         strong ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(d->cairo, size);
  cairo_move_to(d->cairo, x, y);
  cairo_show_text(d->cairo, csa_text_utf8(words, safe, sizeof safe)); /* Cairo takes nothing else */
}

/* One image pixel is a square of zoom x zoom, as sharp as it is. */
static void draw_pixels(const drawing *d, const csa_panel *p, int x, int y) {
  const csa_sheet *s = d->sheet;
  double largest = 0.0;
  for (int i = 0; i < s->height * s->width && p->heat != NULL; i++) largest = fmax(largest, p->heat[i]);
  cairo_surface_t *pixels = cairo_image_surface_create(CAIRO_FORMAT_RGB24, s->width, s->height);
  if (cairo_surface_status(pixels) == CAIRO_STATUS_SUCCESS) {
    unsigned char *rows = cairo_image_surface_get_data(pixels);
    const int stride = cairo_image_surface_get_stride(pixels);
    for (int i = 0; i < s->height * s->width; i++) {
      const uint32_t colour = colour_of(s, p, largest, i);
      memcpy(rows + i / s->width * stride + i % s->width * 4, &colour, sizeof colour);
    }
    cairo_surface_mark_dirty(pixels);
  }
  cairo_save(d->cairo);
  cairo_translate(d->cairo, x, y);
  cairo_scale(d->cairo, d->zoom, d->zoom);
  cairo_set_source_surface(d->cairo, pixels, 0, 0); /* of no surface: an error that the sheet's status keeps */
  cairo_pattern_set_filter(cairo_get_source(d->cairo), CAIRO_FILTER_NEAREST);
  cairo_paint(d->cairo);
  cairo_restore(d->cairo);
  cairo_surface_destroy(pixels);
}

/* White within black, to be seen on anything. */
static void draw_mark(const drawing *d, int x, int y) {
  const int left = x + d->sheet->mark_x * d->zoom, top = y + d->sheet->mark_y * d->zoom;
  for (int white = 0; white < 2; white++) {
    cairo_set_source_rgb(d->cairo, white, white, white);
    cairo_set_line_width(d->cairo, white ? 1.5 : 4.0);
    cairo_rectangle(d->cairo, left - 1, top - 1, d->zoom + 2, d->zoom + 2);
    cairo_stroke(d->cairo);
  }
}

static void draw_panel(const drawing *d, const csa_panel *p) {
  const int x = MARGIN + p->column * (panel_width(d) + GAP);
  const int y = MARGIN + HEADER + LINE + p->row * (panel_height(d) + 2 * LINE + GAP);
  cairo_set_source_rgb(d->cairo, 0.1, 0.1, 0.1);
  text(d, x, y - 6, 13, true, p->title);
  draw_pixels(d, p, x, y);
  if (d->sheet->marked) draw_mark(d, x, y);
  cairo_set_source_rgb(d->cairo, 0.35, 0.35, 0.35);
  text(d, x, y + panel_height(d) + 14, 12, false, p->note);
}

/* The colours as they lie over a grey of middle brightness, between 0 and "most". */
static void draw_scale(const drawing *d, int y) {
  const csa_sheet *s = d->sheet;
  cairo_set_source_rgb(d->cairo, 0.35, 0.35, 0.35);
  text(d, MARGIN, y + 11, 12, false, "0");
  const int left = MARGIN + 14;
  for (int i = 0; i < SCALE_WIDTH; i++) {
    uint8_t hot[3];
    double rgb[3];
    csa_heat_colour(i / (SCALE_WIDTH - 1.0), hot);
    for (int c = 0; c < 3; c++) rgb[c] = CSA_HEAT_OVER_IMAGE * hot[c] / 255.0 + (1.0 - CSA_HEAT_OVER_IMAGE) * 0.5;
    cairo_set_source_rgb(d->cairo, rgb[0], rgb[1], rgb[2]);
    cairo_rectangle(d->cairo, left + i, y, 1, SCALE_HEIGHT);
    cairo_fill(d->cairo);
  }
  cairo_set_source_rgb(d->cairo, 0.35, 0.35, 0.35);
  text(d, left + SCALE_WIDTH + 6, y + 11, 12, false, s->legend);
}

static void draw(const drawing *d, int height) {
  cairo_set_source_rgb(d->cairo, 1, 1, 1);
  cairo_paint(d->cairo);
  cairo_set_source_rgb(d->cairo, 0.1, 0.1, 0.1);
  text(d, MARGIN, MARGIN + 16, 18, true, d->sheet->title);
  cairo_set_source_rgb(d->cairo, 0.35, 0.35, 0.35);
  text(d, MARGIN, MARGIN + 38, 13, false, d->sheet->subtitle);
  for (size_t i = 0; i < d->sheet->count; i++) draw_panel(d, &d->sheet->panels[i]);
  draw_scale(d, height - FOOTER + 6);
}

static cairo_status_t write_bytes(void *stream, const unsigned char *data, unsigned int length) {
  return fwrite(data, 1, length, stream) == length ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

csa_status csa_sheet_write(const csa_sheet *sheet, const char *path) {
  drawing d = {.sheet = sheet};
  csa_file_writer *writer = NULL;
  measure(&d);
  const int width = 2 * MARGIN + d.columns * panel_width(&d) + (d.columns - 1) * GAP;
  const int height = MARGIN + HEADER + d.rows * (panel_height(&d) + 2 * LINE + GAP) + FOOTER;
  CSA_TRY(csa_file_begin(&writer, path));
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width < 640 ? 640 : width, height);
  d.cairo = cairo_create(surface);
  draw(&d, height);
  cairo_status_t drawn = cairo_status(d.cairo);
  if (drawn == CAIRO_STATUS_SUCCESS)
    drawn = cairo_surface_write_to_png_stream(surface, write_bytes, csa_file_stream(writer));
  cairo_destroy(d.cairo);
  cairo_surface_destroy(surface);
  cairo_debug_reset_static_data(); /* fonts that it keeps for the next drawing */
  if (drawn == CAIRO_STATUS_SUCCESS || drawn == CAIRO_STATUS_WRITE_ERROR) return csa_file_end(writer); /* says why */
  csa_file_drop(writer);
  return csa_fail(drawn == CAIRO_STATUS_NO_MEMORY ? CSA_MEMORY : CSA_FAILED, "%s: cannot be drawn: %s", path,
                  cairo_status_to_string(drawn));
}

#else

csa_status csa_sheet_write(const csa_sheet *sheet, const char *path) {
  (void)sheet;
  return csa_fail(CSA_USAGE,
                  "%s: pictures are not built in\n"
                  "  apt-get install libcairo2-dev, then configure and build clsattn again",
                  path);
}

#endif
