"""Tunnels to hosts on the egress list: they pass unopened and are on record as what they are."""

import pathlib
import subprocess

import pytest

from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import PYTHON, free_port
from harness.upstream import StrictUpstream
from tunnels_inside import ADDRESS, HOST, tunnel

HERE = pathlib.Path(__file__).parent
# A network and a hosts file that nobody else sees: `lo` alone, with one more address.
OWN_NETWORK = f"""
set -e
ip link set lo up
ip address add {ADDRESS}/32 dev lo
mount --bind "$1" /etc/hosts
shift
exec "$@"
"""


def test_in_a_network_of_its_own(tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{ADDRESS} {HOST}\n")
    pytest_inside = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "tunnels_inside.py")]
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", OWN_NETWORK, "sh", hosts, *pytest_inside],
        capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout[-4000:] + done.stderr[-1000:]


@pytest.fixture(scope="module")
def gateway(module_folder):
    upstream = StrictUpstream(module_folder)
    allowed = scope(statement(["s3:GetObject"], "arn:aws:s3:::burst/*"))
    egress = (f"localhost:{free_port()}", "*.internal.example:443")
    made = Gateway(module_folder / "gateway", [Connection("burst", allowed, upstream.endpoint, egress=egress)], upstream.admin)
    yield made.start()
    made.stop()
    upstream.stop()


@pytest.mark.parametrize("host,port", [("127.0.0.1", 443), ("localhost", 1), ("example.org", 443), ("s3.evil.example", 443)])
def test_what_the_list_does_not_name_is_refused(gateway, host, port):
    said, operation = tunnel(gateway, host, port, host)
    assert said.startswith("refused")
    assert operation.verdict == "deny"


def test_a_name_of_this_machine_is_never_dialled(gateway):
    port = gateway.connections["burst"].egress[0].rpartition(":")[2]
    said, operation = tunnel(gateway, "localhost", port, "localhost")
    assert said.startswith("refused") and operation.outcome == "not_sent"
