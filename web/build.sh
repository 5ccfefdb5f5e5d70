#!/usr/bin/env bash
# Builds the page into web/dist, to be served by any static server: the WebAssembly module twice, with and without SIMD
# instructions, the script, and copies of the models and recordings.
#
# Needs Rust and Node.js with npm. The compiler is rustup's where that can fetch the target wasm32-unknown-unknown, else
# Debian's (packages rustc-web cargo-web rust-web-src lld), which builds the standard library as well.
set -euo pipefail
cd "$(dirname "$0")/.."

target="${CARGO_TARGET_DIR:-$PWD/target}"
cargo=(cargo)
extra=()
flags=""
if ! rustup target add wasm32-unknown-unknown >/dev/null 2>&1 || [[ -n "${ELM_WEB_DEBIAN:-}" ]]; then
  for needed in /usr/bin/rustc /usr/bin/cargo /usr/bin/wasm-ld /usr/lib/rustlib/src/rust/library/std/Cargo.toml; do
    [[ -e "$needed" ]] || { echo "no compiler for WebAssembly: rustup cannot fetch wasm32-unknown-unknown, and $needed is not there (Debian: apt-get install rustc-web cargo-web rust-web-src lld)" >&2; exit 1; }
  done
  export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
  cargo=(/usr/bin/cargo)
  extra=(-Zbuild-std=std,panic_abort)
  flags="-C linker=wasm-ld"
fi

dist=web/dist
mkdir -p "$dist"
for build in plain simd; do
  feature=""
  [[ "$build" == simd ]] && feature="-C target-feature=+simd128"
  RUSTFLAGS="$flags $feature" "${cargo[@]}" build --profile web -p elm-web --target wasm32-unknown-unknown \
    --target-dir "$target/web-$build" "${extra[@]}"
  cp "$target/web-$build/wasm32-unknown-unknown/web/elm_web.wasm" "$dist/elm-$build.wasm"
done

cd web
[[ -d node_modules ]] || npm ci --no-audit --no-fund
npx tsc --noEmit
node bundle.mjs
