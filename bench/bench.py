"""Throughput and latency: direct, through HAProxy, through Narrows. Started by bench/run."""

import argparse
import datetime
import hashlib
import json
import mmap
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests")]

from botocore.auth import S3SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials as Keys  # noqa: E402
from harness.emulator import REGION, Credentials  # noqa: E402
from harness.gateway import Connection, Gateway, scope, statement  # noqa: E402
from harness.processes import PYTHON, Process, free_port, require  # noqa: E402

CONNECTIONS = (1, 8, 64)
SMALL_BYTES = 1024
WAYS = ("direct", "haproxy", "narrows")
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}

NGINX = """worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 300s;
 client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
 server {{ {listen} root {folder}/files;
  location = / {{ default_type text/xml; return 200 '{sts}'; }} }} }}
"""
# What both upstreams answer to AssumeRole, so that Narrows has credentials to sign with.
STS = (
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIABENCHBENCHBENCH0</AccessKeyId>"
    "<SecretAccessKey>bench-secret</SecretAccessKey><SessionToken>bench-token</SessionToken>"
    "<Expiration>{expiry}</Expiration></Credentials><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/bench/s"
    "</Arn><AssumedRoleId>AROABENCH:s</AssumedRoleId></AssumedRoleUser></AssumeRoleResult>"
    "<ResponseMetadata><RequestId>bench</RequestId></ResponseMetadata></AssumeRoleResponse>"
)
HAPROXY = """global
  nbthread 2
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
frontend get
  bind 127.0.0.1:{get}{bind}
  default_backend static
frontend put
  bind 127.0.0.1:{put}{bind}
  default_backend sink
backend static
  server s 127.0.0.1:{nginx}{server}
backend sink
  server s 127.0.0.1:{sink}{sink_server}
"""


class HostKeys:
    """What the gateway's host would have; nothing behind it checks them."""

    def env(self):
        return Credentials("AKIABENCHBENCHBENCH0", "bench-secret-bench-secret-bench-secret-00").env()


class Bench:
    # What bench/aws.py has otherwise, over TLS.
    scheme, nginx_listen, sink_certificate = "http", "listen 127.0.0.1:{port} backlog=1024;", []
    haproxy_bind = haproxy_server = haproxy_sink = ""

    def __init__(self, options, folder):
        self.options, self.folder, self.processes = options, folder, []
        self.nginx, self.sink = free_port(), free_port()
        self.urls = {"direct": (self.url(self.nginx), self.url(self.sink))}
        self.session = {}
        self.gateway = None

    def url(self, port):
        return f"{self.scheme}://127.0.0.1:{port}"

    def start(self):
        require("nginx", "wrk", "haproxy", "curl")
        bucket = self.folder / "files" / "bench-bucket"
        bucket.mkdir(parents=True)
        (bucket / "small").write_bytes(os.urandom(SMALL_BYTES))
        with open(bucket / "large", "wb") as large:
            large.truncate(self.options.size_mib << 20)
        # nginx gives up root: its files must be readable to anyone.
        for path in (self.folder, self.folder / "files", bucket):
            path.chmod(0o755)
        expiry = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
        sts = STS.format(expiry=expiry.strftime("%Y-%m-%dT%H:%M:%SZ"))
        listen = self.nginx_listen.format(folder=self.folder, port=self.nginx)
        self.write("nginx.conf", NGINX.format(folder=self.folder, listen=listen, sts=sts))
        self.run(["nginx", "-c", self.folder / "nginx.conf", "-p", self.folder], self.nginx)
        self.run([PYTHON, ROOT / "bench" / "sink.py", self.sink, sts, *self.sink_certificate], self.sink)
        if "haproxy" in self.options.ways:
            self.start_haproxy()
        if "narrows" in self.options.ways:
            self.start_narrows()

    def start_haproxy(self):
        get, put = free_port(), free_port()
        tls = {"bind": self.haproxy_bind, "server": self.haproxy_server, "sink_server": self.haproxy_sink}
        self.write("haproxy.cfg", HAPROXY.format(get=get, put=put, nginx=self.nginx, sink=self.sink, **tls))
        self.run(["haproxy", "-f", self.folder / "haproxy.cfg"], get)
        self.urls["haproxy"] = (self.url(get), self.url(put))

    def start_narrows(self):
        everything = scope(statement(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::bench-bucket/*"))
        connections = [
            Connection("get", everything, self.url(self.nginx)),
            Connection("put", everything, self.url(self.sink)),
        ]
        self.gateway = Gateway(self.folder / "gateway", connections, HostKeys(), recording="segment_mib = 64\nreserve_mib = 256")
        self.gateway.start()
        self.processes.append(self.gateway.process)
        agents = self.gateway.agents_url.replace("http", self.scheme, 1)
        self.urls["narrows"] = (agents, agents)
        session = self.gateway.session()
        self.session = {"get": session.credentials("get"), "put": session.credentials("put")}

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def run(self, arguments, port):
        process = Process(arguments, self.folder / (pathlib.Path(arguments[0]).name + ".out"))
        process.wait_for_port(port)
        self.processes.append(process)
        return process

    def stop(self):
        for process in reversed(self.processes):
            process.stop()

    def signed(self, way, method, key, payload_hash):
        """Headers of a request as a client would sign it, for the way it takes."""
        base = self.urls[way][method == "PUT"]
        connection = "put" if method == "PUT" else "get"
        keys = self.session[connection] if way == "narrows" else Credentials("AKIADIRECT0000000000", "unchecked")
        request = AWSRequest(method, f"{base}/bench-bucket/{key}", headers={"x-amz-content-sha256": payload_hash})
        signer = S3SigV4Auth(Keys(keys.key_id, keys.secret, keys.token or None), "s3", REGION)
        signer.payload = lambda _: payload_hash
        signer.add_auth(request)
        flags = []
        for name, value in request.headers.items():
            flags += ["-H", f"{name}: {value}"]
        return request.url, flags

    def small_gets(self, way, connections):
        url, headers = self.signed(way, "GET", "small", hashlib.sha256(b"").hexdigest())
        threads = min(connections, 2)
        command = ["wrk", "--latency", f"-t{threads}", f"-c{connections}", f"-d{self.options.seconds}s", *headers, url]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in told or "Socket errors" in told:
            raise RuntimeError(f"{way} at {connections} connections answered errors:\n{told}")
        return {
            "requests_per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", told).group(1)),
            "p50_us": percentile(told, 50), "p99_us": percentile(told, 99),
        }

    def large(self, way, method):
        """MB/s of one large body (10^6 bytes), as curl measures it."""
        payload = hashlib.sha256(b"").hexdigest() if method == "GET" else self.zeros_hash
        url, headers = self.signed(way, method, "large", payload)
        upload = ["-T", str(self.folder / "files" / "bench-bucket" / "large")] if method == "PUT" else []
        speed = "%{speed_upload}" if upload else "%{speed_download}"
        command = ["curl", "-sS", "--fail", "-o", os.devnull, "-w", speed, *headers, *upload, url]
        told = subprocess.run(command, capture_output=True, text=True)
        if told.returncode != 0:
            raise RuntimeError(f"{way} {method} of {self.options.size_mib} MiB: {told.stderr}")
        return float(told.stdout) / 1e6

    @property
    def zeros_hash(self):
        digest, block = hashlib.sha256(), bytes(1 << 20)
        for _ in range(self.options.size_mib):
            digest.update(block)
        return digest.hexdigest()

    def peak_mib(self):
        """Of all the processes that it consists of, each at its peak."""
        pids = [self.gateway.process.pid, self.gateway.pid_of("boundary"), self.gateway.pid_of("signer")]
        texts = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in pids]
        return sum(int(re.search(r"VmHWM:\s+(\d+)", text).group(1)) for text in texts) / 1024

    def measure(self):
        found = {"small_get": {}, "large": {}}
        for way in self.options.ways:
            found["small_get"][way] = {}
            for connections in CONNECTIONS:
                say(f"{way}: small GET, {connections} connections")
                found["small_get"][way][str(connections)] = self.small_gets(way, connections)
            say(f"{way}: {self.options.size_mib} MiB GET and PUT")
            found["large"][way] = {f"{m.lower()}_mb_per_s": self.large(way, m) for m in ("GET", "PUT")}
            if way == "narrows":
                found["large"][way]["peak_rss_mib"] = self.peak_mib()
        found["disk_sync_us"] = disk_sync(self.folder)
        found["settings"] = {"seconds": self.options.seconds, "size_mib": self.options.size_mib, "cpus": os.cpu_count()}
        return found


def say(text):
    print(text, file=sys.stderr, flush=True)


def percentile(told, which):
    """Microseconds, from wrk's latency distribution."""
    value, unit = re.search(rf"^\s+{which}%\s+([\d.]+)(us|ms|s)", told, re.M).groups()
    return float(value) * UNITS[unit] * 1e6


def disk_sync(folder, rounds=400):
    """Microseconds of one 4 KiB O_DIRECT write with fdatasync, in place, as the journal does it."""
    block = mmap.mmap(-1, 4096)
    path = folder / "sync-probe"
    with open(path, "wb") as probe:
        probe.write(bytes(4096 * rounds))
        os.fsync(probe.fileno())
    descriptor = os.open(path, os.O_WRONLY | os.O_DIRECT)
    times = []
    for index in range(rounds):
        started = time.perf_counter()
        os.pwrite(descriptor, block, index * 4096)
        os.fdatasync(descriptor)
        times.append((time.perf_counter() - started) * 1e6)
    os.close(descriptor)
    path.unlink()
    times.sort()
    return {"p50": statistics.median(times), "p99": times[int(rounds * 0.99)]}


def markdown(found):
    lines = ["| | conn. | requests/s | p50 µs | p99 µs |", "|---|---|---|---|---|"]
    for way, by_connections in found["small_get"].items():
        for connections, row in by_connections.items():
            lines.append(f"| {way} | {connections} | {row['requests_per_s']:,.0f} | {row['p50_us']:,.0f} | {row['p99_us']:,.0f} |")
    size = found["settings"]["size_mib"]
    lines += ["", f"| | GET {size} MiB, MB/s | PUT {size} MiB, MB/s | peak RSS MiB |", "|---|---|---|---|"]
    for way, row in found["large"].items():
        peak = f"{row['peak_rss_mib']:.0f}" if "peak_rss_mib" in row else ""
        lines.append(f"| {way} | {row['get_mb_per_s']:,.0f} | {row['put_mb_per_s']:,.0f} | {peak} |")
    sync = found["disk_sync_us"]
    lines += ["", f"One disk sync here (4 KiB, O_DIRECT, fdatasync): p50 {sync['p50']:,.0f} µs, p99 {sync['p99']:,.0f} µs."]
    return "\n".join(lines + aims(found))


def aims(found):
    """What was reached of the aims, where the ways to compare were measured."""
    small, large = found["small_get"], found["large"]
    if not {"direct", "haproxy", "narrows"} <= set(small):
        return []
    ratio = small["narrows"]["8"]["requests_per_s"] / small["haproxy"]["8"]["requests_per_s"]
    added = small["narrows"]["1"]["p50_us"] - small["direct"]["1"]["p50_us"]
    allowed = found["disk_sync_us"]["p50"] + 100
    return [
        "", f"- at 8 connections {ratio:.2f} of HAProxy's requests/s (aim: 0.40)",
        f"- p50 added at one connection {added:,.0f} µs (aim: one disk sync + 100 µs = {allowed:,.0f} µs)",
        f"- recorded in full: GET {large['narrows']['get_mb_per_s']:,.0f} MB/s, PUT {large['narrows']['put_mb_per_s']:,.0f} MB/s"
        f" (aim: 200), peak {large['narrows']['peak_rss_mib']:.0f} MiB (aim: under 128)",
    ]


def main():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=int, default=8, help="of each wrk run")
    parser.add_argument("--size-mib", type=int, default=1024)
    parser.add_argument("--folder", help="on the file system to measure; default: the temporary folder")
    parser.add_argument("--only", dest="ways", action="append", choices=WAYS)
    options = parser.parse_args()
    options.ways = options.ways or list(WAYS)
    with tempfile.TemporaryDirectory(prefix="narrows-bench-", dir=options.folder) as folder:
        bench = Bench(options, pathlib.Path(folder))
        try:
            bench.start()
            found = bench.measure()
        finally:
            bench.stop()
    print(json.dumps(found) if options.json else markdown(found))


if __name__ == "__main__":
    main()
