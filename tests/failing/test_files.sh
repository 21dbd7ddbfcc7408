#!/usr/bin/env bash
# Writing fails: once, or from there on as on a full disk, and syncing, renaming and opening. The files that were there stay, and the
# run goes on when there is room again.
. "$(dirname "$0")/lib.sh"
prepare vit resume compile
GROWTH=400
take resume
for line in $(count_calls calls "${command[@]}"); do
  [ "${line%:*}" != memory ] || continue
  for n in $(numbers "${line#*:}"); do try resume "${line%:*}:$n"; done
done
for n in 1 5; do try vit "write:$n+"; done
try compile write:1+
try compile sync:1

# a full disk says which file, and how to go on
take resume
attempt write:5+ "${command[@]}"
grep -q "^clsattn: train: after step [0-9]*: .*No space left on device" "$WORK/stderr" || fail "full: $(cat "$WORK/stderr")"
grep -q "the state after step [0-9]* is saved; go on with: clsattn train --resume $WORK/run" "$WORK/stderr" ||
  fail "full: $(cat "$WORK/stderr")"
summary
