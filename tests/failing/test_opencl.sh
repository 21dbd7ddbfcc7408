#!/usr/bin/env bash
# A call of each OpenCL function fails, before or while a run trains, and some in other commands; the device is lost; it has
# less memory than it says. tests/soak/failing.sh tries many more.
. "$(dirname "$0")/lib.sh"
prepare vit devices compile

take vit
for line in $(count_calls opencl "${command[@]}"); do
  case $line in clRelease*) ;; *) try vit "${line%:*}:$(((${line#*:} + 4) / 5))" ;; esac
done
for call in clGetDeviceIDs:1 clGetDeviceInfo:1 clGetDeviceInfo:19; do try devices "$call"; done
for call in clCreateProgramWithSource:1 clBuildProgram:2 clGetProgramInfo:1 clEnqueueReadBuffer:1; do try compile "$call"; done

# The device is lost: before anything was saved, and in the second epoch. What was saved is where the run goes on.
lost=("$CLSATTN" train --data "$WORK/data" --batch 20 --epochs 3)
expect 0 "" "${lost[@]}" --out "$WORK/whole"
take lost
attempt clWaitForEvents:1+ "${lost[@]}" --out "$WORK/run"
[ $last = 4 ] || fail "lost: exit $last"
grep -q "^clsattn: train: after step 2: the device failed: " "$WORK/stderr" || fail "lost: $(cat "$WORK/stderr")"
grep -q "nothing was saved yet, so it begins again; go on with: clsattn train --resume $WORK/run" "$WORK/stderr" ||
  fail "lost: $(cat "$WORK/stderr")"
expect 0 "" "$CLSATTN" train --resume "$WORK/run"
cmp "$WORK/whole/model.safetensors" "$WORK/run/model.safetensors" || fail "lost at once: other weights"
take lost
attempt clWaitForEvents:3+ "${lost[@]}" --out "$WORK/run"
[ $last = 4 ] || fail "lost later: exit $last"
grep -q "^clsattn: train: after step 4: the device failed: " "$WORK/stderr" || fail "lost later: $(cat "$WORK/stderr")"
grep -q "the state after step 3 is saved; go on with: clsattn train --resume $WORK/run" "$WORK/stderr" ||
  fail "lost later: $(cat "$WORK/stderr")"
grep -q '"type":"epoch"' "$WORK/run/metrics.jsonl" || fail "lost later: no figures"
expect 0 "" "$CLSATTN" train --resume "$WORK/run"
cmp "$WORK/whole/model.safetensors" "$WORK/run/model.safetensors" || fail "lost later: other weights"
cmp <(figures "$WORK/whole/metrics.jsonl") <(figures "$WORK/run/metrics.jsonl") || fail "lost later: other figures"

# Less memory than the device says: the batch that is named fits, one more does not.
small() {
  local code=0
  CLSATTN_FAIL_BYTES=4000000 OPENCL_LAYERS=$FAIL_OPENCL "$CLSATTN" "$@" 2>"$WORK/small" || code=$?
  grep -v '^fail_' "$WORK/small" >&2
  return $code
}
eval=(eval --weights "$WORK/whole/model.safetensors" --data "$WORK/data" --batch)
expect 5 "MiB that are needed on " small "${eval[@]}" 3000
most=$(sed -n 's/.*takes up to: --batch \([0-9]*\)$/\1/p' "$WORK/stderr")
[ -n "$most" ] && [ "$most" -gt 1 ] && [ "$most" -lt 3000 ] || fail "no batch that fits: $(cat "$WORK/stderr")"
expect 0 "Accuracy" small "${eval[@]}" "$most"
expect 5 "up to: --batch $most" small "${eval[@]}" $((most + 1))
expect 5 "takes up to: --batch " small train --data "$WORK/data" --batch 100 --out "$WORK/large"
grep -q "a buffer of .* MiB, of .* MiB that are needed on .*, which has .* MiB: clCreateBuffer: " "$WORK/stderr" ||
  fail "out of memory: $(cat "$WORK/stderr")"
summary
