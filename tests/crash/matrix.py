"""A recorder is killed at every k-th operation that changes its disk; what is left must be the truth.

Usage: matrix.py [--deaths N] [--seed N] [--folder DIR]    DIR: where the stores are made; default: memory, if there is some
The driver (crash_driver.cc) kills, recovers and checks, with the C++ verifier; the Python one sees the same stores here.
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/tamper"))

from stores import load, python  # noqa: E402

DRIVER = os.environ.get("NARROWS_CRASH_DRIVER", str(ROOT / "build/release/bin/crash_driver"))
MEMORY = pathlib.Path("/dev/shm")


def look(folder):
    """What the Python verifier has against a store; before recovery nobody has signed for sure."""
    trust = pathlib.Path(folder) / "trust"
    answer = python(load(folder), trust.read_text() if trust.exists() else None)
    fine = answer.verdict == "verified" if trust.exists() else answer.verdict != "found wanting"
    return None if fine else f"{folder}: the Python verifier says {answer}"


def shard(folder, wanted, seed, number, shards):
    """Runs a driver to its end; (deaths, stores looked at, what is wrong)."""
    folder.mkdir()
    command = [DRIVER, "matrix", folder, wanted, seed, number, shards]
    with open(folder / "driver.log", "wb") as log:
        driver = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
    looked, words = 0, []
    for line in driver.stdout:
        line = line.rstrip("\n")
        if not line.startswith(str(folder)):
            words.append(line)
            continue
        looked += 1
        wrong = look(line)
        if wrong:
            driver.kill()
            driver.wait()
            return 0, looked, [wrong]
        driver.stdin.write("\n")
        driver.stdin.flush()
    if driver.wait() != 0 or not words or not words[-1].startswith("done "):
        return 0, looked, words or [f"the driver ended with {driver.returncode}"]
    return int(words[-1].split()[1]), looked, []


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deaths", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--folder", type=pathlib.Path, default=MEMORY if os.access(MEMORY, os.W_OK) else None)
    options = parser.parse_args()
    shards, started = os.cpu_count() or 1, time.monotonic()
    root = pathlib.Path(tempfile.mkdtemp(prefix="narrows-crash-", dir=options.folder))
    with concurrent.futures.ProcessPoolExecutor(shards) as pool:
        each = -(-options.deaths // shards)
        running = [pool.submit(shard, root / str(n), each, options.seed, n, shards) for n in range(shards)]
        done = [future.result() for future in running]
    deaths, looked = sum(each[0] for each in done), sum(each[1] for each in done)
    wrong = [words for each in done for words in each[2]]
    print(f"{deaths} deaths, {looked} stores told to both verifiers, seed {options.seed}, {time.monotonic() - started:.0f} s")
    print("\n".join(wrong + [f"the stores are kept in {root}"] if wrong else ["nothing lost, nothing invented"]))
    if not wrong:
        subprocess.run(["rm", "-rf", root], check=True)
    return 1 if wrong or deaths < options.deaths else 0


if __name__ == "__main__":
    sys.exit(main())
