"""Many agents at once: signed S3 requests over kept connections, one unique target an operation."""

import concurrent.futures
import dataclasses
import hashlib
import http.client
import itertools

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

EMPTY = hashlib.sha256(b"").hexdigest()


@dataclasses.dataclass
class Answer:
    target: str
    status: int  # 0: no answer came
    body: bytes = b""


class Agent:
    """One client connection of one session. Not shared between threads."""

    def __init__(self, port, credentials, region="us-east-1"):
        self.port, self.connection = port, None
        keys = Credentials(credentials.key_id, credentials.secret, credentials.token or None)
        self.signer = S3SigV4Auth(keys, "s3", region)

    def request(self, method, target, body=b"", headers=()):
        digest = hashlib.sha256(body).hexdigest() if body else EMPTY
        url = f"http://127.0.0.1:{self.port}{target}"
        request = AWSRequest(method, url, headers={"x-amz-content-sha256": digest, **dict(headers)}, data=body)
        self.signer.payload = lambda _: digest
        self.signer.add_auth(request)
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            self.connection.request(method, target, body=body or None, headers=dict(request.headers.items()))
            answer = self.connection.getresponse()
            return Answer(target, answer.status, answer.read())
        except (OSError, http.client.HTTPException):
            self.close()
            return Answer(target, 0)

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


def burst(port, sessions, operations, prefix="", keep_going=lambda: True):
    """`operations` GETs and PUTs spread over one thread a session; the answers, in no order."""
    per_agent = operations // len(sessions)

    def work(index, session):
        agent, answers = Agent(port, session.credentials()), []
        for number in itertools.count() if operations == 0 else range(per_agent):
            if not keep_going():
                break
            target = f"/burst/{prefix}a{index}/{number}"
            method, body = ("PUT", b"x" * 512) if number % 4 == 0 else ("GET", b"")
            answers.append(agent.request(method, target, body))
        agent.close()
        return answers

    with concurrent.futures.ThreadPoolExecutor(len(sessions)) as pool:
        running = [pool.submit(work, index, session) for index, session in enumerate(sessions)]
        return [answer for done in running for answer in done.result()]
