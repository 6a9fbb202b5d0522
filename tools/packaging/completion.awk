# Completion for bash from what the program says of itself:
#   { sbridge help; sbridge help keys; } | awk -f tools/packaging/completion.awk

/^(commands|options|methods|signals)/ || /^  key / { section = $1 }
section == "commands" && /^  [a-z]/ { commands = commands " " $1 }
section == "options" && match($0, /^  --[a-z-]+/) { options = options " " substr($0, 3, RLENGTH - 2) }
section == "key" && /^  [a-z][a-z0-9_.]+ / && $1 != "key" && !known[$1]++ { keys = keys " " $1 }

END {
  print "# bash completion for sbridge\n"
  print "_sbridge() {"
  print "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}"
  print "  local commands='" substr(commands, 2) "'"
  print "  local options='" substr(options, 2) "'"
  print "  local keys='" substr(keys, 2) "'"
  print "  COMPREPLY=()"
  print "  if [ \"$before\" = --set ]; then"
  print "    compopt -o nospace 2>/dev/null"
  print "    COMPREPLY=($(compgen -S = -W \"$keys\" -- \"$word\"))"
  print "  elif [ \"$COMP_CWORD\" = 1 ]; then"
  print "    COMPREPLY=($(compgen -W \"$commands $options\" -- \"$word\"))"
  print "  elif [ \"$before\" = help ]; then"
  print "    COMPREPLY=($(compgen -W keys -- \"$word\"))"
  print "  elif [ \"${word:0:1}\" = - ]; then"
  print "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))"
  print "  fi # anything else is a file: the default of complete"
  print "}"
  print "complete -o default -F _sbridge sbridge"
}
