# What the tests of failing calls share. A command is run with one call failing, the fault moving on from run to run; each has to
# end as a program should.
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
FAIL_OPENCL=${CLSATTN_TEST_FAIL_OPENCL:?the layer that fails OpenCL calls}
FAIL_CALLS=${CLSATTN_TEST_FAIL_CALLS:?the library that fails calls of the C library}
export TMPDIR=$WORK/tmp
mkdir "$TMPDIR"
declare -A ended=()
around=() # variables of a command's environment
runs=0 last=0

# with_failing CALL COMMAND...: CALL is clNAME:N of OpenCL, or memory:N, write:N, ... of the C library.
with_failing() {
  local call=$1
  shift
  case $call in
    cl*) timeout 300 env "${around[@]}" CLSATTN_FAIL="$call" OPENCL_LAYERS="$FAIL_OPENCL" "$@" ;;
    *) # a preloaded library comes before the sanitizer's, which minds that unless told not to
      timeout 300 env "${around[@]}" ASAN_OPTIONS="verify_asan_link_order=0:${ASAN_OPTIONS-}" CLSATTN_FAIL_CALL="$call" \
        LD_PRELOAD="$FAIL_CALLS" "$@" ;;
  esac
}

# attempt CALL COMMAND...: how it ended is in $last, whether the fault was met in $reached; sentences have to be clear.
attempt() {
  local call=$1 sentence
  last=0
  with_failing "$@" >"$WORK/stdout" 2>"$WORK/all" || last=$?
  grep -v '^fail_' "$WORK/all" >"$WORK/stderr"
  reached=0
  if grep -q '^fail_[a-z]*: reached' "$WORK/all"; then reached=1; fi
  grep -q '^fail_' "$WORK/all" || fail "$*: exit $last, no report of the fault: $(tail -n 5 "$WORK/all")"
  if grep -q '^fail_opencl: leaked' "$WORK/all"; then fail "$*: exit $last: $(grep '^fail_opencl: leaked' "$WORK/all")"; fi
  runs=$((runs + 1))
  ended[$last]=$((${ended[$last]-0} + 1))
  case $last in
    0) ;;
    1 | 3 | 4 | 5)
      [ $reached = 1 ] || fail "$*: exit $last without a fault: $(tail -n 3 "$WORK/stderr")"
      sentence=$(grep '^clsattn: ' "$WORK/stderr" | tail -n 1)
      [[ $sentence =~ ^clsattn:\ [^:]+:\ .{8} ]] || fail "$*: exit $last, and says: $(tail -n 3 "$WORK/stderr")"
      if [[ $sentence =~ CL_[A-Z_]+$ ]]; then fail "$*: a bare code: $sentence"; fi
      if [[ $sentence == *Success* ]]; then fail "$*: an empty reason: $sentence"; fi
      if [ -n "${SHOW-}" ]; then echo "$call: exit $last: $sentence"; fi ;;
    *) fail "$*: exit $last: $(tail -n 12 "$WORK/stderr")" ;;
  esac
  if grep -qE '(ERROR: |SUMMARY: )[A-Za-z]*Sanitizer|runtime error:' "$WORK/stderr"; then fail "$*: $(head -n 30 "$WORK/stderr")"; fi
}

# count_calls FAMILY COMMAND...: "NAME:COUNT" of every function that it calls, a line each; FAMILY is opencl or calls.
count_calls() {
  local call=memory:0
  [ "$1" = calls ] || call=clFinish:0
  shift
  with_failing "$call" "$@" 2>&1 >/dev/null | sed -n 's/^fail_[a-z]*: not reached //p' | tr ' ' '\n'
}

# numbers MOST: 1, 2, 3, 4, 6, 9, ... MOST; $GROWTH in percent says how the steps grow.
numbers() {
  local n=1
  while [ "$n" -lt "$1" ]; do
    echo "$n"
    n=$(((n * ${GROWTH:-150} + 99) / 100))
    if [ "$n" -lt 2 ]; then n=2; fi
  done
  [ "$1" = 0 ] || echo "$1"
}

# prepare NAME...: what these commands need, and their results where nothing fails
prepare() {
  local name
  make_data "$WORK/data" 60 20
  vit=(--data "$WORK/data" --batch 20 --epochs 1 --log-every 2)
  cnn=(--model cnn --data "$WORK/data" --batch 5 --limit-train 10 --limit-test 5 --epochs 1 --log-every 1)
  expect 0 "Accuracy" "$CLSATTN" train "${vit[@]}" --out "$WORK/whole-vit"
  golden=$(dirname "${BASH_SOURCE[0]}")/../golden/vit-tiny.safetensors
  if [ -n "${CLSATTN_TEST_PICTURE-}" ]; then
    "$CLSATTN_TEST_PICTURE" make "$WORK/data/test_batch.bin" 0 "$WORK/photo.png" || fail "picture make"
  fi
  for name; do
    case $name in
      vit | bench) continue ;;
      several)
        take several
        expect 0 "Accuracy" env "${around[@]}" "${command[@]}"
        mv "$WORK/run" "$WORK/whole-several" ;;
      cnn) expect 0 "Accuracy" "$CLSATTN" train "${cnn[@]}" --out "$WORK/whole-cnn" ;;
      resume)
        cp -r "$WORK/whole-vit" "$WORK/whole-resume"
        expect 0 "Accuracy" "$CLSATTN" train --resume "$WORK/whole-resume" --epochs 2 ;;
      *)
        take "$name"
        expect 0 "" env "${around[@]}" "${command[@]}"
        sed "$RATES" "$WORK/stdout" >"$WORK/expected-$name"
        if [ "$name" = attend ]; then mv "$WORK/looks.png" "$WORK/expected-looks.png"; fi ;;
    esac
  done
}
RATES='s/[0-9.]* images\/s//; s/"images_per_s": [0-9.e+]*//; s/in [0-9.]* s//'

# take NAME: the command stands in $command, and what it needs is there
take() {
  around=()
  rm -rf "$WORK/run" "$WORK/looks.png"
  case $1 in
    vit) command=("$CLSATTN" train "${vit[@]}" --out "$WORK/run") ;;
    cnn) command=("$CLSATTN" train "${cnn[@]}" --out "$WORK/run") ;;
    several) # which only PoCL makes of one
      around=(POCL_DEVICES="pthread pthread")
      command=("$CLSATTN" train "${vit[@]}" --device 0:0,0:1 --accumulate 2 --out "$WORK/run") ;;
    resume)
      cp -r "$WORK/whole-vit" "$WORK/run"
      command=("$CLSATTN" train --resume "$WORK/run" --epochs 2) ;;
    eval) command=("$CLSATTN" eval --weights "$WORK/whole-vit/model.safetensors" --data "$WORK/data" --json) ;;
    predict) command=("$CLSATTN" predict --weights "$WORK/whole-vit/model.safetensors" "$WORK/photo.png" --json) ;;
    attend)
      command=("$CLSATTN" attend --weights "$WORK/whole-vit/model.safetensors" "$WORK/photo.png" --out "$WORK/looks.png") ;;
    devices) command=("$CLSATTN" devices --json) ;;
    verify) command=("$CLSATTN" verify "$golden") ;;
    compile) # the driver's own cache is kept: its compiler is not what is tried
      rm -rf "$WORK/cache"
      mkdir "$WORK/cache"
      around=(XDG_CACHE_HOME="$WORK/cache" POCL_CACHE_DIR="${POCL_CACHE_DIR:-$WORK/pocl}")
      command=("$CLSATTN" verify "$golden") ;;
    bench) command=("$CLSATTN" bench --model vit --batch 5 --no-cold --json) ;;
  esac
}

# try NAME CALL: the command with the call failing. No results but the right ones, and runs go on.
try() {
  local left epochs=1
  take "$1"
  attempt "$2" "${command[@]}"
  case $1 in
    vit | cnn | resume | several)
      if [ -e "$WORK/run/config.json" ]; then
        [ "$1" != resume ] || epochs=2
        [ $last = 0 ] || expect 0 "Accuracy" env "${around[@]}" "$CLSATTN" train --resume "$WORK/run" --epochs $epochs
        cmp "$WORK/whole-$1/model.safetensors" "$WORK/run/model.safetensors" || fail "$*: other weights"
      else
        left=$(find "$WORK/run" -name '*.safetensors' 2>/dev/null)
        [ -z "$left" ] || fail "$*: no config.json, but $left"
      fi ;;
    bench) ;;
    *)
      [ $last != 0 ] || cmp <(sed "$RATES" "$WORK/stdout") "$WORK/expected-$1" || fail "$*: another result"
      if [ "$1" = attend ] && [ $last = 0 ]; then cmp "$WORK/looks.png" "$WORK/expected-looks.png" || fail "$*: another picture"; fi ;;
  esac
  left=$(find "$WORK/run" "$WORK" "$TMPDIR" -maxdepth 3 -regextype posix-extended \
    -regex '.*\.(safetensors|json|jsonl|svg|html|bin|png)\.[A-Za-z0-9]{6}|.*/clsattn-[A-Za-z0-9]{6}' 2>/dev/null)
  [ -z "$left" ] || fail "$*: left behind: $left"
}

summary() {
  local codes='' code
  for code in $(printf '%s\n' "${!ended[@]}" | sort -n); do codes+=", ${ended[$code]} with exit $code"; done
  [ "$failures" = 0 ] || exit 1
  echo "$runs runs with a call that failed$codes"
}
