"""Hosts as botocore's endpoint rules resolve them, for every service, partition, region, FIPS and dual-stack, and S3's with
buckets and access points; each must be accepted with its own credential scope and refused with another's."""

import dataclasses
import itertools

import botocore.loaders
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError

ACCOUNT = "123456789012"
POINT = "arn:%(partition)s:%(service)s:%(region)s:123456789012:accesspoint/%(name)s"


@dataclasses.dataclass
class Host:
    name: str
    signing_name: str
    region: str  # that it is signed for
    bucket: str = ""

    def line(self, **changes):
        own = {"host": self.name, "signing_name": self.signing_name, "region": self.region, "account": ACCOUNT}
        return own | changes


def resolved(provider, known, more):
    """(host, signing name or None, signing region or None), or None where the rules give no host."""
    parameters = {key: value for key, value in more.items() if key in known}
    try:
        endpoint = provider.resolve_endpoint(**parameters)
    except EndpointProviderError:
        return None
    scheme = (endpoint.properties.get("authSchemes") or [{}])[0]
    if scheme.get("name") in ("sigv4a", "bearer"):
        return None
    host = endpoint.url.split("://", 1)[1].split("/", 1)[0]
    return host, scheme.get("signingName"), scheme.get("signingRegion")


def all_hosts():
    loader = botocore.loaders.Loader()
    partitions = loader.load_data("partitions")
    for name in sorted(loader.list_available_services("service-2")):
        metadata = loader.load_service_model(name, "service-2")["metadata"]
        rules = loader.load_service_model(name, "endpoint-rule-set-1")
        provider, known = EndpointProvider(rules, partitions), rules["parameters"]
        signs_as = metadata.get("signingName") or metadata["endpointPrefix"]
        for partition in partitions["partitions"]:
            for region in sorted(partition["regions"]):
                if "global" not in region:
                    yield from hosts_in(provider, known, signs_as, partition["id"], region)


def hosts_in(provider, known, signs_as, partition, region):
    for fips, dual in itertools.product((False, True), repeat=2):
        base = {"Region": region, "UseFIPS": fips, "UseDualStack": dual, "UseGlobalEndpoint": False, "AccountId": ACCOUNT}
        forms = [("", {})]
        if "ForcePathStyle" in known:
            forms += list(s3_forms(partition, region))
        if "AccountIdEndpointMode" in known:
            arn = "arn:%s:kinesis:%s:%s:stream/s" % (partition, region, ACCOUNT)
            forms += [("", {"AccountIdEndpointMode": "preferred", "StreamARN": arn, "OperationType": "data"})]
        for bucket, more in forms:
            found = resolved(provider, known, base | more)
            if found:
                host, name, signing_region = found
                yield Host(host, name or signs_as, signing_region or region, bucket)


def s3_forms(partition, region):
    """(what the bucket must be read as, parameters)."""
    yield "my.bucket-1", {"Bucket": "my.bucket-1"}
    yield "my-bucket", {"Bucket": "my-bucket", "Accelerate": True}
    for service in ("s3", "s3-object-lambda"):
        arn = POINT % {"partition": partition, "service": service, "region": region, "name": "my-point"}
        yield arn, {"Bucket": arn}
    outpost = "arn:%s:s3-outposts:%s:%s:outpost/op-01234567890123456/accesspoint/p" % (partition, region, ACCOUNT)
    yield outpost, {"Bucket": outpost}
    yield "b--usw2-az1--x-s3", {"Bucket": "b--usw2-az1--x-s3"}


def check(ask, more):
    """Complaints and counts; `ask` puts lines to catalogue_probe, `more` are hosts that botocore does not know."""
    every = itertools.chain(all_hosts(), more)
    hosts = list({(h.name, h.signing_name, h.region, h.bucket): h for h in every}.values())
    owners = {}
    for host in hosts:
        owners.setdefault(host.name, set()).add(host.signing_name)
    complaints = []
    for host, said in zip(hosts, ask([host.line() for host in hosts]), strict=True):
        bucket = "" if "error" in said else said["bucket"]
        if "error" in said or bucket != in_path(host):
            complaints.append("%s: %s" % (host, said))
        elif said["host"] and not host.name.endswith(said["host"]):
            complaints.append("%s would be dialled as %s" % (host, said["host"]))
    strangers = [host.line(signing_name="sns" if "sns" not in owners[host.name] else "sqs") for host in hosts]
    regions = [host.line(region="eu-west-3" if host.region != "eu-west-3" else "us-west-1") for host in hosts]
    for line, said in zip(strangers, ask(strangers), strict=True):
        if "error" not in said:
            complaints.append("%s: taken for another service" % line)
    known = {(host.name, host.signing_name, host.region) for host in hosts}
    for line, said in zip(regions, ask(regions), strict=True):
        own = (line["host"], line["signing_name"], line["region"]) in known
        if "error" not in said and not own and not of_any_region(line["host"]):
            complaints.append("%s: taken for another region" % line)
    return complaints, len(hosts)


def in_path(host):
    """A bucket that the rules leave in the path does not stand in the host."""
    bucket = host.bucket
    if not bucket:
        return ""
    if bucket.startswith("arn:"):
        return bucket
    return bucket if host.name.startswith(bucket + ".") else ""


def of_any_region(name):
    return name.endswith(".s3-accelerate.amazonaws.com") or name.endswith(".s3-accelerate.dualstack.amazonaws.com") or (
        name == "s3.amazonaws.com" or name.endswith(".s3.amazonaws.com"))
