#!/usr/bin/env bash
# variants.c needs no OpenCL, and lists every kernel of the portable family, each in a source of its own.
. "$(dirname "$0")/../cli/lib.sh"
VARIANTS=${CLSATTN_TEST_LIST_VARIANTS:?the path of variants}
kernels=${CLSATTN_KERNEL_DIR:-$(dirname "$0")/../../cl}
mkdir "$WORK/no-icd"
expect 0 "" env OCL_ICD_VENDORS="$WORK/no-icd/" "$VARIANTS" "$WORK/list"
manifest=$WORK/list/manifest.jsonl
[ -s "$manifest" ] || fail "no manifest"

# Names of kernels, whatever attributes stand between `kernel` and `void`, which may be on lines of their own.
names() { tr '\n' ' ' <"$1" | grep -oP '\bkernel\b(\s+[A-Z]+|\s+__attribute__\s*\(\(.*?\)\)\)?)*\s+void\s+\K\w+'; }
total=0
for file in "$kernels"/*.cl; do
  for name in $(names "$file"); do
    total=$((total + 1))
    grep -q "\"file\": \"$(basename "$file" .cl)\".*\"$name\": [0-9]" "$manifest" || fail "$name of $file is not listed: no model in variants.c, and no row of its singles, launches it"
  done
  found=$(names "$file" | wc -l) all=$(grep -oE '(^|\W)kernel\W.*' "$file" | grep -cE '\bkernel (void|[A-Z]+ |__attribute__)')
  [ "$found" = "$all" ] || fail "$file: $found kernels were found, but $all begin there"
done
[ "$total" -ge 30 ] || fail "only $total kernels were looked for"

# Variants stand alone, differ from each other, and hold the kernels that they are said to hold.
while read -r line; do
  source=$(sed -E 's/.*"source": "([^"]*)".*/\1/' <<<"$line")
  [ -s "$WORK/list/$source" ] || fail "$source is missing"
  for name in $(sed -E 's/.*"kernels": \{(.*)\}\}/\1/' <<<"$line" | grep -oE '[a-z_0-9]+"' | tr -d '"'); do
    names "$WORK/list/$source" | grep -qx "$name" || fail "$source has no kernel $name"
  done
done <"$manifest"
[ "$(sed -E 's/"variant": "[^"]*", "source": "[^"]*", //' "$manifest" | sort | uniq -d | wc -l)" = 0 ] || fail "a variant is listed twice"
"$VARIANTS" /proc/no-such 2>"$WORK/stderr" && fail "/proc/no-such was made"
grep -q "no-such" "$WORK/stderr" || fail "/proc/no-such: $(cat "$WORK/stderr")"
finish
