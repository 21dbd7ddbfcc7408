#!/usr/bin/env bash
# Exit codes and first words of errors.
. "$(dirname "$0")/lib.sh"
make_data "$WORK/data" 20 10

expect 0 "Usage: clsattn COMMAND" "$CLSATTN" --help
grep -qxF "Exit codes: 0 done, 1 the work failed, 2 bad usage, 3 bad input, 4 device or OpenCL, 5 memory, 128 + N after signal N." "$WORK/stdout" &&
  grep -qF "clsattn --version [--json]" "$WORK/stdout" || fail "--help: $(cat "$WORK/stdout")"
expect 0 "clsattn 0." "$CLSATTN" --version
for part in OpenCL CLBlast jansson zlib xxHash archives network images pictures MPI compiler build; do
  grep -q "^  $part " "$WORK/stdout" || fail "--version lacks $part"
done
expect 0 '"commit": "' "$CLSATTN" --version --json
for command in devices train eval predict attend compare bench tune verify runs cache data "data list" "data info" "data fetch"; do
  # shellcheck disable=SC2086 # two words
  expect 0 "Examples:" "$CLSATTN" $command --help
  # shellcheck disable=SC2086
  expect 0 "Usage: clsattn $command" "$CLSATTN" help $command
  # shellcheck disable=SC2086
  expect 0 "Usage: clsattn $command" "$CLSATTN" $command -h
done
expect 0 "Usage: clsattn COMMAND" "$CLSATTN" -h
expect 0 "Usage: clsattn COMMAND" "$CLSATTN" help
expect 2 "frobnicate: no such command" "$CLSATTN" help frobnicate
expect 2 "COMMAND is missing" "$CLSATTN"
expect 2 "frobnicate: no such command" "$CLSATTN" frobnicate
grep -q "did you mean" "$WORK/stderr" && fail "nothing is called like frobnicate: $(cat "$WORK/stderr")"

# what was mistyped
expect 2 "did you mean train?" "$CLSATTN" tarin
expect 2 "did you mean --epochs?" "$CLSATTN" train --epocs 3
expect 2 "-epochs: unknown option of train; did you mean --epochs?" "$CLSATTN" train -epochs 3
expect 3 "did you mean fashion-mnist?" "$CLSATTN" train --data fashon-mnist
expect 2 "did you mean cifar100?" "$CLSATTN" data fetch cifar-100
expect 3 "did you mean cnn-strong?" "$CLSATTN" train --config cnn-stong
expect 3 "MNIST has no name here" "$CLSATTN" train --data mnist

# what later versions bring is unknown until then
expect 2 "--augmentation: unknown option of train" "$CLSATTN" train --augmentation
expect 2 "--epochs: needs a value" "$CLSATTN" train --epochs
expect 2 "--epochs: 0: must be a whole number" "$CLSATTN" train --epochs 0
expect 2 "--top: 0: must be a whole number from 1 to" "$CLSATTN" predict --top 0
expect 2 "--limit-train: -1: must be a whole number from 0 to" "$CLSATTN" train --limit-train -1
expect 2 "--batch: many: must be a whole number" "$CLSATTN" train --batch many
expect 2 "--lr: nan: must be a number" "$CLSATTN" train --lr nan
expect 2 "--seed: -1" "$CLSATTN" train --seed -1
expect 2 "--checkpoint-every: 5 parsecs: must be a time like" "$CLSATTN" train --checkpoint-every "5 parsecs"
expect 2 "model: resnet: no such model" "$CLSATTN" train --model resnet
expect 2 "patches: hexagons: must be rows or grid" "$CLSATTN" train --patches hexagons
expect 2 "only the vit cuts images" "$CLSATTN" train --model cnn --patches grid
expect 2 "optimizer: lion" "$CLSATTN" train --optimizer lion
expect 2 "gemm: cublas" "$CLSATTN" train --gemm cublas
expect 2 "kernels: fast" "$CLSATTN" train --kernels fast
expect 2 "conv: fft: must be auto, direct or winograd" "$CLSATTN" train --conv fft
expect 2 "precision: f8: must be f32 or f16" "$CLSATTN" train --precision f8
expect 2 "--bogus: unknown option of verify" "$CLSATTN" verify file --bogus
expect 2 "extra: not expected" "$CLSATTN" train extra
expect 2 "--batch: not together with --resume" "$CLSATTN" train --resume "$WORK/none" --batch 5
expect 2 "--weights is missing" "$CLSATTN" eval
expect 2 "two: not expected" "$CLSATTN" verify one two
expect 2 "must be list, info or fetch" "$CLSATTN" data
expect 2 "guess: must be list, info or fetch" "$CLSATTN" data guess
expect 2 "PATH is missing" "$CLSATTN" data info

expect 3 "$WORK/none" "$CLSATTN" train --data "$WORK/none"
expect 3 "$WORK/none" "$CLSATTN" eval --weights "$WORK/none"
expect 3 "$WORK/none" "$CLSATTN" verify "$WORK/none"
expect 3 "$WORK/none" "$CLSATTN" data info "$WORK/none"
expect 3 "$WORK/none/config.json" "$CLSATTN" train --resume "$WORK/none"
grep -q "clsattn runs" "$WORK/stderr" || fail "--resume: $(cat "$WORK/stderr")"
mkdir "$WORK/old" && echo '{"model": "vit"}' >"$WORK/old/config.json"
expect 3 "$WORK/old/config.json: config: not the config.json of a run" "$CLSATTN" train --resume "$WORK/old"
echo '{"model": "vit", "sizes": {"embed": 65}}' >"$WORK/odd.json"
expect 3 "odd.json: config: sizes: heads: 4 does not divide embed, 65" "$CLSATTN" train --config "$WORK/odd.json" --data "$WORK/data"
mkdir -p "$WORK"/pets/{cats,dogs} && touch "$WORK"/pets/{cats,dogs}/1.jpg
expect 3 "put them under train/ and test/" "$CLSATTN" train --data "$WORK/pets"
head -c 5000 "$WORK/data/data_batch_1.bin" >"$WORK/cut" && mkdir "$WORK/bad" && cp "$WORK/cut" "$WORK/bad/data_batch_1.bin" &&
  cp "$WORK/data/test_batch.bin" "$WORK/bad/"
expect 3 "data_batch_1.bin" "$CLSATTN" train --data "$WORK/bad"
echo "not safetensors" >"$WORK/text"
expect 3 "$WORK/text" "$CLSATTN" eval --weights "$WORK/text" --data "$WORK/data"

expect 4 "no such device; there are:" "$CLSATTN" train --data "$WORK/data" --device nv99
grep -q "is one missing? clsattn devices --check" "$WORK/stderr" || fail "--device: $(cat "$WORK/stderr")"
mkdir "$WORK/no-icd"
expect 4 "apt-get install pocl-opencl-icd" env OCL_ICD_VENDORS="$WORK/no-icd/" "$CLSATTN" devices
expect 4 "no OpenCL device works here" env OCL_ICD_VENDORS="$WORK/no-icd/" "$CLSATTN" devices --check
grep -q "problem .*no driver is registered here" "$WORK/stdout" || fail "--check: $(cat "$WORK/stdout")"
expect 4 "no OpenCL device works here" env OCL_ICD_VENDORS="$WORK/no-icd/" "$CLSATTN" devices --check --json
[ -s "$WORK/stdout" ] && fail "devices --check --json: stdout is not empty after a failure"
mkdir "$WORK/broken-icd" && echo libnot-there.so.1 >"$WORK/broken-icd/gone.icd"
expect 4 "no OpenCL device works here" env OCL_ICD_VENDORS="$WORK/broken-icd" "$CLSATTN" devices --check
grep -q "problem .*gone.icd: its library does not load: libnot-there.so.1" "$WORK/stdout" ||
  fail "--check: $(cat "$WORK/stdout")"
expect 0 "ready: clsattn train --device" "$CLSATTN" devices --check
expect 0 '"findings": [' "$CLSATTN" devices --check --json
expect 1 "" "$CLSATTN" train --data "$WORK/data" --epochs 1 --batch 10 --out /proc/nowhere
expect 1 "$WORK/text: a file, not a folder" "$CLSATTN" train --data "$WORK/data" --epochs 1 --batch 10 --out "$WORK/text"

# what does not fit names the largest batch that does, and that one does; a machine's own memory may be less the next time
small() { OPENCL_LAYERS=$CLSATTN_TEST_DISGUISE CLSATTN_DISGUISE="memory=1000000000" "$CLSATTN" "$@"; }
expect 5 "takes up to: --batch" small train --model cnn --data "$WORK/data" --batch 100000 --dry-run
batch=$(sed -n 's/.*takes up to: --batch //p' "$WORK/stderr")
expect 0 "high water" small train --model cnn --data "$WORK/data" --batch "$batch" --dry-run
golden=$(dirname "$0")/../golden/vit-tiny.safetensors
expect 0 "ok   final_logits" "$CLSATTN" verify "$golden"
expect 0 '"ok": true' "$CLSATTN" verify --json --dump "$WORK/dump" "$golden"
[ -s "$WORK/dump" ] || fail "--dump: nothing was written"
expect 3 "'model' is missing" "$CLSATTN" verify "$WORK/dump"

# --json: one document on success, nothing on failure
"$CLSATTN" train --json --data "$WORK/none" >"$WORK/stdout" 2>/dev/null
[ -s "$WORK/stdout" ] && fail "--json: stdout is not empty after a failure"
expect 0 '"name": "' "$CLSATTN" devices --json
expect 0 '"formats": ' "$CLSATTN" data list --json
expect 0 '"train": 20' "$CLSATTN" data info "$WORK/data" --json
expect 0 "fashion-mnist" "$CLSATTN" data list
expect 0 "CIFAR-10 binary, 32 x 32, 3 channels, 10 classes" "$CLSATTN" data info "$WORK/data"
expect 0 "total" "$CLSATTN" train --data "$WORK/data" --dry-run
expect 0 "sa5 backward" "$CLSATTN" train --model cnn --data "$WORK/data" --dry-run
# the plan as JSON: of the same bytes, and as many tensors and launches
total=$(sed -n 's/^ *total *\([0-9]*\) B$/\1/p' "$WORK/stdout") tensors=$(grep -cE ' (always|[0-9]+-[0-9]+) +[a-z]+ [0-9]+ \+[0-9]+$' "$WORK/stdout")
launches=$(sed -n 's/^\(micro-step\|update\): \([0-9]*\) launches$/\2/p' "$WORK/stdout" | xargs | tr ' ' +)
expect 0 "\"total_bytes\": $total" "$CLSATTN" train --model cnn --data "$WORK/data" --dry-run --json
[ "$(grep -c '"life":' "$WORK/stdout")" = "$tensors" ] || fail "--dry-run --json: not $tensors tensors"
[ "$(grep -c '"list":' "$WORK/stdout")" = $((launches)) ] || fail "--dry-run --json: not $launches launches"
expect 0 "micro-step" "$CLSATTN" train --data "$WORK/data" --dry-run --gemm clblast --kernels portable

# what is printed must arrive
if [ -w /dev/full ]; then
  for line in --help "data list" "data list --json"; do
    # shellcheck disable=SC2086 # words
    "$CLSATTN" $line >/dev/full 2>"$WORK/stderr" && fail "$line: exit 0, and nothing was printed"
    grep -q "^clsattn: .*No space left on device" "$WORK/stderr" || fail "$line: stdout is full: $(cat "$WORK/stderr")"
  done
fi
finish
