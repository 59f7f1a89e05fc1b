#!/bin/sh
# Each language of argo-lang must build alone.
set -eu
cd "$(dirname "$0")/.."
for feature in cron fasttemplate gjson glob gotemplate jq jsonpath lua; do
    cargo check --quiet -p argo-lang --no-default-features --features "$feature"
done
