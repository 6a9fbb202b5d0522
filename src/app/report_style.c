/* The style of the page. Colours of Okabe and Ito, a little darker, and ramps whose lightness only
 * falls (in the dark: rises), which all readers can tell apart. In pictures: a, b … lines and dots
 * of a kind, d0 … d6 shades of densities. */
#include "report.h"

/* clang-format off */
#define LIGHT                                                                                          \
  "--page:#fff;--card:#f5f7f9;--ink:#1d2126;--dim:#57606a;--rule:#d9dfe5;--grid:#e9edf1;--floor:#c3cad2;" \
  "--a:#0067a5;--b:#c24e00;--c:#00795a;--d:#9b3f7e;--e:#7a5c00;--f:#444c56;"                             \
  "--good:#0a6b3d;--warn:#8a4b00;--bad:#b3261e;"                                                         \
  "--d0:#e4eff8;--d1:#c3dbee;--d2:#98c2e2;--d3:#67a4d1;--d4:#3c83bd;--d5:#1d5f9c;--d6:#0a396c;"          \
  "--o0:#fdebdd;--o1:#f9cfae;--o2:#f2aa76;--o3:#e58038;--o4:#cb5c0a;--o5:#9b3f00"
#define DARK                                                                                           \
  "--page:#0f1318;--card:#171c23;--ink:#e7eaee;--dim:#a3adb8;--rule:#343b44;--grid:#222932;--floor:#4a535e;" \
  "--a:#62b5ea;--b:#f59153;--c:#45c79e;--d:#dd8fc4;--e:#d9b64a;--f:#b4bcc6;"                             \
  "--good:#5fd39a;--warn:#f0b35a;--bad:#ff8a80;"                                                         \
  "--d0:#13283c;--d1:#173a5b;--d2:#1b4f7e;--d3:#2569a4;--d4:#3d8bc9;--d5:#70b4e8;--d6:#bce0fb;"          \
  "--o0:#33200f;--o1:#4f2e12;--o2:#713f14;--o3:#9a5519;--o4:#c87230;--o5:#eb9a5c"

const char *const report_style[] = {
    ":root{color-scheme:light dark;" LIGHT "}\n"
    "@media(prefers-color-scheme:dark){:root{" DARK "}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,"
    "'Helvetica Neue',Arial,'DejaVu Sans',sans-serif}\n"
    "main,header,footer,nav{max-width:76rem;margin:0 auto;padding:0 1.5rem}\n"
    "header{padding-top:2rem}\n"
    "nav{padding-top:.7rem}\n"
    "nav a{display:inline-block;margin:.1rem 1.1rem .1rem 0;font-size:.92rem}\n"
    "footer{padding-top:1rem;padding-bottom:2.5rem}\n"
    "h1{font-size:2rem;line-height:1.2;margin:0;overflow-wrap:anywhere}\n"
    "h2{font-size:1.3rem;margin:2.6rem 0 .8rem;padding-top:.8rem;border-top:1px solid var(--rule)}\n"
    "h3{font-size:1.05rem;margin:1.6rem 0 .5rem}\n"
    "p{max-width:48rem;margin:.5rem 0}\n"
    "a{color:var(--a)}\n"
    ".dim,figcaption,caption,footer{color:var(--dim);font-size:.9rem}\n"
    ".skip{position:absolute;left:-99rem}\n"
    ".skip:focus{left:1rem;top:.5rem;background:var(--page);padding:.3rem}\n"
    ".badge{display:inline-block;vertical-align:.25rem;margin-left:.7rem;padding:.1rem .7rem;border:1.5px solid;"
    "border-radius:1rem;font-size:.85rem;font-weight:600;white-space:nowrap}\n"
    ".done{color:var(--good)}.open{color:var(--warn)}.failed{color:var(--bad)}\n"
    ".note{border-left:4px solid var(--warn);background:var(--card);padding:.6rem 1rem;margin:1rem 0;"
    "max-width:none}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(13.5rem,1fr));gap:.9rem;margin:1.4rem 0;"
    "padding:0;"
    "list-style:none}\n"
    ".cards li{background:var(--card);border:1px solid var(--rule);border-radius:.6rem;padding:.8rem 1rem}\n"
    ".cards b{display:block;font-size:1.65rem;font-weight:600;line-height:1.25;font-variant-numeric:tabular-nums}\n"
    ".verdict{font-size:.9rem;font-weight:600}\n"
    ".scroll{overflow-x:auto;margin:.8rem 0}\n",
    "table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}\n"
    "caption{text-align:left;padding-bottom:.4rem;max-width:48rem}\n"
    "th,td{padding:.28rem .6rem;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}\n"
    "th{font-weight:600}\n"
    "thead th{color:var(--dim);font-size:.85rem;vertical-align:bottom}\n"
    "th:first-child,td:first-child,.left{text-align:left}\n"
    ".wrap{white-space:normal;overflow-wrap:anywhere;min-width:16rem}\n"
    ".reading{white-space:normal;min-width:9rem;line-height:1.25}\n"
    "code,pre{font:.86rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}\n"
    "pre{background:var(--card);border:1px solid var(--rule);border-radius:.5rem;padding:.9rem 1.1rem;"
    "overflow-x:auto}\n"
    "details{margin:.7rem 0}\n"
    "summary{cursor:pointer;font-weight:600}\n"
    "figure{margin:1rem 0 1.8rem}\n"
    "figcaption{max-width:56rem;margin-top:.3rem}\n"
    ".panels{display:flex;flex-wrap:wrap;gap:.6rem 1.2rem}\n"
    ".panels img{max-width:100%;height:auto;background:#fff}\n"
    ".pixel{image-rendering:pixelated}\n"
    ".legend{display:flex;flex-wrap:wrap;gap:.1rem 1.3rem;font-size:.9rem;margin-top:.3rem}\n"
    ".key{vertical-align:-.05rem;margin-right:.4rem}\n"
    ".strip{display:block}\n"
    ".plot{max-width:100%;height:auto;flex:none;overflow:visible}\n"
    "svg text{fill:var(--ink);font-size:12px}\n"
    "svg .title{font-weight:600;font-size:13.5px}\n"
    "svg .remark,svg .tick{fill:var(--dim);font-size:11px}\n",
    ".axis,.grid,.line,.dots{fill:none}\n"
    ".axis{stroke:var(--dim)}.grid{stroke:var(--grid)}\n"
    ".line{stroke-width:1.6;stroke-linejoin:round}\n"
    ".dots{stroke-linecap:round;stroke-width:3}\n"
    ".key .line{stroke-width:2.2}\n"
    ".a{stroke:var(--a)}.b{stroke:var(--b)}.c{stroke:var(--c)}.d{stroke:var(--d)}.e{stroke:var(--e)}"
    ".f{stroke:var(--f)}\n"
    ".second{stroke-dasharray:6 2.5}\n"
    ".dash{stroke:var(--dim);stroke-dasharray:5 3;stroke-width:1.2}\n"
    ".dot{stroke:var(--dim);stroke-dasharray:1.5 3}\n"
    ".fit{stroke-dasharray:5 3;stroke-width:1.1}\n"
    ".thin{stroke-width:.7;opacity:.75}\n"
    ".small{stroke-width:2.6;opacity:.6}.big{stroke-width:6}\n"
    ".arrow{stroke:var(--ink);stroke-width:1}.faint{stroke:var(--floor);stroke-width:.9}\n"
    ".bar{fill:var(--a)}.data{fill:var(--floor)}.pale{opacity:.55}\n"
    ".edge{fill:none;stroke:var(--b);stroke-width:1.7}.inner{stroke-dasharray:5 2.5}\n"
    ".rim{fill:none;stroke:var(--ink);stroke-width:.8}\n"
    ".d0{fill:var(--d0)}.d1{fill:var(--d1)}.d2{fill:var(--d2)}.d3{fill:var(--d3)}.d4{fill:var(--d4)}"
    ".d5{fill:var(--d5)}"
    ".d6{fill:var(--d6)}\n"
    ".hot .d0{fill:var(--o0)}.hot .d1{fill:var(--o1)}.hot .d2{fill:var(--o2)}.hot .d3{fill:var(--o3)}"
    ".hot .d4{fill:var(--o4)}"
    ".hot .d5{fill:var(--o5)}\n"
    "@media print{:root{" LIGHT "}body{font-size:11pt}nav,.skip{display:none}h2{break-after:avoid}"
    "figure,table,.cards{break-inside:avoid}}\n",
    NULL};
/* clang-format on */
