#!/usr/bin/env bash
# verify --determinism: the same steps give the same bits, and where they do not, it says in what.
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1
expect 2 "--determinism: not together with a golden FILE" "$CLSATTN" verify --determinism file
expect 2 "--determinism: not together with --against" "$CLSATTN" verify --determinism --against cpu0

for kernels in auto portable; do
  expect 0 "ok   step 2: loss, gradients and parameters, bit for bit" \
    "$CLSATTN" verify --determinism --batch 4 --steps 2 --kernels $kernels
done
expect 0 '"ok": true' "$CLSATTN" verify --determinism --batch 2 --steps 1 --model cnn --json

# what lies behind the last gradient, and belongs to nobody, counts the steps of both times
count='if (i == n - 1) ((__global float *)gradient)[i] += 1.0f; w[i] = (i == 0 ? gradient[n - 1] : 0.0f) + weight'
with_fault optimizer.cl "w[i] = weight" "$count" expect 1 "the same steps give other bits: step 1: patch_embedding.weight: element 0 of" \
  "$CLSATTN" verify --determinism --batch 4
finish
