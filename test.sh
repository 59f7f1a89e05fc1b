#!/usr/bin/env bash
# All checks: format, lints, purity of the engines, unit and doc tests, conformance.
# Usage: ./test.sh            (conformance data: ARGO_CONFORMANCE_DIR, else only what stands in conformance/data)
set -euo pipefail
cd "$(dirname "$0")"
# Tests run in the folders of their crates: a relative path would not be found there.
[ -z "${ARGO_CONFORMANCE_DIR:-}" ] || ARGO_CONFORMANCE_DIR=$(cd "$ARGO_CONFORMANCE_DIR" && pwd)
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
[ -z "${ARGO_CONFORMANCE_DIR:-}" ] || export ARGO_CONFORMANCE_DIR

step() { printf '\n== %s\n' "$*"; }

step "rustfmt";            cargo fmt --all --check
step "purity";             tools/purity.sh
step "features";           tools/features.sh
step "clippy";             cargo clippy --workspace --all-targets --locked -- -D warnings
step "tests";              cargo test --workspace --locked --exclude argo-conformance
# The examples that run as real processes take some minutes of sleeping: they have a command of their own (CONTRIBUTING.md).
step "conformance";        RUST_MIN_STACK=67108864 cargo test -p argo-conformance --locked -- --skip examples/workflows/ --skip workflows/e2e_chains/
