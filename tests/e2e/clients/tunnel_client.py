"""Opens a tunnel through HTTPS_PROXY and echoes through it. Arguments: HOST PORT SERVER_NAME MEGABYTES."""

import base64
import os
import socket
import ssl
import sys
import threading
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
try:
    with context.wrap_socket(peer, server_hostname=name) as tls:
        data = os.urandom(1 << 20) * megabytes or b"x"
        threading.Thread(target=tls.sendall, args=(data,), daemon=True).start()
        got = b""
        while len(got) < len(data):
            more = tls.recv(65536)
            if not more:
                break
            got += more
        print("echoed" if got == data else "different")
except OSError as error:
    print("failed", error)
