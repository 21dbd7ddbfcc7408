#!/usr/bin/env bash
# clsattn bench: its documents have what they promise, its figures agree with each other, one device that fails does not
# take the others along, and files are compared only where there is something to compare.
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1
mkdir tmp
export TMPDIR=$WORK/tmp POCL_DEVICES="pthread pthread" # two devices of one chip, where PoCL is what runs here
unset CLSATTN_DEVICE

check_document() { "$CLSATTN_TEST_CHECK_BENCH" "$1" || fail "$1 is not what bench --json promises"; }

# Like expect, for what fails after progress was told: the sentence is the last that stderr has.
late() {
  local code=$1 text=$2 got=0
  shift 2
  "$@" >"$WORK/stdout" 2>"$WORK/stderr" || got=$?
  [ "$got" = "$code" ] || fail "$*: exit $got, expected $code: $(cat stderr)"
  grep '^clsattn: ' stderr | grep -qF -- "$text" || fail "$*: stderr lacks '$text': $(cat stderr)"
}

# Nothing is loaded from anywhere, no text became a tag, and what was opened is closed.
check_page() {
  grep -qiE '<script|<link|<img|<iframe|@import|url\(|https?:' "$1" && fail "$1 loads something"
  for tag in html head style body main section div svg table tr details p h1 h2 h3; do
    opened=$(grep -oE "<${tag}[ >]" "$1" | wc -l) closed=$(grep -o "</$tag>" "$1" | wc -l)
    [ "$opened" = "$closed" ] || fail "$1: $opened <$tag>, $closed </$tag>"
  done
}

expect 2 "--model: resnet" "$CLSATTN" bench --model resnet
expect 2 "--csv: not together with --json" "$CLSATTN" bench --csv --json
expect 2 "--markdown: not together with --csv" "$CLSATTN" bench --csv --markdown
expect 2 "A.json B.json" "$CLSATTN" bench --compare one.json
expect 2 "--model: not together with --compare" "$CLSATTN" bench --model vit --compare one.json two.json
expect 2 "--html: not together with --compile-only" "$CLSATTN" bench --compile-only --html a.html
expect 2 "--target-accuracy: 1.5: must be a fraction" "$CLSATTN" bench --target-accuracy 1.5
expect 2 "--max-epochs: only together with" "$CLSATTN" bench --max-epochs 3
expect 2 "which trains nothing" "$CLSATTN" bench --model gemm --target-accuracy 0.5
expect 2 "named twice" "$CLSATTN" bench --device 0:0,0:0
expect 2 "a name is empty" "$CLSATTN" bench --device 0:0,
expect 4 "no such device" "$CLSATTN" bench --device 0:0,nv9 --model gemm
expect 1 "--html" "$CLSATTN" bench --html missing/a.html
expect 3 "missing: no such file or folder" "$CLSATTN" bench --data missing

# One device: with a data set, and compiled in caches that are empty and then full.
make_data data 60 10
expect 0 "" "$CLSATTN" bench --device 0:0 --model vit --batch 10 --data data --target-accuracy 0.01 --max-epochs 2 --json
cp stdout one.json
check_document one.json
for key in compile_cold_s compile_warm_s target_s; do grep -q "\"$key\":" one.json || fail "one.json lacks $key"; done
grep -q '"images": 60' one.json || fail "an epoch is not as long as the data set"
grep -q '"validation_images": 6' one.json || fail "a tenth is not what is validated on"
[ -z "$(ls -A tmp)" ] || fail "something is left in TMPDIR: $(ls tmp)"
head -c 27657 data/data_batch_1.bin >data/data_batch_1.bin.short && mv data/data_batch_1.bin.short data/data_batch_1.bin
expect 3 "9 training images are too few" "$CLSATTN" bench --device 0:0 --model vit --batch 10 --no-cold --data data \
  --target-accuracy 0.5

# A target that no data set lets anyone reach is said not to be reached, and nothing else is claimed.
expect 0 "kernels ready after" "$CLSATTN" bench --compile-only --device 0:0 --model vit --batch 10
make_data data 40 10
expect 0 "" "$CLSATTN" bench --device 0:0 --model vit --batch 10 --no-cold --data data --target-accuracy 1 --max-epochs 1 \
  --json --trace trace.json --html one.html
cp stdout not.json
check_document not.json
check_page one.html
grep -q '"reached": false' not.json || fail "an accuracy of 1 after one epoch of 36 images"
grep -q '"compile_cold_s"' not.json && fail "--no-cold, but a figure"
# All launches of the step are in the timeline, one event each.
calls=$(sed -n 's/.*"calls": \([0-9]*\).*/\1/p' not.json | awk '{ n += $1 } END { print n }')
events=$(grep -o '"ph":"X"' trace.json | wc -l)
[ "$calls" -gt 50 ] && [ "$calls" = "$events" ] || fail "$calls launches, $events events in the timeline"

expect 0 "device,device_name,model,kernel,calls,ms" "$CLSATTN" bench --device 0:0 --model vit --batch 5 --no-cold --csv
awk -F, 'NR == 1 { n = NF } NF != n { exit 1 }' stdout || fail "rows of unlike columns: $(cat stdout)"
[ "$(grep -c ',vit,,' stdout)" = 1 ] || fail "not one row for the model as a whole"

# Comparing.
expect 3 "missing.json" "$CLSATTN" bench --compare missing.json missing.json
echo '{"models": 3}' >other.json
expect 3 "not what clsattn bench --json prints" "$CLSATTN" bench --compare other.json other.json
echo '{"devices": []}' >other.json
expect 3 "it has no device" "$CLSATTN" bench --compare one.json other.json
echo '[1, 2]' >other.json
expect 3 "not what clsattn bench --json prints" "$CLSATTN" bench --compare one.json other.json
sed 's/"kernels": \[/"cores": [/' one.json >other.json
expect 3 'a model has no "kernels"' "$CLSATTN" bench --compare one.json other.json
head -c 500 one.json >other.json
expect 3 "other.json: line" "$CLSATTN" bench --compare one.json other.json
expect 0 "| vit: training, images/s" "$CLSATTN" bench --compare one.json one.json
awk -F'|' '/^\| vit/ && $5 != "    1.000 " { exit 1 }' stdout || fail "a file differs from itself: $(cat stdout)"
grep -q warning stdout && fail "a file is warned of beside itself"
sed -E 's/"driver": "[^"]*"/"driver": "9.9"/; s/"commit": "[^"]*"/"commit": "0123"/; s/"precision": "f32"/"precision": "f16"/
  s/"tuning": \[\]/"tuning": [{"kernel": "other"}]/' one.json >other.json
expect 0 "other drivers" "$CLSATTN" bench --compare one.json other.json
grep -q "warning: .*other commits: .* and 0123" stdout && grep -q "warning: vit: other precision: f32 and f16" stdout ||
  fail "no warning of another commit or precision: $(cat stdout)"
grep -q "warning: vit: other tuned parameters: 0 and 1" stdout || fail "no warning of another tuning: $(cat stdout)"
expect 0 '"ratio": 1.0' "$CLSATTN" bench --compare one.json other.json --json

# Several devices.
if [ "$("$CLSATTN" devices --json | grep -c '"name"')" -lt 2 ]; then
  echo "one device only: not checked with several"
  finish
  exit
fi
expect 0 "" "$CLSATTN" bench --device all --model vit --batch 5 --no-cold --json --trace trace.json --html two.html
cp stdout two.json
check_document two.json
check_page two.html
[ "$(grep -c '"train_images_per_s"' two.json)" = 2 ] || fail "not two devices: $(cat two.json)"
for process in 1 2; do grep -q "\"ph\":\"X\".*\"pid\":$process" trace.json || fail "no process $process in the timeline"; done
if grep -q '"type": "cpu"' two.json; then
  grep -q '"chip": "host processor"' two.json && grep -q "cpu0, cpu1 are the same chip" two.html ||
    fail "two CPU devices are not said to be one chip"
fi
expect 0 "## cpu1" "$CLSATTN" bench --compare two.json two.json
grep -q "## cpu0" stdout || fail "compare: the first device is missing"
# One device beside two of another platform: nothing in common.
sed 's/"platform": "[^"]*"/"platform": "Another"/' one.json >other.json
expect 3 "no device that worked is in both" "$CLSATTN" bench --compare other.json two.json

# One that fails: the other is measured, the report has both, the exit code says so.
layered() { OPENCL_LAYERS=$CLSATTN_TEST_FAIL_DEVICE "$CLSATTN" "$@"; }
late 1 "1 of 2 devices failed: cpu1" layered bench --device 0:0,0:1 --model vit --batch 5 --no-cold --json --html two.html
grep -q "fail_device: " stderr || fail "the layer was not there"
cp stdout failed.json
check_document failed.json
check_page two.html
grep -q "cpu1 failed: " two.html || fail "the page does not say what failed"
grep -q '"error": "cpu1: clCreateContext: CL_DEVICE_NOT_AVAILABLE (the device does not answer)"' failed.json || fail "no error: $(cat failed.json)"
[ "$(grep -c '"train_images_per_s"' failed.json)" = 1 ] || fail "the other device was not measured"
expect 0 "cpu1 (" "$CLSATTN" bench --compare failed.json two.json
expect 4 "CL_DEVICE_NOT_AVAILABLE" layered bench --device 0:1 --model vit --batch 5 --no-cold --json
[ ! -s stdout ] || fail "nothing was measured, but it printed $(cat stdout)"
late 1 "1 of 2 devices failed" layered bench --device all --model vit --batch 5 --no-cold --markdown
grep -q "^cpu1 failed:" stdout && grep -q "| vit | cpu0 |" stdout || fail "Markdown: $(cat stdout)"

# One that is lost while it is measured, whichever it is, and in whichever of its queues; the same device works up to then.
lost() { OPENCL_LAYERS=$CLSATTN_TEST_FAIL_DEVICE CLSATTN_FAIL_DEVICE=$1 "$CLSATTN" bench --device 0:0,0:1 --model vit --batch 5 --no-cold --json; }
for device in 0 1; do
  late 1 "1 of 2 devices failed: cpu$device" lost 0:$device:500
  grep -q "^fail_device: reached: 0:$device had " stderr || fail "0:$device: the device was not lost: $(cat stderr)"
  grep -q "\"error\": .*: CL_OUT_OF_RESOURCES" stdout || fail "0:$device: no error: $(cat stdout)"
  [ "$(grep -c '"train_images_per_s"' stdout)" = 1 ] || fail "0:$device: the other device was not measured"
done
late 1 "1 of 2 devices failed: cpu1" lost 0:1:500:-2
grep -q "\"error\": .*: CL_DEVICE_NOT_AVAILABLE" stdout || fail "another code: no error: $(cat stdout)"
late 1 "1 of 2 devices failed: cpu0" lost 0:0
grep -q "^fail_device: 1 contexts refused" stderr || fail "the first device gave a context: $(cat stderr)"

# One that fails at the second model keeps the first one's figures, also where no device did all.
export CLSATTN_FAIL_BYTES=160000000 # more than what the peak copies takes; a batch of 40 of the CNN takes more
late 1 "2 of 2 devices failed" layered bench --device all --batch 40 --no-cold --json
unset CLSATTN_FAIL_BYTES
cp stdout half.json
check_document half.json
grep -q "CL_MEM_OBJECT_ALLOCATION_FAILURE" half.json && grep -q '"exit": 5' half.json || fail "no error: $(cat half.json)"
[ "$(grep -c '"train_images_per_s"' half.json)" = 1 ] || fail "the vit's figures are lost: $(cat half.json)"

# A signal: nothing is printed, nothing is left behind.
"$CLSATTN" bench --device 0:0 --model vit --batch 10 --json >stdout 2>stderr &
pid=$!
await $pid grep -q compiling stderr
sleep 0.5
kill -TERM $pid # INT bash has it ignore
wait $pid
code=$?
[ $code = 143 ] || fail "stopped: exit $code: $(cat stderr)"
[ ! -s stdout ] && [ -z "$(ls -A tmp)" ] || fail "stopped: $(cat stdout; ls -A tmp)"
finish
