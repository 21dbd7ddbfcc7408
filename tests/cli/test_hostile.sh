#!/usr/bin/env bash
# Weights that nobody should believe: values that are no numbers, other shapes, sizes that are only claimed. All that reads
# weights names what is wrong, and claims cost no memory.
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1
make_data data 20 10
printf '{"model": "vit", "patches": "grid", "sizes": {"embed": 16, "heads": 2, "layers": 1, "hidden": 16}}' >small.json
expect 0 "" "$CLSATTN" train --config small.json --data data --batch 10 --epochs 1 --out run
good=run/model.safetensors

# with_value TENSOR INDEX BYTES FILE: a copy of the weights in which one value is these four bytes.
with_value() {
  local header from
  header=$(head -c 8 "$good" | od -An -tu8 | tr -d ' ')
  from=$(head -c $((8 + header)) "$good" | grep -ao "\"$1\":{[^}]*" | sed 's/.*data_offsets":\[\([0-9]*\).*/\1/')
  cp "$good" "$4"
  printf "$3" | dd of="$4" bs=1 seek=$((8 + header + from + 4 * $2)) conv=notrunc status=none
}
# with_header FROM TO FILE: a copy with other words, as many bytes, in its header.
with_header() { LC_ALL=C sed "s/$1/$2/" "$good" >"$3" && ! cmp -s "$good" "$3" || fail "no $1 in the weights"; }

# refused TEXT FILE: by everything that reads weights.
refused() {
  expect 3 "$1" "$CLSATTN" predict --weights "$2" "$2"
  expect 3 "$1" "$CLSATTN" eval --weights "$2" --data data
  expect 3 "$1" "$CLSATTN" train --config small.json --data data --epochs 1 --out never --init "$2"
  grep -qF "$2" stderr || fail "$2 is not named: $(cat stderr)"
  [ ! -e never ] || fail "$2: a run was begun"
}
with_value fc.weight 17 '\x00\x00\xc0\x7f' nan.safetensors # 10 rows of 16
refused "tensor 'fc.weight': its value at [1, 1] is not a number" nan.safetensors
with_value fc.bias 9 '\x00\x00\x80\xff' inf.safetensors
refused "tensor 'fc.bias': its value at [9] is infinite" inf.safetensors
with_header '"shape":\[16,48\]' '"shape":[48,16]' turned.safetensors
refused "tensor 'patch_embedding.weight': its shape is [48, 16], expected [16, 48]" turned.safetensors
with_header '"fc.bias"' '"fc.bios"' other.safetensors
refused "tensor 'fc.bios': the model has no such parameter" other.safetensors
with_header 'fc.bias":{"dtype":"F32"' 'fc.bias":{"dtype":"I32"' ints.safetensors
refused "tensor 'fc.bias': its dtype is I32, expected F32" ints.safetensors

# Claims, in little memory; sanitizers take more than there is.
limit() { [ -n "${CLSATTN_TEST_CFLAGS:-}" ] || ulimit -v "$1"; }
claims() { (failures=0 && limit "$1" && expect 3 "$2" "$CLSATTN" predict --weights "$3" "$3" && [ $failures = 0 ]) || fail "$3: see above"; }
printf '\x00\x00\x00\x00\x01\x00\x00\x00{}' >header.safetensors # 4 GiB
claims 400000 "its header is longer than the file" header.safetensors
with_header '"shape":\[10,16\]' '"shape":[9999]' shape.safetensors # a shorter header: what follows it is out of place
claims 400000 "not valid JSON" shape.safetensors
claim() {
  local text=$1 length
  length=$(printf %s "$text" | wc -c)
  printf "$(printf '\\x%02x\\x%02x' $((length % 256)) $((length / 256)))\x00\x00\x00\x00\x00\x00%s" "$text"
}
claim '{"a":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}}' >tensor.safetensors
claims 400000 "tensor 'a': its data lies beyond the end of the file" tensor.safetensors
sizes='{\"embed\":1024,\"hidden\":65536,\"heads\":16,\"layers\":12}' # 6 GiB of parameters
claim "{\"__metadata__\":{\"model\":\"vit\",\"patches\":\"grid\",\"sizes\":\"$sizes\"}}" >sizes.safetensors
claims 4000000 "tensor 'patch_embedding.weight': missing" sizes.safetensors
finish
