"""Writes small stores of format 2, for tests only: docs/format.md from the other side, sharing no code with the verifier.

A Store's records and entries can be changed at will before files() makes every digest, seal and signature that follows
from them.
"""

import base64
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

BLOCK = 4096
SEED, OFFICER, IDENTITY = bytes(range(32)), bytes(range(64, 96)), bytes(range(96, 128))
ORIGIN, SESSION = "narrows/gw-1", "ns-abcdefghijklmnopqrstuvwxyz"
KINDS = {name: number for number, name in enumerate(
    "OPEN STATED INTENT SENT HEAD BODY RESULT NOT_SENT UNKNOWN GAP APPROVAL REVIEWED CLOSE RECOVERY CONFIG CREDENTIAL "
    "NOTICE SECRETS".split(), 1)}
CONTROL = {"OPEN", "INTENT", "CREDENTIAL", "CONFIG", "RECOVERY", "GAP", "NOTICE", "CLOSE", "UNKNOWN"}
CLASSES = ("operations", "bodies", "secrets")


def sha(*pieces):
    return hashlib.sha256(b"".join(pieces)).digest()


def hkdf(key, info, salt=bytes(32)):
    return hmac.digest(hmac.digest(salt, key, "sha256"), info + b"\1", "sha256")


def crc32c(data):
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ 0x82F63B78 * (state & 1)
    return (state ^ 0xFFFFFFFF).to_bytes(4, "little")


def merkle(leaves):
    """RFC 6962, as the RFC says it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\1", merkle(leaves[:half]), merkle(leaves[half:]))


# ---- Deterministic CBOR -----------------------------------------------------------------------------------------------

def encode(value):
    if isinstance(value, bool) or value is None:
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, float):
        return next(head + struct.pack(form, value) for head, form in ((b"\xf9", ">e"), (b"\xfa", ">f"), (b"\xfb", ">d"))
                    if struct.unpack(form, struct.pack(form, value))[0] == value)
    if isinstance(value, int):
        return head_of(0, value) if value >= 0 else head_of(1, -1 - value)
    if isinstance(value, bytes):
        return head_of(2, len(value)) + value
    if isinstance(value, str):
        return head_of(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head_of(4, len(value)) + b"".join(map(encode, value))
    pairs = sorted((encode(key), encode(each)) for key, each in value.items())
    return head_of(5, len(pairs)) + b"".join(key + each for key, each in pairs)


def head_of(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    width = next(width for width in (1, 2, 4, 8) if value < 1 << 8 * width)
    return bytes([major << 5 | 23 + width.bit_length()]) + value.to_bytes(width, "big")


# ---- Seals ------------------------------------------------------------------------------------------------------------

def context(origin):
    return b"narrows-rec-v2" + struct.pack("<H", len(origin)) + origin


def epoch_keys(session_key, name, epoch):
    """The keys of frames and of salts."""
    chain = hkdf(session_key, b"narrows " + name.encode())
    for _ in range(epoch):
        chain = hkdf(chain, b"ratchet")
    return hkdf(chain, b"frame"), hkdf(chain, b"salt")


def fields_of(value, path=()):
    """A payload's fields, from its value and not its bytes."""
    if isinstance(value, dict) and 1 <= len(value) <= 64 and len(path) < 4:
        steps = sorted(value.items(), key=lambda item: encode(item[0]))
    elif isinstance(value, list) and 1 <= len(value) <= 64 and len(path) < 4:
        steps = list(enumerate(value))
    elif isinstance(value, bytes) and len(value) > 4096:
        return [encode([[*path, -1 - n], value[4096 * n:4096 * n + 4096]]) for n in range(-(-len(value) // 4096))]
    else:
        return [encode([list(path), value])]
    return [field for step, each in steps for field in fields_of(each, (*path, step))]


def commitment_of(value, salt_key, sequence):
    fields = fields_of(value)
    salts = Cipher(algorithms.AES(salt_key), modes.CTR(struct.pack("<QQ", sequence, 0))).encryptor()
    return merkle([sha(b"\0", salts.update(bytes(16)), field) for field in fields])


def nonce_of(sequence):
    return bytes(4) + struct.pack("<Q", sequence)


# ---- age --------------------------------------------------------------------------------------------------------------

def public_of(identity):
    return X25519PrivateKey.from_private_bytes(identity).public_key().public_bytes_raw()


def unpadded(data):
    return base64.b64encode(data).rstrip(b"=")


def age_seal(content, *recipients):
    """An age file for the owners of these identities."""
    file_key, header = sha(content)[:16], b"age-encryption.org/v1\n"
    for number, recipient in enumerate(recipients):
        public, mine = public_of(recipient), X25519PrivateKey.from_private_bytes(sha(content, bytes([number])))
        share, shared = mine.public_key().public_bytes_raw(), mine.exchange(X25519PublicKey.from_public_bytes(public))
        key = hkdf(shared, b"age-encryption.org/v1/X25519", share + public)
        header += b"-> X25519 %s\n%s\n" % (unpadded(share), unpadded(ChaCha20Poly1305(key).encrypt(bytes(12), file_key, None)))
    header += b"---"
    mac = unpadded(hmac.digest(hkdf(file_key, b"header"), header, "sha256"))
    nonce = sha(file_key)[:16]
    sealed = ChaCha20Poly1305(hkdf(file_key, b"payload", nonce)).encrypt(bytes(11) + b"\1", content, None)
    return header + b" " + mac + b"\n" + nonce + sealed


def bech32(prefix, data):
    digits = [int(f"{data.hex():0>64}", 16) << 4 >> 5 * n & 31 for n in reversed(range(52))]
    check = 1
    for value in [*(ord(c) >> 5 for c in prefix), 0, *(ord(c) & 31 for c in prefix), *digits, 0, 0, 0, 0, 0, 0]:
        top, check = check >> 25, (check & (1 << 25) - 1) << 5 ^ value
        for bit, word in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= word * (top >> bit & 1)
    digits += [(check ^ 1) >> 5 * n & 31 for n in reversed(range(6))]
    return prefix + "1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[digit] for digit in digits)


def identity_text(identity=IDENTITY):
    return bech32("age-secret-key-", identity).upper() + "\n"


# ---- Signatures -------------------------------------------------------------------------------------------------------

def sign(seed, message):
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def vkey(name, seed):
    typed = b"\1" + Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return f"{name}+{sha(name.encode(), bytes([10]), typed)[:4].hex()}+{base64.b64encode(typed).decode()}"


def signed_note(text, name, seed):
    signature = bytes.fromhex(vkey(name, seed).split("+")[1]) + sign(seed, text.encode())
    return f"{text}\n\u2014 {name} {base64.b64encode(signature).decode()}\n".encode()


# ---- Stores -----------------------------------------------------------------------------------------------------------

class Record:
    """`payload` is a value, or bytes as they shall stand. What is None follows from the rest."""

    def __init__(self, part, kind, payload, sealed, epoch):
        self.part, self.kind, self.payload, self.sealed = part, kind, payload, sealed
        self.epoch = epoch if sealed else 0
        self.sequence = len(part.records)
        inner = payload.get("observed", {})
        self.op = inner.get("op", payload.get("op", 0))
        self.allowed = kind == "INTENT" and inner.get("decision", {}).get("verdict") == "allow"
        self.response = kind == "BODY" and payload["dir"] == "response"
        self.continues, self.commitment, self.dropped = False, None, False
        self.key_class = {"BODY": 1, "SECRETS": 2}.get(kind, 0) if sealed else 0
        self.change = lambda stored: stored  # done to what is stored, before it is hashed

    def pack(self, prev_leaf, origin):
        """Sets header, stored payload and leaf."""
        flags = self.sealed | self.allowed << 1 | self.continues << 2 | self.response << 3
        plain = self.payload if isinstance(self.payload, bytes) else encode(self.payload)
        commitment, keys = self.commitment, None
        if self.sealed:
            name = CLASSES[self.key_class]
            keys = epoch_keys(self.part.keys[name], name, self.epoch)
            commitment = commitment or commitment_of(self.payload, keys[1], self.sequence)
        head = struct.pack("<BBBBQQQQII", KINDS[self.kind], flags, self.key_class, 0, self.part.number, self.sequence,
                           1795435200 * 10**9 + self.sequence, self.op, self.epoch, 0)
        head += prev_leaf + (commitment or bytes(32))
        stored = AESGCM(keys[0]).encrypt(nonce_of(self.sequence), plain, context(origin) + head) if keys else plain
        stored = self.change(stored)
        head += sha(stored)
        self.leaf = sha(b"\0", context(origin), head)
        self.bytes = struct.pack("<I", 144 + len(stored)) + head + stored


class Part:
    def __init__(self, number, session, kind, classes):
        self.number, self.session, self.kind, self.records = number, session, kind, []
        self.keys = {name: sha(b"session key", bytes([number]), name.encode()) for name in classes}

    def put(self, kind, payload, sealed=None, epoch=0):
        sealed = bool(self.keys) if sealed is None else sealed
        self.records.append(Record(self, kind, payload, sealed, epoch))
        return self.records[-1]

    def leaves(self):
        return [record.leaf for record in self.records]

    def counts(self):
        names = [record.kind for record in self.records if record.kind != "CLOSE"]
        return {name: names.count(name) for name in names}


class Store:
    def __init__(self, recipients=(IDENTITY,)):
        self.recipients, self.parts, self.order = recipients, [], []
        self.entries = [lambda: {"type": "KEY", "vkey": vkey(ORIGIN, SEED)}]

    # ---- what is written --------------------------------------------------------------------------------------------

    def part(self, session=SESSION, kind="session", classes=CLASSES):
        part = Part(len(self.parts) + 1, session, kind, classes)
        self.parts.append(part)
        self.put(part, "OPEN", {"observed": {"session": session, "kind": kind, "part": part.number}})
        self.entries.append(lambda: {"type": "OPEN", "part": part.number, "session": session, "kind": kind,
                                     "leaf": part.records[0].leaf, "keys": self.keys_of(part)})
        return part

    def put(self, part, kind, payload, **more):
        record = part.put(kind, payload, **more)
        self.order.append(record)
        return record

    def close(self, part, reason="ended", **more):
        record = self.put(part, "CLOSE", {"observed": {"reason": reason, "by": "test", "counts": part.counts()}}, **more)
        size, live = len(part.records), reason != "interrupted"
        self.entries.append(lambda: {"type": "CLOSE", **self.head(part, size, live),
                                     "counts": part.counts() if live else {}})
        return record

    def interval(self, part):
        size = len(part.records)
        self.entries.append(lambda: {"type": "INTERVAL", "heads": [list(self.head(part, size).values())]})

    def shred(self, part, name, more=None):
        entry = {"type": "SHRED", "part": part.number, "session": part.session, "class": name, "by": "test", "why": "w"}
        self.entries.append(lambda: entry | {"envelope": sha(self.envelope(part, name))} | (more or {}))

    def hold(self, kind="HOLD", seed=OFFICER, session=SESSION, signature=None):
        text = f"narrows-{kind.lower()}-v1\n{ORIGIN}\n{session}\n7\na claim"
        self.entries.append(lambda: {"type": kind, "session": session, "reason": "a claim", "key": vkey("officer", seed),
                                     "at": 7, "signature": signature or sign(seed, text.encode())})

    def reconcile(self, **more):
        self.entries.append(lambda: {"type": "RECONCILED", "trail": "s3://trail", "from": 1, "to": 2, "by": "on-call",
                                     "verdict": "agreed", "counts": {"bypasses": 0}, "report": bytes(32)} | more)

    # ---- what follows from it ---------------------------------------------------------------------------------------

    def envelope(self, part, name, **more):
        words = {"origin": ORIGIN, "number": part.number, "class": name, "key": part.keys[name].hex()} | more
        lines = "".join(f"{word}\n" for word in ("narrows-key-v1", *words.values()))
        return age_seal(lines.encode(), *self.recipients)

    def keys_of(self, part):
        return {name: {"envelope": sha(self.envelope(part, name)), "recipients": ["age1test"]} for name in part.keys}

    @staticmethod
    def head(part, size, live=True):
        leaves = part.leaves()[:size]
        return {"part": part.number, "size": size, "last": leaves[-1], "root": merkle(leaves) if live else None}

    def segment(self, lane, records, origin):
        nonce, boot = bytes([7 + lane] * 16), bytes([9] * 16)
        head = b"NARROWSJ" + struct.pack("<IIQ", 2, lane, 1) + nonce + boot + bytes(48) + bytes(32)
        head += struct.pack("<H", len(origin)) + origin
        head += bytes(BLOCK - 4 - len(head))
        data = head + crc32c(head)
        chain = sha(data)
        for number, record in enumerate(records):  # a batch each
            begin = b"NJB1" + bytes(4) + nonce + struct.pack("<QIIqqQ", number, 1, 136 + len(record.bytes), 1,
                                                             self.order.index(record), len(data))
            begin += chain + crc32c(record.bytes)
            chain = sha(begin, record.leaf)
            begin += chain
            batch = begin + crc32c(begin) + record.bytes
            data += batch + bytes(-len(batch) % BLOCK)
        return data + bytes(2 * BLOCK)

    def files(self):
        origin = ORIGIN.encode()
        for part in self.parts:
            last = bytes(32)
            for record in part.records:
                record.pack(last, origin)
                last = record.leaf
        stay = [record for record in self.order if not record.dropped]
        files = {f"journal/{name}-00000001.nj": self.segment(lane, [
            each for each in stay if (each.kind in CONTROL) == (lane == 0)], origin)
            for lane, name in enumerate(("control", "bulk"))}
        files |= {f"keys/{part.number:08}.{name}.age": self.envelope(part, name) for part in self.parts for name in part.keys}
        entries = [encode({"time": 1} | each()) for each in self.entries]
        leaves = [sha(b"\0", entry) for entry in entries]
        files[f"log/tile/0/000.p/{len(leaves)}"] = b"".join(leaves)
        files[f"log/tile/entries/000.p/{len(leaves)}"] = b"".join(struct.pack(">H", len(each)) + each for each in entries)
        files["log/checkpoint"] = signed_note(f"{ORIGIN}\n{len(leaves)}\n{base64.b64encode(merkle(leaves)).decode()}\n",
                                              ORIGIN, SEED)
        return files


def trust(officers=()):
    return f"log {vkey(ORIGIN, SEED)}\n" + "".join(f"officer {vkey('officer', seed)}\n" for seed in officers)


# ---- A store like a gateway's -----------------------------------------------------------------------------------------

def operation(store, part, verdict="allow", body=b"hello", epoch=0):
    op = len(part.records)

    def put(kind, **observed):
        store.put(part, kind, {"observed": {"op": op} | observed}, epoch=epoch)

    allowed = verdict == "allow"
    kept = {"inline": b"ask", "size": 3} if allowed else {"inline": "records", "size": len(body)}
    put("INTENT", connection="c", decision={"verdict": verdict}, request={"headers": [["a", "b"]], "body": kept})
    if not allowed:
        store.put(part, "BODY", {"op": op, "dir": "request", "index": 0, "bytes": body}, epoch=epoch)
        return op
    put("SENT", endpoint="e")
    put("HEAD", status=200)
    for index, piece in enumerate((body[:3], body[3:])):
        store.put(part, "BODY", {"op": op, "dir": "response", "index": index, "bytes": piece}, epoch=epoch)
    put("SECRETS", value="s")
    put("RESULT", outcome="answered", status=200, bytes_request=3, bytes_response=len(body),
        sha256_response=sha(body).hex())
    return op


def sample(sealed=True):
    """A system part, a session that ended, and one that a restart closed."""
    store = Store()
    every, only = (CLASSES, CLASSES[:1]) if sealed else ((), ())
    system = store.part("", "system", only)
    store.put(system, "CONFIG", {"observed": {"digest": "0" * 64, "boot": "b"}})
    ended = store.part(classes=every)
    operation(store, ended)
    operation(store, ended, "deny", epoch=1)
    store.interval(ended)
    operation(store, ended, body=bytes(range(256)) * 40, epoch=3)
    store.close(ended, epoch=3)
    broken = store.part("ns-zzzzzzzzzzzzzzzzzzzzzzzzzz", classes=every)
    store.put(broken, "INTENT", {"observed": {"op": 1, "decision": {"verdict": "allow"}}})
    store.interval(broken)
    store.put(broken, "SENT", {"observed": {"op": 1, "endpoint": "e"}})
    store.put(broken, "UNKNOWN", {"observed": {"op": 1, "why": "restart"}}, sealed=False)
    store.close(broken, "interrupted", sealed=False)
    store.close(system)
    return store
