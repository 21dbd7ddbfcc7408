#!/usr/bin/env bash
# clsattn tune: stopped and continued, handed on and taken in; and a run that used a tuning repeats after it is gone.
. "$(dirname "$0")/lib.sh"
export XDG_DATA_HOME=$WORK/home
kept() { ls "$XDG_DATA_HOME"/clsattn/tuning/*.json; }
gemm=(--model vit --batch 20)

expect 2 "must be vit, cnn or all" "$CLSATTN" tune --model cat
expect 2 "not together" "$CLSATTN" tune --export a --import b
expect 2 "not together" "$CLSATTN" tune --export a --json
expect 3 "nothing is known of it yet" "$CLSATTN" tune --export "$WORK/none.json"
expect 0 '"tuned": false' "$CLSATTN" devices --json
expect 0 "more to do: the same command goes on" "$CLSATTN" tune "${gemm[@]}" --time 0s
[ ! -e "$XDG_DATA_HOME/clsattn/tuning" ] || fail "--time 0s: something was kept"

# SIGINT once something is found: it is kept, and the next time not measured again
set -m
"$CLSATTN" tune "${gemm[@]}" >"$WORK/stdout" 2>"$WORK/stderr" &
pid=$!
await $pid compgen -G "$XDG_DATA_HOME/clsattn/tuning/*.json" >/dev/null
kill -INT $pid
wait $pid
got=$?
set +m
[ "$got" = 130 ] || fail "SIGINT: exit $got: $(cat "$WORK/stderr")"
grep -q "stopped by signal 2" "$WORK/stderr" || fail "SIGINT: $(cat "$WORK/stderr")"
grep -q "kept in $(kept)" "$WORK/stdout" || fail "SIGINT: no table: $(cat "$WORK/stdout")"
expect 0 '"tuned": true' "$CLSATTN" devices --json
expect 0 '"known": true' "$CLSATTN" tune "${gemm[@]}" --time 0s --json
fields=$("$CLSATTN_TEST_FIELDS" "$WORK/stdout" | sed -E 's/ [a-z]*$//; s/(values)\..*/\1/' | LC_ALL=C sort -u | xargs)
[ "$fields" = "device.device device.driver device.name file left results[].gain results[].kernel results[].known results[].shape \
results[].values" ] || fail "tune --json: $fields"
# shellcheck disable=SC2046 # a word each
documented $(sed 's/\[\]//g; s/[a-z]*\.//g' <<<"$fields") default_ms best_ms tried wrong
left=$(sed -n 's/^ *"left": \([0-9]*\),$/\1/p' "$WORK/stdout")
expect 0 '"left": ' "$CLSATTN" tune "${gemm[@]}" --time 0s --again --json
[ "$(sed -n 's/^ *"left": \([0-9]*\),$/\1/p' "$WORK/stdout")" -gt "$left" ] || fail "--again: what was measured before is not to be measured"

# handed on: to a file, and from it on a machine that knows nothing
expect 0 "written to" "$CLSATTN" tune --export "$WORK/out.json"
mv "$XDG_DATA_HOME" "$WORK/before"
expect 0 "kept in" "$CLSATTN" tune --import "$WORK/out.json"
cmp "$WORK/out.json" "$(kept)" || fail "import: not what was exported"
sed 's/"driver": "/"driver": "not /' "$WORK/out.json" >"$WORK/foreign.json"
expect 3 "driver not" "$CLSATTN" tune --import "$WORK/foreign.json"
expect 3 "$WORK/data.json" "$CLSATTN" tune --import "$WORK/data.json" # which is not there
cmp "$WORK/out.json" "$(kept)" || fail "import: a refused file changed what is kept"

# A tuning that changes the last digits: sums over short runs. Whatever was found above gives way to it.
make_data "$WORK/data" 100 20
settings=(--data "$WORK/data" --batch 20 --log-every 5 --model vit)
file=$(kept)
expect 0 "" "$CLSATTN" train "${settings[@]}" --epochs 1 --kernels portable --out "$WORK/plain"
{
  sed '/"entries"/,$d' "$file"
  echo '"entries": [{"kernel": "layernorm_backward", "shape": "", "values": {"WG": 16}, "gain": 1.5},'
  echo '{"kernel": "layernorm_forward", "shape": "", "values": {"WG": 8}, "gain": 1.5}]}'
} >"$WORK/other.json" && mv "$WORK/other.json" "$file"
expect 0 "" "$CLSATTN" train "${settings[@]}" --epochs 2 --kernels portable --out "$WORK/whole"
expect 0 "" "$CLSATTN" train "${settings[@]}" --epochs 1 --kernels portable --out "$WORK/half"
cmp -s "$WORK/plain/model.safetensors" "$WORK/half/model.safetensors" && fail "the tuning made no difference"
grep -q '"WG": 16' "$WORK/half/config.json" || fail "config.json does not say what was used"
expect 0 "tuned in 2 places" "$CLSATTN" bench --model vit --batch 20 --kernels portable --no-cold
rm "$file"
expect 0 "" "$CLSATTN" train --resume "$WORK/half" --epochs 2
grep -q "tuned: 2 sets of parameters" "$WORK/stderr" || fail "resumed: $(cat "$WORK/stderr")"
cmp "$WORK/whole/model.safetensors" "$WORK/half/model.safetensors" || fail "resumed without the file: other weights"
grep -q '"WG": 16' "$WORK/half/config.json" || fail "resumed: config.json forgot what was used"
grep -q 'WG' "$WORK/half/checkpoint.safetensors" || fail "the checkpoint does not say what was used"

# a damaged file, or sizes beyond the device, end no run: they are passed over, and the file is named
echo '{"format": 1, ' >"$file"
expect 0 "" "$CLSATTN" train "${settings[@]}" --epochs 1 --kernels portable --out "$WORK/damaged"
grep -qF "$file" "$WORK/stderr" || fail "damaged: $(cat "$WORK/stderr")"
cmp "$WORK/plain/model.safetensors" "$WORK/damaged/model.safetensors" || fail "damaged: other weights"
finish
