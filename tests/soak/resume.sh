#!/usr/bin/env bash
# Runs that are killed (SIGKILL) at random moments, checkpoints being written all the time, until each has ended: their weights
# and figures are those of a run that nobody killed. KILLS and SEED may be set; 200 and the clock.
. "$(dirname "$0")/../cli/lib.sh"
kills=${KILLS:-200}
RANDOM=${SEED:=$(($(date +%s) % 32768))}
echo "seed $SEED"
make_data "$WORK/data" 430 90
settings=(--data "$WORK/data" --epochs 20 --batch 20 --log-every 5 --checkpoint-every 0.02s --augment flip,crop=2 --ema 0.9)
expect 0 "Accuracy" "$CLSATTN" train "${settings[@]}" --out "$WORK/whole"

killed=0 writing=0 early=0 runs=0
while [ $killed -lt "$kills" ] && [ $failures = 0 ]; do
  run=$WORK/run runs=$((runs + 1))
  rm -rf "$run"
  while [ ! -e "$run/model.safetensors" ] && [ $failures = 0 ]; do
    if [ -e "$run/config.json" ]; then command=(--resume "$run"); else rm -rf "$run"; command=("${settings[@]}" --out "$run"); fi
    "$CLSATTN" train "${command[@]}" >"$WORK/log" 2>&1 &
    sleep "$((RANDOM % 2)).$(printf %03d $((RANDOM % 1000)))"
    if kill -KILL $! 2>/dev/null; then killed=$((killed + 1)); fi
    wait $! 2>/dev/null
    code=$?
    [ $code = 0 ] || [ $code = 137 ] || fail "run $runs: exit $code: $(tail -n 3 "$WORK/log")"
    [ -e "$run/checkpoint.safetensors" ] || early=$((early + 1))
    if compgen -G "$run/*.??????" >/dev/null; then writing=$((writing + 1)); fi # a temporary name
  done
  expect 0 "Accuracy" "$CLSATTN" train --resume "$run" # ended: says so, and mends what was cut off after the last step
  if compgen -G "$run/*.??????" >/dev/null; then fail "run $runs: half-written files stay: $(ls -A "$run")"; fi
  cmp "$WORK/whole/model.safetensors" "$run/model.safetensors" || fail "run $runs, seed $SEED: other weights"
  cmp <(figures "$WORK/whole/metrics.jsonl") <(figures "$run/metrics.jsonl") || fail "run $runs, seed $SEED: other figures"
done
[ $failures = 0 ] || exit 1
echo "$killed kills in $runs runs, $early before the first checkpoint, $writing while a file was written: same weights and figures"
