#!/usr/bin/env bash
# Builds the page and tests it in headless Chromium, after installing what is missing (Debian's chromium, and its compiler
# for WebAssembly where rustup has none); with --install, nothing but that. Where that cannot be, it says so; ELM_REQUIRE_WEB=1
# makes that a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."

not_run() {
  echo "NOT RUN: the page in a browser. $1" >&2
  [[ "${ELM_REQUIRE_WEB:-}" == 1 ]] && exit 1
  exit 0
}

install() {
  command -v apt-get >/dev/null || return 1
  local as_root=()
  [[ "$(id -u)" -eq 0 ]] || as_root=(sudo -n)
  { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" apt-get install -y -qq "$@"; } >/dev/null 2>&1
}

command -v npm >/dev/null || install nodejs npm || not_run "It needs Node.js with npm."
[[ -x "${CHROMIUM:-/usr/bin/chromium}" ]] || install chromium || not_run "It needs Chromium (Debian: apt-get install chromium), or its path in CHROMIUM."
if ! rustup target add wasm32-unknown-unknown >/dev/null 2>&1 && [[ ! -e /usr/bin/wasm-ld || ! -e /usr/lib/rustlib/src/rust/library ]]; then
  install rustc-web cargo-web rust-web-src lld || not_run "It needs a compiler for wasm32-unknown-unknown: rustup's, or Debian's packages rustc-web cargo-web rust-web-src lld."
fi
if [[ ! -d web/node_modules/playwright-core ]]; then
  (cd web && npm ci --no-audit --no-fund) >/dev/null 2>&1 || not_run "Its packages could not be fetched from the npm registry."
fi
[[ "${1:-}" != --install ]] || exit 0

# the page of runs is in the program, and so in the repository: it must be what its sources make
committed="$(mktemp -d)"
cp crates/elm-train/board/* "$committed"
web/build.sh
diff -r "$committed" crates/elm-train/board >/dev/null || { echo "crates/elm-train/board was not what web/src/board makes; it is now: commit it" >&2; exit 1; }
# as what is there already was built, where .ci/run says how
built=(cargo ${ELM_CARGO_CONFIG:+--config "$ELM_CARGO_CONFIG"} build --release)
"${built[@]}" --workspace
"${built[@]}" -p elm-web --example reference
timeout 300 node web/test/board.mjs "${CARGO_TARGET_DIR:-target}/release/elm"
timeout 300 node web/test/browser.mjs "${CARGO_TARGET_DIR:-target}/release/examples/reference"
