#!/usr/bin/env bash
# Do the tests see faults? Those of planted.faults are planted in a copy of the checkout, one at a time; what the tests
# concerned need is built, and they run up to the first that fails. Fewer than LEAST caught, 28, is a failure. ONLY, a
# pattern, chooses faults by "KIND FILE".
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/../..")
copy=$root/build/soak/planted
planted=0 caught=0 missed=()

# Only what differs: the rest stays built.
mkdir -p "$copy/build"
cd "$root"
git ls-files --cached --others --exclude-standard | while read -r file; do
  [ ! -f "$file" ] || cmp -s "$file" "$copy/$file" || { mkdir -p "$copy/$(dirname "$file")" && cp "$file" "$copy/$file"; }
done
[ -e "$copy/build/test-cache" ] || [ ! -e build/test-cache ] || cp -r build/test-cache "$copy/build/test-cache"
cd "$copy"
for preset in dev release; do
  { cmake --preset $preset && cmake --build --preset $preset; } >build/log 2>&1 || { tail -n 20 build/log; exit 1; }
done

chosen() {
  # shellcheck disable=SC2053 # a pattern
  [[ "$1 $2" == ${ONLY:-*} ]]
}

# With sanitizers, but for what runs in a simulator.
preset_of() { case $1 in *oclgrind*) echo release ;; *) echo dev ;; esac; }

# What the tests that ctest -R finds are built from; the program is what scripts call.
targets() {
  local name
  ctest --preset "$(preset_of "$1")" -N -R "$1" | sed -nE 's/^ *Test +#[0-9]+: //p' | while read -r name; do
    if [ -e "tests/${name/.//test_}.c" ]; then echo "test_${name/./_}"; else echo clsattn; fi
  done | sort -u
}

# Kernels are read from cl/ at run time.
test_with() {
  local preset kernels=''
  preset=$(preset_of "$1")
  [ "$preset" = dev ] || kernels=$copy/cl
  CLSATTN_KERNEL_DIR=$kernels ctest --preset "$preset" -R "$1" --no-tests=error --stop-on-failure >build/log 2>&1
}

# fault KIND FILE FROM TO TESTS: the only FROM of FILE becomes TO.
fault() {
  local kind=$1 file=$2 from=$3 to=$4 tests=$5 text rest said start=$SECONDS wanted
  chosen "$kind" "$file" || return 0
  text=$(cat "$root/$file")
  rest=${text#*"$from"}
  if [ "$rest" = "$text" ] || [ "${rest#*"$from"}" != "$rest" ]; then
    echo "planted: $file: not there, or more than once: $from"
    exit 2
  fi
  printf '%s\n' "${text/"$from"/"$to"}" >"$file"
  if [[ $file != cl/* ]]; then
    mapfile -t wanted < <(targets "$tests")
    cmake --build --preset "$(preset_of "$tests")" --target "${wanted[@]}" >build/log 2>&1 || { tail -n 20 build/log; exit 2; }
  fi
  planted=$((planted + 1))
  if test_with "$tests"; then
    missed+=("$kind, $file")
    said="NOT CAUGHT by $tests"
  elif grep -q '\*\*\*Timeout' build/log; then # a slow machine, most likely
    missed+=("$kind, $file")
    said="NOT KNOWN: a test ran out of time"
  else
    caught=$((caught + 1))
    said="caught by $(sed -nE 's|^ *[0-9]+/[0-9]+ Test +#[0-9]+: ([^ ]+) .*\*\*\*.*|\1|p' build/log | head -n 1)"
  fi
  cp "$root/$file" "$file"
  printf '%-9s %-24s %s, %d s\n' "$kind" "$file" "$said" $((SECONDS - start))
}

# What fails without a fault would be said to catch one.
clean=$(
  fault() { ! chosen "$1" "$2" || echo "$5"; }
  . "$here/planted.faults" | sort -u
)
for tests in $clean; do
  test_with "$tests" || { echo "planted: $tests: fails without a fault"; tail -n 20 build/log; exit 2; }
done
. "$here/planted.faults"
for name in "${missed[@]}"; do echo "not caught: $name"; done
echo "$caught of $planted planted faults caught"
[ "$caught" -ge "${LEAST:-28}" ] || { [ -n "${ONLY-}" ] && [ "$caught" = "$planted" ]; }
