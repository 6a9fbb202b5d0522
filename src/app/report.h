/* What the files of the command report know of each other. One rank writes the page; nothing here
 * communicates.
 *
 * The page is one HTML file that asks for nothing else: style and pictures stand in it. Its
 * pictures are drawn from the files of the run, as SVG whose colours follow the reader's choice of
 * light or dark. */
#ifndef SB_REPORT_PAGE_H
#define SB_REPORT_PAGE_H
#include "app.h"
#include "sb/law.h"
#include "sb/text.h"
#include "sb/tree.h"

#define REPORT_ROWS 20000 /* of a table that is drawn   */
#define REPORT_AXES 3     /* of a cloud that are drawn  */

typedef struct report {
  const char *folder;   /* without a slash at its end; borrowed          */
  sb_tree *json, *deck; /* report.json, used.yml; NULL: not there        */
  char *deck_text;      /* used.yml; NULL: not there                     */
  sb_mixture *law;      /* of the data, where it is known, else NULL     */
  sb_text page;
  int64_t failed;      /* cases of a study that failed */
  int pictures;        /* number of the last picture, for names inside of the page */
  const char *why[16]; /* what is left out, one sentence each; borrowed */
  int left_out;
} report;

/* --- report.c: files of the folder
 * ------------------------------------------------------------------------------- */

/* folder/NAME; SB_USE where that is too long. */
sb_status report_path(const report *r, const char *name, char out[1024]);
int report_has(const report *r, const char *name);
/* An HDF5 file of the folder for reading; *out NULL and SB_OK where it is not there. */
sb_status report_open(const report *r, const char *name, sb_file **out);
/* A text of the folder (sb_mem_new); *out NULL and SB_OK where it is not there. */
sb_status report_read(const report *r, const char *name, char **out, int64_t *length);
/* A sentence on what the page does without. */
void report_without(report *r, const char *sentence);
/* Value of a key in used.yml, "" where there is none. */
const char *report_key(const report *r, const char *key);

/* report_style.c: CSS, in pieces; NULL behind the last. */
extern const char *const report_style[];

/* --- report_page.c: the frame
 * ------------------------------------------------------------------------------------ */

void report_begin(report *r, const char *title);
void report_end(report *r);
void report_section(report *r, const char *id, const char *title);
void report_section_end(report *r);
/* "0.00123" with its exact value beside it for programs; an en dash for NAN. */
void report_number(sb_text *t, double x);
/* A cell of a table with a number. */
void report_cell(sb_text *t, double x);
/* "energy_distance" as "energy distance". */
void report_words(sb_text *t, const char *name);

/* --- report_metrics.c, report_costs.c, report_about.c: from report.json and used.yml
 * ----------------------------- */

void report_headline(report *r);
void report_metrics(report *r);
void report_errors(report *r);
void report_costs(report *r);
sb_status report_files(report *r);
sb_status report_about(report *r);

/* --- Pictures
 * ----------------------------------------------------------------------------------------------------
 */

sb_status report_clouds(report *r);   /* report_clouds.c: densities and marginals of the draws */
sb_status report_images(report *r);   /* report_images.c: draws that are pictures              */
sb_status report_velocity(report *r); /* report_velocity.c                                     */
sb_status report_paths(report *r);    /* report_paths.c: where particles go                    */
sb_status report_losses(report *r);   /* report_losses.c: from history.csv                     */
sb_status report_pictures(report *r); /* report_images.c: PNG files of the folder              */
sb_status report_study(report *r);    /* report_study.c: a folder of the command study         */

/* --- report_view.c: draws and data along the axes that are shown
 * ------------------------------------------------- */

typedef struct report_cloud {
  const char *name, *title;
  int64_t n; /* rows, of those in the file at most REPORT_ROWS */
  double *x; /* [n, k]; owned                                  */
} report_cloud;

/* All coordinates up to three; above, the axes that the run chose. */
typedef struct report_view {
  int d, k;                                    /* coordinates of the file; shown */
  double *mean, *axes, explained[REPORT_AXES]; /* above three; else NULL         */
  char label[REPORT_AXES][48];
  double low[REPORT_AXES], high[REPORT_AXES]; /* for the caller                 */
  report_cloud cloud[3];
  int clouds;
} report_view;
#define REPORT_STAGE1 "draws after stage 1"
/* Clouds "data", REPORT_STAGE1, "draws", those that are there and have two rows and more. To be
 * closed also after a failure. */
sb_status report_view_open(const report *r, report_view *v);
void report_view_close(report_view *v);
/* NULL where there is none of this name. */
const report_cloud *report_cloud_of(const report_view *v, const char *name);

/* --- report_csv.c: tables as text
 * -------------------------------------------------------------------------------- */

/* Cells of a table; the first line has their names. */
typedef struct report_table {
  char *text;        /* cells end with zeros; owned   */
  const char **cell; /* [rows + 1, columns]; owned    */
  int64_t rows;
  int columns;
} report_table;
/* The table NAME of the folder; out is empty (columns 0) where it is not there. SB_USE: lines of
 * different lengths. */
sb_status report_table_read(const report *r, const char *name, report_table *out);
void report_table_free(report_table *t);
/* Number of the column of this name, -1 none. */
int report_column(const report_table *t, const char *name);
const char *report_word(const report_table *t, int64_t row, int column);
/* NAN where it is none. */
double report_value(const report_table *t, int64_t row, int column);

/* --- report_plot.c: one panel, an SVG picture of its own
 * --------------------------------------------------------- */

typedef struct plot_range {
  double low, high;
  int log; /* logarithmic; low > 0 */
} plot_range;

typedef struct plot {
  sb_text *t;
  double width, height;           /* of the picture, in its own units (about pixels) */
  double left, top, right, under; /* of the box of the axes                          */
  plot_range x, y;
  int number; /* of the picture */
} plot;

/* A figure holds panels side by side, then a legend, and words on what is to be seen. */
void plot_figure(report *r);
void plot_figure_end(report *r, const char *caption);
/* Legend: the words that explain a class of lines or areas. */
void plot_legend(report *r);
void plot_key(report *r, const char *class, const char *words);

/* Begins a panel with its axes. description: what a reader who does not see it should know. remark:
 * a small line below the title, NULL none. */
void plot_open(report *r, plot *p, const char *title, const char *remark, const char *description,
               const char *x_label, const char *y_label);
void plot_close(plot *p);
/* n points, `step` doubles from one to the next. Lines break at what is not finite. Classes are
 * those of the style. */
void plot_line(plot *p, int64_t n, const double *x, const double *y, int step, const char *class);
void plot_dots(plot *p, int64_t n, const double *x, const double *y, int step, const char *class);
void plot_band(plot *p, int64_t n, const double *x, const double *low, const double *high,
               const char *class);
void plot_bars(plot *p, int64_t n, const double *x, const double *low, const double *high,
               const char *class);
void plot_upright(plot *p, double x, const char *class);
/* Arrows at points [n, 2], each v [n, 2] times scale long (in units of the axes). */
void plot_arrows(plot *p, int64_t n, const double *at, const double *v, double scale,
                 const char *class);
/* f [ny, nx] at equal steps, the first point at (x0, y0): areas above each level, class d0, d1 …;
 * or their edges, of one class. */
typedef struct plot_grid {
  int nx, ny;
  double x0, y0, dx, dy;
  const double *f;
} plot_grid;
sb_status plot_areas(plot *p, const plot_grid *g, int levels, const double *level);
sb_status plot_edges(plot *p, const plot_grid *g, double level, const char *class);
/* Where a value stands on the picture. */
double plot_x(const plot *p, double x);
double plot_y(const plot *p, double y);

/* --- report_density.c
 * -------------------------------------------------------------------------------------------- */

#define DENSITY_MOST 512 /* cells of a side */
/* Kernel density of points [n, d], d = 1 or 2, `step` doubles from one to the next, at the centres
 * of cells of a box: f [cells] or [cells, cells], y first. The bandwidth by least-squares
 * cross-validation. */
sb_status density_of(int64_t n, const double *x, int step, int d, const double *low,
                     const double *high, int cells, double *f);
/* Heights above which these fractions of the mass lie, m ascending fractions: level descending. */
sb_status density_levels(int64_t n, const double *f, int m, const double *mass, double *level);
/* The a-quantile of n numbers, `step` doubles from one to the next. */
sb_status density_quantile(int64_t n, const double *x, int step, double a, double *out);

#endif
