"""A strict upstream in this process that gives credentials out, as STS and S3 Express do, and remembers them."""

import asyncio
import dataclasses
import secrets
import threading
import time

from . import sigv4
from .emulator import Credentials
from .processes import free_port, wait_until
from .stub import ASSUMED, Stub

SESSION = """<?xml version="1.0" encoding="UTF-8"?>
<CreateSessionResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Credentials><SessionToken>{token}</SessionToken>\
<SecretAccessKey>{secret}</SecretAccessKey><AccessKeyId>{key}</AccessKeyId><Expiration>{expiry}</Expiration></Credentials>\
</CreateSessionResult>"""


@dataclasses.dataclass
class Given:
    credentials: Credentials
    express: bool
    to: str  # key id that asked


class Giving(Stub):
    """`life_s` is how long what it gives is good for; `mangle` changes the answers that give."""

    def __init__(self, folder, life_s=3600):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.admin = Credentials("AKIAGIVINGGATEWAY000", "giving-secret-of-the-gateways-host-000000")
        super().__init__(folder / "arrivals.jsonl", self.admin.key_id, self.admin.secret)
        self.given, self.forms, self.seen, self.wrong = {}, [], [], []
        self.life_s, self.mangle = life_s, lambda text: text
        self.loop = asyncio.new_event_loop()
        self.server = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        wait_until(lambda: self.server, 10, "the giving upstream")

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", self.port))
        self.loop.run_forever()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def answer(self, method, target, headers, body, request_id):
        key = sigv4.key_id(headers)
        self.seen.append((method, target, key))
        given = self.given.get(key)
        if given:
            header = "x-amz-s3session-token" if given.express else "x-amz-security-token"
            other = "x-amz-security-token" if given.express else "x-amz-s3session-token"
            if headers.get(header) != given.credentials.token or other in headers:
                self.wrong.append((method, target, "token"))
                return "403 Forbidden", b"<Error><Code>InvalidToken</Code></Error>", {}
        if method == "GET" and "?session" in target:
            why = sigv4.why_invalid(method, target, headers, body, self.secrets.get(key, ""))
            if why:
                self.wrong.append((method, target, why))
                return "403 Forbidden", b"<Error><Code>SignatureDoesNotMatch</Code></Error>", {}
            return "200 OK", self.mangle(self._give(key, SESSION, True, request_id)).encode(), {}
        status, content, extra = super().answer(method, target, headers, body, request_id)
        if status.startswith("403"):
            self.wrong.append((method, target, content))
        return status, content, extra

    def assume(self, form, request_id):
        self.forms.append(form)
        name = form["RoleSessionName"][0]
        asker = self.seen[-1][2]
        text = self._give(asker, ASSUMED, False, request_id, name=name)
        return text if asker == self.admin.key_id else self.mangle(text)

    def _give(self, to, template, express, request_id, name=""):
        made = Credentials("ASIA" + secrets.token_hex(8).upper(), secrets.token_hex(20), secrets.token_hex(60))
        self.secrets[made.key_id] = made.secret
        self.given[made.key_id] = Given(made, express, to)
        expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.life_s))
        return template.format(key=made.key_id, secret=made.secret, token=made.token, expiry=expiry, name=name,
                               request=request_id)

    def given_to_agents(self):
        """What the gateway's own AssumeRole did not get."""
        return [each.credentials for each in self.given.values() if each.to != self.admin.key_id]
