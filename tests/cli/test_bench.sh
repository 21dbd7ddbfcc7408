#!/usr/bin/env bash
# clsattn bench: its documents have what they promise, and its figures agree with each other.
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1

expect 2 "--model: resnet" "$CLSATTN" bench --model resnet
expect 2 "--csv: not together with --json" "$CLSATTN" bench --csv --json
expect 2 "A.json B.json" "$CLSATTN" bench --compare one.json
expect 4 "no such device" "$CLSATTN" bench --device nv9 --model gemm
expect 3 "missing.json" "$CLSATTN" bench --compare missing.json missing.json
echo '{"models": 3}' >other.json
expect 3 "not what clsattn bench --json prints" "$CLSATTN" bench --compare other.json other.json

expect 0 "" "$CLSATTN" bench --model vit --batch 10 --trace trace.json --json
cp "$WORK/stdout" a.json
for key in device peak gflops gbytes_per_s models vit batch train_images_per_s eval_images_per_s compile_s peak_bytes \
  kernels name calls ms of_peak gemm; do
  grep -q "\"$key\":" a.json || fail "bench --json lacks \"$key\""
done
# All launches of the step are in the timeline, one event each.
calls=$(sed -n 's/.*"calls": \([0-9]*\).*/\1/p' a.json | awk '{ n += $1 } END { print n }')
events=$(grep -o '"ph":"X"' trace.json | wc -l)
[ "$calls" -gt 50 ] && [ "$calls" = "$events" ] || fail "$calls launches, $events events in the timeline"
# The kernels' times are what the step says that they take.
awk '/"kernels_ms":/ { all = $2 } /"ms":/ { sum += $2 } END { exit !(all > 0 && sum > 0.999 * all && sum < 1.001 * all) }' \
  a.json || fail "the kernels' times do not add up"

expect 0 "vit train_images_per_s" "$CLSATTN" bench --compare a.json a.json
awk '/^vit/ && $NF != "1.000" { exit 1 }' stdout || fail "a file differs from itself: $(cat stdout)"

expect 0 "device,model,kernel,calls,ms" "$CLSATTN" bench --model vit --batch 5 --csv
awk -F, 'NF != 8 { exit 1 }' stdout || fail "rows of other than 8 columns: $(cat stdout)"
finish
