"""Operations that AWS authorises by no signature: through the proxy, where a connection names them, and nowhere else."""

import http.server
import json
import threading

import boto3
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from harness.emulator import REGION
from harness.gateway import Connection, Gateway, scope, statement

PASSWORD = "Tr0ub4dor&3-of-ada"
TOKEN = "eyJ-the-access-token-of-a-user"
NAMED = ("cognito-idp:SignUp", "cognito-idp:GetUser", "cognito-idp:ConfirmSignUp")
USERS = scope(
    statement(["cognito-idp:SignUp", "cognito-idp:ForgotPassword", "cognito-idp:ConfirmSignUp", "cognito-idp:InitiateAuth"]),
    statement("cognito-idp:ConfirmSignUp", effect="Deny"),
)


class Noting(http.server.BaseHTTPRequestHandler):
    """Answers everything with an empty document and keeps what came."""

    came = []

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.came.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_GET(self):
        self.do_POST()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def noting():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Noting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def pool(behind):
    """The client id of a user pool."""
    idp = behind.client("cognito-idp")
    made = idp.create_user_pool(PoolName="users")["UserPool"]["Id"]
    return idp.create_user_pool_client(UserPoolId=made, ClientName="app")["UserPoolClient"]["ClientId"]


@pytest.fixture(scope="module")
def gateway(behind, noting, tmp_path_factory):
    connections = [
        Connection("files", scope(statement("s3:GetObject", "arn:aws:s3:::b/*")), behind.endpoint),
        Connection("users", USERS, behind.endpoint, unsigned=NAMED),
        Connection(
            "noted", scope(statement("cognito-idp:GlobalSignOut"), statement("sso:ListAccountRoles", effect="Deny")), noting,
            unsigned=("cognito-idp:GlobalSignOut", "sso:ListAccounts", "sso:ListAccountRoles"),
        ),
    ]
    made = Gateway(tmp_path_factory.mktemp("unsigned"), connections, behind.admin)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def session(gateway):
    return gateway.session()


def through_proxy(gateway, session, service, region=REGION):
    """A client of a service that signs nothing: it has no credentials to sign with."""
    trust = gateway.folder / "ca.pem"
    trust.write_text(session.answer["ca_pem"])
    proxy = f"http://{session.answer['proxy_user']}:{session.answer['proxy_token']}@127.0.0.1:{gateway.agents_port}"
    config = Config(proxies={"https": proxy}, retries={"total_max_attempts": 1})
    return boto3.client(service, region_name=region, verify=str(trust), config=config)


def refused(call, **parameters):
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response


def last(gateway, session=None):
    return gateway.records(session).operations()[-1]


def test_a_named_one_passes_and_is_on_record(gateway, session, pool):
    made = through_proxy(gateway, session, "cognito-idp").sign_up(ClientId=pool, Username="ada", Password=PASSWORD)
    assert made["UserSub"]
    operation = last(gateway, session)
    assert (operation.name, operation.outcome) == ("cognito-idp:SignUp", "answered")
    assert operation.intent.get("connection") == "users"
    assert operation.intent.get("mode") == "proxy"
    assert operation.intent.get("signature", "scheme") == "none"
    assert operation.intent.get("decision", "statement") == "Statement[0]"
    assert operation.intent.get("parameters", "Username") == "ada"
    sent = operation.of_kind("sent")[0]
    assert sent.get("algorithm") == "none"
    assert sent.get("upstream_key_id") is None and sent.get("signed_sha256") is None
    # Nothing was asked of AWS for it: no role was assumed.
    assert gateway.records(session).of_kind("credential") == []
    assert gateway.verify().returncode == 0


def test_its_secrets_are_withheld(gateway, session, pool):
    idp = through_proxy(gateway, session, "cognito-idp")
    idp.sign_up(ClientId=pool, Username="bob", Password=PASSWORD)
    refused(idp.get_user, AccessToken=TOKEN)
    on_record = json.dumps([record.body for record in gateway.records().records])
    assert PASSWORD not in on_record and TOKEN not in on_record
    assert gateway.records(session).operations()[-2].intent.get("parameters", "Password", "$withheld") is not None


def test_another_is_denied_with_the_reason(gateway, session, pool):
    idp = through_proxy(gateway, session, "cognito-idp")
    answer = refused(idp.forgot_password, ClientId=pool, Username="ada")
    assert answer["Error"]["Code"] == "AccessDeniedException"
    assert "only where a connection of the session names them in unsigned" in answer["Error"]["Message"]
    operation = last(gateway, session)
    assert (operation.name, operation.verdict, operation.reason) == ("cognito-idp:ForgotPassword", "deny", "not-configured")


def test_what_answers_with_tokens_is_denied_all_the_same(gateway, session, pool):
    idp = through_proxy(gateway, session, "cognito-idp")
    secrets = {"USERNAME": "ada", "PASSWORD": PASSWORD}
    answer = refused(idp.initiate_auth, ClientId=pool, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=secrets)
    assert "carries credentials, tokens" in answer["Error"]["Message"]
    assert last(gateway, session).reason == "not-supported"
    assert PASSWORD not in json.dumps([record.body for record in gateway.records(session).records])


def test_the_scope_decides_beside_the_name(gateway, session, pool):
    idp = through_proxy(gateway, session, "cognito-idp")
    refused(idp.get_user, AccessToken=TOKEN)
    assert last(gateway, session).reason == "implicit-deny"
    refused(idp.confirm_sign_up, ClientId=pool, Username="ada", ConfirmationCode="123456")
    assert last(gateway, session).reason == "explicit-deny"


def test_where_iam_has_no_action_the_name_allows_and_a_deny_denies(gateway, session):
    portal = through_proxy(gateway, session, "sso")
    portal.list_accounts(accessToken=TOKEN)
    operation = last(gateway, session)
    assert (operation.name, operation.outcome) == ("sso:ListAccounts", "answered")
    assert operation.intent.get("decision", "why") == "sso:ListAccounts is allowed by connection noted, which names it in unsigned."
    assert Noting.came[-1]["x-amz-sso_bearer_token"] == TOKEN
    refused(portal.list_account_roles, accessToken=TOKEN, accountId="123456789012")
    assert last(gateway, session).reason == "explicit-deny"
    assert TOKEN not in json.dumps([record.body for record in gateway.records(session).records])


def test_a_region_that_the_connection_has_not(gateway, session, pool):
    idp = through_proxy(gateway, session, "cognito-idp", region="eu-west-1")
    answer = refused(idp.sign_up, ClientId=pool, Username="eve", Password=PASSWORD)
    assert "does not lead to the region" in answer["Error"]["Message"]


def test_what_must_be_signed_is_refused_in_the_sessions_name(gateway, session):
    trust = str(gateway.folder / "ca.pem")
    proxy = f"http://{session.answer['proxy_user']}:{session.answer['proxy_token']}@127.0.0.1:{gateway.agents_port}"
    for url, target in (
        ("https://s3.us-east-1.amazonaws.com/b/k", ""),
        ("https://cognito-idp.us-east-1.amazonaws.com/", "AWSCognitoIdentityProviderService.ListUserPools"),
    ):
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"} if target else {}
        answer = requests.request(
            "POST" if target else "GET", url, headers=headers, data="{}" if target else None,
            proxies={"https": proxy}, verify=trust, timeout=30,
        )
        assert answer.status_code == (400 if target else 403) and "carries no signature" in answer.text
        operation = last(gateway, session)
        assert (operation.verdict, operation.reason) == ("deny", "not-authenticated")


def test_in_endpoint_mode_nobody_is_known(gateway, session, pool):
    before = len(gateway.records(session).operations())
    idp = boto3.client("cognito-idp", region_name=REGION, endpoint_url=gateway.agents_url)
    answer = refused(idp.sign_up, ClientId=pool, Username="mallory", Password=PASSWORD)
    assert answer["Error"]["Code"].startswith("MissingAuthenticationToken")
    assert "nothing else tells whose it is" in answer["Error"]["Message"]
    assert len(gateway.records(session).operations()) == before
    operation = last(gateway)
    assert (operation.verdict, operation.reason) == ("deny", "not-authenticated")
    assert operation.intent.get("connection") == ""
    assert PASSWORD not in json.dumps([record.body for record in gateway.records().records])


def sign_out(url, headers, **options):
    described = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AWSCognitoIdentityProviderService.GlobalSignOut",
    }
    body = json.dumps({"AccessToken": TOKEN})
    return requests.post(url, data=body, headers=described | headers, timeout=30, **options)


def test_a_foreign_authorization_stops_it(gateway, session):
    proxy = f"http://{session.answer['proxy_user']}:{session.answer['proxy_token']}@127.0.0.1:{gateway.agents_port}"
    before = len(Noting.came)
    real = AWSRequest("POST", "https://cognito-idp.us-east-1.amazonaws.com/", data=json.dumps({"AccessToken": TOKEN}))
    SigV4Auth(Credentials("AKIAIOSFODNN7EXAMPLE", "of-a-real-account"), "cognito-idp", REGION).add_auth(real)
    for headers in ({"Authorization": "Bearer of-somebody"}, {"Authorization": "anything"}, dict(real.headers)):
        answer = sign_out(
            "https://cognito-idp.us-east-1.amazonaws.com/", headers, proxies={"https": proxy},
            verify=str(gateway.folder / "ca.pem"),
        )
        assert answer.status_code == 400
    assert len(Noting.came) == before


def test_the_sessions_own_signature_tells_who_asks_and_stays_here(gateway, session):
    keys = session.credentials("noted")
    url = gateway.agents_url + "/"
    signed = AWSRequest("POST", url, data=json.dumps({"AccessToken": TOKEN}), headers={
        "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSCognitoIdentityProviderService.GlobalSignOut",
    })
    SigV4Auth(Credentials(keys.key_id, keys.secret, keys.token), "cognito-idp", REGION).add_auth(signed)
    assert sign_out(url, dict(signed.headers)).status_code == 200
    arrived = Noting.came[-1]
    assert not {"authorization", "x-amz-date", "x-amz-security-token"}.intersection(arrived)
    operation = last(gateway, session)
    assert (operation.name, operation.outcome) == ("cognito-idp:GlobalSignOut", "answered")
    assert operation.of_kind("sent")[0].get("algorithm") == "none"


def test_a_restart_keeps_the_terms(gateway, pool):
    session = gateway.session(connections=["users"])
    gateway.connections["users"].unsigned = ()
    try:
        gateway.write_config()
        gateway.kill()
        gateway.start()
        idp = through_proxy(gateway, session, "cognito-idp")
        assert idp.sign_up(ClientId=pool, Username="carol", Password=PASSWORD)["UserSub"]
        opened = gateway.records(session).of_kind("open")
        assert [record.get("connections")[0]["unsigned"] for record in opened] == [list(NAMED), list(NAMED)]
        later = through_proxy(gateway, gateway.session(connections=["users"]), "cognito-idp")
        assert "names them in unsigned" in refused(later.sign_up, ClientId=pool, Username="dan", Password=PASSWORD)["Error"]["Message"]
    finally:
        gateway.connections["users"].unsigned = NAMED
        gateway.write_config()
    assert gateway.verify().returncode == 0
    assert gateway.verify_apart().returncode == 0


@pytest.mark.parametrize("name, why", [
    ("cognito-idp:InitiateAuth", "answers with credentials or tokens"),
    ("s3:GetObject", "is authorised by a signature"),
    ("cognito-idp:SignUpp", "did you mean cognito-idp:SignUp?"),
])
def test_what_cannot_be_named_is_a_mistake_of_the_configuration(tmp_path, behind, name, why):
    wrong = Gateway(tmp_path, [Connection("users", USERS, behind.endpoint, unsigned=(name,))], behind.admin)
    done = wrong.command("connection", "list", "--config", wrong.config)
    assert done.returncode != 0
    assert "connection.unsigned" in done.stderr and why in done.stderr


def test_the_scope_tools_say_that_a_name_is_needed(gateway):
    users = gateway.folder / "users.json"
    explained = gateway.command("scope", "explain", users, "--operation", "cognito-idp:SignUp", "--param", "ClientId=c", "--json")
    assert json.loads(explained.stdout)["unsigned"] is True
    assert json.loads(explained.stdout)["decision"] == "allow"
    checked = gateway.command("scope", "check", users)
    assert "cognito-idp:SignUp is asked for by requests that nobody signs" in checked.stdout
    assert "InitiateAuth is asked" not in checked.stdout
