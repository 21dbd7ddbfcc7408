#!/usr/bin/env bash
# Which lines of src/ the tests run: a table by folder, and in build/soak/coverage/lines.txt the lines that none does, by file.
# TESTS, a pattern of ctest -R, chooses tests.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
build=build/soak/coverage
mkdir -p $build
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS="--coverage -fprofile-update=atomic" >$build/configure.log ||
  { cat $build/configure.log; exit 1; }
cmake --build $build >$build/build.log || { tail -n 20 $build/build.log; exit 1; }
find $build -name "*.gcda" -delete
# Not where gcov itself would be seen: among the library's symbols, and failing for want of memory.
ctest --test-dir $build -R "${TESTS:-.}" -E '^(cli\.install|failing\.memory)$' --output-on-failure >$build/ctest.log 2>&1 || { tail -n 20 $build/ctest.log; exit 1; }

# All that was compiled, the sources of tests, too, is in the folder; src/ is what counts.
gcovr --root . --filter 'src/' --csv $build/lines.csv --txt $build/lines.txt $build
awk -F, -v row='%-10s %6d of %6d lines, %5.1f %%\n' '
  NR > 1 { split($1, part, "/"); lines[part[2]] += $2; run[part[2]] += $3; l += $2; c += $3 }
  END { for (name in lines) printf row, name, run[name], lines[name], 100 * run[name] / lines[name] | "sort"
        close("sort"); printf row, "src", c, l, 100 * c / l }' $build/lines.csv
