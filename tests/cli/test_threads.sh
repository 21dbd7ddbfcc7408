#!/usr/bin/env bash
# --threads: so many of a CPU device, kept by the run, which repeats with them; and not more than there are processors.
. "$(dirname "$0")/lib.sh"
unset POCL_MAX_PTHREAD_COUNT POCL_CPU_MAX_CU_COUNT
if [ "$(nproc)" -lt 2 ] || ! "$CLSATTN" devices --json | grep -q '"platform": "Portable Computing Language"'; then
  echo "skipped: there is one processor, or no PoCL, which tells how many threads it takes"
  exit 77
fi
cd "$WORK" || exit 1
make_data data 60 20
echo '{"model": "vit", "sizes": {"embed": 16, "heads": 2, "layers": 2, "hidden": 32}}' >vit.json
settings=(--config vit.json --data data --batch 10)
units() { sed -n 's/^ *"compute_units": \([0-9]*\),*$/\1/p' "$1/config.json"; }

expect 0 Accuracy "$CLSATTN" train "${settings[@]}" --epochs 2 --threads 1 --out whole
[ "$(units whole)" = 1 ] || fail "--threads 1: $(units whole) compute units"
grep -q '"threads": 1,' whole/config.json || fail "config.json: $(cat whole/config.json)"
expect 0 Accuracy "$CLSATTN" train "${settings[@]}" --epochs 1 --threads 1 --out parts
expect 0 Accuracy "$CLSATTN" train --resume parts --epochs 2
grep -q "chosen anew" stderr && fail "resumed with other threads: $(cat stderr)"
cmp <(figures whole/metrics.jsonl) <(figures parts/metrics.jsonl) || fail "resumed: other figures"
cmp whole/model.safetensors parts/model.safetensors || fail "resumed: other weights"

expect 0 Accuracy "$CLSATTN" train "${settings[@]}" --epochs 1 --threads 100000 --out many
[ "$(units many)" = "$("$CLSATTN" devices --json | sed -n 's/^ *"compute_units": \([0-9]*\),$/\1/p' | head -n 1)" ] ||
  fail "--threads 100000: $(units many) compute units"
expect 2 "--threads: -1: must be a whole number from 0" "$CLSATTN" train --threads -1
expect 2 "--threads: not together with --resume" "$CLSATTN" train --resume parts --threads 2
finish
