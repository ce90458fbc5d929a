"""Evidence for somebody else: a real session exported in each way, and forgeries of it, before both verifiers."""

import base64
import copy
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tarfile

import botocore.exceptions
import pytest

from harness.emulator import client
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import NARROWS, ROOT, wait_until
from harness.witness import Witness

sys.path[:0] = [str(ROOT / "tests" / "tamper"), str(ROOT / "verifier")]
from coding import cbor  # noqa: E402
from writer import encode  # noqa: E402

SCOPE = scope(statement(["s3:*"], ["arn:aws:s3:::evidence", "arn:aws:s3:::evidence/*"], Sid="OneBucket"))
CHANGES = int(os.environ.get("NARROWS_CHANGES", "25"))
CANARY = "the-canary-in-a-body"
KEY = "reports/the-canary-in-a-key"
NARROWS_VERIFY = pathlib.Path(os.environ.get("NARROWS_VERIFY", ROOT / "build/release/bin/narrows-verify"))
VERDICTS = {"verified": 0, "consistent, not verified": 0, "found wanting": 1, "could not tell": 3}


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    made = Gateway(tmp_path_factory.mktemp("evidence"), [Connection("one", SCOPE, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


def work(gateway, mark):
    made = gateway.session(task={"id": mark, "title": mark, "reason": "to show it"})
    s3 = client("s3", made.agents_url, made.credentials(), s3={"addressing_style": "path"})
    if mark == "first":
        s3.create_bucket(Bucket="evidence")
    s3.put_object(Bucket="evidence", Key=KEY, Body=CANARY * 1000)
    assert s3.get_object(Bucket="evidence", Key=KEY)["Body"].read().decode() == CANARY * 1000
    with pytest.raises(botocore.exceptions.ClientError):
        s3.get_object(Bucket="another", Key="denied")
    gateway.end(made)
    return made


@pytest.fixture(scope="module")
def sessions(gateway):
    """Two sessions that are over, and in the log."""
    made = [work(gateway, "first"), work(gateway, "second")]

    def logged():
        done = gateway.command("recording", "export", made[1].id, "--data-dir", gateway.data_dir, "--evidence",
                               "--output-dir", gateway.folder / "probe")
        manifest = gateway.folder / "probe" / "manifest.json"
        whole = done.returncode == 0 and len(list(records(gateway.folder / "probe", parts_of(manifest)[0]))) > 10
        shutil.rmtree(gateway.folder / "probe", ignore_errors=True)
        return whole
    wait_until(logged, 20, "the sessions in the log")
    return made


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Somebody else's age key: its file and its recipient."""
    file = tmp_path_factory.mktemp("reader") / "identity"
    subprocess.run(["age-keygen", "-o", file], check=True, capture_output=True)
    recipient = subprocess.run(["age-keygen", "-y", file], check=True, capture_output=True, text=True).stdout.strip()
    return file, recipient


def export(gateway, session, *how):
    done = gateway.command("recording", "export", session.id, "--data-dir", gateway.data_dir, *how)
    assert done.returncode == 0, done.stderr
    return done.stdout


def bundle(gateway, session, folder, *how):
    export(gateway, session, "--evidence", "--output-dir", folder, *how)
    return folder


def reports(*options):
    """What the two verifiers say: findings and the report, of each."""
    programs = ([NARROWS_VERIFY], [sys.executable, ROOT / "verifier/narrows_verify.py"])
    for program in programs:
        done = subprocess.run([*map(str, [*program, *options, "--json"])], capture_output=True, text=True, timeout=120)
        assert done.stdout, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert VERDICTS[lines[-1]["verdict"]] == done.returncode, done.stdout
        yield lines[:-1], lines[-1]


def verdict(*options):
    said = {report["verdict"] for _, report in reports(*options)}
    assert len(said) == 1, said
    return said.pop()


def kinds(*options):
    """Kinds of what is wanting, which both must find."""
    for findings, report in reports(*options):
        assert report["verdict"] == "found wanting", report
        yield {each["kind"] for each in findings}


def parts_of(manifest):
    return json.loads(manifest.read_text())["parts"] if manifest.exists() else [0]


def records(folder, part):
    path = folder / f"parts/{part:08}"
    data = path.read_bytes() if path.exists() else b""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at:at + 4], "little")
        yield cbor(data[at + 4:at + 4 + length])
        at += 4 + length


def write_records(folder, part, changed):
    pieces = [encode(each) for each in changed]
    (folder / f"parts/{part:08}").write_bytes(b"".join(len(each).to_bytes(4, "little") + each for each in pieces))


def found_in(folder, word):
    return [field[1] for part in parts_of(folder / "manifest.json") for record in records(folder, part)
            for field in record[1] or () if isinstance(field, list) and word.encode() in repr(field[1]).encode()]


def all_bytes(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


# ---- in each way ------------------------------------------------------------------------------------------------------

def test_as_it_is_with_and_without_trust(gateway, sessions, tmp_path):
    folder = bundle(gateway, sessions[0], tmp_path / "b")
    trust, key = gateway.data_dir / "trust", gateway.data_dir / "reviewer.key"
    assert verdict(folder) == "consistent, not verified"
    assert verdict(folder, "--trust", trust) == "verified"
    for _, report in reports(folder, "--trust", trust, "--key", key):
        assert report["verdict"] == "verified" and report["signers"]
        assert report["checked"]["bodies"] > 0 and report["checked"]["log_heads"] == 1
    assert CANARY.encode() not in all_bytes(folder)
    other = tmp_path / "other-trust"
    other.write_text(re.search(r"^log narrows/gw-1\S+$", (ROOT / "docs/format.md").read_text(), re.M)[0] + "\n")
    assert verdict(folder, "--trust", other) == "could not tell"
    done = gateway.command("recording", "verify", folder, "--trust", trust)
    assert done.returncode == 0 and "\nverified\n" in done.stdout


def test_the_verifier_in_the_bundle_is_the_one_of_the_sources(gateway, sessions, tmp_path):
    folder = bundle(gateway, sessions[0], tmp_path / "b")
    for path in (ROOT / "verifier").glob("*.py"):
        assert (folder / "verifier" / path.name).read_bytes() == path.read_bytes()
    assert (folder / "docs/format.md").read_bytes() == (ROOT / "docs/format.md").read_bytes()
    done = subprocess.run([sys.executable, folder / "verifier/narrows_verify.py", folder, "--trust",
                           gateway.data_dir / "trust"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.endswith("\nverified\n")


def test_a_tar_is_the_same_and_deterministic(gateway, sessions, tmp_path):
    trust = gateway.data_dir / "trust"
    for name in ("one.tar", "two.tar"):
        export(gateway, sessions[0], "--evidence", "--output", tmp_path / name)
    assert verdict(tmp_path / "one.tar", "--trust", trust) == "verified"
    with tarfile.open(tmp_path / "one.tar") as one, tarfile.open(tmp_path / "two.tar") as two:
        names = [each.name for each in one]
        assert names == [each.name for each in two] and names[-1] == "manifest.json"
        assert {each.mtime for each in one} == {0}
        parts = [name for name in names if name.startswith(("parts/", "keys/"))]
        assert parts and all(one.extractfile(name).read() == two.extractfile(name).read() for name in parts)
    folder = bundle(gateway, sessions[0], tmp_path / "b")
    subprocess.run(["tar", "cf", tmp_path / "again.tar", "-C", tmp_path, "b"], check=True)
    assert verdict(tmp_path / "again.tar", "--trust", trust) == "verified"
    cut = (tmp_path / "one.tar").read_bytes()[:20000]
    (tmp_path / "cut.tar").write_bytes(cut)
    assert verdict(tmp_path / "cut.tar", "--trust", trust) != "verified"


def test_rewrapped_to_somebody(gateway, sessions, reader, tmp_path):
    identity, recipient = reader
    folder = bundle(gateway, sessions[0], tmp_path / "b", "--to", recipient)
    for _, report in reports(folder, "--trust", gateway.data_dir / "trust", "--key", identity):
        assert report["verdict"] == "verified" and report["checked"]["bodies"] > 0
    for findings, report in reports(folder, "--trust", gateway.data_dir / "trust"):
        assert report["verdict"] == "verified" and not report["checked"].get("bodies")
    part = parts_of(folder / "manifest.json")[0]
    inside = subprocess.run(["age", "-d", "-i", identity, folder / f"keys/{part:08}.bodies.age"],
                            capture_output=True, text=True, check=True).stdout
    assert inside.splitlines()[:4] == ["narrows-key-v1", "narrows/gw-test", str(part), "bodies"]


def test_opened(gateway, sessions, tmp_path):
    folder = bundle(gateway, sessions[0], tmp_path / "b", "--open")
    for _, report in reports(folder, "--trust", gateway.data_dir / "trust"):
        assert report["verdict"] == "verified" and report["checked"]["bodies"] > 0
    assert not list(folder.glob("keys/*.age")) and list(folder.glob("keys/*.key"))


def test_redacted_verifies_without_a_key_and_lists_what_is_missing(gateway, sessions, tmp_path):
    folder = bundle(gateway, sessions[0], tmp_path / "b", "--redact", "bodies", "--redact", "derived/parameters/Key",
                    "--redact", "observed/request/target", "--redact", "derived/access", "--redact", "observed/decision/resource",
                    "--redact", "observed/decision/why")
    assert not (folder / "keys").exists()
    for findings, report in reports(folder, "--trust", gateway.data_dir / "trust"):
        assert report["verdict"] == "verified"
        notes = " ".join(each["what"] for each in findings if each["kind"] == "note")
        for path in ("BODY bytes", "INTENT derived/parameters/Key", "INTENT observed/request/target"):
            assert path in notes
    data = all_bytes(folder)
    assert b"first" in data and b"OneBucket" in data  # the task and the statement are shown
    assert {word for word in (CANARY, KEY) if word.encode() in data} == set(), found_in(folder, KEY)


def test_a_redaction_that_meets_nothing_leaves_nothing(gateway, sessions, tmp_path):
    done = gateway.command("recording", "export", sessions[0].id, "--data-dir", gateway.data_dir, "--evidence",
                           "--output-dir", tmp_path / "b", "--redact", "derived/parameters/Kye")
    assert done.returncode == 2 and "Kye" in done.stderr
    assert not (tmp_path / "b/manifest.json").exists() and not list((tmp_path / "b").rglob("0*"))


@pytest.mark.parametrize("how", [("--to", "age1qqq"), ("--open", "--redact", "bodies"), ()])
def test_usage(gateway, sessions, tmp_path, how):
    where = ("--output-dir", tmp_path / "b") if how else ()
    done = gateway.command("recording", "export", sessions[0].id, "--data-dir", gateway.data_dir, "--evidence", *where, *how)
    assert done.returncode == 2 and not (tmp_path / "b").exists()


def test_witnesses_vouch_for_a_bundle(behind, sessions, tmp_path):
    made = Gateway(tmp_path / "gateway", [Connection("one", SCOPE, behind.endpoint)], behind.admin).start()
    made.stop()
    trust = made.data_dir / "trust"
    log = next(line.split()[1] for line in trust.read_text().splitlines() if line.startswith("log "))
    witnesses = [Witness(tmp_path / f"w{n}", f"witness.example/w{n}").know(log).start() for n in (1, 2)]
    made.more = '[evidence]\nanchor_every = "1s"\n' + "".join(each.anchor() for each in witnesses)
    made.write_config()
    made.start()
    try:
        session = work(made, "third")
        demanding = tmp_path / "demanding"
        demanding.write_text(f"log {log}\n" + "".join(f"witness {each.vkey}\n" for each in witnesses) + "quorum 2\n")

        def vouched():
            folder = tmp_path / f"b{len(list(tmp_path.iterdir()))}"
            done = made.command("recording", "export", session.id, "--data-dir", made.data_dir, "--evidence",
                                "--output-dir", folder)
            return done.returncode == 0 and (folder / "log/cosigned").exists() and folder
        folder = wait_until(vouched, 20, "cosignatures in a bundle")
    finally:
        made.stop()
        for each in witnesses:
            each.stop()
    assert verdict(folder, "--trust", demanding) == "verified"
    (folder / "log/cosigned").unlink()
    assert verdict(folder, "--trust", demanding) == "consistent, not verified"


# ---- forgeries --------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def shown(gateway, sessions, tmp_path_factory):
    """The first session's records field by field, but for a key."""
    return bundle(gateway, sessions[0], tmp_path_factory.mktemp("shown") / "b", "--redact", "derived/parameters/Key")


@pytest.fixture
def forged(shown, tmp_path):
    return shutil.copytree(shown, tmp_path / "forged")


def forge(folder, change):
    part = parts_of(folder / "manifest.json")[0]
    found = list(records(folder, part))
    write_records(folder, part, change(copy.deepcopy(found)) or found)


def first_shown(found, word):
    return next(field for record in found if isinstance(record[1], list) for field in record[1]
                if isinstance(field[1], bytes) and word in field[1])


def forge_field(found):
    field = first_shown(found, b"OneBucket")
    field[1] = field[1].replace(b"OneBucket", b"TwoBucket")
    return found


def forge_salt(found):
    field = first_shown(found, b"OneBucket")
    field[0] = bytes(16)
    return found


def drop_field(found):
    record = next(each for each in found if isinstance(each[1], list))
    record[1].pop()
    return found


def forge_withheld(found):
    field = next(each for record in found if isinstance(record[1], list) for each in record[1] if isinstance(each[1], list))
    field[0] = bytes(32)
    return found


def forge_header(found):
    found[5][0] = found[5][0][:24] + bytes(8) + found[5][0][32:]
    return found


FORGERIES = {
    "field": (forge_field, "tampering"), "salt": (forge_salt, "tampering"), "fewer fields": (drop_field, "tampering"),
    "commitment": (forge_withheld, "tampering"), "header": (forge_header, "tampering"),
    "swapped": (lambda found: [*found[:3], found[4], found[3], *found[5:]], "tampering"),
    "dropped": (lambda found: found[:5] + found[6:], "truncation"),
    "cut": (lambda found: found[:-1], "truncation"),
    "twice": (lambda found: [*found[:6], found[5], *found[6:]], "tampering"),
    "contents exchanged": (lambda found: [[found[1][0], found[2][1]], *found[2:]], "tampering"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_found(gateway, forged, name):
    change, kind = FORGERIES[name]
    forge(forged, change)
    for found in kinds(forged, "--trust", gateway.data_dir / "trust"):
        assert kind in found


def test_a_record_of_another_session_is_found(gateway, sessions, forged, tmp_path):
    other = bundle(gateway, sessions[1], tmp_path / "other", "--redact", "bodies")
    theirs = list(records(other, parts_of(other / "manifest.json")[0]))
    forge(forged, lambda found: [*found[:4], theirs[4], *found[5:]])
    for found in kinds(forged, "--trust", gateway.data_dir / "trust"):
        assert "tampering" in found


def test_another_session_under_this_name_is_found(gateway, sessions, forged, tmp_path):
    other = bundle(gateway, sessions[1], tmp_path / "other", "--redact", "bodies")
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["session"] = sessions[0].id
    (other / "manifest.json").write_text(json.dumps(manifest))
    for found in kinds(other, "--trust", gateway.data_dir / "trust"):
        assert "tampering" in found


def excerpt(folder):
    return cbor((folder / "log/excerpt").read_bytes())


def write_excerpt(folder, value):
    (folder / "log/excerpt").write_bytes(encode(value))


def test_entries_without_a_right_proof_are_found(gateway, forged):
    value = excerpt(forged)
    value["entries"][-1][2][0] = bytes(32)
    write_excerpt(forged, value)
    for found in kinds(forged, "--trust", gateway.data_dir / "trust"):
        assert "tampering" in found


def test_a_part_that_nothing_vouches_for_is_found(gateway, forged):
    value = excerpt(forged)
    value["entries"] = value["entries"][:1]
    write_excerpt(forged, value)
    for found in kinds(forged, "--trust", gateway.data_dir / "trust"):
        assert "truncation" in found


def test_a_head_that_covers_less_is_found(gateway, forged):
    """Without the CLOSE entry the records behind OPEN are anybody's."""
    value = excerpt(forged)
    value["entries"] = value["entries"][:-1]
    write_excerpt(forged, value)
    for found in kinds(forged, "--trust", gateway.data_dir / "trust"):
        assert "disorder" in found


@pytest.mark.parametrize("secret", ["00" * 32, None])
def test_a_wrong_key_in_an_envelope_is_found(gateway, sessions, reader, tmp_path, secret):
    identity, recipient = reader
    folder = bundle(gateway, sessions[0], tmp_path / "b", "--to", recipient)
    other = bundle(gateway, sessions[1], tmp_path / "other", "--to", recipient)
    part, another = (parts_of(each / "manifest.json")[0] for each in (folder, other))
    target = folder / f"keys/{part:08}.operations.age"
    if secret is None:
        shutil.copy(other / f"keys/{another:08}.operations.age", target)
    else:
        content = f"narrows-key-v1\nnarrows/gw-test\n{part}\noperations\n{secret}\n"
        target.write_bytes(subprocess.run(["age", "-r", recipient], input=content.encode(), check=True,
                                          capture_output=True).stdout)
    for found in kinds(folder, "--trust", gateway.data_dir / "trust", "--key", identity):
        assert "tampering" in found


def test_an_exchanged_envelope_is_found_without_a_key(gateway, sessions, tmp_path):
    folder = bundle(gateway, sessions[0], tmp_path / "b")
    file = next(folder.glob("keys/*.age"))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    for found in kinds(folder, "--trust", gateway.data_dir / "trust"):
        assert "tampering" in found


# ---- proofs of records ------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def operation(gateway, sessions):
    return gateway.records(sessions[0]).operations()[1].intent.sequence


def test_a_proof_of_an_operation(gateway, sessions, operation, tmp_path):
    file, trust = tmp_path / "op.tlog-proof", gateway.data_dir / "trust"
    export(gateway, sessions[0], "--proof", "--operation", operation, "--output", file)
    assert verdict(file, "--trust", trust) == "verified"
    assert verdict(file) == "could not tell"
    lines = file.read_text().splitlines()
    assert lines[0] == "c2sp.org/tlog-proof@v1" and lines[1].startswith("extra ") and lines[2].startswith("index ")
    assert CANARY.encode() not in base64.b64decode(lines[1][6:])


def test_a_proof_that_shows_fields(gateway, sessions, operation, tmp_path):
    file = tmp_path / "op.tlog-proof"
    export(gateway, sessions[0], "--proof", "--operation", operation, "--output", file, "--open",
           "--redact", "observed/request/body")
    assert verdict(file, "--trust", gateway.data_dir / "trust") == "verified"
    extra = base64.b64decode(file.read_text().splitlines()[1][6:])
    assert b"OneBucket" in extra and CANARY.encode() not in extra


@pytest.mark.parametrize("what", ["field", "path", "header", "index", "hash", "other entry"])
def test_a_forged_proof_is_found(gateway, sessions, operation, tmp_path, what):
    file = tmp_path / "op.tlog-proof"
    export(gateway, sessions[0], "--proof", "--operation", operation, "--output", file, "--open")
    head, _, checkpoint = file.read_bytes().partition(b"\n\n")
    lines = head.decode().split("\n")
    extra = cbor(base64.b64decode(lines[1][6:]))
    record = cbor(extra["record"])
    if what == "field":
        forge_field([record])
    elif what == "path":
        extra["path"][0] = bytes(32)
    elif what == "header":
        record[0] = record[0][:24] + bytes(8) + record[0][32:]
    elif what == "index":
        lines[2] = f"index {int(lines[2][6:]) - 1}"
    elif what == "hash":
        lines[3] = base64.b64encode(bytes(32)).decode()
    else:
        extra["entry"] = extra["entry"].replace(b"CLOSE", b"OLOSE")
    extra["record"] = encode(record)
    lines[1] = "extra " + base64.b64encode(encode(extra)).decode()
    file.write_bytes("\n".join(lines).encode() + b"\n\n" + checkpoint)
    for found in kinds(file, "--trust", gateway.data_dir / "trust"):
        assert "tampering" in found


# ---- the two verifiers beside each other ------------------------------------------------------------------------------

@pytest.mark.parametrize("how", [("--redact", "bodies"), ("--open",)])
def test_both_say_the_same_of_random_changes(gateway, sessions, tmp_path, how):
    folder = bundle(gateway, sessions[0], tmp_path / "b", *how)
    trust, random_places = gateway.data_dir / "trust", random.Random(7)
    files = [path for path in folder.rglob("*") if path.is_file()
             and path.relative_to(folder).parts[0] in ("parts", "log", "keys", "manifest.json")]
    for _ in range(CHANGES):
        path = random_places.choice(files)
        whole = path.read_bytes()
        at, bit = random_places.randrange(len(whole)), 1 << random_places.randrange(8)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1:])
        said = [report["verdict"] for _, report in reports(folder, "--trust", trust)]
        assert said[0] == said[1], (path, at, bit, said)
        path.write_bytes(whole)
