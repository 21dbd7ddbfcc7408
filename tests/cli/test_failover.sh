#!/usr/bin/env bash
# One of two devices is lost, at one command or another of a run: the other goes on from the last step, to the same losses; and a
# run of its own that is resumed. So does the third, where a second is lost before the team is made anew. Where all are gone, it
# ends as one device alone would.
. "$(dirname "$0")/lib.sh"
FAIL_DEVICE=${CLSATTN_TEST_FAIL_DEVICE:?the layer that loses devices}
export POCL_DEVICES="pthread pthread pthread"
make_data "$WORK/data" 250 60
echo '{"model": "vit", "sizes": {"embed": 16, "heads": 2, "layers": 1, "hidden": 32, "dropout": 0.1}}' >"$WORK/vit.json"
train=(train --config "$WORK/vit.json" --data "$WORK/data" --epochs 2 --batch 60 --log-every 1 --ema 0.9 --val-split 0.2)
with_lost() { # with_lost DEVICE:COMMANDS COMMAND...
  local lost=$1
  shift
  OPENCL_LAYERS=$FAIL_DEVICE CLSATTN_FAIL_DEVICE=$lost "$@"
}

# The same layer that never strikes: whole, once the self-tests are behind us.
expect 0 "Accuracy" "$CLSATTN" "${train[@]}" --device cpu0,cpu1 --out "$WORK/first"
expect 0 "Accuracy" with_lost 0:1:1000000 "$CLSATTN" "${train[@]}" --device cpu0,cpu1 --out "$WORK/whole"
if ! grep -q further_devices "$WORK/whole/config.json"; then
  echo "there are no two devices here"
  exit 77
fi
commands=$(sed -n 's/^fail_device: .*0:1 had \([0-9]*\) commands$/\1/p' "$WORK/stderr")
[ "${commands:-0}" -gt 100 ] || fail "the layer was not there: $(cat "$WORK/stderr")"

survived=0
for device in 0 1; do
  for percent in 2 11 23 34 45 52 61 70 83 94 99; do
    at=$((commands * percent / 100)) code=0
    rm -rf "$WORK/run"
    with_lost "0:$device:$at" "$CLSATTN" "${train[@]}" --device cpu0,cpu1 --out "$WORK/run" >"$WORK/stdout" 2>"$WORK/stderr" || code=$?
    grep -q 'fail_device: reached' "$WORK/stderr" || fail "0:$device:$at: it was not lost: $(cat "$WORK/stderr")"
    if [ ! -e "$WORK/run/config.json" ]; then # before the first step: there is nothing to go on with
      [ $code = 4 ] || fail "0:$device:$at: exit $code: $(cat "$WORK/stderr")"
      continue
    fi
    if grep -q 'the run itself has ended well' "$WORK/stderr"; then # while the report is made
      [ $code = 4 ] || fail "0:$device:$at: exit $code: $(cat "$WORK/stderr")"
    else
      [ $code = 0 ] || fail "0:$device:$at: exit $code: $(cat "$WORK/stderr")"
      grep -q "clsattn: cpu$device failed after step [0-9]*: " "$WORK/stderr" || fail "0:$device:$at: not told: $(cat "$WORK/stderr")"
      grep -q 'going on without it' "$WORK/stderr" || fail "0:$device:$at: not told: $(cat "$WORK/stderr")"
      grep -q further_devices "$WORK/run/config.json" && fail "0:$device:$at: the lost device is in config.json"
      survived=$((survived + 1))
    fi
    close "$WORK/whole" "$WORK/run" 2e-4
  done
done
[ $survived -ge 14 ] || fail "only $survived runs went on without a device"
expect 0 "Accuracy" "$CLSATTN" train --resume "$WORK/run" --epochs 3

# Another one while those that are left make themselves ready: cpu0, which is ahead of the others in a step, or cpu2.
expect 0 "Accuracy" "$CLSATTN" "${train[@]}" --device cpu0,cpu1,cpu2 --out "$WORK/three" # the self-test of parts of this size, too
at=$((commands * 45 / 100)) anew=0
for other in 0:25 0:32 0:39 0:46 0:53 2:-55 2:-48 2:-41 2:-34 2:-27; do
  both=0:1:$at,0:${other%:*}:$((at + ${other#*:})) code=0
  rm -rf "$WORK/run"
  with_lost "$both" "$CLSATTN" "${train[@]}" --device cpu0,cpu1,cpu2 --out "$WORK/run" >"$WORK/stdout" 2>"$WORK/stderr" || code=$?
  [ "$(grep -c 'fail_device: reached' "$WORK/stderr")" = 2 ] || fail "$both: not both were lost: $(cat "$WORK/stderr")"
  [ $code = 0 ] || fail "$both: exit $code: $(cat "$WORK/stderr")"
  grep -q further_devices "$WORK/run/config.json" && fail "$both: a lost device is in config.json"
  close "$WORK/whole" "$WORK/run" 2e-4
  [ "$(grep -c 'going on without it' "$WORK/stderr")" = 1 ] && anew=$((anew + 1))
done
[ $anew -ge 5 ] || fail "only $anew times the second was lost while the team was made anew"

# The only one.
code=0
with_lost "0:0:$((commands / 2))" "$CLSATTN" "${train[@]}" --device cpu0 --out "$WORK/alone" >"$WORK/stdout" 2>"$WORK/stderr" || code=$?
[ $code = 4 ] && grep -q 'go on with: clsattn train --resume' "$WORK/stderr" || fail "alone: exit $code: $(cat "$WORK/stderr")"
[ $failures = 0 ]
