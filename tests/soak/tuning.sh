#!/usr/bin/env bash
# Tuning of CLBlast, trial by trial in processes of their own, for TIME (10m); then training with what came of it, whose self-test
# holds.
. "$(dirname "$0")/../cli/lib.sh"
export XDG_DATA_HOME=$WORK/home
make_data "$WORK/data" 100 20
expect 0 "" "$CLSATTN" tune --model vit --batch 20 --gemm clblast --time "${TIME:-10m}"
grep -q '^CLBlast: Xgemm' "$WORK/stderr" || fail "CLBlast was not tried: $(cat "$WORK/stderr")"
cp "$WORK/stdout" "$WORK/table"
expect 0 "Accuracy" "$CLSATTN" train --model vit --gemm clblast --data "$WORK/data" --batch 20 --epochs 1 --out "$WORK/run"
grep -q 'self-test: .* held' "$WORK/stderr" || fail "no self-test: $(cat "$WORK/stderr")"
cat "$WORK/table"
[ $failures = 0 ] || exit 1
echo "$(grep -c '=' "$WORK/table") sets of parameters were kept; $(grep -o 'tuned: [0-9]*' "$WORK/stderr" || echo 'none') of them in training"
