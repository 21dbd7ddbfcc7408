#!/usr/bin/env bash
# Memory and time of long runs: EPOCHS epochs, 1000, on 40 images. What the process holds at the end is what it held after a tenth
# of them, but for GROWTH KiB, 1024; an epoch then takes no more than twice its time.
. "$(dirname "$0")/../cli/lib.sh"
epochs=${EPOCHS:-1000} growth=${GROWTH:-1024}
make_data "$WORK/data" 40 10
echo '{"model": "vit", "sizes": {"embed": 16, "heads": 2, "layers": 1, "hidden": 16}}' >"$WORK/tiny.json"
"$CLSATTN" train --config "$WORK/tiny.json" --data "$WORK/data" --epochs "$epochs" --batch 20 --augment flip --ema 0.9 \
  --val-split 0.25 --out "$WORK/run" >"$WORK/log" 2>&1 &
pid=$!

# KiB in memory, microseconds of processor time and epochs, once so many of these are over.
after() {
  local seen
  while kill -0 $pid 2>/dev/null; do
    seen=$(grep -c '^epoch' "$WORK/log")
    if [ "$seen" -ge "$1" ]; then
      awk -v seen="$seen" '/^VmRSS/ { kib = $2 } END { print kib, 10000 * ($14 + $15), seen }' "/proc/$pid/status" "/proc/$pid/stat"
      return
    fi
    sleep 0.05
  done
  fail "train ended before epoch $1: $(tail -n 3 "$WORK/log")"
  exit 1
}
for tenth in 1 2 5 9; do
  read -r kib now seen < <(after $((epochs * tenth / 10))) || exit 1
  echo "after $seen epochs: $kib KiB"
  case $tenth in
    1) first=$kib early=$now early_seen=$seen ;;
    2) slow=$(((now - early) / (seen - early_seen))) ;;
    5) late=$now late_seen=$seen ;;
    9) later=$(((now - late) / (seen - late_seen))) last=$kib ;;
  esac
done
wait $pid || fail "train: $(tail -n 3 "$WORK/log")"
[ $((last - first)) -lt "$growth" ] || fail "memory grew from $first to $last KiB"
[ "$later" -lt $((2 * slow)) ] || fail "an epoch took $slow us at first, then $later us"
[ $failures = 0 ] || exit 1
echo "$epochs epochs: memory grew by $((last - first)) KiB from $first; an epoch took $slow us at first, $later us later"
