# What the tests of the command line share: $CLSATTN is the program, $WORK an empty folder that goes at the end.
set -u
CLSATTN=${CLSATTN_TEST_PROGRAM:?the path of clsattn}
MAKE_DATA=${CLSATTN_TEST_MAKE_DATA:?the path of make_data}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
failures=0

fail() {
  echo "FAIL: $*" >&2
  failures=$((failures + 1))
}

# expect CODE TEXT COMMAND...: it exits with CODE; where not 0, the first line of stderr begins "clsattn: " and has TEXT.
expect() {
  local code=$1 text=$2 got=0
  shift 2
  "$@" >"$WORK/stdout" 2>"$WORK/stderr" || got=$?
  [ "$got" = "$code" ] || fail "$*: exit $got, expected $code: $(head -n 3 "$WORK/stderr")"
  if [ "$code" != 0 ]; then
    head -n 1 "$WORK/stderr" | grep -q '^clsattn: ' || fail "$*: stderr begins: $(head -n 1 "$WORK/stderr")"
    grep -qF -- "$text" "$WORK/stderr" || fail "$*: stderr lacks '$text': $(cat "$WORK/stderr")"
  elif [ -n "$text" ]; then
    grep -qF -- "$text" "$WORK/stdout" || fail "$*: stdout lacks '$text': $(cat "$WORK/stdout")"
  fi
}

# documented NAME...: doc/formats.md has each, as `NAME` or, a list, as `NAME[]`.
FORMATS=$(readlink -f "$(dirname "$0")/../../doc/formats.md")
documented() {
  local name
  for name; do grep -qF -e "\`$name\`" -e "\`${name}[]\`" "$FORMATS" || fail "doc/formats.md lacks $name"; done
}

# has WHAT FILE FIELDS: FILE is JSON of these fields and no others, in any order: NAME for a fraction, NAME:KIND for another kind;
# the last part of each NAME is documented.
has() {
  tr -s ' \n' '\n' <<<"$3" | sed '/^$/d; /:/! s/$/:number/; s/:/ /' | LC_ALL=C sort -u >"$WORK/wanted"
  "${CLSATTN_TEST_FIELDS:?the path of fields}" "$2" | LC_ALL=C sort -u >"$WORK/got" || fail "$1: no JSON: $(head -n 3 "$2")"
  diff "$WORK/wanted" "$WORK/got" >"$WORK/apart" || fail "$1: its fields, wanted < and got >: $(grep '^[<>]' "$WORK/apart")"
  # shellcheck disable=SC2046 # a word each
  documented $(sed 's/ .*//; s/\[\]//g; s/.*\.//' "$WORK/wanted")
}

# await PID COMMAND...: until it succeeds, for as long as the process lives and ctest waits; no machine is too slow.
await() {
  until "${@:2}"; do
    kill -0 "$1" 2>/dev/null || "${@:2}" || { fail "the process has ended, and never: ${*:2}"; return; }
    sleep 0.05
  done
}

make_data() { mkdir -p "$1" && "$MAKE_DATA" "$1" "$2" "$3" || fail "make_data"; }

# with_fault FILE FROM TO COMMAND...: with a copy of the kernels in which the first FROM of FILE is TO.
KERNELS=$(readlink -f "$(dirname "$0")/../../cl")
with_fault() {
  local file=$1 from=$2 to=$3
  shift 3
  rm -rf "$WORK/faulty" && cp -r "$KERNELS" "$WORK/faulty"
  awk -v from="$from" -v to="$to" '!done && (at = index($0, from)) {
    $0 = substr($0, 1, at - 1) to substr($0, at + length(from)); done = 1 } { print }' "$KERNELS/$file" >"$WORK/faulty/$file"
  cmp -s "$KERNELS/$file" "$WORK/faulty/$file" && fail "$file has no '$from'"
  CLSATTN_KERNEL_DIR=$WORK/faulty "$@"
}

# metrics.jsonl without what may differ between two runs: times and rates.
figures() { sed -E 's/,"images_per_s":[^,}]*//; s/,"seconds":[^,}]*//' "$1"; }

# close RUN RUN TOLERANCE: all losses of two run folders are, relative to their size
close() {
  local losses=()
  for run in "$1" "$2"; do
    grep -oE '"(train|val|test)_loss":[^,}]*' "$run/metrics.jsonl" | sed 's/.*://' >"$WORK/losses-${#losses[@]}"
    losses+=("$WORK/losses-${#losses[@]}")
  done
  paste "${losses[@]}" | awk -v most="$3" '
    NF == 2 { n++; d = $1 - $2; if (d < 0) d = -d; if (d > most * $1 || !($1 > 0)) bad = bad " " $1 "/" $2 }
    NF != 2 { bad = bad " one is missing" }
    END { if (n < 10) bad = bad " there are only " n; print bad; exit bad != "" }' >"$WORK/far" || fail "$1 and $2: losses differ:$(cat "$WORK/far")"
}

finish() {
  [ "$failures" = 0 ] || exit 1
  echo "all held"
}
