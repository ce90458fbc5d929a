"""P8: an unmodified client behaves through the gateway as it does directly."""

import concurrent.futures

import pytest

from clients import CLIENTS
from normal import normal
from tasks import TASKS

# The second CLI shares its code with boto3: one service a protocol is enough between full runs.
QUICK = {"s3", "dynamodb", "sqs", "ec2"}
PAIRS = [
    pytest.param(client, service, marks=[pytest.mark.full] if client == "cli-pypi" and service not in QUICK else [])
    for client in CLIENTS
    for service in TASKS
]


@pytest.fixture(scope="module")
def results(request, direct_env, through_env):
    """Of all selected pairs, both ways side by side and each in order: {way: {(client, service): future}}."""
    mine = [item.callspec.params for item in request.session.items if item.path == request.path]
    pairs = dict.fromkeys((params["client"], params["service"]) for params in mine)
    pools = {way: concurrent.futures.ThreadPoolExecutor(1) for way in ("direct", "through")}
    envs = {"direct": direct_env, "through": through_env}
    yield {way: {pair: pool.submit(run, *pair, envs[way]) for pair in pairs} for way, pool in pools.items()}
    for pool in pools.values():
        pool.shutdown(cancel_futures=True)


def run(client, service, env):
    return CLIENTS[client](service, TASKS[service], env, config_of(client, service))


# What the JavaScript SDK must be told at any endpoint of one's own whose name has no others below it.
JS_CONFIG = {"s3": {"forcePathStyle": True}}


def config_of(client, service):
    return JS_CONFIG.get(service) if client == "js" else None


@pytest.mark.parametrize("client,service", PAIRS, ids=lambda value: value)
def test_direct_run_does_what_the_task_says(results, client, service):
    done = results["direct"][client, service].result()
    assert len(done) == len(TASKS[service])
    succeeded = [step["step"] for step in done if "result" in step]
    assert succeeded, f"every step failed: {done}"
    assert "error" not in done[0], done[0]


@pytest.mark.parametrize("client,service", PAIRS, ids=lambda value: value)
def test_same_results_through_the_gateway(results, client, service):
    expected = results["direct"][client, service].result()
    actual = results["through"][client, service].result()
    for wanted, got in zip(expected, actual, strict=True):
        assert normal(got) == normal(wanted), got["step"]
