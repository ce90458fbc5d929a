"""Endpoint mode over TLS: a certificate for the very name that is asked for, and for no other."""

import http.client
import socket
import ssl
import subprocess

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509

from harness.emulator import REGION
from harness.gateway import Connection, Gateway, scope, statement
from harness.processes import AWS_PYPI, clean_environment

ALLOWED = scope(statement(["s3:GetObject", "s3:ListBucket"], ["arn:aws:s3:::my.bucket", "arn:aws:s3:::my.bucket/*"]))


@pytest.fixture(scope="module")
def gateway(behind, tmp_path_factory):
    behind.client("s3").create_bucket(Bucket="my.bucket")
    behind.client("s3").put_object(Bucket="my.bucket", Key="k", Body=b"over TLS")
    made = Gateway(tmp_path_factory.mktemp("gateway"), [Connection("c", ALLOWED, behind.endpoint)], behind.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session()


@pytest.fixture(scope="module")
def trust(session, tmp_path_factory):
    path = tmp_path_factory.mktemp("trust") / "ca.pem"
    path.write_text(session.answer["ca_pem"])
    return path


def handshake(gateway, trust, name):
    context = ssl.create_default_context(cafile=trust)
    plain = socket.create_connection(("127.0.0.1", gateway.agents_port), timeout=10)
    return context.wrap_socket(plain, server_hostname=name)


def names_of(secured):
    certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True))
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)


@pytest.mark.parametrize("name", ["localhost", "bucket.localhost", "my.bucket.localhost", "MY.bucket.LOCALHOST"])
def test_each_name_has_its_certificate(gateway, trust, name):
    with handshake(gateway, trust, name) as secured:
        assert name.lower() in names_of(secured)


@pytest.mark.parametrize("name", ["example.com", "s3.us-east-1.amazonaws.com", "notlocalhost", "localhost.example.com"])
def test_no_other_name_has_one(gateway, trust, name):
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(gateway, trust, name)


def test_more_names_than_are_kept(gateway, trust):
    for number in range(300):
        name = f"b{number}.localhost"
        with handshake(gateway, trust, name) as secured:
            assert names_of(secured) == [name]
    with handshake(gateway, trust, "localhost") as secured:
        assert "localhost" in names_of(secured)


def test_a_bucket_s_own_name(gateway, session, trust):
    found = session.credentials()
    request = AWSRequest("GET", "https://my.bucket.localhost/k")
    request.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    signer = S3SigV4Auth(Credentials(found.key_id, found.secret, found.token), "s3", REGION)
    signer.payload = lambda _: "UNSIGNED-PAYLOAD"
    signer.add_auth(request)
    connection = http.client.HTTPSConnection("my.bucket.localhost")
    connection.sock = handshake(gateway, trust, "my.bucket.localhost")
    connection.request("GET", "/k", headers=dict(request.headers.items()))
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"over TLS")


def test_the_cli_over_tls(gateway, session, trust):
    env = clean_environment(
        AWS_ENDPOINT_URL=f"https://localhost:{gateway.agents_port}", AWS_REGION=REGION, AWS_CA_BUNDLE=trust,
        **session.credentials().env(),
    )
    done = subprocess.run([AWS_PYPI, "s3", "cp", "s3://my.bucket/k", "-"], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout == "over TLS", done.stderr
