"""Reads uploads and forgets them: an upstream for PUT that costs next to nothing. sink.py PORT STS-ANSWER [CERTIFICATE+KEY]"""

import contextlib
import socket
import ssl
import sys
import threading

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"sink\"\r\nx-amz-request-id: SINK\r\n\r\n"


STS = sys.argv[2].encode()
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if len(sys.argv) > 3 else None
if TLS:
    TLS.load_cert_chain(sys.argv[3])
ASSUMED = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s" % (len(STS), STS)


def serve(connection):
    with contextlib.suppress(OSError):
        answer_all(TLS.wrap_socket(connection, server_side=True) if TLS else connection)


def answer_all(connection):
    buffer = bytearray(1 << 20)
    pending = b""
    with connection:
        while True:
            while b"\r\n\r\n" not in pending:
                more = connection.recv(65536)
                if not more:
                    return
                pending += more
            head, _, pending = pending.partition(b"\r\n\r\n")
            fields = head.lower().split(b"\r\n")
            if b"expect: 100-continue" in fields:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = next((int(f.split(b":")[1]) for f in fields if f.startswith(b"content-length:")), 0)
            left = length - len(pending)
            pending = pending[length:]
            while left > 0:
                got = connection.recv_into(buffer, min(left, len(buffer)))
                if not got:
                    return
                left -= got
            connection.sendall(ASSUMED if head.startswith(b"POST / ") else ANSWER)


def main():
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()


main()
