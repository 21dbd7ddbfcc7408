#!/usr/bin/env bash
# Numbers that are not finite: no parameter ever is, the run says where and when it began, and what is saved is good.
. "$(dirname "$0")/lib.sh"
make_data "$WORK/data" 90 40
cd "$WORK" || exit 1
settings=(--data data --model cnn --config small.json --batch 10 --epochs 2 --log-every 3)
cat >small.json <<'END'
{"model": "cnn", "sizes": {"widths": [8, 8], "pool": [1], "attention": [2], "k": 4, "dropout": 0.25}}
END
# in steps that fit, from 0, what dropout keeps is not a number; the self-test has another seed
wrong() { with_fault cpu/dropout.cl "? scale :" "? (state->step $1 && state->seed[0] == 5u ? NAN : scale) :" "${@:2}"; }

wrong "== 5u" "$CLSATTN" train "${settings[@]}" --seed 5 --out stopped >/dev/null 2>stderr && fail "stopped: it went on"
grep -q "^clsattn: train: epoch 1, step 6: numbers are not finite: dropout (dropout): element \[.*\] of its output is " stderr ||
  fail "stopped: $(cat stderr)"
grep -q "leave such steps out: clsattn train --resume .*stopped --on-nan skip" stderr || fail "no way on: $(cat stderr)"
advice=$(sed -n 's/.*: clsattn \(train --resume .*\)/\1/p' stderr)
cp -r stopped before

# what is saved is the state before that step: without the fault the run ends as if nothing had been
expect 0 "" "$CLSATTN" train "${settings[@]}" --seed 5 --out whole
expect 0 "" "$CLSATTN" train --resume stopped
cmp whole/model.safetensors stopped/model.safetensors || fail "stopped: other weights"
cmp <(figures whole/metrics.jsonl) <(figures stopped/metrics.jsonl) || fail "stopped: other figures"

# such steps are left out, and counted
expect 0 "1 of 18 steps updated nothing" wrong "== 5u" "$CLSATTN" train "${settings[@]}" --seed 5 --on-nan skip --out skipped
grep -q '"type":"epoch".*"skipped":1' skipped/metrics.jsonl || fail "skipped: $(cat skipped/metrics.jsonl)"
grep -q '"on_nan":"skip"' <(tr -d ' \n' <skipped/config.json) || fail "skipped: config.json"
expect 0 "" "$CLSATTN" eval --weights skipped/model.safetensors --data data
cmp -s whole/model.safetensors skipped/model.safetensors && fail "skipped: nothing was left out"

# as that advice has it
rm -r stopped && mv before stopped
# shellcheck disable=SC2086 # words
expect 0 "1 of 18 steps updated nothing" wrong "== 5u" "$CLSATTN" $advice
cmp skipped/model.safetensors stopped/model.safetensors || fail "$advice: other weights"
cmp <(figures skipped/metrics.jsonl) <(figures stopped/metrics.jsonl) || fail "$advice: other figures"
grep -q '"on_nan":"skip"' <(tr -d ' \n' <stopped/config.json) || fail "$advice: config.json"

# a run that was interrupted between them counts on
expect 0 "1 of 9 steps" wrong "== 5u" "$CLSATTN" train "${settings[@]}" --seed 5 --on-nan skip --epochs 1 --out two
expect 0 "1 of 18 steps" "$CLSATTN" train --resume two --epochs 2
cmp skipped/model.safetensors two/model.safetensors || fail "two: other weights"

# an epoch without one good step; a learning rate that no number survives
wrong "< 9u" "$CLSATTN" train "${settings[@]}" --seed 5 --on-nan skip --out none >/dev/null 2>stderr && fail "none: it went on"
grep -q "^clsattn: train: epoch 1: no step had finite numbers" stderr || fail "none: $(cat stderr)"
for optimizer in adam sgd; do
  for way in "--data data --batch 10 --optimizer $optimizer --lr 1e12 --out far-$optimizer" "--resume far-$optimizer"; do
    # shellcheck disable=SC2086 # words
    "$CLSATTN" train $way >/dev/null 2>stderr && fail "far-$optimizer: goes on"
    grep -q "^clsattn: train: epoch 1, step .*: numbers are not finite" stderr || fail "far-$optimizer: $(cat stderr)"
  done
done
finish
