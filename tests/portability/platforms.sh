#!/usr/bin/env bash
# tests/portability/platforms.sh BUILD: one model is trained on the first device of every platform that the loader finds, all at
# once, as on the first of them alone.
set -u
build=$(readlink -f "$1")
export CLSATTN_TEST_PROGRAM=$build/clsattn CLSATTN_TEST_MAKE_DATA=$build/tests/make_data
. "$(dirname "$0")/../cli/lib.sh"
make_data "$WORK/data" 250 60
echo '{"model": "vit", "sizes": {"embed": 16, "heads": 2, "layers": 2, "hidden": 32}}' >"$WORK/vit.json"
mapfile -t devices < <("$CLSATTN" devices | grep -oE ' [0-9]+:0 ' | tr -d ' ')
[ ${#devices[@]} -gt 1 ] || fail "there are no two platforms: $("$CLSATTN" devices)"
list=$(IFS=,; echo "${devices[*]}")
train=(train --config "$WORK/vit.json" --data "$WORK/data" --epochs 2 --batch 60 --log-every 1 --kernels portable --gemm native)
expect 0 "Accuracy" "$CLSATTN" "${train[@]}" --device "${devices[0]}" --out "$WORK/one"
expect 0 "Accuracy" "$CLSATTN" "${train[@]}" --device "$list" --out "$WORK/all"
close "$WORK/one" "$WORK/all" 2e-4
golden=$(dirname "$0")/../golden/vit-tiny.safetensors
expect 0 "agree" "$CLSATTN" verify --device "$list" --kernels portable --gemm native "$golden"

# A process for each, in which nothing else differs.
ranks=
if "$CLSATTN" --version | grep -qE '^  MPI +Open MPI'; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  apps=()
  for device in "${devices[@]}"; do apps+=(: -n 1 "$CLSATTN" "${train[@]}" --device "$device" --out "$WORK/ranks"); done
  expect 0 "Accuracy" mpirun --oversubscribe "${apps[@]:1}"
  close "$WORK/one" "$WORK/ranks" 2e-4
  ranks=", and as ranks"
fi
[ $failures = 0 ] || exit 1
echo "${#devices[@]} platforms: $(grep -oE '"platform": "[^"]*"' "$WORK/all/config.json" | sed 's/.*: //' | tr '\n' ' ')$ranks"
