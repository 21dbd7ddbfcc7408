#!/usr/bin/env bash
# runs and cache: what is listed, in which order and state; what clearing removes and what it leaves.
. "$(dirname "$0")/lib.sh"
make_data "$WORK/data" 60 20
train=("$CLSATTN" train --data "$WORK/data" --batch 10 --epochs 2)

expect 3 "runs: $WORK/none: No such file" "$CLSATTN" runs "$WORK/none"
mkdir "$WORK/runs"
expect 0 "run " "$CLSATTN" runs "$WORK/runs"
(cd "$WORK" && expect 0 "run " "$CLSATTN" runs && exit $failures) || fail "./runs is not the default"

# one that is done, one in a folder of compare's that is going on, one that cannot be read
expect 0 "Accuracy" "${train[@]}" --out "$WORK/runs/first"
accuracy=$(sed -n 's/^Accuracy on test set: \(.*\) %$/\1/p' "$WORK/stdout")
best=$(sed -n 's/.*test accuracy \([0-9.]*\) %.*/\1/p' "$WORK/stdout" | sort -n | tail -n 1)
"${train[@]}" --epochs 4000 --out "$WORK/runs/both/second" >/dev/null 2>&1 &
await $! grep -qs '"epoch","step"' "$WORK/runs/both/second/metrics.jsonl"
mkdir "$WORK/runs/third" && echo '{"model": "vit"}' >"$WORK/runs/third/config.json"
expect 0 "" "$CLSATTN" runs "$WORK/runs/"
grep -qE "^first +vit +data +[a-z]+[0-9]+ +2/2 +$best +$accuracy +[0-9.]+ +[0-9]+  20.* done$" "$WORK/stdout" ||
  fail "done: $(cat "$WORK/stdout")"
sed -n 3p "$WORK/stdout" | grep -qE "^both/second +vit .*/4000 .* running$" || fail "running, and last: $(cat "$WORK/stdout")"
grep -q "not read: $WORK/runs/third/config.json: not the config.json of a run: .*epochs" "$WORK/stderr" || fail "unreadable: $(cat "$WORK/stderr")"
kill -KILL $!
wait $! 2>/dev/null
expect 0 '"state": "stopped"' "$CLSATTN" runs --json "$WORK/runs"
python3 - "$WORK/stdout" "$accuracy" <<'END' || fail "--json: $(cat "$WORK/stdout")"
import json, sys
d = json.load(open(sys.argv[1]))
first, second = d["runs"]
assert first["state"] == "done" and first["epochs_done"] == first["epochs"] == 2
assert round(100 * first["test_accuracy"], 2) == float(sys.argv[2]) and first["date"] <= second["date"]
assert [u["run"].split("/")[-1] for u in d["unreadable"]] == ["third"]
END
expect 0 " first" sh -c "echo \" \$('$CLSATTN' runs '$WORK/runs/first' | tail -n 1 | grep -o 'first ')\"" # a run by itself
expect 2 "extra: not expected" "$CLSATTN" runs "$WORK" extra

# the cache: ours goes, what else is in the folder stays
export XDG_CACHE_HOME=$WORK/cache XDG_DATA_HOME=$WORK/share
expect 0 "  0 compiled programs and the notes of 0 self-tests" "$CLSATTN" cache
key=0123456789abcdef0123456789abcdef
head -c 5000 /dev/zero >"$XDG_CACHE_HOME/clsattn/$key.bin"
head -c 43 /dev/zero >"$XDG_CACHE_HOME/clsattn/${key/0/f}.bin"
head -c 957 /dev/zero >"$XDG_CACHE_HOME/clsattn/$key.bin.AbCdEf"
touch "$XDG_CACHE_HOME/clsattn/mine" "$XDG_CACHE_HOME/clsattn/$key.bin.kept" "$XDG_CACHE_HOME/other.bin"
expect 0 "  1 compiled programs and the notes of 1 self-tests" "$CLSATTN" cache show
expect 0 '"bytes": 6000' "$CLSATTN" cache --json
expect 0 "\"tuning_folder\": \"$WORK/share/clsattn/tuning\"" "$CLSATTN" cache --json
expect 2 "cache: wipe: must be show or clear" "$CLSATTN" cache wipe
expect 0 "removed 1 compiled programs" "$CLSATTN" cache clear
expect 0 '"programs": 0' "$CLSATTN" cache --json
[ "$(ls "$XDG_CACHE_HOME/clsattn")" = "$key.bin.kept
mine" ] || fail "after clear: $(ls "$XDG_CACHE_HOME/clsattn")"
expect 1 "no folder that only you can write to" env -u HOME -u XDG_CACHE_HOME "$CLSATTN" cache
finish
