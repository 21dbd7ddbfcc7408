#!/usr/bin/env bash
# Every OpenCL call and every allocation, write, sync, rename and opening of our own fails, one a run, in every command; thinned
# out where there are many: each number of a call is up to half above the one before. GROWTH may be set, in percent: 150.
. "$(dirname "$0")/../failing/lib.sh"
names=(vit cnn several resume eval devices verify compile bench)
if ! "$CLSATTN" --version | grep -q '^  images *no$'; then names+=(predict); fi
if ! "$CLSATTN" --version | grep -qE '^  (images|pictures) *no$'; then names+=(attend); fi
[ $# = 0 ] || names=("$@")
prepare "${names[@]}"
for name in "${names[@]}"; do
  for family in opencl calls; do
    take "$name"
    for line in $(count_calls $family "${command[@]}"); do
      for n in $(numbers "${line#*:}"); do try "$name" "${line%:*}:$n"; done
    done
  done
  echo "$name: $(summary)"
done
summary
