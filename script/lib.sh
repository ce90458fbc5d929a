# Shared by the scripts beside it; sourced, never run. Sets ROOT and goes there.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"
mkdir -p build
export PATH="$ROOT/build/tools:$PATH"
# What one checkout has compiled serves another: paths below the root are told apart by no cache.
export CCACHE_BASEDIR="$ROOT" CCACHE_NOHASHDIR=1

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "this step needs root and sudo is not installed; run as root: $*" >&2
        return 1
    fi
}

# quietly LOGFILE COMMAND…: output goes to the file and is shown only if the command fails.
quietly() {
    local log="$1"
    shift
    if ! "$@" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        echo "failed: $* (the whole output is in $log)" >&2
        return 1
    fi
}

# One run at a time in one checkout: the lock ends with the process that holds it.
hold_lock() {
    exec {lock_fd}>"build/.$1.lock"
    flock "$lock_fd"
}
