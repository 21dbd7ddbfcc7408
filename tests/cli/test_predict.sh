#!/usr/bin/env bash
# predict: the probabilities are those that eval's loss is made of; a damaged image is named, and the others are done.
. "$(dirname "$0")/lib.sh"
if "$CLSATTN" --version | grep -q '^  images *no$'; then echo "skipped: images are not built in"; exit 77; fi
PICTURE=${CLSATTN_TEST_PICTURE:?the path of picture}
make_data "$WORK/data" 400 10
expect 0 "" "$CLSATTN" train --model vit --patches grid --data "$WORK/data" --epochs 2 --batch 20 --out "$WORK/run"
weights=$WORK/run/model.safetensors
for i in 0 1 2 3; do "$PICTURE" make "$WORK/data/test_batch.bin" $i "$WORK/$i.png" || fail "picture make $i"; done
predict() { "$CLSATTN" predict --weights "$weights" "$@"; }

# exp(-loss) of one image is its own class's probability
expect 0 '"loss": ' "$CLSATTN" eval --weights "$weights" --data "$WORK/data" --limit-test 1 --json
loss=$(sed -n 's/^ *"loss": \([0-9.e-]*\),$/\1/p' "$WORK/stdout")
label=$(head -c 1 "$WORK/data/test_batch.bin" | od -An -tu1 | tr -d ' ')
expect 0 '"predictions": [' predict --top 100 --json "$WORK/0.png"
awk -v loss="$loss" -v label="$label" '
  /"class": / { class = $2; gsub(/[",]/, "", class) }
  /"probability": / { p[class] = $2 + 0; sum += $2; if (n++ && $2 > before) bad = "not in order"; before = $2 }
  END {
    if (n != 10) bad = n " classes"
    if (sum < 0.999999 || sum > 1.000001) bad = "sum " sum
    off = p[label] / exp(-loss) - 1
    if (off < -1e-4 || off > 1e-4) bad = "class " label ": " p[label] ", not " exp(-loss)
    if (bad) print bad
  }' "$WORK/stdout" >"$WORK/bad"
[ -s "$WORK/bad" ] && fail "predict: $(cat "$WORK/bad")"

# a line an image, in their order, whatever the batch
expect 0 "$WORK/3.png: " predict "$WORK/0.png" "$WORK/1.png" "$WORK/2.png" "$WORK/3.png"
cp "$WORK/stdout" "$WORK/whole"
[ "$(cut -d: -f1 "$WORK/whole")" = "$(printf '%s\n' "$WORK"/[0-3].png)" ] || fail "order: $(cat "$WORK/whole")"
awk -F, 'NF != 5 { exit 1 }' "$WORK/whole" || fail "not five classes: $(cat "$WORK/whole")"
expect 0 "" predict --batch 3 "$WORK/0.png" "$WORK/1.png" "$WORK/2.png" "$WORK/3.png"
cmp -s "$WORK/stdout" "$WORK/whole" || fail "--batch 3: $(diff "$WORK/stdout" "$WORK/whole")"
expect 0 "" predict --top 1 "$WORK/1.png"
[ "$(cat "$WORK/stdout")" = "$(sed -n '2s/,.*//p' "$WORK/whole")" ] || fail "--top 1: $(cat "$WORK/stdout")"

# damaged, missing, no image
head -c 500 "$WORK/1.png" >"$WORK/cut.png"
expect 3 "cut.png" predict "$WORK/0.png" "$WORK/cut.png" "$WORK/none.png" "$WORK/3.png"
grep -q "none.png" "$WORK/stderr" || fail "none.png is not named: $(cat "$WORK/stderr")"
grep -q "2 of 4 images could not be read" "$WORK/stderr" || fail "no count: $(cat "$WORK/stderr")"
[ "$(cat "$WORK/stdout")" = "$(sed -n '1p;4p' "$WORK/whole")" ] || fail "the others: $(cat "$WORK/stdout")"
expect 3 "cut.png" predict --json "$WORK/0.png" "$WORK/cut.png" "$WORK/3.png"
[ "$(grep -o '"predictions"\|"error"' "$WORK/stdout" | xargs)" = "predictions error predictions" ] ||
  fail "--json: $(cat "$WORK/stdout")"
expect 3 "$WORK/data: a folder; images are given one by one, like $WORK/data/*.jpg" predict "$WORK/data"
cp "$WORK/cut.png" "$WORK/"$'\xff.png'
expect 3 "" predict --json "$WORK/"$'\xff.png'
grep -q '"error": ' "$WORK/stdout" || fail "a name that is not UTF-8: $(cat "$WORK/stdout")"

expect 2 "IMAGE... is missing" predict
expect 2 "--weights is missing" "$CLSATTN" predict "$WORK/0.png"
expect 2 "--model: cnn: but the weights say vit" predict --model cnn "$WORK/0.png"
expect 2 "--top: 0" predict --top 0 "$WORK/0.png"
expect 3 "$WORK/none" "$CLSATTN" predict --weights "$WORK/none" "$WORK/0.png"
finish
