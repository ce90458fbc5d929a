"""Archives of a gateway under test: a directory, a bucket of the emulator, a bucket behind something that fails."""

import http.client
import http.server
import threading
import urllib.parse

from .emulator import REGION

SOON = 'every = "1s"\nage_max = "5s"\n'


def directory_archive(path, keep_mib=0, keep_for="1s", more=SOON):
    return (f'[archive]\ntype = "directory"\npath = "{path}"\nkeep_local_mib = {keep_mib}\n'
            f'keep_local_for = "{keep_for}"\n{more}')


def credentials_file(folder, credentials):
    """A shared credentials file, as an [archive] or [[anchor]] names one."""
    path = folder / "archive.credentials"
    path.write_text(f"[default]\naws_access_key_id = {credentials.key_id}\naws_secret_access_key = {credentials.secret}\n")
    return f'credentials = "{path}"\n'


def s3_archive(bucket, endpoint, keep_mib=0, keep_for="1s", more=SOON):
    return (f'[archive]\ntype = "s3"\nbucket = "{bucket}"\nregion = "{REGION}"\nendpoint = "{endpoint}"\n'
            f'prefix = "evidence/test"\nkeep_local_mib = {keep_mib}\nkeep_local_for = "{keep_for}"\n{more}')


def s3_anchor(name, bucket, endpoint, days=0):
    retention = f"retention_days = {days}\n" if days else ""
    return (f'[[anchor]]\nname = "{name}"\ntype = "s3"\nbucket = "{bucket}"\nregion = "{REGION}"\n'
            f'endpoint = "{endpoint}"\n{retention}')


def locked_bucket(emulator, name):
    """A bucket with versions and Object Lock."""
    emulator.client("s3").create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


class FaultyS3:
    """Stands before an S3 and spoils what `fault` says: it gets method, path and headers, and returns nothing (pass it
    on), a status with a body, "cut" (read half of the body, then hang up) or a function of the true answer (status,
    headers, body) that makes the one to give."""

    def __init__(self, port):
        self.port_behind, self.fault, self.asked = port, None, []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _handler(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                outer.asked.append((self.command, self.path))
                size = int(self.headers.get("Content-Length") or 0)
                spoil = outer.fault(self.command, self.path, self.headers) if outer.fault else None
                if spoil == "cut":
                    self.rfile.read(size // 2)
                    self.connection.close()
                    return
                body = self.rfile.read(size)
                if isinstance(spoil, tuple):
                    answer = spoil[0], [], spoil[1]
                else:
                    answer = outer.ask(self.command, self.path, self.headers, body)
                    answer = spoil(*answer) if spoil else answer
                self.give(*answer)

            def give(self, status, headers, body):
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("connection", "transfer-encoding", "date", "server") and (
                            name.lower() != "content-length" or self.command == "HEAD"):
                        self.send_header(name, value)
                if self.command != "HEAD":
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve

            def log_message(self, *_):
                pass

        return Handler

    def ask(self, method, path, headers, body):
        behind = http.client.HTTPConnection("127.0.0.1", self.port_behind, timeout=60)
        behind.request(method, path, body=body, headers=dict(headers))
        answer = behind.getresponse()
        return answer.status, answer.getheaders(), answer.read()

    def stop(self):
        self.server.shutdown()


class FailsFirst:
    """A fault of FaultyS3 that passes: the first `count` different questions are not answered the first time."""

    WAYS = ((503, b"<Error><Code>SlowDown</Code></Error>"), "cut", (500, b"<Error><Code>InternalError</Code></Error>"))

    def __init__(self, count=9):
        self.count, self.seen = count, set()

    def __call__(self, method, path, headers):
        if (method, path) in self.seen or len(self.seen) >= self.count:
            return None
        self.seen.add((method, path))
        return self.WAYS[len(self.seen) % len(self.WAYS)]


class InParts:
    """A fault of FaultyS3 that is none: what S3 does with objects that come in parts and the emulator leaves undone. It
    locks them as the beginning of the upload asked, and says that their checksum is of so many parts'."""

    def __init__(self, emulator):
        self.s3, self.locks, self.parts = emulator.client("s3"), {}, {}

    def __call__(self, method, path, headers):
        name, _, query = path.partition("?")
        bucket, key = urllib.parse.unquote(name).lstrip("/").split("/", 1) if name.count("/") > 1 else ("", "")
        asked = {each.split("=")[0] for each in query.split("&")}
        if method == "POST" and "uploads" in asked:
            assert headers["x-amz-checksum-algorithm"] == "SHA256" and headers["x-amz-checksum-type"] == "COMPOSITE"
            if "x-amz-object-lock-mode" in headers:
                self.locks[key] = headers["x-amz-object-lock-mode"], headers["x-amz-object-lock-retain-until-date"]
        elif method == "PUT" and "partNumber" in asked:
            self.parts[key] = self.parts.get(key, 0) + 1
        elif method == "POST" and "uploadId" in asked and key in self.locks:
            return lambda *answer: self.lock(bucket, key, answer)
        elif method == "HEAD" and key in self.parts:
            return lambda *answer: self.say(key, *answer)
        return None

    def lock(self, bucket, key, answer):
        mode, until = self.locks[key]
        self.s3.put_object_retention(Bucket=bucket, Key=key, Retention={"Mode": mode, "RetainUntilDate": until})
        return answer

    def say(self, key, status, headers, body):
        left = {name.lower(): value for name, value in headers}
        if "x-amz-checksum-sha256" in left:
            left["x-amz-checksum-sha256"] += f"-{self.parts[key]}"
            left["x-amz-checksum-type"] = "COMPOSITE"
        return status, list(left.items()), body
