#!/usr/bin/env bash
# Three layers are clean in oclgrind, and it would notice if they were not: each fault, put into a copy of the kernels, is
# found, and is what is found.
. "$(dirname "$0")/../cli/lib.sh"
# conv2d has products of more than one strip: PoCL, with a barrier of its own at the end of a loop, would not miss one there.
here=$(cd "$(dirname "$0")" && pwd)
kernels=${CLSATTN_KERNEL_DIR:-$here/../../cl}
bash "$here/oclgrind.sh" "$CLSATTN_TEST_BUILD" layers.average layers.layernorm layers.conv2d || { code=$?; [ $code = 77 ] && exit 77; fail "not clean"; }

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
fault "divergence detected" layers.layernorm common.clh '0,/barrier\(CLK/s//if (me > 0) &/'
fault "Invalid (read|write)|exceeds static array" layers.layernorm layernorm.cl '0,/(local float [a-z]+)\[WG\]/s//\1[WG - 1]/'
fault "ninitialized" layers.average average.cl 's/float sum = 0.0f;/float sum;/'
fault "Invalid write" layers.average average.cl 's/STORE\(y, \(long\)image/STORE(y, 1000000 + (long)image/'
finish
