"""Power cuts under a recorder at work, on a disk with a volatile cache, on ext4 and XFS.

Usage: power_cuts.py [--cuts N] [--seed N]     N cuts on each file system; exit status 77: none could be tried here
"""

import argparse
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

from matrix import DRIVER, MEMORY, look
from volatile_disk import Machine, make_base, missing, wait_for

KINDS = {"ext4": 192, "xfs": 320}  # MiB; mkfs.xfs makes none below 300


def one(folder, base, dice, seed):
    """One cut. What is wrong, and how many unflushed sectors were lost."""
    machine = Machine(folder, base)
    told = folder / "told"
    with open(told, "wb") as pipe, open(folder / "recorder.log", "wb") as log:
        recorder = subprocess.Popen([DRIVER, "live", machine.mount / "data", str(seed)], stdout=pipe, stderr=log)
    if dice.random() < 0.8:  # else perhaps while it begins
        wait_for(lambda: b"\ndurable " in told.read_bytes())
    machine.disk.cut(dice, dice.choice([0, 0, 0.5, 0.9]), dice.uniform(0.05, 0.9))
    recorder.kill()
    recorder.wait()
    machine.restart()
    done = subprocess.run([DRIVER, "after-power-cut", machine.mount / "data", told], capture_output=True, text=True)
    wrong = [done.stdout + done.stderr] if done.returncode else []
    wrong += [words for words in [look(machine.mount / "data")] if words and not wrong]
    machine.stop()
    acknowledged = told.read_bytes().count(b"\ndurable ")
    return wrong, machine.disk.lost, acknowledged


def cuts_on(kind, root, cuts, seed):
    dice, base = random.Random(seed), make_base(kind, root / f"{kind}.base", KINDS[kind])
    started, lost, acknowledged = time.monotonic(), 0, 0
    for number in range(cuts):
        folder = root / f"{kind}-{number}"
        wrong, sectors, records = one(folder, base, dice, seed + number)
        lost, acknowledged = lost + sectors, acknowledged + records
        if wrong:
            print(f"{kind}, cut {number}, seed {seed}:", *wrong, f"the disk is kept: {folder}/image", sep="\n")
            return False
        subprocess.run(["rm", "-rf", folder], check=True)
    print(f"{cuts} power cuts on {kind}: {acknowledged} durable records kept, {lost} unflushed sectors lost, "
          f"seed {seed}, {time.monotonic() - started:.0f} s", flush=True)
    return acknowledged > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=24)
    parser.add_argument("--seed", type=int, default=20261125)
    options = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    root = pathlib.Path(tempfile.mkdtemp(prefix="narrows-power-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    tried, good = 0, True
    for kind in KINDS:
        reason = missing(kind)
        if reason:
            print(f"skipped: power cuts on {kind}: {reason}")
            continue
        tried, good = tried + 1, good and cuts_on(kind, root, options.cuts, options.seed)
    if good:
        subprocess.run(["rm", "-rf", root], check=True)
    return 77 if not tried else 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
