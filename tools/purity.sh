#!/usr/bin/env bash
# Engines are pure: neither their dependency trees nor their code may reach clocks, files, network, environment, threads or randomness.
set -euo pipefail
cd "$(dirname "$0")/.."
engines=(argo-core argo-lang argo-dag argo-rollouts)
crates='tokio|kube|kube-core|kube-client|k8s-openapi|hyper|rand|reqwest|mio|async-std|smol'
bad=0
for engine in "${engines[@]}"; do
    [ -d "$engine" ] || continue
    found=$(cargo tree --locked -q -p "$engine" -e normal --all-features --prefix none --format '{p}' | awk '{print $1}' | sort -u | grep -xE "$crates" || true)
    if [ -n "$found" ]; then
        echo "$engine depends on: $(echo "$found" | tr '\n' ' ')" >&2
        bad=1
    fi
    found=$(grep -rnE 'std::(fs|net|env|process|thread|os)::|std::time::(SystemTime|Instant)|Timestamp::now|Zoned::now|thread_local!' "$engine/src" --include='*.rs' |
        grep -vE '^[^:]+:[0-9]+: *//' || true)
    if [ -n "$found" ]; then
        echo "$engine is not pure:" >&2
        echo "$found" >&2
        bad=1
    fi
done
[ $bad -eq 0 ] && echo "engines are pure: ${engines[*]}"
exit $bad
