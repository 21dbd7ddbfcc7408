#!/usr/bin/env bash
# The program on what looks like a small GPU: it chooses portable kernels and CLBlast by itself, keeps to the device's
# limits, gets PyTorch's numbers, trains, and refuses kernels that are for CPUs.
. "$(dirname "$0")/../cli/lib.sh"
export OPENCL_LAYERS=${CLSATTN_TEST_DISGUISE:?the disguising layer} CLSATTN_DEVICE=
golden=$(dirname "$0")/../golden
make_data "$WORK/data" 40 10

# disguised CODE TEXT COMMAND...: as expect; and the layer was there, and had nothing to refuse.
disguised() {
  expect "$@"
  grep -q '^disguise: .* 0 calls refused' "$WORK/stderr" || fail "${*:3}: the layer was not there, or refused: $(cat "$WORK/stderr")"
}

for group in 64 256; do # and with kernels of many registers in smaller groups yet
  export CLSATTN_DISGUISE="local=32768 group=$group items=32 alloc=67108864 memory=1000000000 gpu"
  disguised 0 '"type": "gpu"' "$CLSATTN" devices --json
  for limit in '"local_bytes": 32768' '"max_alloc_bytes": 67108864' '"fp16": false' '"subgroups": false'; do
    grep -q "$limit" "$WORK/stdout" || fail "devices: $limit is not in $(cat "$WORK/stdout")"
  done
  disguised 0 "" "$CLSATTN" verify "$golden/vit-tiny.safetensors"
  disguised 0 "" "$CLSATTN" verify "$golden/cnn-peaked-tiny.safetensors"
  for file in "$golden"/*.safetensors; do disguised 0 "" "$CLSATTN" verify --gemm native "$file"; done
done

# Its short name is its vendor's.
for vendor in 4318:nv0 4098:amd0 32902:intel0 5045:arm0; do
  CLSATTN_DISGUISE="gpu vendor=${vendor%:*}" disguised 0 "\"name\": \"${vendor#*:}\"" "$CLSATTN" devices --json
done

for command in "verify $golden/vit-tiny.safetensors" "train --data $WORK/data --out $WORK/refused"; do
  # shellcheck disable=SC2086 # words
  disguised 2 "these kernels are for CPUs only" "$CLSATTN" $command --kernels cpu
done
echo '{"choices": {"kernels": "cpu"}}' >"$WORK/cpu.json"
disguised 2 "use --kernels auto or portable" "$CLSATTN" train --data "$WORK/data" --config "$WORK/cpu.json" --out "$WORK/refused"
disguised 0 "high water" "$CLSATTN" train --data "$WORK/data" --config "$WORK/cpu.json" --kernels auto --dry-run
[ -e "$WORK/refused" ] && fail "a refused run left its folder"

# Tensors are larger than a buffer may be: plans say so before they allocate, and name what does fit.
disguised 5 "takes up to: --batch" "$CLSATTN" train --model cnn --data "$WORK/data" --batch 1000 --dry-run
batch=$(sed -n 's/.*takes up to: --batch //p' "$WORK/stderr")
disguised 0 "high water" "$CLSATTN" train --model cnn --data "$WORK/data" --batch "$batch" --dry-run

# Several buffers may pack one batch better than a smaller one: whatever was asked for, the advice is the same and holds.
export CLSATTN_DISGUISE="local=32768 group=256 alloc=176000000 memory=1000000000"
disguised 5 "takes up to: --batch" "$CLSATTN" train --model cnn --data "$WORK/data" --batch 100000 --dry-run
batch=$(sed -n 's/.*takes up to: --batch //p' "$WORK/stderr")
disguised 0 "high water" "$CLSATTN" train --model cnn --data "$WORK/data" --batch "$batch" --dry-run
disguised 5 "takes up to: --batch $batch" "$CLSATTN" train --model cnn --data "$WORK/data" --batch $((batch + 1)) --dry-run

export CLSATTN_DISGUISE="local=32768 group=64 alloc=67108864 memory=1000000000 gpu"
disguised 0 "Accuracy on test set" "$CLSATTN" train --model vit --data "$WORK/data" --batch 16 --epochs 1 --out "$WORK/run"
grep -q '"kernels": "portable"' "$WORK/run/config.json" || fail "config.json: $(cat "$WORK/run/config.json")"
finish
