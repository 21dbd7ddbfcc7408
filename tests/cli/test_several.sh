#!/usr/bin/env bash
# Several devices train one model: as one device alone does, whoever takes how much of a batch, and in how many parts.
. "$(dirname "$0")/lib.sh"
export POCL_DEVICES="pthread pthread"
if [ "$("$CLSATTN" devices --json | grep -c '"name": "cpu[01]"')" -lt 2 ]; then
  echo "there are no two devices here"
  exit 77
fi
make_data "$WORK/data" 250 60 # 250 / 60: the last batch of an epoch has 10 images
echo '{"model": "vit", "sizes": {"embed": 16, "heads": 2, "layers": 2, "hidden": 32, "dropout": 0.1}}' >"$WORK/vit.json"
echo '{"model": "cnn", "sizes": {"widths": [8, 16], "k": 4, "attention": [2]}}' >"$WORK/cnn.json"
echo '{"model": "cnn", "sizes": {"widths": [8, 16], "k": 4, "attention": [2], "batch_norm": true}}' >"$WORK/norm.json"
settings=(--data "$WORK/data" --epochs 2 --batch 60 --log-every 1)
practice=(--augment flip,crop=4,cutout=4 --ema 0.9 --val-split 0.2 --clip-norm 1 --label-smoothing 0.1)

# run NAME MODEL OPTION...: into $WORK/NAME
run() { expect 0 "Accuracy" "$CLSATTN" train --config "$WORK/$2.json" "${settings[@]}" --out "$WORK/$1" "${@:3}"; }

for precision in f32 f16; do
  tolerance=2e-4
  [ $precision = f32 ] || tolerance=2e-2
  run "vit-$precision" vit "${practice[@]}" --precision $precision
  for shares in 1,1 1,2 59,1; do
    run "vit-$precision-$shares" vit "${practice[@]}" --precision $precision --device cpu0,cpu1 --shares $shares
    close "$WORK/vit-$precision" "$WORK/vit-$precision-$shares" $tolerance
  done
done
run parts vit "${practice[@]}" --accumulate 7
close "$WORK/vit-f32" "$WORK/parts" 2e-4
run parts-both vit "${practice[@]}" --accumulate 3 --device cpu0,cpu1 --shares 2,3
close "$WORK/vit-f32" "$WORK/parts-both" 2e-4
run cnn cnn
run cnn-both cnn --device cpu0,cpu1 --shares 3,1 --accumulate 2
close "$WORK/cnn" "$WORK/cnn-both" 2e-4

# Statistics of batches are those of a device's part, so that numbers differ; what is kept of them is one mean.
run norm norm
run norm-both norm --device cpu0,cpu1
close "$WORK/norm" "$WORK/norm-both" 0.2

# config.json says who took what, and a resumed run repeats it, to the bit.
grep -q '"shares": "20,40"' "$WORK/vit-f32-1,2/config.json" || fail "config.json: $(grep shares "$WORK/vit-f32-1,2/config.json")"
grep -q further_devices "$WORK/vit-f32-1,2/config.json" || fail "config.json does not name the second device"
grep -q further_devices "$WORK/vit-f32/config.json" && fail "config.json names a second device of one"
rm -rf "$WORK/again"
run again vit "${practice[@]}" --device cpu0,cpu1 --shares 1,2 --epochs 1
expect 0 "Accuracy" "$CLSATTN" train --resume "$WORK/again" --epochs 2
cmp "$WORK/again/model.safetensors" "$WORK/vit-f32-1,2/model.safetensors" || fail "resumed: other weights"
cmp <(figures "$WORK/again/metrics.jsonl") <(figures "$WORK/vit-f32-1,2/metrics.jsonl") || fail "resumed: other figures"

# On fewer devices it goes on all the same.
rm -rf "$WORK/fewer"
run fewer vit "${practice[@]}" --device cpu0,cpu1 --shares 1,2 --epochs 1
expect 0 "Accuracy" "$CLSATTN" train --resume "$WORK/fewer" --epochs 2 --device cpu1
grep -q 'was on 2 devices and goes on on 1' "$WORK/stderr" || fail "fewer: $(cat "$WORK/stderr")"
close "$WORK/vit-f32" "$WORK/fewer" 2e-4
expect 0 "Accuracy" "$CLSATTN" train --resume "$WORK/fewer" --epochs 3 --device cpu0,cpu1
grep -q 'was on 1 device and goes on on 2' "$WORK/stderr" || fail "more: $(cat "$WORK/stderr")"

# By compute units, where nothing was measured.
run equal vit --device cpu0,cpu1
grep -q 'shares of a batch of 60: 30,30, by compute units' "$WORK/stderr" || fail "equal: $(cat "$WORK/stderr")"

bad() { expect "$1" "$2" "$CLSATTN" train --config "$WORK/vit.json" "${settings[@]}" --out "$WORK/bad" "${@:3}"; }
bad 2 "named twice" --device cpu0,cpu0
bad 2 "must be names" --device cpu0,
bad 4 "no such device" --device cpu0,cpu7
bad 2 "--shares: 1: must be a number above 0 for each device, 2" --device cpu0,cpu1 --shares 1
bad 2 "--shares: 1,0: must be" --device cpu0,cpu1 --shares 1,0
bad 2 "--batch: 1: fewer images than the 2 devices" --device cpu0,cpu1 --batch 1
bad 2 "--accumulate: 0: must be" --accumulate 0
[ ! -e "$WORK/bad" ] || fail "a run that cannot be left a folder"
[ $failures = 0 ]
