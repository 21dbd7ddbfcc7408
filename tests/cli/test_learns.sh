#!/usr/bin/env bash
# A short training reaches what only learning reaches; eval agrees with it; the same seed gives the same files.
. "$(dirname "$0")/lib.sh"
make_data "$WORK/data" 600 200

train() { # train NAME OPTIONS...
  local name=$1
  shift
  expect 0 "Accuracy on test set: " "$CLSATTN" train --data "$WORK/data" --epochs 4 --batch 20 --log-every 4 --out "$WORK/$name" "$@"
  cp "$WORK/stdout" "$WORK/$name.log"
}

accuracy() { sed -n 's/^Accuracy on test set: \([0-9]*\).*/\1/p' "$1"; }

for options in "--patches rows" "--patches grid" "--kernels portable --gemm native" "--optimizer adamw --weight-decay 0.01"; do
  name=$(echo "$options" | tr -d ' -')
  train "$name" $options
  [ "$(accuracy "$WORK/$name.log")" -ge 60 ] || fail "$options: $(tail -n 1 "$WORK/$name.log"), chance is 10 %"
done
grep -q '^\[1,     4\] loss: [0-9]\.[0-9]\{3\}$' "$WORK/patchesrows.log" || fail "the log is not [epoch, batch] loss: x.xxx"

train again --patches rows
cmp "$WORK/patchesrows/model.safetensors" "$WORK/again/model.safetensors" || fail "the same seed gave other weights"
cmp <(figures "$WORK/patchesrows/metrics.jsonl") <(figures "$WORK/again/metrics.jsonl") || fail "the same seed gave other figures"
cmp "$WORK/patchesrows/config.json" "$WORK/again/config.json" || fail "the same command gave another config.json"
train other --patches rows --seed 1
cmp -s "$WORK/patchesrows/model.safetensors" "$WORK/other/model.safetensors" && fail "another seed gave the same weights"

expect 0 "$(tail -n 1 "$WORK/patchesgrid.log")" "$CLSATTN" eval --weights "$WORK/patchesgrid/model.safetensors" --data "$WORK/data"
expect 0 '"confusion"' "$CLSATTN" eval --json --batch 7 --weights "$WORK/patchesgrid/model.safetensors" --data "$WORK/data"
expect 2 "patches" "$CLSATTN" eval --weights "$WORK/patchesgrid/model.safetensors" --data "$WORK/data" --patches rows

# --init goes on where the weights were: the first loss is low already
expect 0 "" "$CLSATTN" train --data "$WORK/data" --epochs 1 --batch 50 --log-every 4 --out "$WORK/init" \
  --init "$WORK/patchesrows/model.safetensors"
first=$(sed -n 's/^\[1,     4\] loss: \([0-9]*\)\..*/\1/p' "$WORK/stdout")
[ "${first:-9}" -lt 1 ] || fail "--init: first loss $first, not that of trained weights"

# numbers that go wrong end the run, and never reach a checkpoint
"$CLSATTN" train --data "$WORK/data" --epochs 1 --batch 50 --lr 1e38 --checkpoint-every 0s --out "$WORK/wrong" \
  >/dev/null 2>"$WORK/stderr"
[ $? = 1 ] || fail "--lr 1e38: not exit 1"
grep -q "^clsattn: train: .*not finite" "$WORK/stderr" || fail "--lr 1e38: $(cat "$WORK/stderr")"
[ ! -e "$WORK/wrong/checkpoint.safetensors" ] || fail "--lr 1e38: a checkpoint was written"

# --json: the log goes to stderr
expect 0 '"test_accuracy"' "$CLSATTN" train --json --data "$WORK/data" --epochs 1 --batch 50 --limit-train 100 --limit-test 30 --out "$WORK/json"
grep -q "^Accuracy on test set" "$WORK/stderr" || fail "--json: no log on stderr"
finish
