#!/usr/bin/env bash
# The man page and the completions have every command and option that there is; the completion works in bash; cpack's
# package has it all in Debian's places.
. "$(dirname "$0")/lib.sh"
BUILD=${CLSATTN_TEST_BUILD:?the build folder}
documents=$BUILD/doc
for file in clsattn.1 clsattn.bash _clsattn; do [ -s "$documents/$file" ] || fail "no $file in $documents"; done

# all COMMAND: the options that its --help names; by hand, not by doc/generate's awk
options() { "$CLSATTN" "$@" --help | grep -oE '^  --[a-z0-9-]+' | tr -d ' '; }
commands=$("$CLSATTN" --help | sed -n '/^Commands:$/,/^$/ s/^  \([a-z]*\) .*/\1/p')
[ "$(wc -w <<<"$commands")" -ge 10 ] || fail "commands: $commands"

# complete WORD...: what bash offers for the last one
complete_in_bash() {
  bash --norc -c '
    source "$1"
    shift
    [ "$(complete -p clsattn)" = "complete -F _clsattn clsattn" ] || exit 1
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _clsattn
    printf "%s\n" "${COMPREPLY[@]}"' bash "$documents/clsattn.bash" "$@"
}
offers() { # offers "WORDS" WORD...: exactly these
  local wanted=$1
  shift
  local got
  got=$(complete_in_bash "$@" | sort | xargs)
  [ "$got" = "$wanted" ] || fail "completion of '$*': '$got', not '$wanted'"
}

for command in $commands; do
  actions=$("$CLSATTN" "$command" --help | sed -n '/^Actions:$/,/^$/ s/^  \([a-z]*\) .*/\1/p')
  for action in ${actions:-""}; do
    words=("$command" ${action:+"$action"})
    for option in $(options "${words[@]}"); do
      sed -n "/^\.Ss clsattn ${words[*]} /,/^\.El/p" "$documents/clsattn.1" | grep -qE "^\.It Fl -${option#--}( |$)" ||
        fail "the man page lacks ${words[*]} $option"
      sed -n "/^    '\?${words[*]}'\?)/,/;;/p" "$documents/_clsattn" | grep -qF -- "'$option[" || fail "_clsattn lacks ${words[*]} $option"
    done
    offers "$(options "${words[@]}" | sort | xargs)" clsattn "${words[@]}" --
  done
done
# shellcheck disable=SC2086 # a word each
offers "--help --version $(printf '%s\n' $commands help | sort | xargs)" clsattn ""
offers "$(sort <<<"$commands" | xargs)" clsattn help ""
offers "--json" clsattn --version ""
offers "train" clsattn tr
offers "--seed" clsattn train --model cnn --se
offers "cnn vit" clsattn train --model ""
offers "clblast" clsattn train --gemm = cl
offers "cnn vit" clsattn train --model =
offers "fetch info list" clsattn data ""
offers "clear show" clsattn cache ""
offers "" clsattn train --epochs ""
offers "$("$CLSATTN" devices --json | sed -n 's/^ *"name": "\(.*\)",$/\1/p' | sort | xargs)" "$CLSATTN" train --device ""
touch "$WORK/weights.safetensors" && mkdir "$WORK/folder"
offers "$WORK/folder $WORK/weights.safetensors" clsattn eval --weights "$WORK/"
offers "$WORK/folder" clsattn train --resume "$WORK/f"
names=$("$CLSATTN" data list --json | sed -n '/"datasets"/,/"formats"/ s/^ *"name": "\(.*\)",$/\1/p' | sort | xargs)
[ "$(wc -w <<<"$names")" -ge 3 ] || fail "data sets: $names"
cd "$WORK/folder" || exit 1
offers "$names" clsattn train --data ""
offers "$names" clsattn data info ""
offers "cifar10 cifar100" clsattn data fetch ""
touch cnn-own.json
offers "cnn-own.json cnn-strong" clsattn train --config cnn
grep -qF ":PATH:_clsattn_data'" "$documents/_clsattn" || fail "_clsattn: --data has no names"

# what the program looks at and what it leaves: in the man page and the guide
guide=$(dirname "$KERNELS")/doc/training.md
for name in CLSATTN_DEVICE CLSATTN_DATA CLSATTN_CIFAR10_URL CLSATTN_CIFAR100_URL CLSATTN_KERNEL_DIR NO_COLOR XDG_CACHE_HOME \
  XDG_DATA_HOME HOME TMPDIR TERM COLUMNS OCL_ICD_VENDORS OPENCL_VENDOR_PATH POCL_AFFINITY POCL_WORK_GROUP_SPECIALIZATION \
  POCL_MAX_PTHREAD_COUNT POCL_CPU_MAX_CU_COUNT LP_NUM_THREADS DPCPP_CPU_NUM_CUS config.json metrics.jsonl model.safetensors best.safetensors checkpoint.safetensors \
  curves.svg report.html .lock compare.md compare.json compare.html; do
  for file in "$documents/clsattn.1" "$guide"; do grep -qwF "$name" "$file" || fail "$file lacks $name"; done
done

# what only some runs have: fields that check_bench asks for, keys of sizes, those of no list in other tests
checked=$(grep -oE '"[a-z0-9_]+:[sinoab]"' "$(dirname "$0")/check_bench.c" | tr -d '"' | sed 's/:.*//' | sort -u)
sizes=$(grep -oE '\{"[a-z_]+", (VIT|CNN)' "$(dirname "$KERNELS")/src/model/architecture.c" | sed 's/{"//; s/".*//')
[ "$(wc -w <<<"$checked")" -ge 50 ] && [ "$(wc -w <<<"$sizes")" = 16 ] || fail "what is to be documented: $checked; $sizes"
# shellcheck disable=SC2086 # a word each
documented $checked $sizes target_s compile_cold_s compile_warm_s same_chip chip load form ratio warnings skipped \
  further_devices pixel unreadable why file

if command -v mandoc >/dev/null; then
  mandoc -Tlint -Wwarning "$documents/clsattn.1" >"$WORK/lint" || fail "mandoc: $(cat "$WORK/lint")"
fi
if command -v zsh >/dev/null; then zsh -n "$documents/_clsattn" || fail "zsh does not read _clsattn"; fi

# The package; with sanitizers nobody makes one.
if [ -z "${CLSATTN_TEST_CFLAGS:-}" ] && command -v dpkg-shlibdeps >/dev/null; then
  cpack --config "$BUILD/CPackConfig.cmake" -B "$WORK/package" >"$WORK/cpack.log" 2>&1 || fail "cpack: $(cat "$WORK/cpack.log")"
  deb=$(echo "$WORK"/package/clsattn_*.deb)
  dpkg-deb -c "$deb" | awk '{ print $6 }' >"$WORK/content" || fail "no package"
  for file in bin/clsattn include/clsattn.h share/man/man1/clsattn.1 share/bash-completion/completions/clsattn \
    share/zsh/vendor-completions/_clsattn share/doc/clsattn/CHANGELOG.md share/doc/clsattn/doc/formats.md; do
    grep -qx "./usr/$file" "$WORK/content" || fail "the package lacks $file: $(cat "$WORK/content")"
  done
  grep -v '^\./usr/' "$WORK/content" | grep -vx './' && fail "the package has files outside /usr"
  for field in "Depends: .*libclblast1.*libopencl" "Recommends: pocl-opencl-icd" "Version: $("$CLSATTN" --version | awk 'NR == 1 { print $2 }')"; do
    dpkg-deb -I "$deb" | grep -qE "^ $field" || fail "the package lacks '$field': $(dpkg-deb -I "$deb")"
  done
fi
finish
