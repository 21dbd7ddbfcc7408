#!/usr/bin/env bash
# What happens to disks: full, read-only, gone. Each time one clear line, and the last good checkpoint still loads. And a wall
# clock that jumps.
. "$(dirname "$0")/lib.sh"
make_data "$WORK/data" 430 90
cd "$WORK" || exit 1
settings=(--data data --batch 20 --epochs 3 --log-every 5)
expect 0 "" "$CLSATTN" train "${settings[@]}" --out whole

same() { # same RUN: as the run that nothing happened to
  cmp whole/model.safetensors "$1/model.safetensors" || fail "$1: other weights"
  cmp <(figures whole/metrics.jsonl) <(figures "$1/metrics.jsonl") || fail "$1: other figures"
}

# fails CODE TEXT COMMAND...: of what it says on stderr, one message is its last, and has TEXT
fails() {
  local code=$1 text=$2 got=0
  shift 2
  "$@" >stdout 2>stderr || got=$?
  [ $got = "$code" ] || fail "$*: exit $got, expected $code: $(cat stderr)"
  grep '^clsattn: ' stderr | tail -n 1 | grep -qF -- "$text" || fail "$*: stderr lacks '$text': $(cat stderr)"
}

# the folder goes while the run trains
"$CLSATTN" train "${settings[@]}" --epochs 1000 --checkpoint-every 0.2s --out gone >/dev/null 2>gone.log &
await $! test -e gone/checkpoint.safetensors
mv gone elsewhere
wait $! && fail "gone: it went on"
grep -q "^clsattn: .*gone.*No such file or directory" gone.log || fail "gone: $(cat gone.log)"
[ ! -e gone ] || fail "gone: it came back"
expect 0 "" "$CLSATTN" train --resume elsewhere --epochs "$(($(grep -c '"type":"epoch"' elsewhere/metrics.jsonl) + 1))"

# a clock that jumps by years
clock=$(dirname "$MAKE_DATA")/libjump_clock.so
jumping() { env LD_PRELOAD="$clock" ASAN_OPTIONS="verify_asan_link_order=0:${ASAN_OPTIONS-}" "$@"; }
jumping date +%Y >year
[ "$(cat year)" != "$(date +%Y)" ] || fail "the clock does not jump"
expect 0 "" jumping "$CLSATTN" train "${settings[@]}" --epochs 1 --checkpoint-every 0.1s --out jumped
expect 0 "" jumping "$CLSATTN" train --resume jumped --epochs 3
same jumped
python3 -c 'import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert all(0 <= row["seconds"] < 600 and 0 < row["images_per_s"] < 1e7 for row in rows), rows' jumped/metrics.jsonl || fail "jumped: times"

# a disk of its own, where the system lets this user make one
mkdir disk
if mount -t tmpfs -o size=3m tmpfs disk 2>/dev/null; then
  trap 'umount "$WORK/disk"; rm -rf "$WORK"' EXIT
  fails 1 "No space left on device" "$CLSATTN" train "${settings[@]}" --checkpoint-every 0.05s --out disk/full
  cp disk/full/checkpoint.safetensors kept
  for _ in 1 2; do fails 1 "No space left on device" "$CLSATTN" train --resume disk/full; done
  [ "$(ls -A disk/full | grep -cE '\.[A-Za-z0-9]{6}$')" = 0 ] || fail "full: half-written files stay: $(ls -A disk/full)"
  mount -o remount,ro disk
  fails 1 "Read-only file system" "$CLSATTN" train --resume disk/full
  fails 1 "Read-only file system" "$CLSATTN" train "${settings[@]}" --out disk/new
  expect 0 "" "$CLSATTN" runs disk
  mount -o remount,rw,size=64m disk
  expect 0 "" "$CLSATTN" train --resume disk/full
  same disk/full
else
  echo "not run: full and read-only disks, as this user cannot mount one"
fi
finish
