#!/usr/bin/env bash
# Runs test programs in oclgrind, a simulator of an OpenCL device that finds races, divergent barriers, accesses out of
# bounds, uninitialised values and wrong calls. Only small cases of the portable family: it runs one work-item at a time.
#   oclgrind.sh BUILD TEST...      (build/release layers.pool device.reduce; TEST may be `layers`, for all of them)
# Exit 0: every test passed and nothing was found; 1: not so; 77: there is no oclgrind.
set -u
build=$(readlink -f "$1")
shift
icd=/usr/lib/oclgrind/liboclgrind-rt-icd.so
[ -e $icd ] || { echo "skipped: oclgrind is missing; ci/packages --portability installs it"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/vendors" && echo $icd >"$work/vendors/oclgrind.icd"

# -O0: else its check of uninitialised values stumbles over `freeze`. The malloc setting is what uploads.c relies on.
export OCL_ICD_VENDORS=$work/vendors OPENCL_LAYERS=$build/tests/libuploads.so CLSATTN_DEVICE='' XDG_CACHE_HOME=$work
export OCLGRIND_DATA_RACES=1 OCLGRIND_UNINITIALIZED=1 OCLGRIND_CHECK_API=1 OCLGRIND_BUILD_OPTIONS=-O0
export MALLOC_MMAP_THRESHOLD_=131072 LC_ALL=C
export CLSATTN_TEST_VARIANT="portable kernels, native" CLSATTN_TEST_WORK=${CLSATTN_TEST_WORK:-1000}
found='Invalid (read|write)|data race|ninitialized (value|address)|divergence detected|exceeds static array'
found+='|OCLGRIND FATAL|OpenCL runtime error'

failures=0
for name; do
  programs=("$build/tests/test_${name/./_}")
  [ "$name" != layers ] || programs=("$build"/tests/test_layers_*)
  for program in "${programs[@]}"; do
    [ -x "$program" ] || { echo "${program##*/}: there is no such test"; failures=$((failures + 1)); continue; }
    # Its exit code says nothing: as another driver of ocl-icd, oclgrind may crash when all is over.
    timeout 580 sh -c '"$0"; :' "$program" >"$work/out" 2>&1
    if ! grep -aq '^uploads: ' "$work/out"; then
      echo "${program##*/}: the layer was not there"
    elif grep -aqE "$found" "$work/out"; then
      echo "${program##*/}: $(grep -aoE "$found" "$work/out" | sort | uniq -c | tr -s ' \n' ' ;') the first:"
      grep -aE "$found" -A6 "$work/out" | head -n 8
    elif ! grep -aqE '^ *[1-9][0-9]* cases were run' "$work/out" || ! grep -aq '  PASSED  ' "$work/out" ||
      grep -aqE '  FAILED  |TIMED? ?OUT' "$work/out"; then
      echo "${program##*/}: did not pass: $(grep -aE 'ERROR|FATAL' -A3 "$work/out" | head -n 12)"
    else
      echo "${program##*/}: clean; $(grep -ao '[0-9]* cases were run.*' "$work/out")"
      continue
    fi
    failures=$((failures + 1))
  done
done
[ $failures = 0 ]
