"""Sealed payloads, and the age files that hold their keys (docs/format.md, sections 4.1 and 4.2; C2SP age).

Opening takes the package `cryptography`; nothing else of this verifier does.
"""

import base64
import binascii
import hmac
import re

from coding import cbor_fields
from evidence_log import Tree
from findings import Malformed, need, sha256

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
    CAN_OPEN = True
except ImportError:
    CAN_OPEN = False

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
AGE_PIECE = AGE_HEADER_MAX = 64 << 10
AGE_RECIPIENTS_MAX = 64


class Unopened(Exception):
    """A ciphertext that the key does not open."""


def hkdf(key, info, salt=b""):
    """HKDF-SHA256 with 32 bytes of output."""
    return hmac.digest(hmac.digest(salt, key, "sha256"), info + b"\1", "sha256")


def decrypt(algorithm, key, nonce, data, aad=None):
    try:
        return algorithm(key).decrypt(nonce, data, aad)
    except (InvalidTag, ValueError):
        raise Unopened from None


# ---- age --------------------------------------------------------------------------------------------------------------

def parse_identities(text):
    """The keys of an age identity file, 32 bytes each."""
    lines = [line.strip() for line in text.split("\n")]
    keys = [parse_identity(line) for line in lines if line and not line.startswith("#")]
    need(keys, "it holds no line AGE-SECRET-KEY-1…")
    return keys


def parse_identity(line):
    prefix, _, data = line.lower().rpartition("1")
    digits = [BECH32.find(each) for each in data]
    need(line == line.upper() and prefix == "age-secret-key-" and len(digits) == 58 and -1 not in digits,
         "it has a line that is no AGE-SECRET-KEY-1…")
    check = 1
    for value in [*(ord(each) >> 5 for each in prefix), 0, *(ord(each) & 31 for each in prefix), *digits]:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    number = 0
    for digit in digits[:52]:
        number = number << 5 | digit
    need(check == 1 and number & 15 == 0, "it has a key with a wrong checksum")
    return (number >> 4).to_bytes(32, "big")


def unpadded(text):
    need(re.fullmatch(rb"[A-Za-z0-9+/]*", text), "not base64")
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        raise Malformed("not base64") from None
    need(base64.b64encode(data).rstrip(b"=") == text, "base64 that is not in its one form")
    return data


def age_header(data):
    """X25519 stanzas as (share, wrapped file key), what its MAC is over, the MAC, and where the content begins."""
    lines = iter(re.findall(rb"[^\n]*\n", data[:AGE_HEADER_MAX]))
    line, stanzas, count, at = next(lines, b""), [], 0, 0
    need(line == b"age-encryption.org/v1\n", "it does not begin with age's version line")
    while True:
        at, line = at + len(line), next(lines, b"")
        need(line, "the age file's header is cut off")
        if not line.startswith(b"-> "):
            break
        arguments, body, column = line[3:-1].split(b" "), b"", 64
        need(all(re.fullmatch(rb"[!-~]+", each) for each in arguments), "a stanza of the age file has a malformed argument")
        while column == 64:
            at, line = at + len(line), next(lines, b"")
            column = len(line) - 1
            need(line and column <= 64, "a stanza of the age file is malformed")
            body += unpadded(line[:-1])
        count += 1
        need(count <= AGE_RECIPIENTS_MAX, "the age file has more than 64 recipients")
        if arguments[0] == b"X25519":
            share = unpadded(arguments[-1])
            need(len(arguments) == 2 and len(share) == 32 and len(body) == 32, "an X25519 stanza is malformed")
            stanzas.append((share, body))
    need(line.startswith(b"--- ") and count, "the age file's header does not end as it has to")
    mac, content = unpadded(line[4:-1]), at + len(line)
    need(len(mac) == 32 and len(data) >= content + 16, "the age file's header does not end as it has to")
    return stanzas, data[:at + 3], mac, content


def age_open(data, identities):
    """The content of an age file; None if it is not for any of these identities."""
    stanzas, authenticated, mac, content = age_header(data)
    file_key = None
    for share, wrapped in stanzas:
        for identity in identities:
            try:
                file_key = age_unwrap(identity, share, wrapped) if file_key is None else file_key
            except Unopened:
                continue
    if file_key is None:
        return None
    need(hmac.digest(hkdf(file_key, b"header"), authenticated, "sha256") == mac,
         "the header of the age file is not the one that was sealed")
    return age_content(file_key, data[content:])


def age_unwrap(identity, share, wrapped):
    secret = X25519PrivateKey.from_private_bytes(identity)
    try:
        shared = secret.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError:
        raise Malformed("an X25519 stanza holds a low-order point") from None
    salt = share + secret.public_key().public_bytes_raw()
    return decrypt(ChaCha20Poly1305, hkdf(shared, b"age-encryption.org/v1/X25519", salt), bytes(12), wrapped)


def age_content(file_key, data):
    """One piece: a session key's five lines fit into it."""
    need(len(data) <= 16 + AGE_PIECE + 16, "the age file holds more than a session key")
    try:
        return decrypt(ChaCha20Poly1305, hkdf(file_key, b"payload", data[:16]), bytes(11) + b"\1", data[16:])
    except Unopened:
        raise Malformed("the content of the age file is not the one that was sealed") from None


# ---- Records ----------------------------------------------------------------------------------------------------------

class Ratchet:
    """The keys of one part and class, epoch by epoch; it does not go back."""

    def __init__(self, session_key, name):
        self.epoch, self.chain = 0, hkdf(session_key, b"narrows " + name.encode())

    def keys(self, epoch):
        """The keys of frames and of salts."""
        while self.epoch < epoch:
            self.epoch, self.chain = self.epoch + 1, hkdf(self.chain, b"ratchet")
        return hkdf(self.chain, b"frame"), hkdf(self.chain, b"salt")


def unseal(key, sequence, aad, payload):
    return decrypt(AESGCM, key, bytes(4) + sequence.to_bytes(8, "little"), payload, aad)


def committed(key, sequence, plaintext):
    """The payload's value, and the commitment to its fields."""
    value, fields = cbor_fields(plaintext)
    counter = sequence.to_bytes(8, "little") + bytes(8)
    salts = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor().update(bytes(16 * len(fields)))
    return value, Tree(sha256(b"\0", salts[16 * at:16 * at + 16], field) for at, field in enumerate(fields)).root()
