# awk -f tools/lint.awk FILES: the rules for C files, in include/, src/ and tests/. Prints `file:line: what`.
#
#   layers     a file includes only headers of its own folder or of a lower layer, never of a sibling; the first line of a
#              header names its folder: /* layer: base */
#   mpi.h      only in src/comm and in one file each of src/io and src/linalg
#   same bits  no MPI_SUM outside src/comm, no rand(), and no transcendental function of libm where results are computed
#              (the comment `libm: why` on the line excuses it)
#   choices    are made at run time: no #if outside src/base, but for the guards of headers
#   size       500 lines in a file (600 in a test), 60 in a function, 120 columns

BEGIN {
  split("base 0 comm 1 linalg 2 io 2 law 2 nn 3 sde 3 ot 3 data 3 methods 4 app 5", words)
  for (i = 1; i in words; i += 2) layer[words[i]] = words[i + 1]
  for (i = 1; i < ARGC; i++) if (ARGV[i] ~ /^include\//) read_layer(ARGV[i])
}

function read_layer(header,    line, name) {
  getline line < header
  close(header)
  name = line
  sub(/^\/\* layer: /, "", name)
  sub(/ \*\/$/, "", name)
  if (name in layer) home[header] = name
  else print header ":1: the first line should be /* layer: FOLDER */"
}

function finding(what) { print FILENAME ":" FNR ": " what }

# The line without strings and comments; `comment` remembers one that goes on.
function code(line,    out) {
  out = ""
  while (line != "") {
    if (comment) {
      if (!match(line, /\*\//)) return out
      comment = 0
    } else {
      if (!match(line, /"([^"\\]|\\.)*"|'([^'\\]|\\.)*'|\/\/.*|\/\*/)) return out line
      out = out substr(line, 1, RSTART - 1) " "
      if (substr(line, RSTART, RLENGTH) == "/*") comment = 1
    }
    line = substr(line, RSTART + RLENGTH)
  }
  return out
}

function check_length() {
  most = file ~ /^tests/ ? 600 : 500
  if (lines > most) print file ":" lines ": longer than " most " lines"
}

FNR == 1 {
  check_length()
  file = FILENAME
  comment = function_start = 0
  split(file, path, "/")
  folder = path[1] == "src" ? path[2] : home[file] # of a test: none
}

{ lines = FNR; text = code($0) }

{
  columns = gsub(/[^\200-\277]/, "&") # bytes that begin a character
  if (columns > 120) finding(columns " columns, 120 are allowed")
}

/^ *# *include/ {
  name = $0
  gsub(/^[^"<]*["<]|[">].*/, "", name)
  if (name ~ /\.\.\//) finding("includes a private header of another folder")
  header = "include/" name
  if (folder != "" && header in home && home[header] != folder && layer[home[header]] >= layer[folder])
    finding(folder " (layer " layer[folder] ") includes " name " of " home[header] " (layer " layer[home[header]] ")")
  if (name == "mpi.h" && folder != "" && folder != "comm" && !((folder == "io" || folder == "linalg") && !mpi[folder]++))
    finding("includes mpi.h")
  next
}

text ~ /^ *# *(if|el)/ && folder != "" && folder != "base" && !(file ~ /h$/ && text ~ /ifndef [A-Z0-9_]*_H_? *$/) {
  finding("#if outside src/base")
}

text ~ /(^|[^A-Za-z0-9_])[a-z]*rand(om|48)?(_r)? *\(/ { finding("not our noise: " $0) }

folder ~ /^(comm|law|nn|sde|data|methods)$/ && !/libm:/ &&
text ~ /(^|[^A-Za-z0-9_.>])(exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|sinh|cosh|tanh)f? *\(/ {
  finding("libm function, differs between machines: use sb/mathfn.h")
}

text ~ /MPI_SUM/ && folder != "" && folder != "comm" { finding("MPI_SUM outside src/comm: use the exact sums") }

# A function: a line at the margin with a parenthesis and no =, up to the next brace at the margin.
text ~ /^[A-Za-z_]/ { function_start = text ~ /\(/ && text !~ /=/ ? FNR : 0 }
text ~ /^}/ {
  if (function_start && folder != "" && FNR - function_start >= 60)
    print file ":" function_start ": function of " FNR - function_start + 1 " lines, 60 are allowed"
  function_start = 0
}

END { check_length() }
