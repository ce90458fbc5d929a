#!/usr/bin/env python3
"""Asks catalogue_probe what every operation's request is and whether its signature holds, puts the actions beside AWS's
published tables, and prints the coverage per service, which stands in docs/coverage.md.

usage: check_all.py PROBE COVERAGE_TSV PUBLISHED [--write]      run with the Python of build/catalogue
Fails if an operation is not among the candidates, fewer than 97 % are the only one, a signature does not hold or a wrong
one does, an action is not the published one, a host is misread, or docs/coverage.md is stale.
"""

import collections
import csv
import json
import pathlib
import subprocess
import sys

import hosts_resolved
import published
import requests_made
import sdk_requests

UNIQUE_LEAST = 0.97
DOCUMENT = pathlib.Path(__file__).parents[2] / "docs/coverage.md"
COLUMNS = ["operations", "requests", "alone", "tied", "wrong", "signed", "verified", "with action", "published", "right"]
MADE = ["typed", "bound", "keys", "known"]


class Coverage:
    def __init__(self, tables):
        self.tables = tables
        self.rows = collections.defaultdict(collections.Counter)
        self.ties = collections.defaultdict(set)
        self.tied = collections.Counter()
        self.complaints = []
        self.seen = set()

    def add(self, asked, answer):
        row = self.rows[asked.service]
        row["requests"] += 1
        candidates = answer.get("candidates", [])
        names = sorted({one["service"] for one in candidates})
        mine = [c for c in candidates if (c["service"], c["operation"]) == (asked.service, asked.operation)]
        if not mine:
            row["wrong"] += 1
            self.complain(asked, "not recognised: %s" % json.dumps(answer)[:200])
        elif len(candidates) == 1:
            row["alone"] += 1
        else:
            row["tied"] += 1
            self.tied[" ".join(names)] += 1
            self.ties[" ".join(names)].add(asked.operation)
        if asked.signed:
            row["signed"] += 1
            row["verified"] += answer["signature"] == "held"
            if answer["signature"] != "held":
                self.complain(asked, "signature: " + answer["signature"])
        if mine and (asked.service, asked.operation) not in self.seen:
            self.seen.add((asked.service, asked.operation))
            self.add_actions(asked, mine[0]["actions"], row)

    def add_actions(self, asked, actions, row):
        row["operations"] += 1
        row["with action"] += bool(actions)
        prefixes = {asked.service, asked.line["signing_name"]} | {action.split(":")[0] for action in actions}
        wanted = self.tables.actions(asked.service, prefixes, asked.operation)
        word = published.judge(wanted, actions)
        row["published"] += bool(word)
        row["right"] += word == "right"
        if word == "wrong":
            self.complain(asked, "actions %s, published %s" % (actions, sorted(wanted)))

    def complain(self, asked, what):
        self.complaints.append("%s:%s (%s): %s" % (asked.service, asked.operation, asked.protocol, what))

    def total(self):
        return sum(self.rows.values(), collections.Counter())


def ask(probe, lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    run = subprocess.run([probe], input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def wrong_signatures_that_hold(probe, all_asked):
    """Every twentieth request again, signed with another key than it is checked with."""
    lines = [asked.line | {"secret": "another"} for asked in all_asked[::20] if asked.signed]
    return sum(answer["signature"] == "held" for answer in ask(probe, lines)), len(lines)


def row_of(name, row):
    return "| %s | %s |" % (name, " | ".join(str(row[column]) for column in COLUMNS + MADE))


def document(coverage, hosts):
    total = coverage.total()
    percent = lambda part, whole: "%.2f %%" % (100 * part / whole)
    lines = [
        "# Coverage of AWS's operations",
        "",
        "Made by `tests/catalogue/run --write`, which sends one request for each operation and protocol, serialised and signed",
        "by botocore, or by the SDK for JavaScript where botocore leaves a service out, through the recogniser and the verifier,",
        "and puts the actions beside AWS's published tables as another package than the catalogue's source ships them.",
        "`tests/catalogue/run` fails when this page is stale.",
        "",
        "| of | | |",
        "|---|---|---|",
        "| %d requests | recognised as the only candidate | %d (%s) |" % (total["requests"], total["alone"], percent(total["alone"], total["requests"])),
        "| | among several candidates, the right one with them | %d (%s) |" % (total["tied"], percent(total["tied"], total["requests"])),
        "| | not, or wrongly | %d |" % total["wrong"],
        "| %d signed requests | signature verified | %d |" % (total["signed"], total["verified"]),
        "| %d operations | with an IAM action | %d (%s) |" % (total["operations"], total["with action"], percent(total["with action"], total["operations"])),
        "| %d operations in the published tables | action right | %d |" % (total["published"], total["right"]),
        "| %d operations on typed resources | all resources bound to parameters | %d (%s) |" % (total["typed"], total["bound"], percent(total["bound"], total["typed"])),
        "| %d pairs of an operation and a condition key of its actions | known at the boundary | %d (%s) |" % (total["keys"], total["known"], percent(total["known"], total["keys"])),
        "| %d hosts that the endpoint rules give | accepted with their own credential scope, refused with another service's or region's | %d |" % (hosts, hosts),
        "",
        "## Tie sets",
        "Services that share a signing name and a form. Every candidate must then be allowed; in proxy mode the host tells most",
        "of them apart.",
        "",
        "| services | requests | operations |",
        "|---|---|---|",
    ]
    for names, count in sorted(coverage.tied.items(), key=lambda item: (-item[1], item[0])):
        lines.append("| %s | %d | %s |" % (names, count, ", ".join(sorted(coverage.ties[names]))))
    lines += [
        "",
        "## Services",
        "*alone*, *tied*, *wrong*: how requests were recognised. *published*: operations with a page in the published tables;",
        "*right*: the catalogue asks for an action that the page documents. *typed*, *bound*: operations on resources with an ARN,",
        "and those whose ARNs parameters fill whole. *keys*, *known*: condition keys of actions, and those whose value the gateway",
        "knows.",
        "",
        "| service | %s |" % " | ".join(COLUMNS + MADE),
        "|---" * (1 + len(COLUMNS + MADE)) + "|",
    ]
    lines += [row_of(name, coverage.rows[name]) for name in sorted(coverage.rows)] + [row_of("total", total)]
    return "\n".join(lines) + "\n"


def add_generated(coverage, path):
    """What only the generator knows: resources and condition keys."""
    with open(path, encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["service"] != "total":
                counts = (row["with_resource_types"], row["with_bound_resources"], row["keys"], row["known_keys"])
                coverage.rows[row["service"]].update(dict(zip(MADE, map(int, counts))))


def main():
    probe, made, tables = sys.argv[1:4]
    asked = sorted([*requests_made.all_requests(), *sdk_requests.all_requests()], key=lambda one: one.service)
    coverage = Coverage(published.Published(tables))
    for one, answer in zip(asked, ask(probe, [one.line for one in asked]), strict=True):
        coverage.add(one, answer)
    add_generated(coverage, made)
    held, tried = wrong_signatures_that_hold(probe, asked)
    wrong_hosts, hosts = hosts_resolved.check(lambda lines: ask(probe, lines), sdk_requests.all_hosts())
    coverage.complaints += wrong_hosts
    text = document(coverage, hosts)
    if "--write" in sys.argv:
        DOCUMENT.write_text(text)
    total = coverage.total()
    print(text.split("## Services", 1)[1])
    print(text.split("## Tie sets", 1)[0])
    for line in coverage.complaints[:40]:
        print(line)
    print("%d complaints, %d of %d wrong signatures held" % (len(coverage.complaints), held, tried))
    stale = DOCUMENT.read_text() != text
    if stale:
        print("docs/coverage.md is stale; renew it with tests/catalogue/run --write")
    unique = total["alone"] >= UNIQUE_LEAST * total["requests"]
    return 0 if unique and not coverage.complaints and not stale and held == 0 and tried > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
