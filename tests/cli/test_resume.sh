#!/usr/bin/env bash
# A run that is killed, at whatever moment, and resumed ends with the bits of one that was never interrupted.
. "$(dirname "$0")/lib.sh"
make_data "$WORK/data" 430 90 # 430 / 20: the last batch of an epoch is smaller
settings=(--data "$WORK/data" --epochs 5 --batch 20 --log-every 5 --checkpoint-every 0.05s)

same() { # same NAME: as the run that was never interrupted
  cmp "$WORK/whole/model.safetensors" "$WORK/$1/model.safetensors" || fail "$1: other weights"
  cmp <(figures "$WORK/whole/metrics.jsonl") <(figures "$WORK/$1/metrics.jsonl") || fail "$1: other figures"
}

expect 0 "Accuracy" "$CLSATTN" train "${settings[@]}" --out "$WORK/whole"
grep -q '"type":"epoch","step":110,"epoch":5,' "$WORK/whole/metrics.jsonl" || fail "not 22 batches in an epoch"

# a finished run stays as it is
grep -qx "report: $WORK/whole/report.html" "$WORK/stderr" || fail "where is the report? $(cat "$WORK/stderr")"
accuracy=$(tail -n 1 "$WORK/stdout")
touch -d "2020-01-01" "$WORK/whole/"*
expect 0 "$accuracy" "$CLSATTN" train --resume "$WORK/whole"
[ "$(cat "$WORK/stderr")" = "all epochs are done (5); more: clsattn train --resume $WORK/whole --epochs N" ] ||
  fail "finished: $(cat "$WORK/stderr")"
[ -z "$(find "$WORK/whole" -type f -newermt 2020-01-02 ! -name .lock)" ] || fail "finished, and written: $(ls -l "$WORK/whole")"
expect 0 '"epochs": 5' "$CLSATTN" train --resume "$WORK/whole" --json
# but what is older than its checkpoint, or missing, is made
touch -d "2019-01-01" "$WORK/whole/model.safetensors" && rm "$WORK/whole/report.html"
expect 0 "$accuracy" "$CLSATTN" train --resume "$WORK/whole"
[ -s "$WORK/whole/report.html" ] && [ "$WORK/whole/model.safetensors" -nt "$WORK/whole/checkpoint.safetensors" ] ||
  fail "not made again: $(ls -l "$WORK/whole")"

# what is given in place of a run's folder, and of its weights
expect 3 "give the run's folder: clsattn train --resume $WORK/whole" "$CLSATTN" train --resume "$WORK/whole/checkpoint.safetensors"
expect 3 "its weights: $WORK/whole/model.safetensors" "$CLSATTN" eval --weights "$WORK/whole"
expect 3 "clsattn train --resume $WORK/whole ends with model.safetensors" "$CLSATTN" eval --weights "$WORK/whole/checkpoint.safetensors"
expect 3 "the checkpoint of a run, not weights" "$CLSATTN" train "${settings[@]}" --init "$WORK/whole/checkpoint.safetensors" --out "$WORK/no"

for delay in 0 0.1 0.2; do
  "$CLSATTN" train "${settings[@]}" --epochs 100 --out "$WORK/killed$delay" >/dev/null 2>&1 &
  await $! test -e "$WORK/killed$delay/checkpoint.safetensors"
  sleep "$delay"
  kill -KILL $!
  wait $! 2>/dev/null
  [ ! -e "$WORK/killed$delay/model.safetensors" ] || fail "killed$delay: too late to kill it"
  expect 0 "Accuracy" "$CLSATTN" train --resume "$WORK/killed$delay" --epochs 5
  same "killed$delay"
done

# kill -9 again and again
"$CLSATTN" train "${settings[@]}" --out "$WORK/often" >/dev/null 2>&1 &
await $! test -e "$WORK/often/config.json" # before it there is no run
for delay in 1.2 0.8 0.9 1.0; do
  sleep "$delay"
  kill -KILL $! 2>/dev/null
  wait $! 2>/dev/null
  "$CLSATTN" train --resume "$WORK/often" >/dev/null 2>&1 &
done
wait $!
touch "$WORK/often/checkpoint.safetensors.a1B2c3" "$WORK/often/curves.svg.zzzzzz" "$WORK/often/notes.txt.abcdef"
expect 0 "Accuracy" "$CLSATTN" train --resume "$WORK/often" # done already: says so again
[ "$(cd "$WORK/often" && echo *.??????)" = notes.txt.abcdef ] || fail "often: what was half written stays, or more is gone: $(ls "$WORK/often")"
same often

# a signal saves first; job control, as a shell without it starts background programs with SIGINT ignored
set -m
for signal in INT:130 TERM:143 HUP:129; do
  name=signal-${signal%:*}
  "$CLSATTN" train "${settings[@]}" --checkpoint-every 1h --epochs 400 --out "$WORK/$name" >/dev/null 2>"$WORK/stderr" &
  pid=$!
  await $pid grep -qs '"epoch"' "$WORK/$name/metrics.jsonl"
  kill -"${signal%:*}" $pid
  wait $pid
  got=$?
  [ "$got" = "${signal#*:}" ] || fail "SIG${signal%:*}: exit $got"
  grep -q "go on with: clsattn train --resume $WORK/$name" "$WORK/stderr" || fail "SIG${signal%:*}: $(cat "$WORK/stderr")"
  [ -f "$WORK/$name/checkpoint.safetensors" ] || fail "SIG${signal%:*}: no checkpoint"
done

set +m

# under nohup a closed terminal does not end the run
(trap '' HUP; exec "$CLSATTN" train "${settings[@]}" --out "$WORK/nohup" >/dev/null 2>&1) &
await $! test -e "$WORK/nohup/config.json"
kill -HUP $!
wait $! || fail "nohup: SIGHUP ended the run"
same nohup

# paths in config.json are absolute: a run goes on from any folder
(cd "$WORK" && "$CLSATTN" train "${settings[@]}" --data data --epochs 1 --out relative >/dev/null 2>&1)
expect 0 "Accuracy" "$CLSATTN" train --resume "$WORK/relative" --epochs 5
same relative

# the CNN's sizes and weights come back, too
cnn=(--model cnn --data "$WORK/data" --batch 10 --limit-train 25 --limit-test 10)
expect 0 "Accuracy" "$CLSATTN" train "${cnn[@]}" --epochs 2 --out "$WORK/cnn-whole"
expect 0 "Accuracy" "$CLSATTN" train "${cnn[@]}" --epochs 1 --out "$WORK/cnn"
expect 0 "Accuracy" "$CLSATTN" train --resume "$WORK/cnn" --epochs 2
cmp "$WORK/cnn-whole/model.safetensors" "$WORK/cnn/model.safetensors" || fail "cnn: other weights"

# and the state of loss scaling
expect 0 "Accuracy" "$CLSATTN" train "${settings[@]}" --precision f16 --epochs 2 --out "$WORK/half-whole"
expect 0 "Accuracy" "$CLSATTN" train "${settings[@]}" --precision f16 --epochs 1 --out "$WORK/half"
expect 0 "Accuracy" "$CLSATTN" train --resume "$WORK/half" --epochs 2
cmp "$WORK/half-whole/model.safetensors" "$WORK/half/model.safetensors" || fail "half: other weights"

# a longer run from a shorter one, and what is refused
expect 0 "Accuracy" "$CLSATTN" train "${settings[@]}" --epochs 1 --out "$WORK/longer"
expect 0 "Accuracy" "$CLSATTN" train --resume "$WORK/longer" --epochs 5
same longer
expect 1 "" "$CLSATTN" train "${settings[@]}" --out "$WORK/whole" # there is a run in it
"$CLSATTN" train "${settings[@]}" --epochs 400 --out "$WORK/busy" >/dev/null 2>&1 &
await $! test -e "$WORK/busy/checkpoint.safetensors"
expect 1 "in use" "$CLSATTN" train --resume "$WORK/busy"
kill -KILL $!
wait $! 2>/dev/null
# a checkpoint that somebody else has written
python3 - "$WORK/busy/checkpoint.safetensors" <<'END'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
start = 8 + struct.unpack("<Q", data[:8])[0]
at = start + json.loads(data[8:start])["second.fc.bias"]["data_offsets"][0] + 4 * 3
data[at : at + 4] = struct.pack("<f", float("nan"))
open(sys.argv[1], "wb").write(data)
END
expect 3 "tensor 'second.fc.bias': its value at [3] is not a number" "$CLSATTN" train --resume "$WORK/busy"
head -c 700 "$WORK/busy/checkpoint.safetensors" >"$WORK/cut" && mv "$WORK/cut" "$WORK/busy/checkpoint.safetensors"
expect 3 "checkpoint.safetensors" "$CLSATTN" train --resume "$WORK/busy"
finish
