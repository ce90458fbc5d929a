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


def read_to(connection, pending, mark):
    """What stands before the mark, and what was read behind it."""
    while mark not in pending:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError
        pending += more
    before, _, behind = pending.partition(mark)
    return before, behind


def skip(connection, pending, length, buffer):
    """What was read behind the next `length` bytes."""
    left = length - len(pending)
    while left > 0:
        got = connection.recv_into(buffer, min(left, len(buffer)))
        if not got:
            raise ConnectionError
        left -= got
    return pending[length:]


def skip_chunks(connection, pending, buffer):
    size = 1
    while size:
        line, pending = read_to(connection, pending, b"\r\n")
        size = int(line, 16)
        pending = skip(connection, pending, size + 2, buffer)  # nobody here sends trailers
    return pending


def answer_all(connection):
    buffer = bytearray(1 << 20)
    pending = b""
    with connection:
        while True:
            head, pending = read_to(connection, pending, b"\r\n\r\n")
            fields = head.lower().split(b"\r\n")
            if b"expect: 100-continue" in fields:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            if b"transfer-encoding: chunked" in fields:
                pending = skip_chunks(connection, pending, buffer)
            else:
                length = next((int(f.split(b":")[1]) for f in fields if f.startswith(b"content-length:")), 0)
                pending = skip(connection, pending, length, buffer)
            connection.sendall(ASSUMED if head.startswith(b"POST / ") else ANSWER)


def main():
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()


main()
