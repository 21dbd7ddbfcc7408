#!/usr/bin/env bash
# What scripts rely on: the fields of every document of --json and of every file, all of them and no others, and that
# doc/formats.md names them; which documents are printed beside a failure; the files of a run.
. "$(dirname "$0")/lib.sh"
FIELDS=${CLSATTN_TEST_FIELDS:?the path of fields}
cd "$WORK" || exit 1
make_data data 60 20
echo '{"model": "vit", "sizes": {"embed": 16, "heads": 2, "layers": 2, "hidden": 32}}' >vit.json
settings=(--data data --epochs 1 --batch 10)

# document FIELDS COMMAND...: it succeeds, and its stdout is a document of these fields.
document() {
  expect 0 "" "$CLSATTN" "${@:2}"
  has "clsattn ${*:2}" stdout "$1"
}
files_of() { find "$1" -mindepth 1 -printf '%P\n' | LC_ALL=C sort | xargs; }
# metadata FILE: of safetensors, as JSON
metadata() { tail -c +9 "$1" | head -c "$(od -An -tu8 -N8 "$1" | tr -d ' ')"; }

document "clsattn:text commit:text built_with.OpenCL:text built_with.CLBlast:text built_with.jansson:text built_with.zlib:text
  built_with.xxHash:text built_with.archives:text built_with.network:text built_with.images:text built_with.pictures:text
  built_with.MPI:text built_with.compiler:text built_with.build:text" --version --json
document "[].name:text [].platform:text [].device:text [].type:text [].driver:text [].compute_units:whole [].global_bytes:whole
  [].local_bytes:whole [].max_alloc_bytes:whole [].fp16:truth [].subgroups:truth [].tuned:truth" devices --json
document "ok:truth findings[].level:text findings[].what:text findings[].why:text findings[].do:text" devices --check --json
document "datasets[].name:text datasets[].what:text datasets[].path:text datasets[].there:truth datasets[].how:text
  formats[].name:text formats[].layout:text" data list --json
document "path:text format:text height:whole width:whole channels:whole train:whole test:whole classes[].class:text
  classes[].train:whole classes[].test:whole mean[] deviation[] other_files:whole damaged:list hash:text" data info data --json

# a plan, without and with calls of CLBlast
plan="image_bytes:whole plans[].device:text plans[].tensors[].name:text plans[].tensors[].shape[]:whole plans[].tensors[].bytes:whole
  plans[].tensors[].life:null plans[].tensors[].life[]:whole plans[].tensors[].arena:text plans[].tensors[].buffer:whole
  plans[].tensors[].offset_bytes:whole plans[].launches[].list:text plans[].launches[].what:text plans[].launches[].kernel:text
  plans[].launches[].file:text plans[].launches[].count:whole plans[].launches[].of:text plans[].launches[].local:whole
  plans[].launches[].options:text plans[].high_water.bytes:whole plans[].high_water.launch:whole plans[].total_bytes:whole"
for arena in parameters gradients optimizer data transient; do
  plan+=" plans[].memory.$arena.bytes:whole plans[].memory.$arena.buffers:whole"
done
for gemm in native clblast; do document "$plan" train --config vit.json "${settings[@]}" --gemm $gemm --dry-run --json; done

# a run, without and with images held back
result="model:text epochs:whole train_loss test_loss test_accuracy images_per_s peak_bytes:whole out:text"
document "$result" train --config vit.json "${settings[@]}" --out plain --json
files=".lock checkpoint.safetensors config.json curves.svg metrics.jsonl model.safetensors report.html"
[ "$(files_of plain)" = "$files" ] || fail "the files of a run: $(files_of plain)"
has metrics.jsonl plain/metrics.jsonl "type:text step:whole epoch:whole train_loss test_loss test_accuracy lr images_per_s seconds"
document "$result best_val_accuracy best_epoch:whole" train --config vit.json "${settings[@]}" --val-split 0.2 --ema 0.9 \
  --log-every 2 --precision f16 --out held --json
[ "$(files_of held)" = "${files/.lock/.lock best.safetensors}" ] || fail "the files of a run with --val-split: $(files_of held)"
# shellcheck disable=SC2046 # a word each
documented $(files_of held)
grep '"interval"' held/metrics.jsonl >intervals
has "interval lines" intervals "type:text step:whole epoch:whole train_loss lr images_per_s seconds"
grep '"epoch",' held/metrics.jsonl >epochs
has "epoch lines" epochs "type:text step:whole epoch:whole train_loss val_loss val_accuracy test_loss test_accuracy lr images_per_s
  seconds"
has config.json plain/config.json "format:whole versions.clsattn:text versions.commit:text versions.clblast:text model:text
  patches:text sizes.image:whole sizes.patch:whole sizes.embed:whole sizes.heads:whole sizes.layers:whole sizes.hidden:whole
  sizes.classes:whole data.path:text data.format:text data.hash:text data.train:whole data.test:whole data.limit_train:whole
  data.limit_test:whole device.name:text device.platform:text device.device:text device.version:text device.driver:text
  device.compute_units:whole init:text choices.kernels:text choices.gemm:text choices.conv:text choices.precision:text
  choices.tuning:list epochs:whole batch:whole accumulate:whole shares:text lr seed:text optimizer:text schedule:text warmup
  step_epochs step_factor weight_decay decay:text clip_norm label_smoothing ema augment:text val_split patience:whole freeze:text
  on_nan:text threads:whole log_every:whole checkpoint_every"
for file in plain/model held/best; do
  metadata $file.safetensors | "$FIELDS" - | sed -n 's/^__metadata__\.\([^ ]*\) text$/\1/p' | sort | xargs >names
  [ "$(cat names)" = "classes clsattn model normalisation patches sizes" ] || fail "$file: metadata: $(cat names)"
done
# shellcheck disable=SC2046
documented $(cat names) data
metadata held/checkpoint.safetensors | "$FIELDS" - | sed 's/ .*//; s/^__metadata__\.//; s/^\([a-z]*\)\..*/\1/' | sort -u | xargs >names
[ "$(cat names)" = "clsattn conv first format gemm kernels mean param precision progress scaler second tuning" ] ||
  fail "the checkpoint: $(cat names)"
documented progress scaler param.NAME first.NAME second.NAME mean.NAME

# where a run goes by default, and on which device: the one of the environment, unless the command line names another
device=$("$CLSATTN" devices --json | sed -n 's/^ *"name": "\(.*\)",$/\1/p' | head -n 1)
expect 0 "Accuracy" env CLSATTN_DEVICE="$device" "$CLSATTN" train --model vit --data data --limit-train 10 --limit-test 10 --epochs 1
ls runs >names
grep -qxE "vit-$device-[0-9]{8}-[0-9]{6}" names || fail "the default run folder: $(cat names)"
weights=runs/$(head -n 1 names)/model.safetensors
expect 2 "CLSATTN_DEVICE: $device,$device: one device is wanted here" env CLSATTN_DEVICE="$device,$device" "$CLSATTN" eval --weights "$weights" --data data
expect 4 "CLSATTN_DEVICE: nv99: no such device" env CLSATTN_DEVICE=nv99 "$CLSATTN" eval --weights "$weights" --data data
expect 0 '"loss": ' env CLSATTN_DEVICE=nv99 "$CLSATTN" eval --weights "$weights" --data data --device "$device" --json
sed '/_per_s/d' stdout >told

# weights that do not say what they are of: nothing is guessed
python3 - "$weights" mute <<'END'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
start = 8 + struct.unpack("<Q", data[:8])[0]
head = json.loads(data[8:start])
del head["__metadata__"]
text = json.dumps(head).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + data[start:])
END
expect 2 "mute: does not say which model it is" "$CLSATTN" eval --weights mute --data data
expect 2 "mute: does not say how images are cut" "$CLSATTN" eval --weights mute --model vit --data data
expect 0 '"loss": ' "$CLSATTN" eval --weights mute --model vit --patches rows --data data --json
cmp <(sed '/_per_s/d' stdout) told || fail "weights without metadata: other figures"

# every option that is a setting has its key
settings_of() { "$CLSATTN" train --help | sed -n 's/^  --\([a-z-]*\) [^ ].*/\1/p'; }
options=(epochs:2 batch:20 accumulate:2 shares:1 lr:0.5 seed:7 optimizer:sgd schedule:step warmup:0.5 step-epochs:2.5 step-factor:0.25
  weight-decay:0.5 decay:weights clip-norm:0.5 label-smoothing:0.25 ema:0.5 "augment:flip,cutout=4" val-split:0.5 patience:3 freeze:fc.bias
  on-nan:skip threads:1 log-every:3 checkpoint-every:90s limit-train:40 limit-test:10 gemm:native kernels:portable conv:direct
  precision:f16 patches:grid)
given=()
for option in "${options[@]}"; do given+=("--${option%%:*}" "${option#*:}"); done
left=$(settings_of | grep -vxE "$(printf '%s|' "${options[@]%%:*}")model|config|data|device|out|resume|init")
[ -z "$left" ] || fail "options that this test does not give: $left"
expect 0 "Accuracy" "$CLSATTN" train --config vit.json --data data "${given[@]}" --out options
for option in "${options[@]}"; do
  key=${option%%:*} value=${option#*:}
  [ "$key" = checkpoint-every ] && value=90.0
  grep -qE "^ *\"${key//-/_}\": \"?$value\"?,?$" options/config.json || fail "--$key $value: $(grep "\"${key//-/_}\"" options/config.json)"
done

for conv in direct winograd; do
  expect 0 "total" "$CLSATTN" train --model cnn --data data --batch 10 --dry-run --conv $conv
  [ "$(grep -c winograd stdout)" -gt 0 ] && conv_got=winograd || conv_got=direct
  [ "$conv_got" = "$conv" ] || fail "--conv $conv: launches are $conv_got"
done

document "accuracy loss images:whole per_class[].class:text per_class[].accuracy confusion[][]:whole images_per_s device:text" \
  eval --weights plain/model.safetensors --data data --json
cp stdout figures.json
"$CLSATTN" devices --json >all.json
grep -qF "\"device\": $(sed -n 's/^  "device": \(.*\)$/\1/p' stdout)" all.json || fail "eval: its device is none: $(cat stdout)"
# Whoever computes, the figures are the same, but for the roundings of halves.
ways=("--kernels portable --gemm native --conv direct" "--gemm clblast --precision f16")
for way in "${ways[@]}"; do
  # shellcheck disable=SC2086 # words
  expect 0 "" "$CLSATTN" eval --weights plain/model.safetensors --model vit --patches rows --data data --batch 7 --device "$device" $way --json
  grep -h '^  "loss"' figures.json stdout | tr -dc '0-9.\n' | xargs |
    awk '{ exit !($1 > 0 && ($1 - $2) ^ 2 < 1e-4) }' || fail "eval $way: $(grep -h '^  "loss"' figures.json stdout | xargs)"
done
document "runs[].run:text runs[].model:text runs[].data:text runs[].device:text runs[].epochs_done:whole runs[].epochs:whole
  runs[].best_test_accuracy runs[].test_accuracy runs[].train_loss runs[].images_per_s runs[].date:text runs[].state:text
  unreadable:list" runs . --json
XDG_CACHE_HOME=$WORK/cache document "folder:text programs:whole self_tests:whole bytes:whole tuning_folder:text" cache --json
XDG_CACHE_HOME=$WORK/cache document "folder:text programs:whole self_tests:whole bytes:whole" cache clear --json
golden=$(dirname "$KERNELS")/tests/golden/vit-tiny.safetensors
document "ok:truth checks[].name:text checks[].error checks[].tolerance checks[].ok:truth" verify --json --dump dump "$golden"
metadata dump | "$FIELDS" - | sed '/^__metadata__ /d; s/[. ].*//' | sort -u | xargs >names
[ "$(cat names)" = "after1 final_logits grad logits loss losses" ] || fail "--dump: $(cat names)"
documented after1.NAME final_logits grad.NAME logits loss losses inputs_all labels_all
# a golden file of which only parameters, images and labels are known
python3 - "$golden" bare <<'END'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
start = 8 + struct.unpack("<Q", data[:8])[0]
head, body = {}, b""
for name, tensor in json.loads(data[8:start]).items():
    if name.startswith("param.") or name in ("inputs_all", "labels_all"):
        begin, end = tensor["data_offsets"]
        tensor["data_offsets"] = [len(body), len(body) + end - begin]
        body += data[start + begin : start + end]
    elif name != "__metadata__":
        continue
    head[name] = tensor
text = json.dumps(head).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + body)
END
document "ok:truth checks:list" verify --json --dump bare-dump bare
cmp dump bare-dump || fail "--dump: other values where none are expected"
expect 3 "bare: has no expected values" "$CLSATTN" verify bare

if ! "$CLSATTN" --version | grep -q '^  images *no$'; then
  PICTURE=${CLSATTN_TEST_PICTURE:?the path of picture}
  "$PICTURE" make data/test_batch.bin 0 0.png && head -c 100 0.png >cut.png
  document "[].image:text [].predictions[].class:text [].predictions[].probability" predict --weights plain/model.safetensors 0.png --json
  for way in "${ways[@]}"; do
    # shellcheck disable=SC2086
    expect 0 '"predictions": ' "$CLSATTN" predict --weights plain/model.safetensors --model vit --patches rows --device "$device" $way 0.png --json
  done
  if ! "$CLSATTN" --version | grep -q '^  pictures *no$'; then
    look=(entropy max "peak[]:whole" class_token)
    document "image:text out:text predictions[].class:text predictions[].probability layers[].name:text layers[].keys:whole
      layers[].heads[].head:whole $(printf 'layers[].heads[].%s ' "${look[@]}") $(printf 'rollout.%s ' "${look[@]}")" \
      attend --weights plain/model.safetensors 0.png --out attend.png --json
    for way in "${ways[@]}"; do
      # shellcheck disable=SC2086
      expect 0 '"layers": ' "$CLSATTN" attend --weights plain/model.safetensors --model vit --patches rows --device "$device" $way \
        --data data --index 1 --layer encoder.layers.1.2 --out attend.png --json
    done
  fi
fi

# A document beside a failure is one that tells of it.
with_fault select.cl '? LOAD(dy, image' '? 1.01f * LOAD(dy, image' expect 1 "above the tolerance" "$CLSATTN" verify --json "$golden"
has "verify that fails" stdout "ok:truth checks[].name:text checks[].error checks[].tolerance checks[].ok:truth"
grep -q '^  "ok": false' stdout || fail "verify that fails: $(cat stdout)"
if [ -s cut.png ]; then
  expect 3 "cut.png" "$CLSATTN" predict --weights plain/model.safetensors 0.png cut.png --json
  has "predict of a damaged image" stdout "[].image:text [].predictions[].class:text [].predictions[].probability [].error:text"
fi
# Any other failure leaves stdout empty, whatever the command, and its first line on stderr says why.
silent() {
  expect "$@"
  [ -s stdout ] && fail "${*:3}: stdout beside a failure: $(cat stdout)"
}
mkdir no-icd
commands=(devices "devices --check" "train --data data" "eval --weights plain/model.safetensors --data data" "compare --data data"
  bench tune verify)
[ -s cut.png ] && commands+=("predict --weights plain/model.safetensors 0.png" "attend --weights plain/model.safetensors 0.png --out a.png")
for command in "${commands[@]}"; do
  # shellcheck disable=SC2086 # words
  silent 4 "" env OCL_ICD_VENDORS="$WORK/no-icd/" "$CLSATTN" $command --json
done
silent 2 "" "$CLSATTN" frobnicate --json
silent 2 "COMMAND is missing" "$CLSATTN"
silent 2 "what to do is missing" "$CLSATTN" data
silent 3 "none" "$CLSATTN" data info none --json
silent 3 "none" "$CLSATTN" runs none --json
silent 1 "in it already" "$CLSATTN" train --config vit.json "${settings[@]}" --out plain --json

# a checkpoint of a version to come
sed '1s/"format":"[0-9]"/"format":"9"/' plain/checkpoint.safetensors >later && mv later plain/checkpoint.safetensors
silent 3 "checkpoint: format 9: this clsattn" "$CLSATTN" train --resume plain --epochs 2 --json
finish
