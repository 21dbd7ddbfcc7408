#!/usr/bin/env bash
# Three layers are clean in oclgrind, and it would notice if they were not: each fault, put into a copy of the kernels, is
# found, and is what is found.
. "$(dirname "$0")/../cli/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
kernels=${CLSATTN_KERNEL_DIR:-$here/../../cl}
bash "$here/oclgrind.sh" "$CLSATTN_TEST_BUILD" layers.average layers.layernorm || { code=$?; [ $code = 77 ] && exit 77; fail "not clean"; }
# Products of more than one strip; PoCL has a barrier of its own at the end of a loop, and would not miss that one.
CLSATTN_TEST_WORK=2000 bash "$here/oclgrind.sh" "$CLSATTN_TEST_BUILD" layers.conv2d || fail "conv2d is not clean"

# fault TEXT TEST FILE EXPRESSION: sed's EXPRESSION changes FILE, and TEXT is what oclgrind then says of TEST.
fault() {
  rm -rf "$WORK/cl" && cp -r "$kernels" "$WORK/cl"
  sed -i -E "$4" "$WORK/cl/$3"
  if cmp -s "$kernels/$3" "$WORK/cl/$3"; then
    fail "$3: '$4' changes nothing any more"
  elif CLSATTN_KERNEL_DIR=$WORK/cl bash "$here/oclgrind.sh" "$CLSATTN_TEST_BUILD" "$2" >"$WORK/out"; then
    fail "$3: '$4' was not noticed"
  else
    grep -qE "$1" "$WORK/out" || fail "$3: '$4': expected '$1', but: $(cat "$WORK/out")"
  fi
}
export CLSATTN_TEST_WORK=200
fault "data race" layers.layernorm common.clh '0,/barrier\(CLK_LOCAL_MEM_FENCE\);/s///'
CLSATTN_TEST_WORK=2000 fault "data race" layers.conv2d gemm.cl '/add_products\(sum, strip_a/{n;s/barrier.*//}'
fault "divergence detected" layers.layernorm common.clh '0,/barrier\(CLK/s//if (me > 0) &/'
fault "Invalid (read|write)|exceeds static array" layers.layernorm layernorm.cl '0,/(local float [a-z]+)\[WG\]/s//\1[WG - 1]/'
fault "ninitialized" layers.average average.cl 's/float sum = 0.0f;/float sum;/'
fault "Invalid write" layers.average average.cl 's/STORE\(y, \(long\)image/STORE(y, 1000000 + (long)image/'
finish
