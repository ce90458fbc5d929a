"""A strict upstream: checks every signature with botocore, notes every arrival before answering.

Started as a program: stub.py PORT LOG ADMIN_KEY ADMIN_SECRET. Speaks enough S3 (GET, PUT, HEAD,
DELETE of anything) and sts:AssumeRole for a gateway; each arrival is one JSON line of LOG:
{"n", "time", "method", "target", "key_id", "request_id", "region_set", "wrong", "bytes"}. A GET of /…/slow… drips a GiB; whatever
breaks off before its end is one more line, {"target", "cut": time}.
"""

import asyncio
import hashlib
import json
import secrets
import sys
import time
import urllib.parse

from . import sigv4

HEADER_LIMIT = 64 * 1024
OBJECT = b"stub object\n"
DRIP, DRIP_S, DRIP_TOTAL = bytes(64 * 1024), 0.02, 1 << 30
ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>\
<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>\
<Expiration>{expiry}</Expiration></Credentials><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/stub/{name}\
</Arn><AssumedRoleId>AROASTUB:{name}</AssumedRoleId></AssumedRoleUser><SourceIdentity>{name}</SourceIdentity>\
</AssumeRoleResult><ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata></AssumeRoleResponse>"""


class Stub:
    def __init__(self, log, admin_key, admin_secret):
        self.log = open(log, "a", buffering=1)
        self.secrets = {admin_key: admin_secret}
        self.arrivals = 0

    async def serve(self, reader, writer):
        try:
            while await self.one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def one(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        headers = {}
        for field in filter(None, fields):
            name, value = field.split(":", 1)
            if name.lower() in headers:
                headers[name.lower()] += "," + value.strip()
            else:
                headers[name.lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # Arrived: noted before the body, because from here on it may have had an effect.
        request_id = self.note(method, target, headers)
        try:
            body = await self.body(reader, headers)
            if method == "GET" and "/slow" in target:
                await self.drip(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.write(target=target, cut=time.time_ns())
            raise
        await self.respond(writer, method, target, headers, body, request_id)
        return headers.get("connection", "").lower() != "close"

    async def respond(self, writer, method, target, headers, body, request_id):
        status, content, extra = self.answer(method, target, headers, body, request_id)
        answer = [f"HTTP/1.1 {status}", f"x-amz-request-id: {request_id}", f"Content-Length: {len(content)}"]
        answer += [f"{name}: {value}" for name, value in extra.items()]
        writer.write("\r\n".join(answer).encode() + b"\r\n\r\n" + (b"" if method == "HEAD" else content))
        await writer.drain()

    async def body(self, reader, headers):
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return await reader.readexactly(int(headers.get("content-length", 0)))
        chunks = []
        while size := int((await reader.readline()).split(b";")[0], 16):
            chunks.append(await reader.readexactly(size))
            await reader.readexactly(2)
        while (await reader.readline()) not in (b"\r\n", b""):
            pass
        return b"".join(chunks)

    async def drip(self, writer):
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {DRIP_TOTAL}\r\n\r\n".encode())
        for _ in range(DRIP_TOTAL // len(DRIP)):
            writer.write(DRIP)
            await writer.drain()
            await asyncio.sleep(DRIP_S)

    def note(self, method, target, headers):
        self.arrivals += 1
        request_id = secrets.token_hex(8).upper()
        self.write(n=self.arrivals, time=time.time_ns(), method=method, target=target,
                   key_id=sigv4.key_id(headers), request_id=request_id, region_set=headers.get("x-amz-region-set"))
        return request_id

    def write(self, **line):
        self.log.write(json.dumps(line) + "\n")

    def answer(self, method, target, headers, body, request_id):
        secret = self.secrets.get(sigv4.key_id(headers))
        wrong = sigv4.why_invalid(method, target, headers, body, secret) if secret else "unknown key"
        if wrong:
            self.write(request_id=request_id, target=target, wrong=wrong)
            text = f"<Error><Code>SignatureDoesNotMatch</Code><Message>{wrong}</Message></Error>"
            return "403 Forbidden", text.encode(), {"Content-Type": "application/xml"}
        form = urllib.parse.parse_qs(body.decode("latin-1")) if method == "POST" else {}
        if form.get("Action") == ["AssumeRole"]:
            return "200 OK", self.assume(form, request_id).encode(), {"Content-Type": "text/xml"}
        if method == "PUT":
            return "200 OK", b"", {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}
        if method == "DELETE":
            return "204 No Content", b"", {}
        return "200 OK", OBJECT, {"ETag": '"e"', "Content-Type": "binary/octet-stream"}

    def assume(self, form, request_id):
        key, secret, token = "ASIA" + secrets.token_hex(8).upper(), secrets.token_hex(20), secrets.token_hex(32)
        self.secrets[key] = secret
        expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        name = form.get("RoleSessionName", ["none"])[0]
        return ASSUMED.format(key=key, secret=secret, token=token, expiry=expiry, name=name, request=request_id)


async def main(port, log, admin_key, admin_secret):
    stub = Stub(log, admin_key, admin_secret)
    server = await asyncio.start_server(stub.serve, "127.0.0.1", int(port), limit=HEADER_LIMIT, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
