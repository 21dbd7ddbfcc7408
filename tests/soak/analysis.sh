#!/usr/bin/env bash
# What cppcheck, gcc's analyzer and clang-tidy say of the code: nothing, but for what ci/cppcheck.supp and ci/analyzer.supp
# explain. The analyzer only speaks while it compiles, so everything is compiled anew.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit
build=build/soak/analysis
findings=0
mkdir -p $build

# report NAME LOG: LOG has a line for each finding.
report() {
  local count
  count=$(wc -l <"$2")
  printf '%s: %d findings\n' "$1" "$count"
  cat "$2"
  findings=$((findings + count))
}

# Macros that are loops have to be known.
cppcheck --enable=warning,performance,portability --inline-suppr --std=c11 --quiet --template='{file}:{line}: {id}: {message}' \
  --include="$(pkg-config --variable=includedir jansson)/jansson.h" --suppressions-list=ci/cppcheck.supp -I include -I src -I tests \
  -DCSA_HAVE_ARCHIVE -DCSA_HAVE_IMAGES -DCSA_HAVE_CURL -DCSA_HAVE_CAIRO -DCSA_HAVE_MPI src tests bench examples 2>$build/cppcheck.log
grep -E '^[^ ]+:[0-9]+: ' $build/cppcheck.log | grep -v ': missingInclude' >$build/cppcheck.findings
report cppcheck $build/cppcheck.findings

# Its findings are warnings, and those of a header are put down to the file that was compiled.
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCLSATTN_MPI=ON "-DCMAKE_C_FLAGS=-fanalyzer -DCSA_ANALYZER -Wno-unused-value" \
  >$build/configure.log || { cat $build/configure.log; exit 1; }
cmake --build $build --clean-first --target clsattn >$build/analyzer.log 2>&1 || { tail -n 20 $build/analyzer.log; exit 1; }
awk '/ Building C object / { file = $NF; sub(/.*\.dir\//, "", file); sub(/\.o$/, "", file) }
  / warning: / { print file ": " $0 }' $build/analyzer.log | sort -u | grep -vEf <(grep -v '^#' ci/analyzer.supp) >$build/analyzer.findings
report "gcc -fanalyzer" $build/analyzer.findings

# It does not know gcc's option.
sed -i 's/ -fanalyzer / /' $build/compile_commands.json
find src -name "*.c" | sort | xargs -P2 -n4 clang-tidy --quiet -p $build >$build/tidy.log 2>/dev/null
grep -E '(warning|error): ' $build/tidy.log | sort -u >$build/tidy.findings
report clang-tidy $build/tidy.findings

echo "$findings findings of three analysers that nobody has explained"
[ $findings = 0 ]
