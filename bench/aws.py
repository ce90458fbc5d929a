"""The gateway's AWS side: plain and over TLS on both sides, HTTP/1.1 and HTTP/2, GETs and uploads in signed chunks.

Started by `bench/run aws`. Ways and yardsticks are bench.py's; what a way does not speak is left out, and said so.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import bench
from bench import CONNECTIONS, ROOT, SMALL_BYTES, WAYS, Bench, percentile, say
from harness.processes import require

sys.path[:0] = [str(ROOT / "tests" / "e2e")]

from framings import Upload  # noqa: E402

WIRES = ("http", "https", "h2")
KINDS = ("get", "put", "chunks")
TLS_NGINX = ("listen 127.0.0.1:{port} backlog=1024;",
             "listen 127.0.0.1:{port} ssl http2 backlog=1024; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;")
PUT_LUA = """local file = io.open(os.getenv("BENCH_BODY"), "rb")
wrk.method = "PUT"
wrk.body = file:read("*a")
"""


class AwsBench(Bench):
    """One wire: what clients speak to each way, and each way to what is behind it."""

    def __init__(self, options, folder, wire):
        super().__init__(options, folder)
        self.wire, self.tls = wire, wire != "http"
        if self.tls:
            self.make_certificate()
            self.nginx_listen = TLS_NGINX[1]
            self.haproxy_bind = f" ssl crt {folder}/both.pem alpn h2,http/1.1"
            self.haproxy_server = " ssl verify none" + (" alpn h2" if wire == "h2" else "")
            # The sink behind PUTs is Python's and speaks HTTP/1.1 alone.
            self.haproxy_sink = " ssl verify none"
            self.scheme = "https"
            self.urls = {"direct": (self.url(self.nginx), self.url(self.sink))}

    def make_certificate(self):
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        key, certificate = self.folder / "key.pem", self.folder / "cert.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                   names, "-keyout", key, "-out", certificate]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        (self.folder / "both.pem").write_text(certificate.read_text() + key.read_text())
        self.sink_certificate = [str(self.folder / "both.pem")]
        # Narrows trusts what its host trusts.
        os.environ["SSL_CERT_FILE"] = str(certificate)

    def speaks(self, way, kind):
        """HTTP/2 where it is asked for; the sink has none."""
        if self.wire != "h2":
            return True
        url = self.urls[way][kind != "get"]
        told = subprocess.run(["curl", "-sk", "--http2", "-o", os.devnull, "-w", "%{http_version}", url], capture_output=True, text=True)
        return told.stdout == "2"

    def env(self, way):
        keys = self.session["put"] if way == "narrows" else bench.Credentials("AKIADIRECT0000000000", "unchecked")
        return {"AWS_ENDPOINT_URL": self.urls[way][1], **keys.env()}

    def upload(self, way, size, framing):
        """The file to send and the headers it goes with."""
        upload = Upload(self.env(way), "/bench-bucket/up", size, framing)
        body = self.folder / "upload"
        with open(body, "wb") as out:
            for block in upload.wire():
                out.write(block)
        return body, [flag for name, value in upload.headers.items() for flag in ("-H", f"{name}: {value}")]

    def request(self, way, kind):
        """URL, headers and file of one small request."""
        if kind == "get":
            return (*self.signed(way, "GET", "small", bench.hashlib.sha256(b"").hexdigest()), None)
        body, flags = self.upload(way, SMALL_BYTES, "signed" if kind == "put" else "chunks")
        return self.urls[way][1] + "/bench-bucket/up", flags, body

    def small(self, way, kind, connections):
        url, flags, body = self.request(way, kind)
        return self.h2load(url, flags, body, connections) if self.wire == "h2" else self.wrk(url, flags, body, connections)

    def wrk(self, url, flags, body, connections):
        script = []
        if body:
            self.write("put.lua", PUT_LUA)
            script = ["-s", str(self.folder / "put.lua")]
        command = ["wrk", "--latency", f"-t{min(connections, 2)}", f"-c{connections}", f"-d{self.options.seconds}s", *script, *flags, url]
        env = os.environ | ({"BENCH_BODY": str(body)} if body else {})
        told = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
        if "Non-2xx" in told or "Socket errors" in told:
            raise RuntimeError(f"{url} at {connections} connections answered errors:\n{told}")
        return {"requests_per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", told).group(1)),
                "p50_us": percentile(told, 50), "p99_us": percentile(told, 99)}

    def h2load(self, url, flags, body, connections):
        upload = ["-d", str(body), "-H", ":method: PUT"] if body else []
        log = self.folder / "h2load.log"
        log.unlink(missing_ok=True)
        command = ["h2load", f"-c{connections}", "-m1", f"-D{self.options.seconds}", f"--log-file={log}", *upload, *flags, url]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        bad = re.search(r"(\d+) failed, (\d+) errored", told)
        if not bad or bad.group(1) != "0" or " 0 4xx, 0 5xx" not in told:
            raise RuntimeError(f"{url} at {connections} connections over HTTP/2 answered errors:\n{told}")
        # start time, status, microseconds to the end of the answer
        took = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
        return {"requests_per_s": float(re.search(r"([\d.]+) req/s", told).group(1)),
                "p50_us": took[len(took) // 2], "p99_us": took[int(len(took) * 0.99)]}

    def large(self, way, kind):
        """MB/s of the object (10^6 bytes), as curl measures it."""
        if kind == "get":
            url, flags = self.signed(way, "GET", "large", bench.hashlib.sha256(b"").hexdigest())
            body = None
        else:
            body, flags = self.upload(way, self.options.size_mib << 20, "signed" if kind == "put" else "chunks")
            url = self.urls[way][1] + "/bench-bucket/up"
        version = "--http2" if self.wire == "h2" else "--http1.1"
        speed = ["-w", "%{speed_upload}", "-T", str(body)] if body else ["-w", "%{speed_download}"]
        command = ["curl", "-sSk", version, "--fail", "-o", os.devnull, *speed, *flags, url]
        told = subprocess.run(command, capture_output=True, text=True)
        if told.returncode != 0:
            raise RuntimeError(f"{way} {kind} of {self.options.size_mib} MiB: {told.stderr}")
        return float(told.stdout) / 1e6

    def measure(self):
        rows = []
        for way in self.options.ways:
            for kind in KINDS:
                if not self.speaks(way, kind):
                    say(f"{self.wire} {way}: {kind} left out: no HTTP/2 there")
                    continue
                say(f"{self.wire} {way}: {kind}")
                row = {"wire": self.wire, "way": way, "kind": kind, "small": {}}
                for connections in CONNECTIONS:
                    row["small"][str(connections)] = self.small(way, kind, connections)
                row["large_mb_per_s"] = self.large(way, kind)
                if way == "narrows":
                    row["peak_rss_mib"] = self.peak_mib()
                rows.append(row)
        return rows


def markdown(rows, size_mib):
    counts = " | ".join(f"{c} conn.: requests/s, p50, p99 µs" for c in CONNECTIONS)
    lines = [f"| wire | way | kind | {counts} | {size_mib} MiB, MB/s | peak RSS MiB |", "|---|---|---|" + "---|" * (len(CONNECTIONS) + 2)]
    for row in rows:
        small = [f"{r['requests_per_s']:,.0f}, {r['p50_us']:,.0f}, {r['p99_us']:,.0f}" for r in row["small"].values()]
        peak = f"{row['peak_rss_mib']:.0f}" if "peak_rss_mib" in row else ""
        lines.append(" | ".join(["| " + row["wire"], row["way"], row["kind"], *small, f"{row['large_mb_per_s']:,.0f}", peak + " |"]))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="bench/run aws", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=int, default=8, help="of each run of small requests")
    parser.add_argument("--size-mib", type=int, default=1024)
    parser.add_argument("--folder", help="on the file system to measure; default: the temporary folder")
    parser.add_argument("--only", dest="ways", action="append", choices=WAYS)
    parser.add_argument("--wire", dest="wires", action="append", choices=WIRES)
    options = parser.parse_args()
    options.ways = options.ways or list(WAYS)
    require("h2load", "openssl")
    rows = []
    for wire in options.wires or WIRES:
        with tempfile.TemporaryDirectory(prefix="narrows-bench-", dir=options.folder) as folder:
            one = AwsBench(options, pathlib.Path(folder), wire)
            try:
                one.start()
                rows += one.measure()
            finally:
                one.stop()
    print(json.dumps(rows) if options.json else markdown(rows, options.size_mib))


if __name__ == "__main__":
    main()
