# Reads the collected --help texts, then a template, in which lines of the form @NAME@ become what NAME gathered.
FNR == 1 { file++ }

# The text of a man page: no line may begin with a request. Sentences begin lines, but not in examples.
function roff(text) {
  gsub(/\\/, "\\e", text)
  if (section != "Examples:") gsub(/\. +/, ".\n", text)
  if (text ~ /^[.']/) text = "\\\\\\&" text
  return text
}
function quote(text) { # for zsh's _arguments, in single quotes
  gsub(/'/, "'\\''", text)
  gsub(/\[/, "\\[", text)
  gsub(/\]/, "\\]", text)
  gsub(/:/, "\\:", text)
  return text
}

# What completes a value that --help calls so.
function words_of(value) {
  if (value == "PATH") return data
  if (value == "NAME|FILE") return presets
  if (value !~ /^[a-z0-9]+(\|[a-z0-9]+)+$/) return ""
  gsub(/\|/, " ", value)
  return value
}
function kind_of(value) {
  if (value ~ /FILE|PATH|OUT|IMAGE/) return "files" # and words, where it has some
  if (words_of(value) != "") return "words"
  if (value ~ /^DEVICE/) return "devices"
  if (value == "DIR" || value ~ /^\[?FOLDER\]?$/) return "folders"
  return "nothing"
}

# Ends the list or the display that is open in the man page.
function close_block() {
  if (open_block != "") add("COMMANDS", open_block)
  open_block = ""
}
function add(name, text) { gathered[name] = gathered[name] text "\n" }

function option(name, value, help,   given) {
  if (output == "man") {
    add("COMMANDS", ".It Fl -" name (value != "" ? " Ar " value : "") "\n" roff(help))
  } else if (output == "bash") {
    options[command] = options[command] " --" name
    if (value != "") add("VALUES", "      '" command " --" name "') " bash_value(value) " ;;")
  } else {
    given = "--" name "[" quote(help) "]"
    if (value != "") given = given ":" quote(value) ":" action_of(value)
    zsh_line("'" given "'")
  }
}
function bash_value(value) {
  return "kind=" kind_of(value) (words_of(value) != "" ? " words='" words_of(value) "'" : "")
}
function action_of(value,   kind) {
  kind = kind_of(value)
  if (kind == "files" && words_of(value) != "") return value == "PATH" ? "_clsattn_data" : "_clsattn_presets"
  if (kind == "words") return "(" words_of(value) ")"
  return kind == "devices" ? "_clsattn_devices" : kind == "folders" ? "_files -/" : kind == "files" ? "_files" : " "
}
function zsh_line(text) { lines = lines " \\\n        " text }

# The end of a command's --help: what follows the options takes words, a folder or files.
function end_command(   rest) {
  if (command == "") return
  rest = synopsis
  gsub(/\[|\]|\.\.\./, "", rest)
  if (output == "man") {
    close_block()
  } else if (output == "bash") {
    if (actions[command] == "") {
      add("OPTIONS", "      '" command "') words='" substr(options[command], 2) "' ;;")
      if (rest != "") add("ARGUMENTS", "      '" command "') " bash_value(rest) " ;;")
    } else add("ARGUMENTS", "      '" command "') kind=words words='" substr(actions[command], 2) "' ;;")
  } else if (actions[command] == "") {
    if (rest != "") zsh_line("'*:" quote(synopsis) ":" action_of(rest) "'")
    add("CASES", "    " (command ~ / / ? "'" command "'" : command) ")\n      _arguments" lines " ;;")
  }
}

file == 1 && /^about / {
  line = $0
  sub(/^about +[^ ]+ +/, "", line)
  about[$2] = line
  commands = commands " " $2
  if (output == "zsh") add("COMMANDS", "    '" $2 ":" quote(line) "'")
  next
}
file == 1 && /^command / {
  end_command()
  command = substr($0, 9)
  section = synopsis = lines = ""
  next
}
file == 1 && /^Usage: / {
  synopsis = $0
  sub("^Usage: clsattn " command "( \\[options\\])?( \\[--compare [^]]*\\])? ?", "", synopsis)
  if (output == "man") add("COMMANDS", ".Ss " substr($0, 8))
  section = "summary"
  next
}
file == 1 && /^[A-Z][a-z]+:$/ {
  section = $0
  if (output != "man") next
  close_block()
  if (section == "Examples:") add("COMMANDS", ".Pp\nExamples:\n.Bd -literal -offset indent")
  else add("COMMANDS", ".Bl -tag -width Ds")
  open_block = section == "Examples:" ? ".Ed" : ".El"
  next
}
file == 1 && section == "Options:" && /^  --/ {
  line = substr($0, 3)
  at = index(line, "  ")
  left = at > 0 ? substr(line, 1, at - 1) : line
  help = at > 0 ? substr(line, at) : ""
  sub(/^ +/, "", help)
  name = value = left
  sub(/ .*/, "", name)
  if (!sub(/^[^ ]* /, "", value)) value = ""
  name = substr(name, 3)
  if (help != "") option(name, value, help)
  next
}
file == 1 && section == "Options:" && NF { sub(/^ +/, ""); option(name, value, $0); next } # of a long one
file == 1 && section == "Actions:" && NF {
  actions[command] = actions[command] " " $1
  line = $0
  sub(/^ *[^ ]+ +/, "", line)
  if (output == "man") add("COMMANDS", ".It Cm " $1 "\n" roff(line))
  if (output == "zsh") zsh_actions[command] = zsh_actions[command] " '" $1 ":" quote(line) "'"
  next
}
file == 1 && output == "man" && section == "Examples:" {
  if (NF) add("COMMANDS", roff(substr($0, 3)))
  next
}
file == 1 && output == "man" && section == "summary" && NF { add("COMMANDS", roff($0)); next }
file == 1 { next }

FNR == 1 {
  end_command()
  for (name in zsh_actions)
    add("CASES", "    " name ")\n      local -a actions=(" substr(zsh_actions[name], 2) ")\n      _describe action actions ;;")
  for (name in zsh_actions) nested = nested (nested != "" ? "|" : "") name
  for (name in actions) if (actions[name] != "") nested_bash = nested_bash (nested_bash != "" ? "|" : "") name
}
{
  gsub(/@VERSION@/, version)
  gsub(/@DATA@/, data)
  gsub(/@PRESETS@/, presets)
  gsub(/@NAMES@/, substr(commands, 2))
  gsub(/@NESTED@/, output == "zsh" ? nested : nested_bash)
}
/^@[A-Z]+@$/ { printf "%s", gathered[substr($0, 2, length($0) - 2)]; next }
{ print }
