#!/usr/bin/env bash
# compile.py notices what it is there for: each of these sources has one fault, which each compiler here reports.
. "$(dirname "$0")/../cli/lib.sh"
for tool in clang-15 ld.lld-15 clang-16 ld.lld-16 llvm-readelf-15 spirv-val llvm-spirv-15 ocloc python3; do
  command -v $tool >/dev/null || { echo "skipped: $tool is missing; ci/packages --portability installs it"; exit 77; }
done

# variant NAME OPTIONS: the source is on stdin, its one kernel is called `it`.
variant() {
  cat >"$WORK/$1/$1.cl"
  printf '{"variant": "%s", "source": "%s.cl", "file": "gemm", "options": "%s", "macros": "", "kernels": {"it": %d}}\n' \
    "$1" "$1" "$2" "${3:-64}" >"$WORK/$1/manifest.jsonl"
}

# reports NAME TARGET TEXT
reports() {
  local code=0
  python3 "$(dirname "$0")/compile.py" "$WORK/$1" --cache "$WORK/cache" --only "$2" >"$WORK/out" 2>&1 || code=$?
  if [ -z "$3" ]; then
    [ $code = 0 ] || fail "$1 on $2: exit $code: $(cat "$WORK/out")"
  else
    [ $code = 1 ] || fail "$1 on $2: exit $code, expected 1: $(cat "$WORK/out")"
    grep -q "$3" "$WORK/out" || fail "$1 on $2: '$3' is not in: $(cat "$WORK/out")"
  fi
}

mkdir "$WORK"/{good,unresolved,local,spills,missing,warning,doubles,group,inline}
variant good "" <<'END'
kernel __attribute__((reqd_work_group_size(64, 1, 1))) void it(global float *x) { x[get_global_id(0)] *= 2.0f; }
END
variant unresolved "" <<'END'
float nowhere(float x);
kernel void it(global float *x) { x[0] = nowhere(x[1]); }
END
variant local "" <<'END'
kernel __attribute__((reqd_work_group_size(64, 1, 1))) void it(global float *x, const int n) {
  local float held[8200];
  for (int i = 0; i < n; i++) held[(get_local_id(0) + i) % 8200] = x[i];
  barrier(CLK_LOCAL_MEM_FENCE);
  x[get_global_id(0)] = held[(x[0] > 0.0f ? 8199 : n) - get_local_id(0)];
}
END
variant spills "" <<'END'
kernel __attribute__((reqd_work_group_size(64, 1, 1))) void it(global float *x, const int n) {
  float16 a[40];
#pragma unroll
  for (int i = 0; i < 40; i++) a[i] = vload16(i + get_global_id(0), x);
  for (int j = 0; j < n; j++) {
#pragma unroll
    for (int i = 0; i < 40; i++) a[i] = fma(a[i], a[(i + 7) % 40], (float16)x[j]);
  }
#pragma unroll
  for (int i = 0; i < 40; i++) vstore16(a[i], i + get_global_id(0), x);
}
END
variant missing "" <<'END'
kernel void another(global float *x) { x[0] = 1.0f; }
END
variant warning "" <<'END'
kernel void it(global float *x, const int n) { x[0] = n; }
END
variant doubles "" <<'END'
kernel void it(global float *x) { x[0] = (float)(x[1] * (double)x[2]); }
END
variant group "" 1024 <<'END'
kernel void it(global float *x) { x[get_global_id(0)] = 1.0f; }
END
variant inline "" <<'END'
inline float helper(float x) { return x + 1.0f; }
kernel void it(global float *x) { x[0] = helper(x[1]); }
END

for target in "AMD gfx1030" "AMD gfx1100" "NVIDIA PTX" "Intel dg2" "SPIR-V" "lint CL1.2"; do reports good "$target" ""; done
for target in "NVIDIA PTX" "Intel dg2" "SPIR-V"; do reports unresolved "$target" "unresolved: nowhere"; done
reports unresolved "AMD gfx1030" "undefined hidden symbol: nowhere"
for target in "AMD gfx1030" "AMD gfx1100" "Intel dg2"; do
  reports local "$target" "32800 bytes of local memory"
  reports spills "$target" "it: spills"
done
reports missing "AMD gfx1030" "it: not in the result"
reports missing "SPIR-V" "it: not in the result"
reports warning "lint CL1.2" "may lose precision"
reports doubles "lint CL1.2 bare" "cl_khr_fp64"
reports group "AMD gfx1030" "launched in groups of 1024, but compiled for up to 256"
reports inline "SPIR-V" "may not be decorated with Import"
if command -v ptxas >/dev/null; then
  reports good "NVIDIA sm_90" ""
  reports unresolved "NVIDIA sm_90" "Unresolved extern"
  reports local "NVIDIA sm_90" "32800 bytes of local memory"
  reports spills "NVIDIA sm_90" "it: spills"
fi
finish
