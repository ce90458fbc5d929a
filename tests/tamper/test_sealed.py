"""Stores of format 2, sealed and not, with one thing wrong in each: what the verifier in Python says of them, with the
key and without. Needs no build: `python -m pytest tests/tamper`.
"""

import base64
import shutil
import subprocess
import sys

import pytest

from stores import ROOT, report_of

import writer
from coding import cbor, cbor_fields
from evidence_log import Tree
from findings import Malformed, sha256
from journal import parse_frame
from sealed import Ratchet, age_open, committed, hkdf, parse_identities, unseal
from writer import CLASSES, IDENTITY, OFFICER, SESSION, Store, identity_text, sample, trust

STRANGER = bytes(range(200, 232))
BODY_KEY = "keys/00000002.bodies.age"


def found(store, key=True, officers=(), files=None):
    """The verdict, and what was found, as a set of kinds but notes."""
    report = report_of(files or store.files(), trust(officers), identity=identity_text() if key else None)
    return report.verdict(), {each.kind for each in report.findings()} - {"note"}


def record(store, kind, part=2, number=0):
    return [each for each in store.parts[part - 1].records if each.kind == kind][number]


OK, WANTING = "verified", "found wanting"


# ---- Fixed numbers (docs/format.md, section 4.3) ----------------------------------------------------------------------

PLAIN = (bytes.fromhex("a26764657269766564a16a706172616d6574657273a0686f62736572766564a2626f70036772657175657374a264626f6479"
                       "a26473697a6519138866696e6c696e65591388") + b"a" * 5000 + bytes.fromhex("6768656164657273818261616162"))
VALUE = {"derived": {"parameters": {}}, "observed": {"op": 3, "request": {"body": {"size": 5000, "inline": b"a" * 5000},
                                                                          "headers": [["a", "b"]]}}}
SALT = bytes.fromhex("1556bba02ca0b7bed0ab7263f32a14fdf3e2be880fd00b256badfc0ab39b7c18")
FRAME = bytes.fromhex("6708aaafc515d032a2d9a2dae9a2e7ad2c9225ffe105a16f6228ecbb7d0f5b3e")
COMMITMENT = bytes.fromhex("c390f6ecbebc0130a93d7429a49edd451e3fbe1352e07d5a260a00d02ec59be6")
HEADER = bytes.fromhex("7b1400000303000007000000000000000300000000000000c0549048cdaaea18030000000000000002000000000000000001"
                       "02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f") + COMMITMENT + bytes.fromhex(
                           "c63b2cd4e14a8213c6c7f34a74cebcec1d9f9289bacc35f46d4dc1c3afe2ea4b")
CONTEXT = bytes.fromhex("6e6172726f77732d7265632d76320c006e6172726f77732f67772d31")


def test_the_example_of_the_document():
    assert writer.encode(VALUE) == PLAIN and cbor(PLAIN) == VALUE
    keys = Ratchet(bytes(range(0x20, 0x40)), "operations").keys(2)
    assert keys == writer.epoch_keys(bytes(range(0x20, 0x40)), "operations", 2) == (FRAME, SALT)
    assert committed(SALT, 3, PLAIN) == (VALUE, COMMITMENT)
    assert writer.commitment_of(VALUE, SALT, 3) == COMMITMENT
    assert cbor_fields(PLAIN)[1] == writer.fields_of(VALUE)
    payload = writer.AESGCM(FRAME).encrypt(writer.nonce_of(3), PLAIN, CONTEXT + HEADER[4:112])
    assert (payload[:16].hex(), payload[-16:].hex(), len(payload)) == (
        "0f7da2a9382665cf5ddbeff6e336efe3", "d8ee6e25108c096deae0150b521012af", 5099)
    frame = parse_frame(HEADER + payload, 0, 5243, b"narrows/gw-1")
    assert frame.digest == sha256(payload) and unseal(FRAME, 3, CONTEXT + HEADER[4:112], payload) == PLAIN
    assert frame.leaf.hex() == "f8556a6b6a0542338dd098c9a6aa0393536b51bf367dbcfd28bf5fc2ba6a8a94"


@pytest.mark.parametrize("value", [
    {}, {"a": {}}, {"a": []}, {"a": {"b": {"c": {"d": {"e": 1}}}}}, {"a": [1, [2, [3, [4]]]]}, {"a": list(range(64))},
    {"a": list(range(65))}, {f"k{n}": n for n in range(65)}, {"a": bytes(4096)}, {"a": bytes(4097)}, {"a": bytes(8192)},
    {"a": {"b": {"c": {"d": bytes(9000)}}}}, {"a": [None, True, 1.5, -3, "ü"]}, {"a": [bytes(300000)]}])
def test_fields_are_the_same_from_bytes_and_from_values(value):
    assert cbor_fields(writer.encode(value)) == (value, writer.fields_of(value))


def test_roots_as_the_rfc_has_them():
    leaves = [sha256(bytes([n])) for n in range(20)]
    for size in range(21):
        assert Tree(leaves[:size]).root() == writer.merkle(leaves[:size])


# ---- age --------------------------------------------------------------------------------------------------------------

def test_an_age_file_opens_for_whom_it_is_for():
    file = writer.age_seal(b"text", STRANGER, IDENTITY)
    assert parse_identities("# mine\n\n" + identity_text()) == [IDENTITY]
    assert age_open(file, (IDENTITY,)) == age_open(file, (bytes(31) + b"\1", STRANGER)) == b"text"
    assert age_open(file, (bytes(31) + b"\1",)) is None
    share = file.split(b"X25519 ")[1][:43]
    for malformed in (b"text", file.replace(share, b"A" * 43), file.replace(b"v1\n-> X", b"v1\n->  X"),
                      file.replace(b"\n--- ", b"\n-- "), file[:100]):  # the second has a point of low order
        with pytest.raises(Malformed):
            age_open(malformed, (STRANGER,))
    for at in range(len(file)):
        changed = file[:at] + bytes([file[at] ^ 1]) + file[at + 1:]
        try:
            assert age_open(changed, (IDENTITY,)) is None
        except Malformed:
            pass


@pytest.mark.parametrize("change", [lambda text: text.lower(), lambda text: text[:-2] + "\n", lambda text: "\n",
                                    lambda text: text.replace("A", "C", 1), lambda text: text[:-2] + "Q\n",
                                    lambda text: "AGE-PUBLIC" + text[10:]])
def test_an_identity_that_is_none(change):
    with pytest.raises(Malformed):
        parse_identities(change(identity_text()))


@pytest.mark.skipif(not shutil.which("age"), reason="the age program is not installed")
def test_stock_age(tmp_path):
    key = tmp_path / "key"
    key.write_text(identity_text())
    theirs = subprocess.run(["age-keygen", "-y", key], capture_output=True, check=True, text=True).stdout.strip()
    sealed = subprocess.run(["age", "-r", theirs], input=b"five lines\n", capture_output=True, check=True).stdout
    assert age_open(sealed, (IDENTITY,)) == b"five lines\n"
    ours = writer.age_seal(b"five lines\n", STRANGER, IDENTITY)
    assert subprocess.run(["age", "-d", "-i", key], input=ours, capture_output=True, check=True).stdout == b"five lines\n"


# ---- Sound stores -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("key", [True, False])
def test_sound(sealed, key):
    assert found(sample(sealed), key) == (OK, set())


def test_what_could_be_opened():
    report = report_of(sample().files(), trust(), identity=identity_text())
    assert report.sealed[True] == {"operations": {1, 2, 3}, "bodies": {2}, "secrets": {2}} and not report.sealed[False]
    assert report.checked["bodies"] == 5
    report = report_of(sample().files(), trust(), identity=identity_text(STRANGER))
    assert report.sealed[False] == {"operations": {1, 2, 3}, "bodies": {2}, "secrets": {2}} and not report.sealed[True]


@pytest.mark.parametrize("without", CLASSES)
def test_keys_of_some_classes(without):
    files = sample().files()
    del files[f"keys/00000002.{without}.age"]
    assert found(None, files=files) == (OK, {"missing-key"})


def test_the_program(tmp_path):
    for name, data in sample().files().items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "trust").write_text(trust())
    (tmp_path / "key").write_text(identity_text())
    command = [sys.executable, ROOT / "verifier/narrows_verify.py", tmp_path / "data", "--trust", tmp_path / "trust"]
    keyed = subprocess.run([*command, "--key", tmp_path / "key"], capture_output=True, text=True, check=False)
    assert keyed.returncode == 0 and "\nopened bodies of part 2\n" in keyed.stdout and "only headers" not in keyed.stdout
    keyless = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert keyless.returncode == 0 and '"unopened": {"operations": [[1, 3]], "bodies": [[2, 2]]' in keyless.stdout
    # Without the package for it nothing is opened, and all else is as it was.
    (tmp_path / "cryptography.py").write_text("raise ImportError")
    poor = subprocess.run([*command, "--key", tmp_path / "key", "--json"], capture_output=True, text=True, check=False,
                          env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"})
    assert (poor.returncode, poor.stdout) == (0, keyless.stdout) and "cryptography" in poor.stderr
    (tmp_path / "key").write_text("nothing\n")
    assert subprocess.run([*command, "--key", tmp_path / "key"], capture_output=True, check=False).returncode == 2


# ---- Keys -------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("key", [True, False])
def test_envelopes(key):
    files = sample().files()

    def of(changed):
        return found(None, key, files=changed)

    other, system = "keys/00000002.operations.age", "keys/00000001.operations.age"
    data = files[BODY_KEY]
    without = {name: each for name, each in files.items() if name != BODY_KEY}
    assert of(without) == (OK, {"missing-key"})
    assert of({name: each for name, each in files.items() if not name.startswith("keys/")}) == (OK, {"missing-key"})
    assert of(files | {BODY_KEY: files[other], other: data}) == (WANTING, {"tampering"})
    assert of(files | {system: files[other], other: files[system]}) == (WANTING, {"tampering"})
    assert of(files | {BODY_KEY: data[:-1]}) == of(files | {BODY_KEY: b""}) == (WANTING, {"tampering"})
    for at in range(0, len(data), 7):
        assert of(files | {BODY_KEY: data[:at] + bytes([data[at] ^ 8]) + data[at + 1:]}) == (WANTING, {"tampering"})


def test_no_keys_at_all_are_one_finding():
    files = {name: data for name, data in sample().files().items() if not name.startswith("keys/")}
    report = report_of(files, trust())
    assert [(each.kind, each.file) for each in report.findings()] == [("missing-key", "keys")]


@pytest.mark.parametrize("more", [{"origin": "narrows/gw-2"}, {"number": 3}, {"class": "secrets"}, {"key": "5" * 63},
                                  {"key": "A" * 64}, {"key": "5" * 64 + "\n"}])
def test_an_envelope_that_is_of_something_else(more):
    store = sample()
    store.envelope = lambda part, name: Store.envelope(store, part, name, **more if name == "bodies" else {})
    assert found(store) == (WANTING, {"tampering"})
    assert found(store, key=False) == (OK, set())


def test_an_envelope_with_another_session_key():
    store = sample()
    store.envelope = lambda part, name: Store.envelope(store, part, name, **{"key": "5" * 64} if name == "bodies" else {})
    assert found(store) == (WANTING, {"tampering"})
    assert found(store, key=False) == (OK, set())


def test_a_part_that_the_log_does_not_know_is_opened_too():
    store = sample()
    store.part("ns-yyyyyyyyyyyyyyyyyyyyyyyyyy")
    store.entries.pop()
    report = report_of(store.files(), trust(), identity=identity_text())
    assert (report.verdict(), report.sealed[True]["operations"]) == (OK, {1, 2, 3, 4})


def test_sealed_under_a_key_that_the_log_does_not_name():
    store = sample()
    keys_of = store.keys_of
    store.keys_of = lambda part: {name: key for name, key in keys_of(part).items() if name != "secrets"}
    assert found(store, key=False) == found(store) == (WANTING, {"disorder"})
    store.keys_of = lambda part: {}
    assert found(store, key=False) == (WANTING, {"disorder"})


# ---- Seals and commitments --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("at", [0, 20, -1])
def test_a_byte_of_a_ciphertext_with_every_digest_made_good(at):
    store = sample()

    def flip(stored):
        changed = bytearray(stored)
        changed[at] ^= 4
        return bytes(changed)

    record(store, "RESULT").change = flip
    assert found(store) == (WANTING, {"tampering"})
    assert found(store, key=False) == (OK, set())


def test_a_ciphertext_too_short_for_its_tag():
    store = sample()
    record(store, "RESULT").change = lambda stored: stored[:9]
    assert found(store) == (WANTING, {"tampering"})


def test_a_commitment_to_something_else():
    store = sample()
    record(store, "RESULT").commitment = bytes(range(32))
    assert found(store) == (WANTING, {"tampering"})
    assert found(store, key=False) == (OK, set())


@pytest.mark.parametrize("offset", [5, 6, 16, 24, 32, 40, 80])
def test_what_the_seal_binds(offset):
    """A header changed behind the sealing, with every digest made good, is seen with the key."""
    store = sample()
    target = record(store, "CONFIG", 1)
    pack = target.pack

    def changed(prev_leaf, origin):
        pack(prev_leaf, origin)
        data = bytearray(target.bytes)
        data[offset] ^= 2 if offset == 5 else 1
        target.bytes = bytes(data)
        target.leaf = sha256(b"\0", writer.context(origin), target.bytes[4:144])

    target.pack = changed
    assert found(store)[0] == WANTING


def test_a_payload_that_is_no_cbor():
    store = sample()
    target = record(store, "RESULT")
    target.payload, target.commitment = b"\xff", bytes(32)
    assert found(store) == (WANTING, {"disorder"})
    store = sample()
    record(store, "RESULT").payload = [1]
    assert found(store) == (WANTING, {"disorder"})
    assert found(store, key=False) == (OK, set())


# ---- Headers ----------------------------------------------------------------------------------------------------------

def changed_header(kind, number=0, sealed=True, **members):
    store = sample(sealed)
    for name, value in members.items():
        setattr(record(store, kind, number=number), name, value)
    return store


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("kind, number, members", [
    ("INTENT", 0, {"allowed": False}), ("INTENT", 1, {"allowed": True}), ("INTENT", 0, {"op": 2}),
    ("SENT", 0, {"op": 0}), ("RESULT", 1, {"op": 1}), ("SECRETS", 0, {"op": 9}), ("OPEN", 0, {"op": 1}),
    ("CLOSE", 0, {"op": 1}), ("BODY", 0, {"response": False}), ("BODY", 2, {"response": True})])
def test_a_header_that_disagrees_with_its_payload(sealed, kind, number, members):
    assert found(changed_header(kind, number, sealed, **members)) == (WANTING, {"disorder"})


@pytest.mark.parametrize("kind, number, members", [
    ("INTENT", 0, {"allowed": False}), ("INTENT", 1, {"allowed": True}), ("INTENT", 0, {"op": 2}), ("SENT", 0, {"op": 0}),
    ("RESULT", 1, {"op": 1}), ("OPEN", 0, {"op": 1}), ("BODY", 2, {"response": True})])
def test_headers_alone_show_it(kind, number, members):
    assert found(changed_header(kind, number, **members), key=False) == (WANTING, {"disorder"})


@pytest.mark.parametrize("key", [True, False])
@pytest.mark.parametrize("kind, key_class", [("BODY", 0), ("SENT", 1), ("SECRETS", 1), ("INTENT", 2)])
def test_sealed_under_another_class(key, kind, key_class):
    assert found(changed_header(kind, key_class=key_class), key) == (WANTING, {"disorder"})


@pytest.mark.parametrize("key", [True, False])
def test_an_epoch_that_goes_back(key):
    assert found(changed_header("RESULT", 0, epoch=5), key) == (WANTING, {"disorder"})


@pytest.mark.parametrize("kind, sealed, members", [
    ("SENT", True, {"allowed": True}), ("SENT", True, {"response": True}), ("BODY", True, {"continues": True}),
    ("SENT", False, {"epoch": 1}), ("SENT", False, {"key_class": 1}), ("SENT", False, {"commitment": bytes(range(32))})])
def test_headers_that_no_frame_has(kind, sealed, members):
    assert WANTING == found(changed_header(kind, sealed=sealed, **members), key=False)[0]


def test_flags_that_are_for_all():
    assert found(changed_header("CLOSE", continues=True)) == (OK, set())


def test_headers_beyond_the_format():
    for epoch, key_class, zero, zeros, right in ((1 << 24, 0, 0, 0, True), ((1 << 24) + 1, 0, 0, 0, False),
                                                 (0, 3, 0, 0, False), (0, 0, 1, 0, False), (0, 0, 0, 1, False)):
        head = bytearray(HEADER)
        head[6], head[7], head[40:44], head[44] = key_class, zero, epoch.to_bytes(4, "little"), zeros
        try:
            parse_frame(bytes(head) + bytes(5099), 0, 5243, b"narrows/gw-1")
            assert right
        except Malformed:
            assert not right


# ---- What must follow what, by headers alone --------------------------------------------------------------------------

def session():
    store = Store()
    return store, store.part()


def observed(store, part, kind, op, **more):
    return store.put(part, kind, {"observed": {"op": op} | more})


def body(store, part, op, direction, index=0, data=b"x"):
    return store.put(part, "BODY", {"op": op, "dir": direction, "index": index, "bytes": data})


def intent(store, part, verdict="allow", **body_of):
    op = len(part.records)
    observed(store, part, "INTENT", op, decision={"verdict": verdict}, request={"body": body_of})
    return op


def answer_before_sent(store, part):
    op = intent(store, part)
    body(store, part, op, "response")
    observed(store, part, "NOT_SENT", op)


def head_before_sent(store, part):
    op = intent(store, part)
    observed(store, part, "HEAD", op)
    observed(store, part, "NOT_SENT", op)


def after_the_end(store, part):
    op = intent(store, part)
    observed(store, part, "NOT_SENT", op)
    observed(store, part, "SECRETS", op)


def denied_and_sent(store, part):
    op = intent(store, part, "deny", inline="records")
    body(store, part, op, "request")
    observed(store, part, "SENT", op)


def denied_and_answered(store, part):
    body(store, part, intent(store, part, "deny"), "response")


def never_began(store, part):
    observed(store, part, "SENT", 7)


def no_outcome(store, part):
    observed(store, part, "SENT", intent(store, part))


def open_twice(store, part):
    store.put(part, "OPEN", {"observed": {}})


def sealed_gap(store, part):
    store.put(part, "GAP", {"observed": {"first": 1, "last": 1, "why": "w"}})


@pytest.mark.parametrize("key", [True, False])
@pytest.mark.parametrize("act", [answer_before_sent, head_before_sent, after_the_end, denied_and_sent, denied_and_answered,
                                 never_began, no_outcome, open_twice, sealed_gap])
def test_disorder(act, key):
    store, part = session()
    act(store, part)
    store.close(part)
    assert found(store, key) == (WANTING, {"disorder"})


@pytest.mark.parametrize("key", [True, False])
def test_a_record_behind_close(key):
    store, part = session()
    store.close(part)
    store.put(part, "NOTICE", {"observed": {"what": "w"}})
    assert found(store, key) == (WANTING, {"disorder"})


@pytest.mark.parametrize("key", [True, False])
def test_close_counts_something_else(key):
    store, part = session()
    store.close(part)
    part.counts = lambda: {"OPEN": 2}
    part.records[-1].payload = {"observed": {"reason": "ended", "counts": {"OPEN": 2}}}
    assert found(store, key) == (WANTING, {"disorder"})


def test_the_order_of_pieces_takes_a_key():
    store, part = session()
    op = intent(store, part)
    observed(store, part, "SENT", op)
    body(store, part, op, "response", index=1)
    observed(store, part, "RESULT", op)
    store.close(part)
    assert found(store) == (WANTING, {"disorder"}) and found(store, key=False) == (OK, set())


def test_a_body_that_is_another_takes_both_keys():
    store = sample()
    record(store, "BODY").payload["bytes"] = b"hxl"
    assert found(store) == (WANTING, {"tampering"}) and found(store, key=False) == (OK, set())
    for name in ("bodies", "operations"):
        files = store.files()
        del files[f"keys/00000002.{name}.age"]
        assert found(None, files=files) == (OK, {"missing-key"})


@pytest.mark.parametrize("key", [True, False])
def test_a_record_missing_from_a_sealed_part(key):
    store = sample()
    record(store, "HEAD").dropped = True
    verdict, kinds = found(store, key)
    assert verdict == WANTING and "truncation" in kinds


# ---- Roots ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("root", [bytes(32), bytes(range(32))])
@pytest.mark.parametrize("number", [3, 4, 8])
def test_a_root_that_is_not_the_parts(number, root):
    store = sample()
    entry = store.entries[number]

    def changed():
        value = entry()
        heads = value.get("heads")
        return value | ({"heads": [[*heads[0][:3], root]]} if heads else {"root": root})

    store.entries[number] = changed
    assert found(store, key=False) == (WANTING, {"tampering"})


@pytest.mark.parametrize("root", [b"", b"x", 0, False, "", "absent"])
def test_a_root_that_is_none(root):
    store, part = session()
    store.close(part)
    entry = store.entries[-1]

    def changed():
        value = entry() | {"root": root}
        if root == "absent":
            del value["root"]
        return value

    store.entries[-1] = changed
    assert found(store) == (WANTING, {"disorder"})


def test_behind_a_hole_that_is_declared_no_root_is_asked_for():
    store, part = session()
    store.put(part, "NOTICE", {"observed": {"what": "w"}}).dropped = True
    store.put(part, "GAP", {"observed": {"first": 1, "last": 1, "why": "power"}}, sealed=False)
    store.entries.append(lambda: {"type": "INTERVAL", "heads": [[1, 3, part.leaves()[2], bytes(range(32))]]})
    store.close(part, "interrupted", sealed=False)
    assert found(store) == (OK, {"declared-loss"})


# ---- Shredding and holds ----------------------------------------------------------------------------------------------

def without(files, name):
    return {path: data for path, data in files.items() if path != name}


@pytest.mark.parametrize("key", [True, False])
def test_shredded(key):
    store = sample()
    store.shred(store.parts[1], "bodies")
    files = store.files()
    assert found(None, key, files=without(files, BODY_KEY)) == (OK, set())
    assert found(None, key, files=files) == (OK, set())
    assert found(None, key, files=files | {BODY_KEY: b"another"}) == (OK, set())
    report = report_of(without(files, BODY_KEY), trust(), identity=identity_text())
    assert [(each.kind, each.file) for each in report.findings()] == [("note", BODY_KEY)]
    assert report.sealed[False] == {"bodies": {2}}


def test_all_shredded_is_not_missing():
    store, part = session()
    for name in CLASSES:
        store.shred(part, name)
    store.close(part)
    files = {name: data for name, data in store.files().items() if not name.startswith("keys/")}
    assert found(None, files=files) == (OK, set())


@pytest.mark.parametrize("more", [{"envelope": bytes(32)}, {"session": "ns-another"}, {"class": "others"}, {"part": 9},
                                  {"part": "2"}, {"class": "secrets"}])
def test_a_shred_of_something_else(more):
    store = sample()
    store.shred(store.parts[1], "bodies", more)
    assert found(store, key=False) == (WANTING, {"disorder"})
    assert found(None, key=False, files=without(store.files(), BODY_KEY)) == (WANTING, {"disorder", "missing-key"})


def test_a_shred_before_its_open():
    store = sample()
    store.shred(store.parts[1], "bodies")
    store.entries.insert(1, store.entries.pop())
    assert found(store, key=False) == (WANTING, {"disorder"})


def held(*acts, officers=(OFFICER,)):
    """HOLD, RELEASE and SHRED in this order; `seed` and `signature` as words say."""
    store = sample()
    for act in acts:
        if act == "SHRED":
            store.shred(store.parts[1], "bodies")
        else:
            kind, _, word = act.partition(" ")
            more = {"": {}, "stranger": {"seed": STRANGER}, "forged": {"signature": bytes(64)},
                    "elsewhere": {"session": "ns-zzzzzzzzzzzzzzzzzzzzzzzzzz"},
                    "replayed": {"signature": writer.sign(OFFICER, f"narrows-hold-v1\n{writer.ORIGIN}\n{SESSION}\n7\na claim"
                                                          .encode())}}[word]
            store.hold(kind, **more)
    return found(store, key=False, officers=officers)


def test_holds():
    sound = (OK, set())
    assert held("HOLD") == held("HOLD", "RELEASE") == held("HOLD", "RELEASE", "SHRED") == held("RELEASE", "SHRED") == sound
    assert held("SHRED", "HOLD") == held("HOLD elsewhere", "SHRED") == held("HOLD", "HOLD", "RELEASE", "SHRED") == sound
    assert held("HOLD", officers=()) == held("HOLD stranger", officers=()) == sound
    disorder = (WANTING, {"disorder"})
    assert held("HOLD", "SHRED") == held("HOLD", "RELEASE", "HOLD", "SHRED") == disorder
    assert held("HOLD", "SHRED", officers=()) == held("HOLD", "RELEASE elsewhere", "SHRED") == disorder
    assert held("HOLD stranger") == held("RELEASE stranger") == disorder
    forged = (WANTING, {"tampering"})
    assert held("HOLD forged") == held("RELEASE forged") == held("RELEASE replayed") == forged
    assert held("HOLD forged", "SHRED") == forged
    assert held("HOLD", "RELEASE forged", "SHRED") == (WANTING, {"tampering", "disorder"})


def test_reconciliations():
    store = sample()
    store.reconcile()
    assert found(store, key=False) == (OK, set())
    for more in ({"verdict": "fine"}, {"from": 3}, {"report": bytes(31)}, {"counts": {"bypasses": -1}}, {"by": 7}):
        store = sample()
        store.reconcile(**more)
        assert found(store, key=False) == (WANTING, {"disorder"}), more


@pytest.mark.parametrize("more", [{"key": "no key"}, {"signature": bytes(63)}, {"at": "7"}, {"session": 1}])
def test_a_hold_that_is_none(more):
    store = sample()
    store.hold()
    entry = store.entries[-1]
    store.entries[-1] = lambda: entry() | more
    assert found(store, key=False) == (WANTING, {"disorder"})


def test_an_officer_is_no_witness():
    with pytest.raises(Malformed):
        report_of({}, trust() + "officer " + writer.vkey("x", OFFICER).replace("+", "-") + "\n")
    witness = base64.b64encode(b"\4" + bytes(32)).decode()
    identity = sha256(b"w\n\4", bytes(32))[:4].hex()
    with pytest.raises(Malformed):
        report_of({}, trust() + f"officer w+{identity}+{witness}\n")


@pytest.mark.parametrize("keys", [{"bodies": {}}, {"all": {"envelope": bytes(32), "recipients": ["a"]}}, {"bodies": 1},
                                  {"bodies": {"envelope": bytes(31), "recipients": ["a"]}}, [],
                                  {"bodies": {"envelope": bytes(32), "recipients": []}}])
def test_keys_of_open_that_are_none(keys):
    store, part = session()
    store.close(part)
    store.keys_of = lambda part: keys
    assert found(store, key=False)[1] >= {"disorder"}


def test_a_thousand_notes_do_not_hide_a_defect():
    report = report_of(sample().files(), trust())
    for number in range(1100):
        report.add("log", "note", f"{number}")
    report.add("log", "disorder", "this")
    assert report.first().what == "this"


def test_hkdf_by_openssl():
    out = subprocess.run(["openssl", "kdf", "-keylen", "32", "-kdfopt", "digest:SHA256", "-kdfopt", "hexkey:" + IDENTITY.hex(),
                          "-kdfopt", "hexsalt:0102", "-kdfopt", "info:header", "-binary", "HKDF"], capture_output=True,
                         check=True).stdout
    assert hkdf(IDENTITY, b"header", b"\1\2") == out == writer.hkdf(IDENTITY, b"header", b"\1\2")
