"""Opens a tunnel through HTTPS_PROXY and echoes through it. Arguments: HOST PORT SERVER_NAME MEGABYTES."""

import base64
import contextlib
import os
import select
import socket
import ssl
import sys
import urllib.parse

host, port, name, megabytes = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
token = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
peer = socket.create_connection((proxy.hostname, proxy.port), timeout=20)
peer.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nProxy-Authorization: Basic {token}\r\n\r\n".encode())
answer = b""
while b"\r\n\r\n" not in answer:
    more = peer.recv(1)
    if not more:
        break
    answer += more
if b" 200 " not in answer.split(b"\r\n")[0]:
    print("refused", answer.split(b"\r\n")[0].decode())
    sys.exit(1)
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE


def echoed(tls, data):
    """Sends and reads by turns, on one thread: Python 3.11 does not guard a TLS object against two."""
    tls.setblocking(False)
    sent, got = 0, bytearray()
    while len(got) < len(data):
        wanted = ([tls], [tls] if sent < len(data) else [])
        if not tls.pending():
            select.select(*wanted, [], 20)
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if sent < len(data):
                sent += tls.send(data[sent:sent + 65536])
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            more = tls.recv(65536)
            if not more:
                break
            got += more
    return bytes(got)


try:
    with context.wrap_socket(peer, server_hostname=name) as tls:
        data = os.urandom(1 << 20) * megabytes or b"x"
        got = echoed(tls, data)
        print("echoed" if got == data else f"different: {len(got)} of {len(data)} bytes")
except OSError as error:
    print("failed", error)
