#!/usr/bin/env bash
# Reruns a row of docs/results.md and checks that it is reached: benches/reproduce.sh TASK [--quick]
# With --quick, a small version of it in minutes, whose floor a broken model misses; runs stay in runs/reproduce-TASK.
set -euo pipefail
cd "$(dirname "$0")/.."

usage="usage: benches/reproduce.sh spikes|listops|text|image|pathfinder|spoken-digits|neuronio-m20|text-lm [--quick]; text needs IMDB=FOLDER, image CIFAR=FOLDER, spoken-digits DIGITS=FOLDER, pathfinder Python with numpy and pillow"
task="${1:?$usage}"
quick="${2:-}"
[[ -z "$quick" || "$quick" == --quick ]] || { echo "$usage" >&2; exit 2; }
if [[ -n "${ELM:-}" ]]; then elm=("$ELM"); else elm=(cargo run -q --release --bin elm --); fi
run="runs/reproduce-$task${quick}"
data="data/reproduce-$task${quick}"
rm -rf "$run"

# recipe and settings; the accuracy in percent (AUC for neuronio, at most so many bits for text-lm) that must be reached
case "$task$quick" in
  spikes)
    set -- spikes; floor=80 ;;
  spikes--quick)
    set -- spikes --set train.epochs=3 --set "data.dir=$data"; floor=40 ;;
  listops--quick)
    "${elm[@]}" data generate listops --out "$data" --seed 1 --train 8000 --valid 1000 --test 1000 \
      --min-length 5 --max-length 60
    set -- listops --set "data.dir=$data" --set data.max_length=60 --set train.epochs=4 --set train.warmup_steps=100
    floor=30 ;;
  listops)
    # expressions that grow: each training but the first begins with the weights of the one before
    begin=()
    for stage in "100 20 2 5 200" "300 100 3 3 100" "700 300 4 1 100"; do
      read -r longest shortest seed epochs warmup <<<"$stage"
      "${elm[@]}" data generate listops --out "$data-$longest" --seed "$seed" \
        --min-length "$shortest" --max-length "$longest"
      rm -rf "$run-$longest"
      "${elm[@]}" train --recipe listops --set "data.dir=$data-$longest" --set "data.max_length=$longest" \
        --set "train.epochs=$epochs" --set "train.warmup_steps=$warmup" "${begin[@]}" --out "$run-$longest"
      begin=(--init-from "$run-$longest/model.safetensors")
    done
    "${elm[@]}" data generate listops --out "$data" --seed 1
    rm -rf "$run-full"
    "${elm[@]}" train --recipe listops --set "data.dir=$data" --set train.batches_per_epoch=500 --set train.epochs=3 \
      --set train.learning_rate=0.0005 --set train.warmup_steps=50 "${begin[@]}" --out "$run-full"
    set -- listops --set "data.dir=$data" --set seed=2 --set train.epochs=1 \
      --set train.learning_rate=0.0005 --set train.warmup_steps=50 --init-from "$run-full/model.safetensors"
    floor=45 ;;
  text | text--quick)
    # the first 512 bytes of the reviews, until their validation loss rises; then whole reviews
    data="${IMDB:?$usage}"
    begin=(text --set "data.dir=$data" --set data.max_length=512 --set data.valid_samples=2500 --set train.epochs=40
      --set train.patience=2 --set train.warmup_steps=500 --set train.average_decay=0)
    set -- "${begin[@]}"; floor=72
    if [[ -z "$quick" ]]; then
      floor=83
      rm -rf "$run-512"
      "${elm[@]}" train --recipe "${begin[@]}" --out "$run-512"
      set -- text --set "data.dir=$data" --set data.valid_samples=2500 --init-from "$run-512/model.safetensors"
    fi ;;
  pathfinder | pathfinder--quick)
    # where the discs are, then contours that grow; each training begins with the weights of the one before
    count=100000; steps=(1500 3000 12000 6000 24000); floor=69
    if [[ -n "$quick" ]]; then count=8000; steps=(1500 1000); floor=62; fi
    # no image of an earlier stage is one of the test, or begins like it: each stage has a seed of its own
    "${elm[@]}" data generate pathfinder --out "$data-places" --seed 5 --size 32 --count 12000
    python3 benches/pathfinder_places.py "$data-places/pathfinder32/curv_contour_length_14" "$data-places/places.npz"
    rm -rf "$run-places"
    "${elm[@]}" train --recipe arrays --out "$run-places" --set "data.train=$data-places/places.npz" --set arrays.kind=regress \
      --set 'arrays.split={by="fractions",seed=0,test=0.03,valid=0.03}' --set arrays.normalize=none \
      --set model.version=v2 --set model.activation=silu --set model.num_memory=64 --set model.memory_tau_max=1024 \
      --set model.branches=0 --set model.dt=1 --set model.input_scale=3 --set train.optimizer=adam --set train.readout=last \
      --set train.batch_size=32 --set "train.steps=${steps[0]}" --set train.batches_per_epoch=100 --set train.warmup_steps=50 \
      --set train.learning_rate=2e-3
    begin="$run-places"
    stages=("length3 ${steps[1]} 2")
    [[ -n "$quick" ]] || stages+=("baseline ${steps[2]} 3" "length9 ${steps[3]} 4" "length14 ${steps[4]} 1")
    for stage in "${stages[@]}"; do
      read -r difficulty length seed <<<"$stage"
      images="$count"
      [[ "$difficulty" != length14 ]] || images="$((2 * count))"
      "${elm[@]}" data generate pathfinder --out "$data" --seed "$seed" --size 32 --count "$images" --difficulty "$difficulty"
      set -- pathfinder --set "data.dir=$data" --set "data.difficulty=$difficulty" --set "train.steps=$length" \
        --init-from "$begin/model.safetensors"
      # the last one is trained below
      [[ "$stage" != "${stages[-1]}" ]] || break
      rm -rf "$run-$difficulty"
      "${elm[@]}" train --recipe "$@" --set data.test_samples=1000 --out "$run-$difficulty"
      begin="$run-$difficulty"
    done ;;
  image | image--quick)
    set -- image --set "data.dir=${CIFAR:?$usage}"; floor=52 ;;
  spoken-digits | spoken-digits--quick)
    set -- shd --set "data.dir=${DIGITS:?$usage}" --set train.readout=mean; floor=80 ;;
  neuronio-m20 | neuronio-m20--quick)
    set -- quick --set train.epochs=20; floor=0.95 ;;
  text-lm | text-lm--quick)
    # this project's own sources and docs, as they were
    rm -rf "$data"; mkdir -p "$data"
    git archive 64bb3f3 | tar x -C "$data"
    epochs=16; floor=1.95
    if [[ -n "$quick" ]]; then epochs=2; floor=2.6; fi
    set -- text-lm --set "data.train=[\"$data\"]" --set 'text.extensions=["md","rs"]' \
      --set train.batch_size=16 --set train.batches_per_epoch=300 --set "train.epochs=$epochs" ;;
  *)
    echo "$usage" >&2; exit 2 ;;
esac
recipe="$1"; shift
"${elm[@]}" train --recipe "$recipe" "$@" --out "$run"

python3 - "$run/test.json" "$floor" <<'PYTHON'
import json, sys
path, floor = sys.argv[1], float(sys.argv[2])
rows = {row["metric"]: row["ours"] for row in json.load(open(path))["rows"]}
name, found = next((k, v) for k, v in rows.items() if k.startswith(("Accuracy", "AUC", "Bits")))
fewer = name.startswith("Bits")
print(f"{name}: {found:.4f}, to reach: {floor}")
reached = found <= floor if fewer else found >= floor
sys.exit(0 if reached else f"{path}: {name} is {found}, expected at {'most' if fewer else 'least'} {floor}")
PYTHON
