#!/usr/bin/env bash
# Builds the fuzz targets for libFuzzer, guided by coverage, with the project's own stable compiler, and runs each of them:
# fuzz/run.sh [SECONDS or INPUTS, e.g. 20s or 10000000] [TARGET...]. Needs a C++ compiler. What it has tried is kept in
# fuzz/corpus, what fails in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")"

most="${1:-20s}"
shift || true
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
  for source in fuzz_targets/*.rs; do targets+=("$(basename "$source" .rs)"); done
fi
case "$most" in
  *s) limit="-max_total_time=${most%s}" ;;
  *) limit="-runs=$most" ;;
esac

host="$(rustc -vV | sed -n 's/^host: //p')"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
# What a nightly compiler calls -Zsanitizer-coverage. With a target named, build scripts and macros are built without.
coverage="-sanitizer-coverage-level=4 -sanitizer-coverage-inline-8bit-counters -sanitizer-coverage-pc-table -sanitizer-coverage-trace-compares"
flags="--cfg fuzzing -Cpasses=sancov-module"
for flag in $coverage; do flags+=" -Cllvm-args=$flag"; done
wanted=()
for target in "${targets[@]}"; do wanted+=(--bin "$target"); done
RUSTFLAGS="$flags" cargo build --release --target "$host" "${wanted[@]}"

data="../crates/elm-data/tests/data"
# The files of the tests that are of a target's kind.
seeds() {
  case "$1" in
    arrays) cp "$data"/arrays/*.np[yz] "$data"/arrays/*.safetensors "$2" ;;
    cifar) head -c 6146 /dev/zero >"$2/two.bin" ;;
    hdf5) for file in "$data"/shd/*.gz "$data"/shd/small/*.gz; do gzip -dc "$file" >"$2/$(basename "$file" .gz)"; done ;;
    packed_images) cp "$data"/arena/*.png "$2" ;;
    pickle)
      for file in "$data"/*.gz; do gzip -dc "$file" >"$2/$(basename "$file" .gz)"; done
      cp "$data"/cifar/data_batch_1 "$2"
      ;;
    state_dict) cp seeds/weights/* "$2" ;;
    text) cp "$data"/arena/text.zip "$2" ;;
  esac
}
# The longest inputs: as long as a seed or two.
longest() {
  case "$1" in
    hdf5) echo 32768 ;;
    cifar | pickle | packed_images | state_dict | weights) echo 10240 ;;
    *) echo 4096 ;;
  esac
}

# files of the targets in memory, where the system has such files
[[ ! -d /dev/shm ]] || export TMPDIR=/dev/shm
TMPDIR="$(mktemp -d)"
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

# What more libFuzzer is told: its weighing of inputs takes as long as the HDF5 reader itself.
flags_of() {
  [[ "$1" != hdf5 ]] || echo -entropic=0
}

# Runs one target.
fuzz() {
  local target="$1" corpus="corpus/$1" fresh log inputs seconds covered
  mkdir -p "$corpus" "artifacts/$target"
  fresh="$(mktemp -d)"
  log="$(mktemp)"
  ulimit -S -s 65536 # KiB, what crates/elm-data/src/hdf5/read.rs gives its thread
  [[ ! -d "seeds/$target" ]] || cp "seeds/$target"/* "$fresh"
  seeds "$target" "$fresh"
  # Memory is limited twice: what is used (here), and what is asked for at once (src/lib.rs).
  if ! "$CARGO_TARGET_DIR/$host/release/$target" "$corpus" "$fresh" "$limit" -max_len="$(longest "$target")" -timeout=10 \
    -rss_limit_mb=1024 $(flags_of "$target") -print_final_stats=1 -artifact_prefix="artifacts/$target/" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    echo "fuzz target $target failed; its input is in fuzz/artifacts/$target" >&2
    return 1
  fi
  inputs="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
  seconds="$(sed -n 's/^Done [0-9]* runs in \([0-9]*\) second.*/\1/p' "$log")"
  covered="$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)"
  echo "$target: $inputs inputs in $seconds s, ${covered#cov: } places reached, $(find "$corpus" -type f | wc -l) files kept"
  rm -r "$fresh" "$log"
}

# one on each core
export -f fuzz seeds longest flags_of
export host limit data
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I '{}' bash -euo pipefail -c 'fuzz {}'
