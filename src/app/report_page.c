/* The frame of the page: head with its style, sections, numbers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

void report_begin(report *r, const char *title) {
  sb_text *t = &r->page;
  sb_text_add(t,
              "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
  sb_text_xml(t, title);
  sb_text_add(t, "</title>\n<style>\n");
  for (int i = 0; report_style[i]; i++) sb_text_add(t, "%s", report_style[i]);
  sb_text_add(t, "</style></head>\n<body><a class=\"skip\" href=\"#main\">To the results</a>\n");
}

void report_end(report *r) {
  sb_text *t = &r->page;
  sb_text_add(t, "</main>\n<footer>");
  for (int i = 0; i < r->left_out; i++) {
    sb_text_xml(t, r->why[i]);
    sb_text_add(t, " ");
  }
  sb_text_add(t,
              "Made by <code>sbridge report</code>; what the numbers mean is in the section on "
              "reading the metrics of the program\xE2\x80\x99s README.</footer>\n</body></html>\n");
}

void report_section(report *r, const char *id, const char *title) {
  sb_text_add(&r->page, "<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2>\n", id, id, title);
}

void report_section_end(report *r) { sb_text_add(&r->page, "</section>\n"); }

void report_number(sb_text *t, double x) {
  char words[40];
  if (!isfinite(x)) {
    sb_text_add(t, "<span class=\"dim\" aria-label=\"none\">\xE2\x80\x93</span>");
    return;
  }
  snprintf(words, sizeof words, fabs(x) >= 1000 && fabs(x) < 1e9 && x == floor(x) ? "%.0f" : "%.3g",
           fabs(x));
  sb_text_add(t, "<data value=\"%.17g\">%s%s</data>", x, x < 0 ? "\xE2\x88\x92" : "", words);
}

void report_cell(sb_text *t, double x) {
  sb_text_add(t, "<td>");
  report_number(t, x);
  sb_text_add(t, "</td>");
}

void report_words(sb_text *t, const char *name) {
  static const char *const special[][2] = {{"w2", "W2"},   {"mmd", "MMD"}, {"rmse", "RMSE"},
                                           {"bw2", "BW2"}, {"uvp", "UVP"}, {"p", "p"}};
  char word[64];
  for (size_t n; *name; name += n + (name[n] == '_')) {
    n = strcspn(name, "_");
    snprintf(word, sizeof word, "%.*s", (int)n, name);
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
      if (!strcmp(word, special[i][0])) snprintf(word, sizeof word, "%s", special[i][1]);
    sb_text_xml(t, word);
    if (name[n]) sb_text_add(t, " ");
  }
}
