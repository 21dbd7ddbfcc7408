#!/usr/bin/env bash
# The layer that slows devices: a run under it computes the same bits, takes at least as long as it is told, has no kernel that
# passed a gate while that was shut, and knows its costs from a run that measured them.
. "$(dirname "$0")/../cli/lib.sh"
SLOW=${CLSATTN_TEST_SLOW:?the layer that slows devices}
export POCL_DEVICES="pthread pthread" # which only PoCL minds
cd "$WORK" || exit 1
make_data data 200 50

# train OUT VARIABLE=VALUE...: a short run under the layer, whose report is in ./report.
train() {
  local out=$1
  shift
  expect 0 "" env OPENCL_LAYERS="$SLOW" "$@" "$CLSATTN" train --device 0:0 --data data --batch 20 --epochs 2 --out "$out"
  grep '^slow: ' stderr >report
}

# field NAME: its value for device 0:0
field() { sed -nE "s/^slow: 0:0: .*$1 ([0-9.]+).*/\1/p" report; }

# slowed FACTOR OUT: what holds of every slowed run. A busy machine may make it longer than told, but never shorter.
slowed() {
  grep -q "^slow: 0:0: factor $1, .* early 0, .* errors 0$" report || fail "$2: $(cat stderr)"
  [ "$(field gates)" -gt 10 ] || fail "$2: few gates: $(cat report)"
  awk -v factor="$1" -v own="$(field own)" -v slowed="$(field slowed)" -v took="$(field took)" 'BEGIN {
    exit !(own > 0 && slowed >= 0.99 * factor * own && took >= 0.83 * factor * own) }' || fail "$2: not slowed: $(cat report)"
  cmp plain/model.safetensors "$2/model.safetensors" || fail "$2: other weights"
  cmp <(figures plain/metrics.jsonl) <(figures "$2/metrics.jsonl") || fail "$2: other figures"
}

expect 0 "" "$CLSATTN" train --device 0:0 --data data --batch 20 --epochs 2 --out plain

# Nothing is known: it measures as it goes.
train unknown CLSATTN_SLOW=0:0=3
slowed 3 unknown
[ "$(field unknown)" = "$(field launches)" ] || fail "unknown: $(cat report)"

# A run that measures: twice, the second adds to the first.
train measured CLSATTN_SLOW_COSTS=costs
grep -q '^slow: 0:0: factor 1, .* gates 0, .* errors 0$' report || fail "measured: $(cat stderr)"
cmp plain/model.safetensors measured/model.safetensors || fail "measured: other weights"
entries=$(grep -vc '^#' costs)
count() { awk '!/^#/ { sum += $4 } END { print sum }' costs; }
once=$(count)
train again CLSATTN_SLOW_COSTS=costs
[ "$(grep -vc '^#' costs)" = "$entries" ] || fail "the same run had other kernels: $entries, $(grep -vc '^#' costs)"
[ "$(count)" -gt "$once" ] || fail "the second run added nothing"

# From now on the file is only read.
cp costs kept
train known CLSATTN_SLOW_COSTS=costs CLSATTN_SLOW=0:0=3
slowed 3 known
[ "$(field unknown)" = 0 ] || fail "known: $(cat report)"
own=$(field own)
train more CLSATTN_SLOW_COSTS=costs CLSATTN_SLOW=0:1=2,0:0=5.5
slowed 5.5 more
[ "$(field own)" = "$own" ] || fail "the same launches have other costs: $own, $(field own)"
cmp costs kept || fail "a slowed run wrote costs"

# A device that is not named, or by 1, is left alone.
for factors in 0:1=3 0:0=1; do
  train "alone-$factors" CLSATTN_SLOW_COSTS=costs CLSATTN_SLOW=$factors
  [ ! -s report ] || fail "$factors: $(cat report)"
  cmp plain/model.safetensors "alone-$factors/model.safetensors" || fail "$factors: other weights"
done

# Settings that are wrong are said to be, since the loader goes on without the layer.
for factors in 0:0 0:0=0.5 "0:0=2," 0=2 0:0=nan; do
  train "wrong-$factors" CLSATTN_SLOW=$factors
  grep -qF "slow: CLSATTN_SLOW: $factors: " report || fail "$factors: $(cat stderr)"
done
sed '3s/^/x/' kept >costs
train wrong-file CLSATTN_SLOW_COSTS=costs CLSATTN_SLOW=0:0=2
grep -q "slow: CLSATTN_SLOW_COSTS: costs: not a file of costs" report || fail "wrong file: $(cat stderr)"
finish
