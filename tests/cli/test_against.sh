#!/usr/bin/env bash
# verify --against: two ways to compute agree, and where they do not, the first layer that parts is named.
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1
DEVICE=${CLSATTN_DEVICE:-cpu0}
against=(verify --against "$DEVICE" --device "$DEVICE" --kernels portable --gemm native --batch 4)

expect 2 "--against: not together with a golden FILE" "$CLSATTN" verify --against "$DEVICE" file
expect 2 "--steps: goes with --against or --determinism" "$CLSATTN" verify --steps 2
expect 2 "--dump: goes with a golden FILE" "$CLSATTN" verify --dump file
expect 2 "--shares: goes with a golden FILE" "$CLSATTN" verify --against "$DEVICE" --shares 1,1
expect 2 "--accumulate: goes with a golden FILE" "$CLSATTN" verify --accumulate 2
expect 2 "--against: cpu0,cpu1: must be one device" "$CLSATTN" verify --against cpu0,cpu1
expect 2 "only the vit cuts images" "$CLSATTN" verify --against "$DEVICE" --model cnn --patches grid
expect 4 "no such device" "$CLSATTN" verify --against nv99

expect 0 "encoder.layers.2.8 (linear)" "$CLSATTN" "${against[@]}" --steps 2
grep -q '^ok  *2  *loss' stdout || fail "no second step: $(cat stdout)"
grep ' loss ' stdout >losses
expect 0 "encoder.layers.2.8 (linear)" "$CLSATTN" "${against[@]}" --steps 2 --seed 1
grep ' loss ' stdout | cmp -s - losses && fail "--seed 1: the numbers of seed 0"
expect 0 '"step 1: fc (linear): parameters"' "$CLSATTN" "${against[@]}" --steps 1 --json --patches grid

# Two devices of one platform.
if "$CLSATTN" devices | grep -q pthread; then
  POCL_DEVICES="pthread pthread" expect 0 "loss (loss)" "$CLSATTN" verify --against cpu0 --device cpu1 --batch 4 --steps 1
  for way in "" "--determinism" "--against cpu0"; do
    # shellcheck disable=SC2086 # words
    POCL_DEVICES="pthread pthread" expect 2 "2 devices: several go with a golden FILE only" "$CLSATTN" verify --device cpu0,cpu1 $way
  done
fi

# The reference takes the kernels that auto chooses: on a CPU not these.
"$CLSATTN" devices --json | grep -q '"type": "cpu"' || finish
expect_parting() {
  local where=$1
  shift
  with_fault "$@" expect 1 "first at step 1: $where" "$CLSATTN" "${against[@]}"
  grep -q '^ok  *1  *patches' stdout || fail "$where: the layers before it are not as they were: $(cat stdout)"
  grep -q '^FAIL  *1' stdout || fail "$where: no line says so: $(cat stdout)"
  grep -q '^[okFAIL]*  *2' stdout && fail "$where: went on after it parted"
}
expect_parting "encoder.layers.0.0 (layernorm): activations" layernorm.cl '/ COLS + epsilon' '/ COLS + 0.1f + epsilon'
expect_parting "encoder.layers.0.2 (attention): activations" attention.cl '(1.0f / sqrt((float)HEAD))' \
  '(2.0f / sqrt((float)HEAD))'
expect_parting "fc (linear): parameter gradients" reduce.cl 'sum +=' 'sum += 1e-3f +'
finish
