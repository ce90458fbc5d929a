"""`narrows reconcile` over a month of a busy account's trail: time and memory of a first run, and of one an hour later."""

import argparse
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "e2e")]

from conftest import WHOLE_SCOPE  # noqa: E402
from harness.emulator import client  # noqa: E402
from harness.processes import NARROWS, clean_environment  # noqa: E402
from harness.reconciling import HOUR, SECOND, record, role  # noqa: E402
from harness.trail import Caller, Trail, event, user  # noqa: E402

LOG = datetime.timedelta(minutes=5)
LOGS_AN_HOUR = 12
#: How often each is among a hundred: what services do for others, credentials for others, people, data.
MIX = (("describe", 55), ("put", 30), ("assume", 10), ("start", 5))

METER = ("import json, resource, subprocess, sys; done = subprocess.run(sys.argv[2:], stdout=open(sys.argv[1], 'wb')); "
         "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
         "print(json.dumps([done.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss]))")


def work(gateway):
    session = gateway.session()
    client("ec2", gateway.agents_url, session.credentials()).describe_regions()
    for which in range(20):
        client("sqs", gateway.agents_url, session.credentials()).create_queue(QueueName=f"q{which}")
    assert gateway.end(session).status_code == 200
    return session


def templates(when):
    """Events of others, cut where their ids stand."""
    of_service = Caller("ASIASOMEBODYELSE0000", "AutoScaling", role("AWSServiceRoleForAutoScaling"),
                        invoked_by="autoscaling.amazonaws.com")
    made = {
        "describe": event("ec2", "DescribeInstances", user("somebody", "AKIASOMEBODYELSE0000"), when,
                          parameters={"instancesSet": {}, "filterSet": {"items": [{"name": "tag:Name"}]}}),
        "put": event("dynamodb", "PutItem", Caller("ASIABATCH00000000000", "batch", role("batch")), when, data=True,
                     parameters={"tableName": "t", "key": {"id": "HIDDEN_DUE_TO_SECURITY_REASONS"}}),
        "assume": event("sts", "AssumeRole", {"type": "AWSService", "invokedBy": "ecs-tasks.amazonaws.com"}, when,
                        parameters={"roleArn": role("batch"), "roleSessionName": "0f1e"},
                        responseElements={"credentials": {"accessKeyId": "ASIABATCH00000000000"}}),
        "start": event("ec2", "RunInstances", of_service, when, parameters={"tagSpecificationSet": {"items": [
            {"resourceType": "instance", "tags": [{"key": "aws:autoscaling:groupName", "value": "theirs"}]}]}},
            responseElements={"instancesSet": {"items": [{"instanceId": "i-0fffffffffffffff"}]}}),
    }
    return [json.dumps(made[kind]).encode().split(made[kind]["eventID"].encode()) for kind, share in MIX for _ in range(share)]


def others(count, first, when):
    mix = templates(when)
    for number in range(first, first + count):
        before, after = mix[number * 37 % len(mix)]
        yield before + b"%036d" % number + after


def month(trail, events, hours, now):
    """A log every five minutes and a digest every hour, up to an hour ago."""
    logs, written = hours * LOGS_AN_HOUR, 0
    for hour in range(hours):
        start = now - (hours + 1 - hour) * HOUR
        for slot in range(LOGS_AN_HOUR):
            until = events * (hour * LOGS_AN_HOUR + slot + 1) // logs
            when = start + slot * LOG
            trail.stream(others(until - written, written, when), when.replace(second=0))
            written = until
        trail.digest(start, start + HOUR)


def run(gateway, trail, folder):
    """Seconds, seconds of one core, MiB at the most, and what was said."""
    public = trail.public_keys(folder / "keys.json")
    arguments = [NARROWS, "reconcile", "--cloudtrail", trail.root, "--data-dir", gateway.data_dir, "--json", "--settle", "0s",
                 "--public-keys", public, "--covers", "management", "--covers", "data", "--state", folder / "state"]
    said, began = folder / "said", time.monotonic()
    # By a small process in between, since a child's peak has in it what its parent had when it was made.
    done = subprocess.run([sys.executable, "-c", METER, said, *arguments], capture_output=True, text=True, check=True,
                          env=clean_environment())
    code, core, peak = json.loads(done.stdout)
    lines = [json.loads(line) for line in said.read_text().splitlines()]
    assert code == 0, (code, lines[-3:], done.stderr)
    return {"seconds": round(time.monotonic() - began, 1), "core": round(core, 1), "peak_mib": peak // 1024,
            "events": lines[-1]["events"], "matched": lines[-1]["matched"]}


def measure(folder, events, hours):
    gateway = record(folder, WHOLE_SCOPE, work)
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    trail = Trail(folder / "trail")
    month(trail, events, hours, now)
    trail.log([*gateway.recorded.events(), *gateway.recorded.assumed()], now.replace(second=0))
    trail.digest(now - HOUR, now + SECOND)
    found = {"first": run(gateway, trail, folder)}
    trail.log([event("ec2", "DescribeInstances", user("somebody", "AKIASOMEBODYELSE0000"), now)], now.replace(second=0))
    trail.digest(now + SECOND, now + 2 * SECOND)
    found["next"] = run(gateway, trail, folder)
    found["packed_mib"] = sum(each.stat().st_size for each in trail.root.rglob("*.gz")) >> 20
    found["state_mib"] = sum(each.stat().st_size for each in (folder / "state").iterdir()) >> 20
    return found


def main():
    parser = argparse.ArgumentParser(prog="bench/run reconcile", description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--hours", type=int, default=720)
    parser.add_argument("--folder", help="where the trail is written; default: the temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="narrows-bench-", dir=options.folder) as folder:
        print(json.dumps(measure(pathlib.Path(folder), options.events, options.hours), indent=2))


if __name__ == "__main__":
    main()
