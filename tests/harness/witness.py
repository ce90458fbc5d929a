"""Witnesses: the real one (`narrows witness`), and one that answers whatever a test wants."""

import base64
import http.server
import json
import pathlib
import subprocess
import threading
import time

from .processes import NARROWS, Process, clean_environment, free_port


class Witness:
    """`narrows witness` with a key and a state directory of its own."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        key = self.folder / "state" / "witness.key"
        made = subprocess.run(
            [NARROWS, "witness", "key", name, key, "--json"], capture_output=True, text=True, check=True,
        )
        self.vkey = json.loads(made.stdout)["key"]
        self.settings = ""
        self.process = None

    def secure(self):
        """TLS with a certificate of its own making; clients need `ca`."""
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=witness", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "tls.key", "-out", "tls.pem"],
            cwd=self.folder, check=True, capture_output=True,
        )
        self.url = self.url.replace("http:", "https:")
        self.settings = 'certificate = "tls.pem"\ncertificate_key = "tls.key"\n'
        return self

    def know(self, *log_vkeys):
        logs = "".join(f'[[log]]\nkey = "{vkey}"\n' for vkey in log_vkeys)
        (self.folder / "witness.toml").write_text(
            f'[witness]\nname = "{self.name}"\nstate_dir = "state"\nlisten = "127.0.0.1:{self.port}"\n'
            f"{self.settings}{logs}"
        )
        return self

    def start(self):
        self.process = Process(
            [NARROWS, "witness", "--config", self.folder / "witness.toml"], self.folder / "witness.log",
            env=clean_environment(),
        )
        self.process.wait_for_port(self.port)
        return self

    def stop(self):
        return self.process.stop()

    def anchor(self):
        return witness_anchor(self.name.rsplit("/", 1)[-1], self.url, self.vkey)


class FalseWitness:
    """Answers every request with what `say(request body)` gives: (status, body), or None for never."""

    def __init__(self, say):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked += 1
                said = outer.say(body)
                if said is None:
                    time.sleep(60)
                    return
                status, text = said
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.say = say
        self.asked = 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def witness_anchor(name, url, vkey):
    return f'[[anchor]]\nname = "{name}"\ntype = "witness"\nurl = "{url}"\nkey = "{vkey}"\n'


def directory_anchor(name, path):
    return f'[[anchor]]\nname = "{name}"\ntype = "directory"\npath = "{path}"\n'


def split_note(note):
    """The text of a signed note and its signatures: (name, key id, bytes)."""
    at = note.rindex("\n\n")
    signatures = []
    for line in note[at + 2:].splitlines():
        dash, name, code = line.split(" ")
        assert dash == "\u2014"
        raw = base64.b64decode(code, validate=True)
        signatures.append((name, raw[:4], raw[4:]))
    return note[:at + 1], signatures


def openssl_verifies(vkey, message, signature, folder):
    """Whether openssl finds `signature` by the vkey's Ed25519 key over `message` good."""
    key = base64.b64decode(vkey.split("+", 2)[2])[1:]
    folder = pathlib.Path(folder)
    (folder / "key.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + key)  # RFC 8410
    (folder / "message").write_bytes(message)
    (folder / "signature").write_bytes(signature)
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin",
         "-in", "message", "-sigfile", "signature"], cwd=folder, capture_output=True, text=True,
    )
    return done.returncode == 0 and "Verified Successfully" in done.stdout
