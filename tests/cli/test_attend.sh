#!/usr/bin/env bash
# attend: a picture for each layer and head, of the size that they need; another pixel or image is another picture.
. "$(dirname "$0")/lib.sh"
make_data "$WORK/data" 60 10
expect 0 "" "$CLSATTN" train --model vit --data "$WORK/data" --epochs 1 --batch 20 --out "$WORK/vit"
expect 0 "" "$CLSATTN" train --model cnn --data "$WORK/data" --epochs 1 --batch 20 --out "$WORK/cnn"
attend() { # attend MODEL OUT OPTION...
  local model=$1 out=$2
  shift 2
  "$CLSATTN" attend --weights "$WORK/$model/model.safetensors" --out "$WORK/$out" "$@"
}
if "$CLSATTN" --version | grep -q '^  pictures *no$'; then
  expect 2 "pictures are not built in" attend vit out.png --data "$WORK/data"
  finish
  exit
fi
if "$CLSATTN" --version | grep -q '^  images *no$'; then echo "skipped: images are not built in"; exit 77; fi
PICTURE=${CLSATTN_TEST_PICTURE:?the path of picture}
for i in 0 1; do "$PICTURE" make "$WORK/data/test_batch.bin" $i "$WORK/$i.png" || fail "picture make $i"; done
# shows FILE WIDTH HEIGHT: it has that size, and more colours than a coloured image and grey ones make
shows() {
  local width height colours
  read -r width height colours < <("$PICTURE" show "$WORK/$1")
  [ "$width $height" = "$2 $3" ] || fail "$1: $width x $height, not $2 x $3"
  [ "$colours" -gt 2000 ] || fail "$1: $colours colours"
}
differ() { ! cmp -s "$WORK/$1" "$WORK/$2" || fail "$1 and $2 are the same"; }

# the image and the rollout; three blocks with four heads and their mean
expect 0 "$WORK/vit0.png: 17 pictures" attend vit vit0.png "$WORK/0.png"
grep -qE '^0\.png: [0-9]+ [0-9.]+ %, ' "$WORK/stdout" || fail "no prediction: $(cat "$WORK/stdout")"
shows vit0.png 1056 1090
expect 0 "" attend vit vit1.png "$WORK/1.png"
differ vit0.png vit1.png
expect 0 '"rollout": {' attend vit json.png --data "$WORK/data" --index 1 --json
[ "$(grep -c '"head": ' "$WORK/stdout")" = 12 ] || fail "heads: $(cat "$WORK/stdout")"
[ "$(grep -c '"class_token": ' "$WORK/stdout")" = 13 ] || fail "class token: $(cat "$WORK/stdout")"
expect 0 "$WORK/one.png: 6 pictures" attend vit one.png "$WORK/0.png" --layer encoder.layers.2.2
shows one.png 1056 606

# the image and five layers; a pixel of one's own
expect 0 "$WORK/cnn.png: 6 pictures" attend cnn cnn.png "$WORK/0.png"
shows cnn.png 1262 364
expect 0 "" attend cnn middle.png "$WORK/0.png" --pixel 16,16
cmp -s "$WORK/cnn.png" "$WORK/middle.png" || fail "the middle is not 16,16"
expect 0 "" attend cnn corner.png "$WORK/0.png" --pixel 31,0
differ cnn.png corner.png
expect 0 '"predictions": [' attend cnn json.png "$WORK/0.png" --json
layers() { sed -n '/"layers"/,/^  \]/p' "$WORK/stdout"; }
layers >"$WORK/middle"
expect 0 '"predictions": [' attend cnn json.png "$WORK/0.png" --pixel 31,0 --json
[ -s "$WORK/middle" ] && [ "$(layers)" != "$(cat "$WORK/middle")" ] || fail "two pixels look alike: $(cat "$WORK/middle")"
[ "$(sed -n 's/^ *"name": "\(.*\)",$/\1/p' "$WORK/stdout" | xargs)" = "sa1 sa2 sa3 sa4 sa5" ] || fail "$(cat "$WORK/stdout")"
awk '/"entropy": / && ($2 + 0 <= 0 || $2 + 0 > 8.000001) { exit 1 } /"max": / && ($2 + 0 < 1 / 256 || $2 + 0 > 1) { exit 1 }' \
  "$WORK/stdout" || fail "figures: $(cat "$WORK/stdout")"

expect 2 "each from 0 to 31" attend cnn bad.png "$WORK/0.png" --pixel 32,0
expect 2 "each from 0 to 31" attend cnn bad.png "$WORK/0.png" --pixel 3
expect 2 "the weights are a vit's" attend vit bad.png "$WORK/0.png" --pixel 3,3
expect 2 "there are: sa1 sa2 sa3 sa4 sa5" attend cnn bad.png "$WORK/0.png" --layer fc
expect 2 "IMAGE is missing" attend cnn bad.png
expect 2 "--out is missing" "$CLSATTN" attend --weights "$WORK/cnn/model.safetensors" "$WORK/0.png"
expect 2 "not expected" attend cnn bad.png --data "$WORK/data" "$WORK/0.png"
expect 2 "goes with --data" attend cnn bad.png "$WORK/0.png" --index 1
expect 2 "has 10 test images" attend cnn bad.png --data "$WORK/data" --index 10
head -c 500 "$WORK/1.png" >"$WORK/cut.png"
expect 3 "cut.png" attend cnn bad.png "$WORK/cut.png"
expect 3 "none.png" attend cnn bad.png "$WORK/none.png"
[ -e "$WORK/bad.png" ] && fail "a failure left a picture"
expect 1 "no-folder/out.png" attend cnn no-folder/out.png "$WORK/0.png"
finish
