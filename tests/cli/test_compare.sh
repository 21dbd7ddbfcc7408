#!/usr/bin/env bash
# clsattn compare: both models on the same data; its figures are the runs' own, and it goes on where it was stopped.
. "$(dirname "$0")/lib.sh"
make_data "$WORK/data" 40 20
cd "$WORK" || exit 1
arguments=(compare --data data --batch 20 --epochs 2 --log-every 1)

expect 2 "--seeds: 0" "$CLSATTN" compare --seeds 0
expect 2 "--shares: unknown option of compare" "$CLSATTN" compare --shares 1
"$CLSATTN" compare --help | grep -q "several" && fail "compare takes one device, but its help tells of several"
expect 2 "nothing: not expected" "$CLSATTN" compare nothing
expect 3 "no such file or folder" "$CLSATTN" compare --data missing

expect 0 "| parameters | 737294 |" "$CLSATTN" "${arguments[@]}" --seeds 2 --match-params --out both
cp stdout table.md
grep -qx "report: both/compare.html" stderr || fail "where is the page? $(cat stderr)"
cmp -s table.md both/compare.md || fail "compare.md is not the table that was printed"
for run in cnn-seed0 cnn-seed1 vit-seed0 vit-seed1; do
  [ -s both/$run/model.safetensors ] || fail "$run has no weights"
  grep -q "class=\"dot" both/$run/curves.svg || fail "$run has no curves"
done
grep -q ' ± ' table.md || fail "two seeds, but no spread"
# The mean of the table's accuracies is that of the last lines of the runs' metrics.
for column in 3:cnn 4:vit; do
  shown=$(grep '^| accuracy' table.md | cut -d'|' -f"${column%:*}" | awk '{ print $1 }')
  own=$(for seed in 0 1; do tail -n 1 "both/${column#*:}-seed$seed/metrics.jsonl"; done |
    sed 's/.*"test_accuracy":\([0-9.]*\).*/\1/' | awk '{ sum += 50 * $1 } END { printf "%.2f", sum }')
  [ "$shown" = "$own" ] || fail "${column#*:}: the table says $shown %, the runs $own %"
done
# As many parameters as whole heads allow: one more head's width would be further away.
vit=$(grep '^| parameters' table.md | cut -d'|' -f4 | tr -d ' ')
[ "$vit" -gt 715000 ] && [ "$vit" -lt 760000 ] || fail "--match-params: $vit parameters"

# Again: nothing is trained, the figures stay.
expect 0 "" "$CLSATTN" "${arguments[@]}" --seeds 2 --match-params --out both --json
[ "$(grep -c 'finished before' stderr)" = 4 ] || fail "a finished run was not left as it was: $(cat stderr)"
figures=(train_loss test_loss test_accuracy images_per_s seconds)
sizes=(image patch embed heads layers hidden classes "widths[]" k)
has "compare --json" stdout "verdict[]:text models[].model:text $(printf 'models[].sizes.%s:whole ' "${sizes[@]}")
  models[].parameters:whole models[].flops_forward models[].flops_training models[].runs[].seed:whole
  models[].runs[].peak_bytes:whole models[].runs[].out:text $(printf 'models[].runs[].%s ' "${figures[@]}")
  $(printf 'models[].mean.%s ' "${figures[@]}") $(printf 'models[].std.%s ' "${figures[@]}") device:text data:text
  train_images:whole test_images:whole epochs:whole batch:whole optimizer:text lr seeds:whole"
cmp -s stdout <(cat both/compare.json; echo) || fail "compare.json is not what --json prints"
cmp -s table.md both/compare.md || fail "the table changed"
expect 1 "made with other settings (--lr)" "$CLSATTN" "${arguments[@]}" --lr 0.5 --match-params --out both
expect 1 "the model's sizes" "$CLSATTN" "${arguments[@]}" --out both

# Stopped in the middle, it says how to go on, and goes on.
"$CLSATTN" "${arguments[@]}" --out stopped >stdout 2>stderr &
pid=$!
await $pid grep -q "cnn-seed0: \[1,     1\]" stderr
kill -INT $pid
wait $pid
code=$?
[ $code = 130 ] || fail "stopped: exit $code"
[ ! -s stdout ] || fail "stopped: it printed $(cat stdout)"
grep -q "the same command with --out stopped goes on" stderr || fail "stopped: $(cat stderr)"
expect 0 "The " "$CLSATTN" "${arguments[@]}" --out stopped
grep -q "vit-seed0: finished before" stderr && grep -q "cnn-seed0: goes on" stderr || fail "goes on: $(cat stderr)"

# A file's settings are for both models, whatever model it is for.
cat >file.json <<'END'
{"model": "vit", "patches": "grid", "sizes": {"image": 48, "embed": 16, "heads": 2, "layers": 2, "hidden": 24}, "init": "gone",
 "data": {"path": "data"}, "epochs": 1, "batch": 20, "lr": 0.0005, "shares": "13,7"}
END
expect 0 "test images; 1 epoch, batch 20" "$CLSATTN" compare --config file.json --out once
expect 0 "" "$CLSATTN" compare --data data --batch 20 --epochs 1 --lr 0.0005 --out once
[ "$(grep -c 'finished before' stderr)" = 2 ] || fail "--config: other settings or sizes than given one by one: $(cat stderr)"
finish
