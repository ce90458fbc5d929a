"""Run by test_tunnels.py in a network of its own, where HOST is an address of this machine that is no loopback one."""

import pathlib
import socket
import ssl
import subprocess
import threading

import pytest

from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import PYTHON, free_port
from harness.upstream import StrictUpstream

HOST, ADDRESS = "echo.internal.example", "10.77.0.1"
CLIENT = pathlib.Path(__file__).parent / "clients" / "tunnel_client.py"


class Echo:
    """A TLS server that sends back what it reads, until the peer ends."""

    def __init__(self, folder):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=echo", "-keyout", "key.pem", "-out", "cert.pem"],
            cwd=folder, check=True, capture_output=True,
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self.port = free_port()
        self.socket = socket.create_server((ADDRESS, self.port))
        self.accepted = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.echo, args=(peer,), daemon=True).start()

    def echo(self, peer):
        try:
            with self.context.wrap_socket(peer, server_side=True) as tls:
                while data := tls.recv(65536):
                    tls.sendall(data)
        except OSError:
            pass


@pytest.fixture(scope="module")
def echo(module_folder):
    (module_folder / "echo").mkdir()
    made = Echo(module_folder / "echo")
    yield made
    made.socket.close()


@pytest.fixture(scope="module")
def gateway(echo, module_folder):
    upstream = StrictUpstream(module_folder)
    allowed = scope(statement(["s3:GetObject"], "arn:aws:s3:::burst/*"))
    connection = Connection("burst", allowed, upstream.endpoint, egress=(f"{HOST}:{echo.port}",))
    made = Gateway(module_folder / "gateway", [connection], upstream.admin)
    yield made.start()
    made.stop()
    upstream.stop()


def tunnel(gateway, host, port, name, megabytes=0):
    """Runs the client behind `narrows run` and gives its last line and the tunnel's operation."""
    done = gateway.run(PYTHON, CLIENT, host, port, name, megabytes)
    operations = [op for op in gateway.records().operations() if op.name == "net:Connect"]
    return (done.stdout.strip().splitlines() or [""])[-1], operations[-1]


def test_bytes_pass_unopened_and_are_counted(gateway, echo):
    said, operation = tunnel(gateway, HOST, echo.port, HOST, 3)
    assert said == "echoed"
    assert operation.verdict == "allow" and operation.outcome == "answered"
    [sent], [result] = operation.of_kind("sent"), operation.of_kind("result")
    assert sent.get("endpoint") == f"{HOST}:{echo.port}" and sent.get("sni") == HOST
    assert result.get("bytes_request") > 3 << 20 and result.get("bytes_response") > 3 << 20
    assert "content not recorded" in result.get("why")
    assert gateway.verify().returncode == 0


def test_another_server_name_than_asked_for_is_cut_before_it_arrives(gateway, echo):
    before = echo.accepted
    said, operation = tunnel(gateway, HOST, echo.port, "elsewhere.example")
    assert said.startswith("failed")
    assert operation.outcome == "not_sent" and not operation.of_kind("sent")
    assert echo.accepted <= before + 1  # connected to, never spoken to
    assert gateway.verify().returncode == 0
