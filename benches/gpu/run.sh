#!/usr/bin/env bash
# Check and time the ELM neuron on this machine's graphics card.
#
#   benches/gpu/run.sh [wgpu|vulkan|cuda|rocm|metal] [arguments of elm-gpu-bench, e.g. --with-pytorch]
#   benches/gpu/run.sh pack [wgpu|vulkan|cuda|rocm|metal]   one folder to carry to another machine
#
# Beside a program `elm-gpu-bench` (what `pack` makes) it runs that; else it builds it.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"

if [[ -x "$here/elm-gpu-bench" ]]; then
  exec "$here/elm-gpu-bench" --torch-script "$here/torch_gpu.py" "$@"
fi

mode=run
if [[ "${1:-}" == pack ]]; then mode=pack; shift; fi
feature="${1:-wgpu}"
[[ $# -gt 0 ]] && shift
case "$feature" in
  wgpu | vulkan | cuda | rocm | metal) ;;
  *) echo "unknown kind of device \`$feature\` (known: wgpu, vulkan, cuda, rocm, metal)" >&2; exit 2 ;;
esac
root="$(cd "$here/../.." && pwd)"
cargo build --release --manifest-path "$root/Cargo.toml" -p elm-gpu-bench --features "$feature,autotune"
program="${CARGO_TARGET_DIR:-$root/target}/release/elm-gpu-bench"
if [[ $mode == run ]]; then
  exec "$program" --torch-script "$here/torch_gpu.py" "$@"
fi
out="$PWD/elm-gpu-bench-$feature"
mkdir -p "$out"
strip -o "$out/elm-gpu-bench" "$program"
cp "$here/torch_gpu.py" "$here/run.sh" "$out/"
reference="$root/../shared/reference/elm_torch.py"
if [[ -f "$reference" ]]; then
  cp "$reference" "$out/"
else
  echo "note: $reference is not here; --with-pytorch will need it in \$ELM_TORCH" >&2
fi
echo "$out"
