#!/usr/bin/env bash
# report.html and curves.svg of runs, and compare.html, in headless Chromium: no errors, nothing from outside, figures
# that are those of metrics.jsonl, values at the pointer, readable on a phone, light and dark.
. "$(dirname "$0")/lib.sh"
if ! command -v chromium >/dev/null || ! command -v python3 >/dev/null; then
  echo "skipped: chromium and python3 are not both installed; ci/packages --test does that"
  exit 77
fi
HERE=$(dirname "$(readlink -f "$0")")
# Names of classes come from files, and of folders from anywhere; these are as bad as can be.
DATA=$WORK/'a&"</script><img src=x onerror=alert(1)>'
make_data "$DATA" 40 20
printf '%s\n' '<script>alert(1)</script>' '"a" & b' "it's" d e f g h i a-rather-long-name-that-does-not-end >"$DATA/batches.meta.txt"
cd "$WORK" || exit 1
expect 0 "" "$CLSATTN" compare --data "$DATA" --batch 20 --epochs 2 --log-every 1 --seeds 2 --out runs
python3 "$HERE/browse.py" runs ${CLSATTN_TEST_PICTURES:+"$CLSATTN_TEST_PICTURES"} || fail "see above"

grep -lF '<img src=x' runs/*.html runs/*/*.html runs/*/*.svg && fail "the data's name is not escaped"
grep -qF '&lt;img src=x onerror=alert(1)&gt;' runs/*/report.html || fail "the data's name is not shown"

# A run that is stopped has its curves; resumed to its end, its report.
expect 0 "" "$CLSATTN" train --model vit --data "$DATA" --batch 20 --epochs 1 --out again
cp again/curves.svg first.svg
rm again/report.html
expect 0 "" "$CLSATTN" train --resume again --epochs 2
cmp -s first.svg again/curves.svg && fail "resume: the curves did not go on"
grep -q 'data-figure="epoch" data-value="2"' again/report.html || fail "resume: no report of both epochs"
# What the report takes out of the model leaves nothing behind: the same weights as without it, by two runs that agree.
expect 0 "" "$CLSATTN" train --model vit --data "$DATA" --batch 20 --epochs 2 --out straight
cmp -s again/model.safetensors straight/model.safetensors || fail "the report changed the training"
finish
