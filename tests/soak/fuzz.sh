#!/usr/bin/env bash
# Every parser against libFuzzer, with ASan and UBSan: FUZZ_SECONDS each (600), two at a time, FUZZ_TARGETS or all of tests/fuzz.
# A crash, a leak, 10 seconds for one file, or 1 GiB of memory is a finding: the file is kept in build/soak/fuzz, to be mended
# and, made small (-minimize_crash=1), put into tests/fuzz/corpus. What was learned stays in build/soak/fuzz/corpus.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
. "$(dirname "$0")/../cli/lib.sh"
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
export TMPDIR=$WORK OUT=$PWD/build/soak/fuzz SECONDS_EACH=${FUZZ_SECONDS:-600}
cmake --preset fuzz >"$WORK/log" && cmake --build --preset fuzz >>"$WORK/log" || { cat "$WORK/log"; exit 1; }
mkdir -p "$OUT/corpus"
rm -f "$OUT"/*.log "$OUT"/*-{crash,leak,oom,timeout}-*
read -ra targets <<<"${FUZZ_TARGETS:-$(basename -a tests/fuzz/fuzz_*.c | sed 's/^fuzz_//; s/\.c$//' | xargs)}"

fuzz() {
  local program=build/fuzz/tests/fuzz/fuzz_$1 code
  mkdir -p "$OUT/corpus/$1"
  for _ in 1 2 3; do
    code=0
    "$program" -max_total_time="$SECONDS_EACH" -rss_limit_mb=1024 -timeout=10 -artifact_prefix="$OUT/$1-" \
      "$OUT/corpus/$1" "tests/fuzz/corpus/$1" >"$OUT/$1.log" 2>&1 || code=$?
    # 70: a file took 10 seconds; where it does not when asked again, the machine was busy, and the run is repeated
    [ $code = 70 ] && "$program" -timeout=10 "$OUT/$1"-timeout-* >/dev/null 2>&1 || break
    rm "$OUT/$1"-timeout-*
  done
  [ $code = 0 ] || echo "exit $code" >>"$OUT/$1.log"
}
export -f fuzz
printf '%s\n' "${targets[@]}" | xargs -P2 -I{} bash -c 'fuzz {}'

total=0
for target in "${targets[@]}"; do
  read -r runs covered < <(sed -nE 's/^#([0-9]+)\s+DONE\s+cov: ([0-9]+) .*/\1 \2/p' "$OUT/$target.log")
  if [ -n "${runs:-}" ] && ! grep -aq '^exit ' "$OUT/$target.log"; then
    printf '%-12s %10d executions, %5d edges\n' "$target" "$runs" "$covered"
    total=$((total + runs))
  else
    fail "$target: $(grep -aE '^fuzz: |runtime error|ERROR: ' "$OUT/$target.log" | head -n 2 | xargs -0)"
    ls "$OUT/$target"-* 2>/dev/null
  fi
done
[ $failures = 0 ] || { echo "$failures of ${#targets[@]} parsers have a finding: build/soak/fuzz/*.log"; exit 1; }
echo "${#targets[@]} parsers, $SECONDS_EACH s each, $total executions: no finding"
