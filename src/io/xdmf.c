/* XDMF 2 in the dialect that all readers of ParaView take alike: explicit connectivity of points,
 * meshes of three axes even where the third has one plane, vectors of three components, no
 * hyperslabs, relative names. */
#include <stdio.h>
#include <string.h>

#include "io.h"
#include "sb/mem.h"

static const char head[] =
    "<?xml version=\"1.0\"?>\n"
    "<Xdmf Version=\"2.0\"><Domain>\n"
    "<Grid Name=\"run\" GridType=\"Collection\" CollectionType=\"Temporal\">\n";
static const char foot[] = "</Grid>\n</Domain></Xdmf>\n";

void sb_xdmf_begin(sb_text *t, double time) {
  if (!t->length) sb_text_add(t, "%s", head);
  sb_text_add(t, "<Grid Name=\"step\" GridType=\"Uniform\"><Time Value=\"%.17g\"/>\n", time);
}

void sb_xdmf_end(sb_text *t) { sb_text_add(t, "</Grid>\n"); }

/* Where the numbers of a column are. */
static void item(sb_text *t, const char *file, const sb_column *col) {
  static const char *const types[] = {"Float\" Precision=\"4", "Float\" Precision=\"8",
                                      "Int\" Precision=\"4", "Int\" Precision=\"8",
                                      "UChar\" Precision=\"1"};
  sb_text_add(t, "<DataItem Dimensions=\"");
  for (int i = 0; i < col->rank; i++)
    sb_text_add(t, "%s%lld", i ? " " : "", (long long)col->shape[i]);
  sb_text_add(t, "\" NumberType=\"%s\" Format=\"HDF\">", types[col->kind]);
  sb_text_xml(t, file);
  sb_text_add(t, ":");
  sb_text_xml(t, col->path);
  sb_text_add(t, "</DataItem>");
}

void sb_xdmf_cloud(sb_text *t, const char *file, const sb_column *points) {
  const sb_column connectivity = {
      .path = "/connectivity", .kind = SB_KIND_I32, .rank = 1, .shape = {points->shape[0]}};
  sb_text_add(t, " <Topology TopologyType=\"Polyvertex\" NumberOfElements=\"%lld\">",
              (long long)points->shape[0]);
  item(t, file, &connectivity);
  sb_text_add(t, "</Topology>\n <Geometry GeometryType=\"XYZ\">");
  item(t, file, points);
  sb_text_add(t, "</Geometry>\n");
}

void sb_xdmf_mesh(sb_text *t, const sb_grid *g) {
  static const char number[] =
      "<DataItem Dimensions=\"3\" NumberType=\"Float\" Precision=\"8\" Format=\"XML\">";
  sb_text_add(t, " <Topology TopologyType=\"3DCoRectMesh\" Dimensions=\"%lld %lld %lld\"/>\n",
              (long long)g->shape[2], (long long)g->shape[1], (long long)g->shape[0]);
  sb_text_add(t, " <Geometry GeometryType=\"ORIGIN_DXDYDZ\">");
  sb_text_add(t, "%s%.17g %.17g %.17g</DataItem>", number, g->origin[2], g->origin[1],
              g->origin[0]);
  sb_text_add(t, "%s%.17g %.17g %.17g</DataItem>", number, g->spacing[2], g->spacing[1],
              g->spacing[0]);
  sb_text_add(t, "</Geometry>\n");
}

void sb_xdmf_array(sb_text *t, const char *name, const char *file, const sb_column *col) {
  const int vector = col->rank > (col->merge ? col->merge : 1);
  sb_text_add(t, " <Attribute Name=\"");
  sb_text_xml(t, name);
  sb_text_add(t, "\" AttributeType=\"%s\" Center=\"Node\">", vector ? "Vector" : "Scalar");
  item(t, file, col);
  sb_text_add(t, "</Attribute>\n");
}

sb_status sb_xdmf_write(const sb_comm *c, const char *directory, const char *name, sb_text *t) {
  const int64_t length = t->length;
  char *path = NULL;
  sb_status s = SB_OK;
  if (c->rank == 0) sb_text_add(t, "%s", foot);
  SB_TRY_ALL(c, t->status);
  for (int k = 0; k < 2 && !s; k++) {
    s = sb_agree(c, sb_text_of(&path, "%s/%s.%s", directory, name, k ? "xmf" : "xdmf2"));
    if (!s) s = sb_text_write(c, path, t->data, t->length);
    sb_mem_free(path);
  }
  t->length = length;
  return s;
}
