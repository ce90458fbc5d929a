"""P8: an unmodified client behaves through the gateway as it does directly."""

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
def known_good(direct, direct_env):
    """Results of direct runs, made on demand and kept: {(client, service): results}."""
    kept = {}

    def results(client, service):
        if (client, service) not in kept:
            kept[client, service] = CLIENTS[client](service, TASKS[service], direct_env, config_of(client, service))
        return kept[client, service]

    return results


# What the JavaScript SDK must be told at any endpoint of one's own whose name has no others below it.
JS_CONFIG = {"s3": {"forcePathStyle": True}}


def config_of(client, service):
    return JS_CONFIG.get(service) if client == "js" else None


@pytest.mark.parametrize("client,service", PAIRS, ids=lambda value: value)
def test_direct_run_does_what_the_task_says(known_good, client, service):
    results = known_good(client, service)
    assert len(results) == len(TASKS[service])
    succeeded = [step["step"] for step in results if "result" in step]
    assert succeeded, f"every step failed: {results}"
    assert "error" not in results[0], results[0]


@pytest.mark.parametrize("client,service", PAIRS, ids=lambda value: value)
def test_same_results_through_the_gateway(known_good, through_env, client, service):
    expected = known_good(client, service)
    actual = CLIENTS[client](service, TASKS[service], through_env, config_of(client, service))
    for wanted, got in zip(expected, actual, strict=True):
        assert normal(got) == normal(wanted), got["step"]
