"""Fixtures: emulators that check signatures, gateways in folders of their own, sessions."""

import os
import pathlib
import subprocess
import sys

import pytest

os.environ["BOTO_DISABLE_CRT"] = "true"  # botocore's own signers, as most agents have them; test_sigv4a has the others

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent), str(pathlib.Path(__file__).resolve().parent)]

from harness.certificate import certificate  # noqa: E402
from harness.emulator import REGION, Emulator  # noqa: E402
from harness.gateway import Connection, Gateway, scope, statement  # noqa: E402
from harness.processes import BUILD, clean_environment  # noqa: E402
from harness.upstream import StrictUpstream  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="also what takes minutes: 1 GiB bodies, long crash matrices")
    parser.addoption("--operations", type=int, default=20_000, help="how many the burst has; a sanitizer needs its time")


def pytest_configure(config):
    config.addinivalue_line("markers", "full: runs with --full only")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--full"):
        kept = [item for item in items if "full" not in item.keywords]
        config.hook.pytest_deselected(items=[item for item in items if "full" in item.keywords])
        items[:] = kept


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("module")


@pytest.fixture(scope="module")
def pair(module_folder):
    """Paths of a certificate for localhost and of its key."""
    return certificate(module_folder)


@pytest.fixture(scope="session")
def terraform():
    """Terraform as tests build it, with its AWS provider beside it: the machine's own, if it has one, is not asked."""
    clients = pathlib.Path(__file__).parent / "clients"
    subprocess.run(["bash", clients / "build_zoo", "terraform"], check=True)
    return BUILD / "zoo" / "terraform" / "terraform"


@pytest.fixture
def upstream(tmp_path):
    """A strict upstream for one test; modules have others, and some share one between their tests."""
    made = StrictUpstream(tmp_path)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def direct(tmp_path_factory):
    """An emulator that clients reach directly."""
    emulator = Emulator(tmp_path_factory.mktemp("direct"))
    yield emulator
    emulator.stop()


@pytest.fixture(scope="module")
def behind(tmp_path_factory):
    """An emulator in the same state that clients reach only through the gateway."""
    emulator = Emulator(tmp_path_factory.mktemp("behind"))
    yield emulator
    emulator.stop()


@pytest.fixture(scope="module")
def direct_env(direct):
    return clean_environment(
        AWS_ENDPOINT_URL=direct.endpoint, AWS_REGION=REGION, AWS_DEFAULT_REGION=REGION, **direct.role().env()
    )


# Everything that the tasks do, effects that the guardrail asks to be named in full included.
WHOLE_SCOPE = scope(
    statement("*"),
    statement([
        "iam:CreateRole", "iam:DeleteRole", "iam:TagRole", "iam:PassRole", "kms:CreateGrant", "kms:CreateKey",
        "kms:CreateAlias", "kms:DeleteAlias", "secretsmanager:GetSecretValue", "sns:AddPermission", "sns:SetTopicAttributes",
        "lambda:CreateFunction", "s3:PutBucketPolicy",
    ]),
)


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    """A gateway whose one connection, `all`, may do everything."""
    made = Gateway(tmp_path_factory.mktemp("gateway"), [Connection("all", WHOLE_SCOPE, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def through_env(gateway):
    return gateway.session().env()


@pytest.fixture
def forget(upstreams):
    """Each test of a module's `upstreams` of events (conversations.running) begins anew."""
    for each in upstreams.values():
        each.stub.forget()


@pytest.fixture(params=["http", "https"])
def agent(request, agent_of):
    """A module's agent with HTTP/2 on both sides: by prior knowledge in the clear, by ALPN over TLS."""
    return agent_of(request.param, {"http": "clear", "https": "secured"}[request.param])


@pytest.fixture
def silent(upstreams, monkeypatch):
    """Upstreams that hear and say nothing, so that who waits for answers is cut off in the middle."""
    for each in upstreams.values():
        monkeypatch.setattr(each.stub, "reply", lambda inner: b"")
