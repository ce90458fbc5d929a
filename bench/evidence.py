"""The evidence store on a disk, beside plain code that stores, reads and hashes the same bytes. Started by bench/run evidence."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build/release/bin/evidence_bench"
ADDED_US = 700  # to every sync: what a network disk takes
MIB_A_ROUND = 5  # of `fill`, about


def measure(command, *arguments):
    print(f"{command} …", file=sys.stderr, flush=True)
    done = subprocess.run([str(word) for word in (PROGRAM, command, *arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def measure_all(folder, options):
    found = []
    for number, added in enumerate((0, ADDED_US)):
        found += measure("commits", folder / f"commits-{number}", options.seconds, added)
    found += measure("bodies", folder / "bodies", options.seconds)
    store = folder / "store"
    measure("fill", store, max(1, options.size_mib // MIB_A_ROUND))
    for command in ("verify", "recovery"):
        found += measure(command, store)
    return found


def markdown(found):
    lines = ["| durable commits, 800 bytes | sync + µs | writers | commits/s | p50 µs | p99 µs |", "|---|---|---|---|---|---|"]
    for row in found:
        if row["what"] in ("commits", "plain commits"):
            name = "Narrows" if row["what"] == "commits" else "append, fdatasync"
            lines.append(f"| {name} | {row['sync_us']} | {row['writers']} | {row['per_s']:,} | {row['p50_us']:,} | {row['p99_us']:,} |")
    lines += ["", "| | writers | MB/s | stored per byte carried | peak RSS MiB |", "|---|---|---|---|---|"]
    for row in found:
        if "mb_per_s" in row:
            cells = [str(row.get(key, "")) for key in ("writers", "mb_per_s", "stored_per_carried", "peak_mib")]
            lines.append(f"| {row['what']} | {' | '.join(cells)} |")
    return "\n".join(lines + aims(found))


def aims(found):
    commits = next(row for row in found if row["what"] == "commits" and row["writers"] == 64 and row["sync_us"] == ADDED_US)
    speed = {row["what"]: row["mb_per_s"] for row in found if row["what"] in ("recovery", "verification")}
    per_gib = 1073.7 / speed["recovery"]
    return [
        "", f"- 64 writers, syncs {ADDED_US} µs slower: {commits['per_s']:,} commits/s (aim: 30,000), p99 {commits['p99_us']:,} µs (aim: 3,000)",
        f"- recovery {speed['recovery']:,} MB/s (aim: 1,000): {per_gib:.2f} s a GiB",
        f"- verification {speed['verification']:,} MB/s on one core (aim: 500)",
    ]


def main():
    parser = argparse.ArgumentParser(prog="bench/run evidence", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=3, help="of each row of commits and bodies")
    parser.add_argument("--size-mib", type=int, default=1024, help="of the store that is recovered and verified, about")
    parser.add_argument("--folder", help="on the file system to measure; default: the temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="narrows-bench-", dir=options.folder) as folder:
        found = measure_all(pathlib.Path(folder), options)
    print(json.dumps(found) if options.json else markdown(found))


if __name__ == "__main__":
    main()
