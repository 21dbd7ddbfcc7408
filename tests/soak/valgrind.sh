#!/usr/bin/env bash
# Valgrind's memcheck over tests that open no device, and over commands that train and look; ci/valgrind.supp names drivers,
# who loads them, and fonts. PoCL compiles for the processor that valgrind shows: each command runs without memcheck first, so that its
# kernels are there. What kernels do with memory is oclgrind's to see.
. "$(dirname "$0")/../cli/lib.sh"
cd "$(dirname "$(readlink -f "$0")")/../.." || exit
tests=build/release/tests
memcheck=(valgrind --quiet --num-callers=40 --leak-check=full --errors-for-leak-kinds=definite,indirect
  --show-leak-kinds=definite,indirect --suppressions=ci/valgrind.supp --error-exitcode=99)

# check NAME COMMAND...: in memcheck.
checked=0
check() {
  local name=$1 code=0
  shift
  "${memcheck[@]}" --log-file="$WORK/found" "$@" >"$WORK/out" 2>&1 || code=$?
  checked=$((checked + 1))
  [ $code = 0 ] || fail "$name: exit $code: $(head -n 40 "$WORK/found"; tail -n 5 "$WORK/out")"
}

# Tests that open no device.
for test in $(grep -L 'test_device()\|csa_device_open\|csa_device_list' tests/{core,data,model,train,device,report}/test_*.c); do
  name=$(basename "$(dirname "$test")")_$(basename "$test" .c | sed 's/^test_//')
  [ -x "$tests/test_$name" ] && check "$name" "$tests/test_$name"
done

make_data "$WORK/data" 40 10
echo '{"model": "vit", "sizes": {"embed": 16, "heads": 2, "layers": 1, "hidden": 16}}' >"$WORK/tiny.json"
echo '{"model": "cnn", "sizes": {"widths": [8, 8, 8], "k": 4, "batch_norm": true}}' >"$WORK/tiny-cnn.json"
export POCL_CACHE_DIR=$WORK/pocl XDG_CACHE_HOME=$WORK/cache
mkdir "$WORK/cache"

# command NAME OPTION...: of clsattn, in memcheck; $RUN is where it may write.
RUN=$WORK/run
command() {
  rm -rf "$RUN"
  [ "$1" != resume ] || cp -r "$WORK/whole" "$RUN"
  valgrind --quiet --tool=none "$CLSATTN" "${@:2}" >"$WORK/log" 2>&1 || fail "$1: exit $?: $(tail -n 5 "$WORK/log")"
  rm -rf "$RUN"
  [ "$1" != resume ] || cp -r "$WORK/whole" "$RUN"
  check "$1" "$CLSATTN" "${@:2}"
}
train=(train --data "$WORK/data" --epochs 2 --batch 20 --config)
weights=(--weights "$WORK/whole/model.safetensors")
expect 0 "" "$CLSATTN" "${train[@]}" "$WORK/tiny.json" --out "$WORK/whole"
command devices devices
command "data info" data info "$WORK/data"
command runs runs "$WORK"
command "train --help" train --help
command "train --dry-run" "${train[@]}" "$WORK/tiny.json" --dry-run
command "train vit" "${train[@]}" "$WORK/tiny.json" --augment flip,crop=2 --ema 0.9 --val-split 0.25 --clip-norm 1 --out "$RUN"
command "train cnn" "${train[@]}" "$WORK/tiny-cnn.json" --precision f16 --out "$RUN"
command resume train --resume "$RUN" --epochs 3
command eval eval "${weights[@]}" --data "$WORK/data"
command verify verify tests/golden/vit-tiny.safetensors
if [ -n "${CLSATTN_TEST_PICTURE-}" ]; then
  "$CLSATTN_TEST_PICTURE" make "$WORK/data/test_batch.bin" 0 "$WORK/photo.png" || fail "picture make"
  command predict predict "${weights[@]}" "$WORK/photo.png"
  command attend attend "${weights[@]}" "$WORK/photo.png" --out "$RUN.png"
fi
[ $failures = 0 ] || exit 1
echo "$checked programs, nothing found by memcheck"
