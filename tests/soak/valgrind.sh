#!/usr/bin/env bash
# Valgrind's memcheck over tests and commands that run no kernel; ci/valgrind.supp names drivers only, and who loads them. What
# kernels do with memory is oclgrind's to see, and the rest of the host's code the sanitizers'.
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

# Commands that run no kernel: PoCL would compile all of them again, for the processor that valgrind shows, and take hours.
make_data "$WORK/data" 40 10
echo '{"model": "vit", "sizes": {"embed": 16, "heads": 2, "layers": 1, "hidden": 16}}' >"$WORK/tiny.json"
train=(train --config "$WORK/tiny.json" --data "$WORK/data" --epochs 2 --batch 20)
expect 0 "" "$CLSATTN" "${train[@]}" --out "$WORK/runs/one"
check devices "$CLSATTN" devices
check "data info" "$CLSATTN" data info "$WORK/data"
check runs "$CLSATTN" runs "$WORK/runs"
check "train --dry-run" "$CLSATTN" "${train[@]}" --dry-run
check "train --help" "$CLSATTN" train --help
[ $failures = 0 ] || exit 1
echo "$checked programs, nothing found by memcheck"
