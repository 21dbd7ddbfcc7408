#!/usr/bin/env bash
# data info, and training on folders of images.
. "$(dirname "$0")/lib.sh"
unset CLSATTN_DATA

# figures() of lib.sh is for metrics; this is one key of a JSON document, with all that is in it, on one line.
value() { tr -d ' \n' <"$WORK/stdout" | grep -oE "\"$1\":(\[[^]]*\]|[^,}]*)"; }

# CIFAR's layout: two images, of a white and a black red channel
mkdir "$WORK/cifar"
{ printf '\003'; head -c 1024 /dev/zero | tr '\0' '\377'; head -c 2048 /dev/zero; } >"$WORK/cifar/test_batch.bin"
{ cat "$WORK/cifar/test_batch.bin"; printf '\007'; head -c 3072 /dev/zero; } >"$WORK/cifar/data_batch_1.bin"
expect 0 "red                 0.5000    0.5000" "$CLSATTN" data info "$WORK/cifar"
grep -qE '^green +0.0000 +0.0000' "$WORK/stdout" || fail "green: $(cat "$WORK/stdout")"
grep -qE '^7 +1 +0$' "$WORK/stdout" || fail "class 7: $(cat "$WORK/stdout")"
grep -qE '^all +2 +1$' "$WORK/stdout" || fail "all: $(cat "$WORK/stdout")"
expect 0 '"damaged": []' "$CLSATTN" data info "$WORK/cifar" --json
[ "$(value mean)" = '"mean":[0.5,0.0,0.0]' ] || fail "--json: $(value mean)"
[ "$(value deviation)" = '"deviation":[0.5,0.0,0.0]' ] || fail "--json: $(value deviation)"
expect 3 "gone: no such file or folder" "$CLSATTN" data info "$WORK/gone"
expect 2 "--image" "$CLSATTN" data info "$WORK/cifar" --image 0

if "$CLSATTN" --version | grep -q "images *no"; then
  mkdir -p "$WORK"/photos/{train,test}/{a,b}
  touch "$WORK"/photos/{train,test}/{a,b}/1.png
  expect 2 "apt-get install libpng-dev" "$CLSATTN" data info "$WORK/photos"
  finish
  exit
fi

"${CLSATTN_TEST_MAKE_IMAGES:?}" "$WORK/photos" 30 10 || fail "make_images"
expect 0 "image folders, 32 x 32, 3 channels, 3 classes" "$CLSATTN" data info "$WORK/photos"
grep -qE '^leaf +30 +10$' "$WORK/stdout" || fail "leaf: $(cat "$WORK/stdout")"
expect 0 "image folders, 48 x 48" "$CLSATTN" data info "$WORK/photos" --image 48

# training, from any place; going on with it; and looking at others
cd "$WORK" || exit 1
expect 0 "Accuracy on test set: 100.00 %" "$CLSATTN" train --data photos --epochs 5 --batch 10 --lr 0.003 --out run
grep -q '"hash"' run/config.json || fail "no hash in config.json"
mkdir elsewhere && cd elsewhere || exit 1
expect 0 "Accuracy on test set" "$CLSATTN" train --resume "$WORK/run" --epochs 6
grep -q "resumed after step 45" "$WORK/stderr" || fail "not resumed: $(cat "$WORK/stderr")"
expect 0 "Accuracy on test set: 100.00 %" "$CLSATTN" eval --weights "$WORK/run/model.safetensors" --data "$WORK/photos"
# weights for other things are not what these images are asked about; without names nothing is known
cp -r "$WORK/photos" "$WORK/others" && mv "$WORK/others/train/sky" "$WORK/others/train/zebra" && mv "$WORK/others/test/sky" "$WORK/others/test/zebra"
expect 3 "others: its classes are ..., zebra, but those of the weights ..., sky" "$CLSATTN" eval --weights "$WORK/run/model.safetensors" --data "$WORK/others"
expect 3 "those of the weights ..., sky" "$CLSATTN" attend --weights "$WORK/run/model.safetensors" --data "$WORK/others" --out no.png
make_data "$WORK/unnamed" 20 10
cp -r "$WORK/unnamed" "$WORK/named"
printf '%s\n' airplane automobile bird cat deer dog frog horse ship truck >"$WORK/named/batches.meta.txt"
expect 0 "Accuracy" env CLSATTN_DATA="$WORK/named" "$CLSATTN" train --data cifar10 --epochs 1 --batch 11 --out "$WORK/cifar10"
grep -qx "2 steps an epoch; --batch 5 makes 4" "$WORK/stderr" || fail "few steps: $(cat "$WORK/stderr")"
expect 0 "Accuracy" "$CLSATTN" eval --weights "$WORK/cifar10/model.safetensors" --data "$WORK/unnamed"
expect 3 "are apple, leaf, sky, but those of the weights airplane, automobile, bird, ..." "$CLSATTN" eval --weights "$WORK/cifar10/model.safetensors" --data "$WORK/photos"
grep -qx "  they were trained on cifar10: --data cifar10" "$WORK/stderr" || fail "on which data? $(cat "$WORK/stderr")"
# the first images are of all classes
expect 0 '"images": 6' "$CLSATTN" eval --weights "$WORK/run/model.safetensors" --data "$WORK/photos" --limit-test 6 --json
for n in 0 1 2; do
  tr -d ' \n' <"$WORK/stdout" | grep -oE '"confusion":\[\[.*\]\]' | grep -oE '\[[0-9,]+\]' | sed -n "$((n + 1))p" |
    grep -qE '\b2\b' || fail "class $n: not two of six: $(cat "$WORK/stdout")"
done
# a model of another size gets images of its size, in every command
echo '{"model": "vit", "sizes": {"image": 16, "patch": 8, "embed": 8, "heads": 2, "layers": 1, "hidden": 8}}' >small.json
expect 0 "Accuracy on test set" "$CLSATTN" train --data "$WORK/photos" --config small.json --epochs 1 --batch 10 --out small
expect 0 "Accuracy on test set" "$CLSATTN" train --resume small --epochs 2
expect 0 "Accuracy on test set" "$CLSATTN" eval --weights small/model.safetensors --data "$WORK/photos"
"$CLSATTN" --version | grep -q "pictures *no" ||
  expect 0 "" "$CLSATTN" attend --weights small/model.safetensors --data "$WORK/photos" --index 1 --out seen.png
cp "$WORK/photos/train/leaf/4.png" "$WORK/photos/train/leaf/6.png"
expect 3 "not what the run was started with" "$CLSATTN" train --resume "$WORK/run" --epochs 7

# damaged files: training ends at the first; data info names all, and counts the others
head -c 100 "$WORK/photos/test/sky/1.jpg" >"$WORK/cut" && mv "$WORK/cut" "$WORK/photos/test/sky/1.jpg"
echo "no image" >"$WORK/photos/train/apple/0.png"
echo "a note" >"$WORK/photos/train/apple/note.txt"
expect 3 "photos/train/apple/0.png: neither a PNG nor a JPEG image" "$CLSATTN" train --data "$WORK/photos" --out "$WORK/no"
grep -qF "clsattn data info $WORK/photos" "$WORK/stderr" || fail "nothing leads to the other damaged files: $(cat "$WORK/stderr")"
expect 3 "damaged image files: 2" "$CLSATTN" data info "$WORK/photos"
for line in "  $WORK/photos/train/apple/0.png: neither a PNG nor a JPEG image" "  $WORK/photos/test/sky/1.jpg: " \
  "passed over: 1" "not counted above: 2"; do
  grep -qF "$line" "$WORK/stdout" || fail "'$line' is not in: $(cat "$WORK/stdout")"
done
grep -qE '^apple +29 +10$' "$WORK/stdout" || fail "apple: $(cat "$WORK/stdout")"
expect 3 "damaged image files: 2" "$CLSATTN" data info "$WORK/photos" --json
grep -qF "\"file\": \"$WORK/photos/test/sky/1.jpg\"" "$WORK/stdout" || fail "--json: $(cat "$WORK/stdout")"
[ "$(value other_files)" = '"other_files":1' ] || fail "--json: $(value other_files)"
finish
