# The manual page from what the program says of itself:
#   sbridge help | awk -v version=0.1.0 -v date=2026-01-31 -f tools/packaging/man.awk
# Lists of commands, options, methods and statuses are those of the program; the words around them stand here.

function plain(s) {
  gsub(/\\/, "\\e", s)
  gsub(/-/, "\\-", s)
  return s ~ /^[.']/ ? "\\&" s : s
}

# In lines of at most 80 letters, a new one for each sentence.
function text(s,    n, word, i, line, all) {
  n = split(plain(s), word, " ")
  for (i = 1; i <= n; i++) {
    if (line != "" && (length(line " " word[i]) > 78 || line ~ /[.]$/)) {
      all = all line "\n"
      line = ""
    }
    line = line (line == "" ? "" : " ") word[i]
  }
  return all line
}

function item(head, body) {
  print ".TP\n.B " plain(head)
  print text(body)
}

BEGIN {
  print ".TH SBRIDGE 1 \"" date "\" \"sbridge " version "\" \"User Commands\""
  print ".SH NAME\nsbridge \\- learn and sample Schr\\(:odinger bridges"
  print ".SH SYNOPSIS\n.B mpirun \\-n\n.I ranks\n.B sbridge\n.I command\n.RI [ argument ]\n.RI [ options ]"
  print ".SH DESCRIPTION"
  print "sbridge learns a Schr\\(:odinger bridge from a table of points,"
  print "or from a known law, and draws new points like them."
  print text("A deck, a file in YAML, says what is to be done; a run of it gives the same bits on any number of ranks, " \
             "stopped and gone on with or not. Results are HDF5 files in the directory that the deck names; nothing is " \
             "written outside of it.")
  print ".PP\n" text("A run that fails prints one line that begins with \"sbridge:\" and says what is wrong, where, and " \
                     "what to do.")
}

/^(commands|options|methods)$/ {
  section = $1
  print ".SH " toupper(section)
  next
}

/^status: / {
  section = ""
  print ".SH EXIT STATUS"
  sub(/^status: /, "")
  while (match($0, /, [0-9]+ /)) {
    status($0, RSTART - 1)
    $0 = substr($0, RSTART + 2)
  }
  status($0, length($0))
  print ".SH SIGNALS"
  section = "signals"
  next
}

function status(line, end) {
  line = substr(line, 1, end)
  item(substr(line, 1, index(line, " ") - 1), substr(line, index(line, " ") + 1))
}

section == "commands" && /^  [a-z]/ {
  sub(/^ +/, "")
  n = split($0, part, /  +/)
  if (n == 2) { item(part[1], part[2]); next } # without an argument
  if (n != 3) { print "man.awk: cannot read: " $0 >"/dev/stderr"; exit 1 }
  item(part[1] " " part[2], part[3])
}

section == "options" && match($0, /^  --[a-z-]+(\[=[A-Z]+\]|=[A-Z]+| [A-Z]+(=[A-Z]+)?)? +/) {
  head = substr($0, 3, RLENGTH - 2)
  sub(/ +$/, "", head)
  item(head, substr($0, RLENGTH + 1))
}

section == "methods" && /^  [a-z]/ { item($1, substr($0, index($0, $2))); next }
section == "methods" && /^   / { sub(/^ +/, ""); print ".br\n" text($0); next }

section == "signals" && NF { print text($0) }

END {
  print ".SH ENVIRONMENT"
  item("SLURM_JOB_END_TIME, PBS_WALLTIME", "Time limits of the scheduler, heeded like --max-walltime.")
  item("SB_ISA", "generic, avx2 or avx512: the variant of the kernels, instead of the best that all ranks have.")
  print ".SH FILES"
  item("DECK", "What is to be done; sbridge help keys lists all keys. input/ of the sources has decks to begin with.")
  item("checkpoint.h5, checkpoint.1.h5", "The newest checkpoint in the output directory, and the one before it.")
  item("samples.h5, trajectories.h5, velocity.h5, report.json", "Results; used.yml beside them repeats the run.")
  item("stop", "A file of this name in the output directory ends the run at the next step, with a checkpoint.")
  print ".SH EXAMPLES\n.nf"
  print plain("mpirun -n 4 sbridge run ring.yml --resume --max-walltime 23:50:00")
  print plain("mpirun -n 2 sbridge sample output/ring/checkpoint.h5 --set output=more")
  print plain("sbridge info output/ring/checkpoint.h5 --verify")
  print ".fi\n.SH SEE ALSO\n.BR mpirun (1),\n.BR h5dump (1)"
}
