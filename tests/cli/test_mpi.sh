#!/usr/bin/env bash
# Several processes train one model: as one alone does, however many they are, and also where a run goes on with others. One that
# fails or is killed ends all, says why, and what was saved is good.
. "$(dirname "$0")/lib.sh"
if "$CLSATTN" --version --json | grep -q '"MPI": "no"'; then
  for rank in 0 1; do # as mpirun starts them
    OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=$rank "$CLSATTN" train 2>"$WORK/stderr" && fail "rank $rank trains alone"
    [ "$rank" = 1 ] || grep -q "^clsattn: train: started as 2 processes, but .* without MPI" "$WORK/stderr" || fail "$(cat "$WORK/stderr")"
  done
  [ $failures = 0 ] || exit 1
  echo "clsattn is built without MPI"
  exit 77
fi
command -v mpirun >/dev/null || { echo "there is no mpirun"; exit 77; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_hwloc_base_binding_policy=none # containers forbid the first
export ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS-} # what Open MPI leaks is not ours
export POCL_AFFINITY=0 POCL_MAX_PTHREAD_COUNT=1 POCL_DEVICES="pthread pthread"
make_data "$WORK/data" 250 60 # 250 / 60: the last batch of an epoch has 10 images
cd "$WORK" || exit 1
echo '{"model": "vit", "sizes": {"embed": 16, "heads": 2, "layers": 2, "hidden": 32, "dropout": 0.1}}' >vit.json
echo '{"model": "cnn", "sizes": {"widths": [8, 16], "k": 4, "attention": [2], "batch_norm": true}}' >norm.json
settings=(--data data --batch 60 --log-every 1)
practice=(--augment flip,crop=4,cutout=4 --ema 0.9 --val-split 0.2 --clip-norm 1 --label-smoothing 0.1)
vit=(train --config vit.json "${settings[@]}" "${practice[@]}")

# ranks CODE TEXT N ARGUMENT...: N processes of clsattn end so; where not with 0, a line of stderr begins "clsattn: TEXT".
ranks() {
  local code=$1 text=$2 got=0
  timeout 120 mpirun -n "$3" "$CLSATTN" "${@:4}" >stdout 2>stderr || got=$?
  [ $got = "$code" ] || fail "$3 ranks: ${*:4}: exit $got, expected $code: $(cat stderr)"
  if [ "$code" = 0 ]; then
    grep -q -- "$text" stdout || fail "$3 ranks: ${*:4}: no '$text': $(cat stdout)"
  else
    grep -q -- "^clsattn: $text" stderr || fail "$3 ranks: ${*:4}: no '$text': $(cat stderr)"
  fi
}

# close NAME NAME LOSSES WEIGHTS: all losses by so much of their size, all weights by so much
cat >close.py <<'END'
import array, json, sys
def losses(run):
    rows = [json.loads(line) for line in open(run + "/metrics.jsonl")]
    return [row[key] for row in rows for key in sorted(row) if key.endswith("_loss")]
def weights(run):
    data = open(run + "/model.safetensors", "rb").read()
    values = array.array("f")
    values.frombytes(data[8 + int.from_bytes(data[:8], "little") :])
    return values
(a, b), (v, w) = map(losses, sys.argv[1:3]), map(weights, sys.argv[1:3])
loss = max(abs(x - y) / x for x, y in zip(a, b)) if len(a) == len(b) >= 10 else "count"
weight = max(abs(x - y) for x, y in zip(v, w)) if len(v) == len(w) > 1000 else "count"
print(loss, weight)
sys.exit(not (loss != "count" != weight and loss <= float(sys.argv[3]) and weight <= float(sys.argv[4])))
END
close() { python3 close.py "$@" >far || fail "$1 and $2: losses or weights differ by $(cat far)"; }

# as one process does
expect 0 "Accuracy" "$CLSATTN" "${vit[@]}" --epochs 2 --out one
ranks 0 Accuracy 2 "${vit[@]}" --epochs 2 --out two
close one two 2e-4 2e-4
[ "$(grep -c '^epoch' stdout)" = 2 ] || fail "more than one rank speaks: $(cat stdout)"
[ "$(wc -l <one/metrics.jsonl)" = "$(wc -l <two/metrics.jsonl)" ] || fail "more than one rank writes: $(cat two/metrics.jsonl)"
ranks 0 Accuracy 3 "${vit[@]}" --epochs 2 --out three --device cpu0,cpu1 --shares 1,2 --accumulate 2
grep -q "shares of a batch of 60: 7,13,7,13,7,13" stderr || fail "shares: $(cat stderr)"
grep -q '"shares": "1,2"' three/config.json || fail "config.json: $(grep shares three/config.json)"
close one three 2e-4 2e-4
expect 0 "Accuracy" "$CLSATTN" "${vit[@]}" --epochs 2 --precision f16 --out half
ranks 0 Accuracy 2 "${vit[@]}" --epochs 2 --precision f16 --out half-two
close half half-two 2e-2 2e-2
expect 0 "Accuracy" "$CLSATTN" train --config norm.json "${settings[@]}" --epochs 2 --out norm
ranks 0 Accuracy 2 train --config norm.json "${settings[@]}" --epochs 2 --out norm-two # statistics are of a rank's part
close norm norm-two 0.2 0.2

# a run goes on with as many ranks, to the bit, and with others
ranks 0 Accuracy 2 "${vit[@]}" --epochs 1 --out same
cp -r same fewer
cp -r same more
ranks 0 Accuracy 2 train --resume same --epochs 2
cmp same/model.safetensors two/model.safetensors || fail "same: other weights"
cmp <(figures same/metrics.jsonl) <(figures two/metrics.jsonl) || fail "same: other figures"
expect 0 "Accuracy" "$CLSATTN" train --resume fewer --epochs 2
close one fewer 2e-4 2e-4
ranks 0 Accuracy 3 train --resume more --epochs 2
close one more 2e-4 2e-4

# What differs between ranks is named, and what all have to say is said once.
mixed() { # mixed CODE TEXT ARGUMENTS: rank 0 is as usual, rank 1 has these
  local got=0
  # shellcheck disable=SC2086 # words
  timeout 120 mpirun -n 1 "$CLSATTN" "${vit[@]}" --epochs 2 --out mixed : -n 1 ${around-} "$CLSATTN" "${vit[@]}" --epochs 2 --out mixed $3 \
    >stdout 2>stderr || got=$?
  [ $got = "$1" ] || fail "rank 1 with $3: exit $got: $(cat stderr)"
  [ -z "$2" ] || grep -q "^clsattn: $2" stderr || fail "rank 1 with $3: $(cat stderr)"
}
mixed 3 "rank 1: data: nowhere: no such file" "--data nowhere"
mixed 2 "rank 1: ranks: --lr: 0.5 here, 0.001 on rank 0" "--lr 0.5"
grep -q -- " --threads, --kernels, --gemm, --conv and paths may differ" stderr || fail "what may differ? $(cat stderr)"
mixed 2 "rank 1: ranks: --precision: \"f16\" here, \"f32\" on rank 0" "--precision f16"
mixed 2 "rank 1: ranks: --data .* on rank 0" "--limit-train 200"
mixed 2 "--shares: said to some ranks only" "--shares 1"
mixed 4 "rank 1: device: cpu7: no such device" "--device cpu7"
[ ! -e mixed ] || fail "a run that cannot be left a folder"
ranks 2 "--epochs: 0: must be" 3 train --epochs 0
[ "$(grep -c '^clsattn' stderr)" = 1 ] || fail "said more than once: $(cat stderr)"
ranks 2 "eval: started as 2 processes" 2 eval --weights one/model.safetensors --data data
ranks 1 "rank 0: run: one: there is a run in it already" 2 "${vit[@]}" --out one

# Threads are each rank's own: PoCL, which has one here anyway, computes the same bits.
mixed 0 "" "--threads 1"
cmp two/model.safetensors mixed/model.safetensors || fail "--threads 1: other weights"
rm -r mixed
# So is how kernels compute, to the last digits.
mixed 0 "" "--kernels portable --gemm native --conv direct"
close two mixed 2e-4 2e-4
rm -r mixed

# A rank whose device fails in the middle, and one whose parameters part, end all.
around="env CLSATTN_FAIL=clWaitForEvents:8+ OPENCL_LAYERS=$CLSATTN_TEST_FAIL_OPENCL" mixed 4 "rank 1: train: after step [1-9].*: the device failed" ""
grep -q "is saved; go on with: clsattn train --resume mixed\|nothing was saved yet" stderr || fail "no way on: $(cat stderr)"
rm -r mixed
around="env CLSATTN_KERNEL_DIR=$WORK/faulty" with_fault optimizer.cl "w[i] = weight - lr" "w[i] = weight - (state->step == 7u ? 0.5f : 1.0f) * lr" \
  env CLSATTN_KERNEL_DIR= true
around="env CLSATTN_KERNEL_DIR=$WORK/faulty" mixed 1 "ranks: after step 8 the parameters of rank 1 are not those of rank 0" ""
rm -r mixed
# Devices that round differently take over rank 0's, so that they do not part: here even what is wrong by much.
around="env CLSATTN_KERNEL_DIR=$WORK/faulty" mixed 0 "" "--kernels portable"
close two mixed 2e-4 2e-4

# Numbers that are not finite in a rank's part only stop all, or are left out by all.
nan() { with_fault cpu/dropout.cl "? scale :" "? (state->step == 5u && state->first == 30 ? NAN : scale) :" "$@"; }
nan ranks 1 "train: epoch 2, step 6: numbers are not finite: dropout (dropout): element" 2 "${vit[@]}" --epochs 2 --out nan
ranks 0 Accuracy 2 train --resume nan
close two nan 1e-6 1e-6
nan ranks 0 "1 of 8 steps updated nothing" 2 "${vit[@]}" --epochs 2 --on-nan skip --out skip

# Killed, or told to stop, in the middle.
long=("${vit[@]}" --epochs 20000 --log-every 1000 --checkpoint-every 0.2s)
begin() { # begin NAME OPTION...: three ranks, in the background; $pid is mpirun, $rank0, $rank1 and $rank2 are theirs
  rm -f stderr.*
  # shellcheck disable=SC2016 # the ranks' own variables; mpirun passes on nothing while it waits for them to end
  mpirun "${@:2}" -n 3 bash -c 'exec 2>stderr.$OMPI_COMM_WORLD_RANK; echo $$ >pid$OMPI_COMM_WORLD_RANK; exec "$0" "$@"' \
    "$CLSATTN" "${long[@]}" --out "$1" >stdout 2>stderr &
  pid=$!
  await $pid test -e "$1/checkpoint.safetensors"
  rank0=$(cat pid0) rank1=$(cat pid1) rank2=$(cat pid2)
}
ended() { # ended NAME CODES TEXT: soon
  local got=0
  for _ in $(seq 1200); do
    kill -0 $pid 2>/dev/null || break
    sleep 0.1
  done
  kill -0 $pid 2>/dev/null && { fail "$1: does not end"; kill -KILL $pid "$rank0" "$rank1" "$rank2"; }
  wait $pid || got=$?
  [[ " $2 " == *" $got "* ]] || fail "$1: exit $got: $(cat stderr*)"
  cat stderr.* >said
  [ "$(grep -c "^clsattn: train: $3" said)" = 1 ] || fail "$1: not once '$3': $(cat stderr*)"
  grep -q "go on with: clsattn train --resume $1" said || fail "$1: no way on: $(cat stderr*)"
  local done
  done=$(grep -c '"epoch",' "$1/metrics.jsonl")
  expect 0 "Accuracy" "$CLSATTN" train --resume "$1" --epochs $((done + 2))
}
begin killed
kill -KILL "$rank1"
ended killed "1 137" "after step .*: ranks: rank 1 was lost"
begin first
kill -KILL "$rank0"
ended first "1 137" "after step .*: ranks: rank 0 was lost"
begin told
kill -TERM "$rank2"
ended told 143 "stopped by signal 15 after step"
begin all --mca odls_base_sigkill_timeout 3
kill -TERM $pid
ended all "1 143" "stopped by signal 15 after step"
finish
