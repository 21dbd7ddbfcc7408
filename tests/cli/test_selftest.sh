#!/usr/bin/env bash
# The self-test: it holds on the device as it is, names the kernel that is wrong, and stops training on one; verify
# --against names the first layer that parts.
. "$(dirname "$0")/lib.sh"
make_data "$WORK/data" 20 10
cd "$WORK" || exit 1
train=(train --data data --epochs 1 --batch 20 --device "${CLSATTN_DEVICE:-cpu0}" --kernels portable)

# A model of one's own choice of kernels is tested once, and nothing is left of a run on faulty ones.
SHARED_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}
export XDG_CACHE_HOME=$WORK/cache POCL_CACHE_DIR=${POCL_CACHE_DIR:-$WORK/pocl}
expect 0 "" "$CLSATTN" "${train[@]}" --out once
grep -q 'self-test: [1-9][0-9]* kernels and products on .* held' stderr || fail "no self-test: $(cat stderr)"
grep -qx 'clsattn: compiling and testing kernels for .*: this first run takes longer' stderr || fail "not said before: $(cat stderr)"
expect 0 "" "$CLSATTN" "${train[@]}" --out again --seed 1
grep -q 'self-test\|testing' stderr && fail "tested a second time: $(cat stderr)"
[ "$(stat -c %a cache/clsattn)" = 700 ] || fail "the cache is not private: $(stat -c %A cache/clsattn)"
cmp -s once/config.json again/config.json && fail "the second run is the first"

expect_fault() {
  local kernel=$1 file=$2
  shift 2
  with_fault "$file" "$@" expect 1 "$kernel ($file)" "$CLSATTN" "${train[@]}" --out wrong
  grep -q 'above the tolerance' stderr || fail "$kernel: by how much? $(cat stderr)"
  grep -q -- '--gemm native or clblast' stderr || fail "$kernel: what to do? $(cat stderr)"
  [ -e wrong ] && fail "$kernel: a run folder was left"
  [ -s stdout ] && fail "$kernel: stdout: $(cat stdout)"
}
expect_fault tokens_forward tokens.cl 'token + position' 'token - position'
expect_fault loss_collect loss.cl 'sum += losses' 'sum -= losses'
expect_fault optimizer_adam optimizer.cl 'state->correction1 * first' 'state->correction2 * first'
expect_fault gather_batch gather.cl '/ 255.0f' '/ 256.0f'

# Where nothing can be kept it runs each time, says so once, and training goes on. (PoCL keeps its own elsewhere.)
touch no-folder
XDG_CACHE_HOME=$WORK/no-folder expect 0 "" "$CLSATTN" "${train[@]}" --out unkept
grep -q 'self-test: [1-9]' stderr || fail "an unwritable cache: no self-test: $(cat stderr)"
[ "$(grep -c 'no folder that only you can write to' stderr)" = 1 ] || fail "an unwritable cache: said once? $(cat stderr)"

# All of it, on the device's own choice of kernels.
export XDG_CACHE_HOME=$SHARED_CACHE
expect 0 "ok   optimizer_sgd: sgd: " "$CLSATTN" verify
for kernel in attention_backward layernorm_forward loss_forward gather_batch optimizer_adam tokens_backward; do
  grep -q "^ok   $kernel: .* error [0-9.e+-]*, tolerance " stdout || fail "no line of $kernel"
done
for layer in "$KERNELS"/../tests/layers/test_*.c; do
  layer=$(basename "$layer" .c)
  layer=${layer#test_}
  grep -qs '^kernel' "$KERNELS/$layer.cl" || continue # made of others'
  grep -q "^ok   ${layer}_[a-z_0-9]*: " stdout || fail "no line of the layer $layer: run_odd_layers in src/selftest/selftest.c has no row of it"
done
grep -q '^FAIL\|not tested' stdout && fail "a kernel differs, or was not tested: $(grep -v '^ok' stdout)"
with_fault select.cl '? LOAD(dy, image' '? 1.01f * LOAD(dy, image' expect 1 "select_backward (select.cl): " "$CLSATTN" verify --json
grep -q '"ok": false' stdout || fail "verify --json: all is well: $(head -c 300 stdout)"
finish
