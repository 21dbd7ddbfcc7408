#!/usr/bin/env bash
# ThreadSanitizer where threads are ours: src/ starts none, but users of the library do, and the tests that are like them.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit
tests='^(api\.threads|core\.(file|status))$'
mkdir -p build/soak
{ cmake --preset tsan && cmake --build --preset tsan --target test_api_threads test_core_file test_core_status; } >build/soak/tsan.log 2>&1 ||
  { tail -n 20 build/soak/tsan.log; exit 1; }
# Drivers are not compiled for it: what they do to their own memory, and which of their locks are held, it cannot see.
export TSAN_OPTIONS="suppressions=$PWD/ci/tsan.supp:ignore_noninstrumented_modules=1:halt_on_error=0"
ctest --preset tsan -R "$tests" --output-on-failure >build/soak/tsan.log 2>&1
code=$?
found=$(grep -c 'WARNING: ThreadSanitizer' build/soak/tsan.log)
[ $code = 0 ] || grep -A30 'WARNING: ThreadSanitizer' build/soak/tsan.log | head -n 60
echo "$(grep -c ' Passed ' build/soak/tsan.log) tests with threads, $found findings of ThreadSanitizer"
[ $code = 0 ]
