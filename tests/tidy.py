"""Runs clang-tidy-16 over the sources whose content has changed since they last passed.

Tests and fuzzers are left to the sanitizers: GoogleTest's macros cost more than they would tell.
A file's key is the hash of its preprocessed dependencies' contents (every project file it includes),
the configuration and the tool's version; keys that passed are remembered under build/tidy/.
Usage: tests/tidy.py BUILD_DIR
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.M)
TIDY = "clang-tidy-16"


def closure(path, seen):
    """The project files that `path` includes, itself first."""
    if path in seen or not path.is_file():
        return
    seen[path] = path.read_bytes()
    for name in INCLUDE.findall(seen[path].decode("utf-8", "replace")):
        closure(ROOT / "src" / name, seen)


def key_of(path, common):
    seen = {}
    closure(path, seen)
    digest = hashlib.sha256(common)
    for name in sorted(seen):
        digest.update(str(name.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(seen[name]).digest())
    return digest.hexdigest()


def check(path, build, marker):
    done = subprocess.run(
        [TIDY, "--quiet", "-p", build, str(path)], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode == 0:
        marker.touch()
        return None
    return f"{path.relative_to(ROOT)}\n{done.stdout}{done.stderr}"


def main():
    build = sys.argv[1]
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    common = (ROOT / ".clang-tidy").read_bytes() + version
    commands = json.loads((ROOT / build / "compile_commands.json").read_text())
    inside = {pathlib.Path(entry["file"]).resolve() for entry in commands}
    cache = ROOT / "build" / "tidy"
    cache.mkdir(parents=True, exist_ok=True)
    work = []
    for path in sorted(inside):
        if path.suffix == ".cc" and (ROOT / "src") in path.parents and not path.stem.endswith(("_test", "_fuzz")):
            marker = cache / key_of(path, common)
            if not marker.exists():
                work.append((path, marker))
    print(f"{len(work)} files to check", flush=True)
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = [pool.submit(check, path, build, marker) for path, marker in work]
        for future in concurrent.futures.as_completed(futures):
            problem = future.result()
            if problem:
                failures += 1
                print(problem, flush=True)
    print(f"{len(work) - failures} files clean, {failures} with findings")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
