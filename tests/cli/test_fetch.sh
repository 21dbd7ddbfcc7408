#!/usr/bin/env bash
# data fetch, and what train does where there is no data: against a server on the loopback, in every way that goes wrong.
. "$(dirname "$0")/lib.sh"
SERVE=${CLSATTN_TEST_SERVE:?the path of serve}
unset CLSATTN_DATA CLSATTN_CIFAR10_URL CLSATTN_CIFAR100_URL http_proxy HTTP_PROXY all_proxy ALL_PROXY
export XDG_DATA_HOME=$WORK/home
HOME_FOLDER=$XDG_DATA_HOME/clsattn
PART=$HOME_FOLDER/cifar-10-binary.tar.gz.part

if "$CLSATTN" data fetch cifar10 --url http://127.0.0.1:1/ 2>&1 | grep -q "not built in"; then
  expect 2 "apt-get install libcurl4-openssl-dev" "$CLSATTN" data fetch cifar10
  expect 3 "--data fashion-mnist" "$CLSATTN" train
  finish
  exit
fi

servers=()
trap 'kill "${servers[@]}" 2>/dev/null; rm -rf "$WORK"' EXIT

# serve FILE MODE...: $BASE is its address, $WORK/log what it was asked for.
serve() {
  local file=$1 port
  shift
  : >"$WORK/log"
  : >"$WORK/port"
  "$SERVE" "$file" "$WORK/log" "$@" >"$WORK/port" &
  servers+=($!)
  await $! grep -q . "$WORK/port"
  read -r port <"$WORK/port"
  BASE=http://127.0.0.1:$port/cifar-10-binary.tar.gz
}

asked() { # asked LINES...: that, and nothing else, since the server began
  [ "$(tr '\n' ' ' <"$WORK/log")" = "$* " ] || fail "the server was asked for: $(tr '\n' ' ' <"$WORK/log"), not $*"
}

anew() { rm -rf "$XDG_DATA_HOME"; }

# Nothing that is not whole has the name by which data is found.
nothing_there() { [ ! -e "$HOME_FOLDER/cifar10" ] || fail "$1: there is a cifar10 folder"; }

whole() {
  local hash
  hash=$("$CLSATTN" data info "$HOME_FOLDER/cifar10" --json 2>&1 | grep '"hash"')
  [ "${hash:-none}" = "$HASH" ] || fail "$1: the data is not that of the folder: $hash"
  [ "$(ls -A "$HOME_FOLDER")" = "$(printf '.lock\ncifar10')" ] || fail "$1: left behind: $(ls -A "$HOME_FOLDER")"
}

make_data "$WORK/cifar-10-batches-bin" 40 10
printf '%s\n' airplane automobile bird cat deer dog frog horse ship truck >"$WORK/cifar-10-batches-bin/batches.meta.txt"
HASH=$("$CLSATTN" data info "$WORK/cifar-10-batches-bin" --json | grep '"hash"')
ARCHIVE=$WORK/archive.tar.gz
tar -C "$WORK" -czf "$ARCHIVE" cifar-10-batches-bin
SIZE=$(stat -c %s "$ARCHIVE")
SUMS="#md5=$(md5sum "$ARCHIVE" | cut -d' ' -f1)&sha256=$(sha256sum "$ARCHIVE" | cut -d' ' -f1)"
[ "$("$CLSATTN" data info "$ARCHIVE" --json | grep '"hash"')" = "$HASH" ] || fail "the archive's hash is not the folder's"
[ "$SIZE" -gt 60000 ] || fail "the archive has only $SIZE bytes"

# once, in one request; then it is there
serve "$ARCHIVE" normal
expect 0 "cifar10: in $HOME_FOLDER/cifar10" "$CLSATTN" data fetch cifar10 --url "$BASE$SUMS"
asked whole
whole fetch
grep -q "fetched once (170 MB): from $BASE to $HOME_FOLDER/cifar10" "$WORK/stderr" || fail "what is fetched is not said"
grep -q $'\r' "$WORK/stderr" && fail "a live line, but no terminal"
expect 0 "already there" "$CLSATTN" data fetch cifar10 --url "$BASE$SUMS"
expect 0 '"fetched": false' "$CLSATTN" data fetch cifar10 --json --url "$BASE$SUMS"
has "data fetch --json" "$WORK/stdout" "name:text path:text fetched:truth"
asked whole

# the first train fetches, the second does not; so does eval
anew
serve "$ARCHIVE" normal
export CLSATTN_CIFAR10_URL=$BASE$SUMS
expect 0 "Accuracy on test set" "$CLSATTN" train --epochs 1 --batch 20 --out "$WORK/first"
grep -q "fetched once" "$WORK/stderr" || fail "train fetches in silence"
expect 0 "Accuracy on test set" "$CLSATTN" train --epochs 1 --batch 20 --out "$WORK/second"
asked whole
whole train
cmp "$WORK/first/model.safetensors" "$WORK/second/model.safetensors" || fail "trained on other data"
anew
expect 0 "Accuracy on test set" "$CLSATTN" eval --weights "$WORK/first/model.safetensors"
asked whole whole
anew
expect 0 "micro-step" "$CLSATTN" train --dry-run
asked whole whole whole
anew
expect 3 "$WORK/none: no such file or folder; CLSATTN_DATA names it" env CLSATTN_DATA="$WORK/none" "$CLSATTN" train
expect 3 "$WORK/none" "$CLSATTN" train --data "$WORK/none"
asked whole whole whole
unset CLSATTN_CIFAR10_URL

# connections that break: tried again from where they broke
serve "$ARCHIVE" cut 20000 2
expect 0 "cifar10: in" "$CLSATTN" data fetch cifar10 --url "$BASE$SUMS"
asked whole 20000 40000
whole "broken connections"

# ... not for ever; what came is kept, and another call goes on
anew
serve "$ARCHIVE" cut 5000
expect 3 "what has come is kept" "$CLSATTN" data fetch cifar10 --url "$BASE$SUMS"
asked whole 5000 10000 15000
nothing_there "broken connections"
[ "$(stat -c %s "$PART")" = 20000 ] || fail "the part has $(stat -c %s "$PART") bytes"
serve "$ARCHIVE" normal
expect 0 "cifar10: in" "$CLSATTN" data fetch cifar10 --url "$BASE$SUMS"
asked 20000
whole resumed

# a server that sends all of it again; one that has less than the part; a part that is whole
anew && mkdir -p "$HOME_FOLDER" && head -c 30000 "$ARCHIVE" >"$PART"
serve "$ARCHIVE" whole
expect 0 "cifar10: in" "$CLSATTN" data fetch cifar10 --url "$BASE$SUMS"
asked 30000
whole "no ranges"
anew && mkdir -p "$HOME_FOLDER" && cat "$ARCHIVE" "$ARCHIVE" >"$PART"
serve "$ARCHIVE" normal
expect 0 "cifar10: in" "$CLSATTN" data fetch cifar10 --url "$BASE$SUMS"
asked "$((2 * SIZE))" whole
whole "more than the server"
anew && mkdir -p "$HOME_FOLDER/.cifar10.part" && cp "$ARCHIVE" "$PART" && echo old >"$HOME_FOLDER/.cifar10.part/data_batch_9.bin"
expect 0 "cifar10: in" "$CLSATTN" data fetch cifar10 --url "http://127.0.0.1:1/$SUMS"
whole "killed before unpacking"

# the wrong file: each checksum alone tells; without any, it is the published ones that count
for wrong in "${SUMS/md5=????/md5=0000}" "${SUMS/sha256=????/sha256=0000}" ""; do
  anew
  serve "$ARCHIVE" normal
  expect 3 "not the file that was wanted, and was deleted" "$CLSATTN" data fetch cifar10 --url "$BASE$wrong"
  [ ! -e "$PART" ] || fail "$wrong: the wrong file is still there"
  nothing_there "$wrong"
done
grep -q "MD5 .*, wanted c32a1d4ab5d03f1284b67883e8d87530" "$WORK/stderr" || fail "not the published MD5"
grep -q "SHA-256 .*, wanted c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd" "$WORK/stderr" ||
  fail "not the published SHA-256"
for sums in "#" "#md5=00" "${SUMS%&*}" "$SUMS&x=y" "${SUMS}0"; do
  expect 2 "both checksums" "$CLSATTN" data fetch cifar10 --url "$BASE$sums"
done

# the right checksums of something that is no CIFAR-10
anew
for other in text wrong-label; do
  cp -r "$WORK/cifar-10-batches-bin" "$WORK/$other"
  printf '\377' | dd of="$WORK/$other/data_batch_1.bin" bs=1 seek=6146 conv=notrunc 2>/dev/null
done
echo "an ordinary text" >"$WORK/text.tar.gz"
tar -C "$WORK" -czf "$WORK/wrong-label.tar.gz" wrong-label
for other in text wrong-label; do
  anew
  serve "$WORK/$other.tar.gz" normal
  file=$WORK/$other.tar.gz
  expect 3 "data: $HOME_FOLDER" "$CLSATTN" data fetch cifar10 \
    --url "$BASE#md5=$(md5sum "$file" | cut -d' ' -f1)&sha256=$(sha256sum "$file" | cut -d' ' -f1)"
  nothing_there "$other"
  [ ! -e "$HOME_FOLDER/.cifar10.part" ] || fail "$other: a folder was left behind"
done
grep -q "data_batch_1.bin: byte 6146: label 255" "$WORK/stderr" || fail "the wrong label is not named: $(cat "$WORK/stderr")"

# CIFAR-100 has its own place, its own address and its own published checksums
anew
mkdir "$WORK/cifar-100-binary" && head -c $((20 * 3074)) /dev/zero >"$WORK/cifar-100-binary/train.bin" &&
  head -c $((5 * 3074)) /dev/zero >"$WORK/cifar-100-binary/test.bin" && tar -C "$WORK" -czf "$WORK/hundred.tar.gz" cifar-100-binary
file=$WORK/hundred.tar.gz
serve "$file" normal
expect 3 "not the file that was wanted, and was deleted" "$CLSATTN" data fetch cifar100 --url "$BASE"
grep -q "MD5 .*, wanted 03b5dce01913d631647c71ecec9e9cb8" "$WORK/stderr" || fail "not CIFAR-100's published MD5"
grep -q "SHA-256 .*, wanted 58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec" "$WORK/stderr" ||
  fail "not CIFAR-100's published SHA-256"
CLSATTN_CIFAR100_URL="$BASE#md5=$(md5sum "$file" | cut -d' ' -f1)&sha256=$(sha256sum "$file" | cut -d' ' -f1)"
export CLSATTN_CIFAR100_URL
expect 0 "micro-step" "$CLSATTN" train --data cifar100 --dry-run
expect 0 "cifar100: already there: $HOME_FOLDER/cifar100" "$CLSATTN" data fetch cifar100
expect 0 "CIFAR-100 binary, 32 x 32, 3 channels, 100 classes" "$CLSATTN" data info cifar100
[ "$(ls -A "$HOME_FOLDER")" = "$(printf '.lock\ncifar100')" ] || fail "CIFAR-100: left behind: $(ls -A "$HOME_FOLDER")"
asked whole whole
unset CLSATTN_CIFAR100_URL

# no network, no such file: at once, and what else there is
anew
serve "$ARCHIVE" missing
expect 3 "404" "$CLSATTN" data fetch cifar10 --url "$BASE$SUMS"
asked whole
nothing_there missing
CLSATTN_CIFAR10_URL=http://127.0.0.1:1/ expect 3 "--data fashion-mnist" "$CLSATTN" train
grep -q "127.0.0.1" "$WORK/stderr" || fail "no network: from where is not said"
expect 3 "" "$CLSATTN" data fetch cifar10 --url "file://$ARCHIVE"
expect 2 "no such data set" "$CLSATTN" data fetch cifar11
expect 2 "apt-get install dataset-fashion-mnist" "$CLSATTN" data fetch fashion-mnist
"$CLSATTN" data fetch cifar10 --json --url http://127.0.0.1:1/ >"$WORK/stdout" 2>/dev/null
[ -s "$WORK/stdout" ] && fail "--json: stdout is not empty after a failure"

# a disk that is full while the archive comes, and while it is unpacked; a place that cannot be written
anew
serve "$ARCHIVE" normal
limited() { (trap '' XFSZ && ulimit -f "$1" && shift && "$@"); } # bytes: 1024 * $1
expect 1 "$PART: File too large" limited 30 "$CLSATTN" data fetch cifar10 --url "$BASE$SUMS"
nothing_there "disk full"
# noise hardly shrinks, so that the archive is large; this one is small, and its members are not
mkdir "$WORK/plain" && head -c $((100 * 3073)) /dev/zero >"$WORK/plain/data_batch_1.bin" &&
  cp "$WORK/plain/data_batch_1.bin" "$WORK/plain/test_batch.bin" && tar -C "$WORK" -czf "$WORK/plain.tar.gz" plain
anew
serve "$WORK/plain.tar.gz" normal
PLAIN="#md5=$(md5sum "$WORK/plain.tar.gz" | cut -d' ' -f1)&sha256=$(sha256sum "$WORK/plain.tar.gz" | cut -d' ' -f1)"
expect 1 "File too large" limited 30 "$CLSATTN" data fetch cifar10 --url "$BASE$PLAIN"
nothing_there "disk full while unpacking"
expect 0 "cifar10: in" "$CLSATTN" data fetch cifar10 --url "$BASE$PLAIN"
asked whole
expect 1 "/proc/nowhere" env XDG_DATA_HOME=/proc/nowhere "$CLSATTN" data fetch cifar10 --url "$BASE$PLAIN"

# two at once: one fetches
anew
serve "$ARCHIVE" slow
"$CLSATTN" data fetch cifar10 --url "$BASE$SUMS" >"$WORK/one" 2>&1 &
first=$!
"$CLSATTN" data fetch cifar10 --url "$BASE$SUMS" >"$WORK/two" 2>&1 || fail "two at once: $(cat "$WORK/two")"
wait $first || fail "two at once: $(cat "$WORK/one")"
asked whole
whole "two at once"
cat "$WORK/one" "$WORK/two" | grep -q "another clsattn is fetching" || fail "two at once: neither waited"

# a signal keeps what came
anew
mkdir -p "$HOME_FOLDER" && head -c 1000 "$ARCHIVE" >"$PART"
serve "$ARCHIVE" slow
"$CLSATTN" data fetch cifar10 --url "$BASE$SUMS" >"$WORK/one" 2>&1 &
first=$!
await $first test -s "$WORK/log"
kill -TERM $first
wait $first
[ $? = 143 ] || fail "SIGTERM: another exit code: $(cat "$WORK/one")"
[ "$(stat -c %s "$PART")" = 1000 ] || fail "SIGTERM: the part has $(stat -c %s "$PART") bytes"
nothing_there SIGTERM
finish
