#!/usr/bin/env bash
# How people train: presets and files of settings, schedules, held-back images, averages, frozen and taken-over weights.
. "$(dirname "$0")/lib.sh"
make_data "$WORK/data" 90 40
cd "$WORK" || exit 1

# field RUN KEY: of the epochs in metrics.jsonl, one a line; rate RUN: the learning rate of each interval;
# setting RUN KEY...: a value of config.json
field() { python3 -c 'import json,sys; [print(r[sys.argv[2]]) for r in map(json.loads, open(sys.argv[1])) if r["type"] == "epoch"]' "$1/metrics.jsonl" "$2"; }
rates() { python3 -c 'import json,sys; print(*[r["lr"] for r in map(json.loads, open(sys.argv[1])) if r["type"] == "interval"])' "$1/metrics.jsonl"; }
setting() { python3 -c 'import functools,json,sys; print(functools.reduce(lambda o, k: o[k], sys.argv[2:], json.load(open(sys.argv[1]))))' "$1/config.json" "${@:2}"; }

# a file of settings, and options that go before it
cat >small.json <<'END'
{"model": "vit", "patches": "grid", "sizes": {"embed": 16, "heads": 2, "layers": 2, "hidden": 24},
 "data": {"path": "data", "limit_train": 80}, "epochs": 3, "batch": 20, "optimizer": "adamw", "lr": 0.01,
 "schedule": "cosine", "warmup": 0.5, "weight_decay": 0.05, "decay": "weights", "clip_norm": 0.5,
 "label_smoothing": 0.1, "ema": 0.9, "augment": "flip,crop=2,cutout=8", "val_split": 0.25, "log_every": 1}
END
expect 0 "Best on validation images: " "$CLSATTN" train --config small.json --epochs 4 --out whole
cp "$WORK/stdout" whole.log
[ "$(setting whole epochs)" = 4 ] && [ "$(setting whole batch)" = 20 ] || fail "which settings? $(cat whole/config.json)"
[ "$(setting whole sizes embed)" = 16 ] && [ "$(setting whole patches)" = grid ] || fail "which model?"
[ "$(setting whole augment)" = flip,crop=2,cutout=8 ] || fail "augment: $(setting whole augment)"
[ -e whole/best.safetensors ] || fail "no best.safetensors"
# 60 images, 3 steps an epoch, the first of 12 (and half of the next) to warm up; then half a wave over 10
[[ "$(rates whole)" = "0.005 0.01 0.01 0.00975"* ]] || fail "learning rates: $(rates whole)"
expect 0 "" "$CLSATTN" eval --weights whole/model.safetensors --data data
grep -qxF "$(grep ^Accuracy whole.log)" "$WORK/stdout" || fail "the saved weights are not those that were tested"

# a file's choices are asked for, as if they were options
echo '{"choices": {"precision": "f16", "kernels": "portable", "tuning": []}}' >half.json
planned() { # planned NAME ARGUMENT...
  expect 0 "plans" "$CLSATTN" train --data data --batch 20 --dry-run --json "${@:2}"
  mv stdout "$1"
}
planned usual
planned of-file --config half.json
planned of-options --precision f16 --kernels portable
cmp of-file of-options || fail "--config: a file's choices are not taken"
planned other-precision --config half.json --precision f32
planned portable --kernels portable
cmp other-precision portable || fail "--precision does not go before the file's"
cmp -s usual portable && fail "kernels make no other plan"
cmp -s of-file portable && fail "precisions make no other plan"

# what was interrupted ends with the same bits, averages, augmentation, best and all
same() { # same RUN OTHER
  for file in model best; do cmp "$1/$file.safetensors" "$2/$file.safetensors" || fail "$2: another $file"; done
  cmp <(figures "$1/metrics.jsonl") <(figures "$2/metrics.jsonl") || fail "$2: other figures"
}
expect 0 "" "$CLSATTN" train --config small.json --epochs 4 --schedule constant --out straight
expect 0 "" "$CLSATTN" train --config small.json --epochs 2 --schedule constant --out two
expect 0 "" "$CLSATTN" train --resume two --epochs 4
same straight two
"$CLSATTN" train --config small.json --epochs 400 --schedule constant --checkpoint-every 0s --out cut >/dev/null 2>&1 &
await $! grep -qs '"step":5,' cut/metrics.jsonl
kill -KILL $!
wait $! 2>/dev/null
[ ! -e cut/model.safetensors ] || fail "too late to kill it"
epochs=$(($(field cut epoch | wc -l) + 2))
expect 0 "" "$CLSATTN" train --resume cut --epochs $epochs
expect 0 "" "$CLSATTN" train --config small.json --epochs $epochs --schedule constant --out uncut
same uncut cut

# with other --epochs the schedule goes on as that of a run of so many; lines and checkpoints come as often as is said
expect 0 "" "$CLSATTN" train --config small.json --epochs 2 --out fewer
fewer=$(rates fewer)
cp -r fewer oftener
expect 0 "" "$CLSATTN" train --resume fewer --epochs 4
[ "$(rates fewer)" = "$fewer $(rates whole | cut -d' ' -f7-)" ] || fail "rates of 2 epochs, then of 4: $(rates fewer)"
[ "$(rates whole | cut -d' ' -f-6)" != "$fewer" ] || fail "4 epochs begin with the rates of 2"
amid_epoch() { # of a run's checkpoint
  python3 -c 'import struct, sys
data = open(sys.argv[1], "rb").read()
sys.exit(struct.unpack_from("<3d", data, 8 + struct.unpack_from("<Q", data)[0])[2] == 0)' "$1/checkpoint.safetensors"
}
"$CLSATTN" train --resume oftener --epochs 4000 --log-every 2 --checkpoint-every 0s >/dev/null 2>&1 &
await $! amid_epoch oftener
await $! grep -q '"epoch","step":12,' oftener/metrics.jsonl
kill -KILL $!
wait $! 2>/dev/null
[ "$(sed -n 's/.*"type":"interval","step":\([0-9]*\),.*/\1/p' oftener/metrics.jsonl | head -n 8 | xargs)" = "1 2 3 4 5 6 8 11" ] ||
  fail "--log-every 2 beside --resume: $(head -n 14 oftener/metrics.jsonl)"

# the average is what is tested and saved, and training does not notice it
expect 0 "" "$CLSATTN" train --config small.json --epochs 4 --schedule constant --ema 0 --out raw
[ "$(field raw train_loss)" = "$(field straight train_loss)" ] || fail "training goes another way with averages"
[ "$(field raw test_loss)" != "$(field straight test_loss)" ] || fail "what was tested is no average"

# early stopping: a learning rate of 0 gets no better
expect 0 "stopped: no better validation in 2 epochs" "$CLSATTN" train --config small.json --lr 0 --ema 0 --patience 2 --epochs 50 --out early
[ "$(field early epoch | wc -l)" = 3 ] || fail "early stopping: $(field early epoch | wc -l) epochs"

# weights of other classes: all but fc is taken; frozen ones stay
make_data "$WORK/fine" 40 20
python3 - <<'END'
for name in ("data_batch_1.bin", "test_batch.bin"):
    records = bytearray(open("fine/" + name, "rb").read())
    for at in range(0, len(records), 3073):
        records[at] %= 3
    open("fine/" + name, "wb").write(records)
open("fine/batches.meta.txt", "w").write("red\ngreen\nblue\n")
END
expect 0 "" "$CLSATTN" train --data fine --init whole/model.safetensors --freeze 'encoder.*,patch_embedding.*' --epochs 1 --batch 20 --out taken
grep -q "all but fc is taken" "$WORK/stderr" || fail "--init does not say that fc starts anew: $(cat "$WORK/stderr")"
compare_weights=$(cat <<'END'
import json, struct, sys
def read(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8 : 8 + size])
    head.pop("__metadata__", None)
    return {k: data[8 + size + v["data_offsets"][0] : 8 + size + v["data_offsets"][1]] for k, v in head.items()}
a, b = read(sys.argv[1]), read(sys.argv[2])
for name in a:
    frozen = name.startswith(("encoder.", "patch_embedding."))
    if (a[name] == b[name]) != frozen:
        sys.exit(f"{name}: {'changed' if frozen else 'did not change'}")
END
)
python3 -c "$compare_weights" whole/model.safetensors taken/model.safetensors || fail "frozen weights"

# what cannot be
expect 2 "--freeze: conv9.*: the model has no such parameter" "$CLSATTN" train --config small.json --freeze 'fc.*,conv9.*' --out no
expect 2 "--freeze: nothing is left to train" "$CLSATTN" train --config small.json --freeze '*' --out no
expect 2 "--patience: 3: nothing is held back" "$CLSATTN" train --config small.json --val-split 0 --patience 3 --out no
expect 2 "--epochs: 3000000000: must be a whole number from 1 to 2147483647" "$CLSATTN" train --epochs 3000000000
expect 3 "--val-split: 0.001: of 80 training images that leaves none to validate on" "$CLSATTN" train --config small.json --val-split 0.001 --out no
expect 2 "--label-smoothing: 1: must be a number from 0, below 1" "$CLSATTN" train --label-smoothing 1
expect 2 "--schedule: linear: must be one of constant|cosine|step" "$CLSATTN" train --schedule linear
expect 2 "--augment: mirror: must be none, or some of flip" "$CLSATTN" train --augment mirror
expect 2 "it is for the vit, not for the cnn" "$CLSATTN" train --config small.json --model cnn
expect 3 "the presets: " "$CLSATTN" train --config gone.json
echo '{"epoch": 3}' >misspelt.json
expect 3 "--config misspelt.json: config: epoch: no such key" "$CLSATTN" train --config misspelt.json
echo '{"sizes": {"embed": 3}}' >whose.json
expect 3 "of which model?" "$CLSATTN" train --config whose.json
[ ! -e no ] || fail "a run folder was left"

# a run's own config.json is such a file
expect 0 "" "$CLSATTN" train --config straight/config.json --epochs 1 --out copy
[ "$(setting copy epochs)" = 1 ] && [ "$(setting copy ema)" = "$(setting straight ema)" ] || fail "config.json as --config"
finish
