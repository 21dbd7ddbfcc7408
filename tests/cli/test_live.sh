#!/usr/bin/env bash
# The live line: drawn on a terminal, gone at the end; nothing of it anywhere else.
. "$(dirname "$0")/lib.sh"
command -v script >/dev/null || { echo "skipped: no script, of bsdutils"; exit 77; }
script -qec true /dev/null >/dev/null 2>&1 </dev/null || { echo "skipped: this system gives no pseudo-terminal"; exit 77; }
make_data "$WORK/data" 1000 40 # an epoch that takes longer than the line waits to be drawn again
train=("$CLSATTN" train --data "$WORK/data" --batch 10 --log-every 20 --epochs 2)
escape=$'\033'

# terminal COLUMNS NAME COMMAND...: on a terminal of that width; what it showed is in NAME.txt, lines and redrawings apart.
terminal() {
  local columns=$1 name=$2
  shift 2
  script -qec "stty cols $columns; $*" "$WORK/typescript" >/dev/null </dev/null
  local code=$?
  sed '/^Script \(started\|done\)/d' "$WORK/typescript" | tr '\r' '\n' >"$WORK/$name.txt"
  return $code
}

# What a terminal shows in the end: redrawn lines, without what was erased.
seen() { sed -E "s/$escape\[K$//; s/^$escape\[K//; s/$escape\[[0-9]+m//g" "$1" | grep -v '^$'; }

export TERM=xterm LC_ALL=C.UTF-8
unset NO_COLOR
XDG_CACHE_HOME=$WORK/cache terminal 120 wide "${train[*]}" --out "$WORK/wide" || fail "on a terminal: exit $?"
grep -q "$escape\[32m.* testing [a-z0-9]*, [1-9][0-9]* of [1-9][0-9]*, layernorm " "$WORK/wide.txt" ||
  fail "the self-test is not shown: $(cat -v "$WORK/wide.txt")"
grep -q "$escape\[32m.*epoch 1/2, loss [0-9.]*, [0-9:]* left, .* images/s, .* MiB$escape\[K" "$WORK/wide.txt" ||
  fail "no live line: $(cat -v "$WORK/wide.txt")"
grep -q "testing on " "$WORK/wide.txt" || fail "evaluation is not shown"
# each log line is by itself, and the last thing shown is the last line of text
grep -c "^\($escape\[K\)\?\[[12], *[0-9]*\] loss: [0-9.]*$" "$WORK/wide.txt" | grep -qx 10 || fail "log lines: $(cat -v "$WORK/wide.txt")"
tail -n 3 "$WORK/wide.txt" | grep -q "report: $WORK/wide/report.html$" || fail "it does not end clean: $(tail -n 3 "$WORK/wide.txt" | cat -v)"

# no line is wider than the terminal
NO_COLOR=1 terminal 30 narrow "${train[*]}" --out "$WORK/narrow" || fail "narrow: exit $?"
grep -q "$escape\[[0-9]*m" "$WORK/narrow.txt" && fail "NO_COLOR: there are colours"
grep "epoch ./2" "$WORK/narrow.txt" | grep "$escape\[K$" | sed "s/$escape\[K//" | wc -L | grep -qx 29 || fail "narrow: not 29 columns"
seen "$WORK/narrow.txt" | grep -q "epoch 1/2" || fail "narrow: no line: $(cat -v "$WORK/narrow.txt")"

# an error and a signal leave no rest of a line behind
terminal 80 broken "${train[*]}" --batch 50 --log-every 500 --lr 1e30 --out "$WORK/broken" && fail "--lr 1e30: exit 0"
grep -q "^$escape\[Kclsattn: train: epoch 1" "$WORK/broken.txt" || fail "an error: $(tail -n 4 "$WORK/broken.txt" | cat -v)"
mkfifo "$WORK/keys"
set -m # else what runs in the background does not heed Ctrl-C
script -qefc "${train[*]} --epochs 2000 --out $WORK/stopped" "$WORK/typescript" <"$WORK/keys" >/dev/null &
exec 3>"$WORK/keys"
await $! grep -q "epoch 1/2000" "$WORK/typescript"
printf '\003' >&3
wait $!
code=$?
set +m
exec 3>&-
[ $code = 130 ] || fail "Ctrl-C: exit $code"
tr '\r' '\n' <"$WORK/typescript" >"$WORK/stopped.txt"
grep -q "stopping after this step" "$WORK/stopped.txt" || fail "Ctrl-C: not said"
grep -q "  go on with: clsattn train --resume $WORK/stopped$" "$WORK/stopped.txt" || fail "Ctrl-C: $(tail -n 5 "$WORK/stopped.txt" | cat -v)"
[ -f "$WORK/stopped/checkpoint.safetensors" ] || fail "Ctrl-C: no checkpoint"

# a terminal that cannot, and a pipe: plain lines
TERM=dumb terminal 80 dumb "${train[*]}" --out "$WORK/dumb" || fail "dumb: exit $?"
"${train[@]}" --out "$WORK/pipe" >"$WORK/pipe.txt" 2>&1 || fail "pipe: exit $?"
grep -q "$escape" "$WORK/dumb.txt" "$WORK/pipe.txt" && fail "escape sequences where none can be read"
grep -c '\] loss: ' "$WORK/pipe.txt" | grep -qx 10 || fail "log lines in a pipe"
finish
