"""Runs clang-tidy-16 over the sources whose content has changed since they last passed.

Tests and fuzzers are left to the sanitizers: GoogleTest's macros cost more than they would tell.
Most of the time goes into the headers of libraries, so several sources are checked in one parse; those
that do not compile together (two of them use one name for different things) are taken apart again.
A source's key is the hash of its content and of every project file it includes, of the configuration,
the tool's version and the compiler's flags. Keys that passed are remembered in the user's cache, so
that a fresh checkout knows them.
Usage: tests/tidy.py BUILD_DIR [--jobs N]
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "narrows" / "tidy"
REMEMBERED_S = 60 * 24 * 3600
TOGETHER = 12
TIDY = "clang-tidy-16"
INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.M)
FOUND = re.compile(r"^(/[^:\n]+):\d+:\d+: (?:error|warning): .*\[([^\]]+)\]$", re.M)


def tidy_says(flag):
    return subprocess.run([TIDY, flag], cwd=ROOT, capture_output=True, check=True).stdout


def closure(path, seen):
    """The project files that `path` includes, itself first."""
    if path in seen or not path.is_file():
        return
    seen[path] = path.read_bytes()
    for name in INCLUDE.findall(seen[path].decode("utf-8", "replace")):
        closure(ROOT / "src" / name, seen)


def key_of(path, flags, common):
    seen = {}
    closure(path, seen)
    digest = hashlib.sha256(common + "\0".join(flags).replace(str(ROOT), "").encode())
    for name in sorted(seen):
        digest.update(str(name.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(seen[name]).digest())
    return digest.hexdigest()


def flags_of(entry):
    """What the compiler is called with, before its output and its input."""
    words = shlex.split(entry["command"])
    return tuple(words[1 : words.index("-o")])


def sources(build):
    """{source: flags} of everything compiled from src/ but tests and fuzzers."""
    commands = json.loads((ROOT / build / "compile_commands.json").read_text())
    entries = {pathlib.Path(entry["file"]).resolve(): entry for entry in commands}
    return {
        path: flags_of(entry)
        for path, entry in sorted(entries.items())
        if path.suffix == ".cc" and (ROOT / "src") in path.parents and not path.stem.endswith(("_test", "_fuzz"))
    }


def groups(work, jobs):
    """Neighbours with the same flags, few enough to give every job something."""
    size = max(1, min(TOGETHER, -(-len(work) // jobs)))
    made = []
    for path, flags in work.items():
        if not made or len(made[-1]) == size or work[made[-1][0]] != flags:
            made.append([])
        made[-1].append(path)
    return made


def run_tidy(paths, flags, folder):
    """Output of one run over all of `paths`, and whether it ended well."""
    together = paths[0]
    if len(paths) > 1:
        name = hashlib.sha256("\0".join(map(str, paths)).encode()).hexdigest()[:16]
        together = folder / f"{name}.cc"
        together.write_text("".join(f'#include "{path}"\n' for path in paths))
    # That sources are included is how they are checked together, not how they are written.
    command = [TIDY, "--quiet", "--checks=-bugprone-suspicious-include", str(together), "--", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def check(paths, flags, folder):
    """{source: output with its findings, or None}."""
    clean, output = run_tidy(paths, flags, folder)
    if clean:
        return dict.fromkeys(paths)
    broken = {pathlib.Path(name) for name, rule in FOUND.findall(output) if "clang-diagnostic-error" in rule}
    if len(paths) > 1 and ("clang-diagnostic-error" in output or not FOUND.search(output)):
        apart = [path for path in paths if path in broken]
        rest = [path for path in paths if path not in broken]
        halves = [rest, apart] if rest and apart else [[path] for path in paths]
        return {path: said for half in halves for path, said in check(half, flags, folder).items()}
    named = {pathlib.Path(name) for name, _ in FOUND.findall(output)}
    guilty = named & set(paths) if named <= set(paths) and named else set(paths)
    return {path: output if path in guilty else None for path in paths}


def forget_old():
    for marker in CACHE.iterdir():
        if time.time() - marker.stat().st_mtime > REMEMBERED_S:
            marker.unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    common = tidy_says("--version") + re.sub(rb"^User:.*$", b"", tidy_says("--dump-config"), flags=re.M)
    CACHE.mkdir(parents=True, exist_ok=True)
    forget_old()
    folder = ROOT / "build" / "tidy"
    folder.mkdir(parents=True, exist_ok=True)

    everything = sources(options.build)
    if not everything:
        print(f"{options.build}/compile_commands.json names no source of src/; there is nothing to check")
        return 1
    markers = {path: CACHE / key_of(path, flags, common) for path, flags in everything.items()}
    work = {path: flags for path, flags in everything.items() if not markers[path].exists()}
    for marker in set(markers.values()) - {markers[path] for path in work}:
        marker.touch()
    print(f"{len(everything)} sources, {len(everything) - len(work)} known to be clean, {len(work)} to check", flush=True)

    failures, told = 0, set()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(check, paths, work[paths[0]], folder) for paths in groups(work, options.jobs)]
        for future in concurrent.futures.as_completed(futures):
            for path, output in future.result().items():
                if output is None:
                    markers[path].touch()
                    continue
                failures += 1
                if output not in told:
                    print(output, flush=True)
                told.add(output)
    print(f"{len(everything) - failures} sources clean, {failures} with findings")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
