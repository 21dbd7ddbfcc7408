#!/usr/bin/env bash
# All tests in the build with ASan and UBSan, also those that take minutes there, which ci/test runs in the release build alone.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit
mkdir -p build/soak
{ cmake --preset dev -DCLSATTN_MPI=ON && cmake --build --preset dev; } >build/soak/dev.log 2>&1 || { tail -n 20 build/soak/dev.log; exit 1; }
export LSAN_OPTIONS="suppressions=$PWD/ci/lsan.supp:print_suppressions=0:use_tls=0" UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
env --default-signal ctest --preset dev -j3 --output-on-failure --no-tests=error >build/soak/dev.log 2>&1
code=$?
[ $code = 0 ] || grep -E 'ERROR: |runtime error|\*\*\*Failed|FAIL' build/soak/dev.log | head -n 40
sed -nE 's/^([0-9]+)% tests passed, ([0-9]+) tests failed out of ([0-9]+)$/\3 tests with ASan and UBSan, \2 failed/p' build/soak/dev.log
[ $code = 0 ]
