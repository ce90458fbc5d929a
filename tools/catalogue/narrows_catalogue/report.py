"""The coverage report: one line per service."""

import collections

from . import conditions

# The key that holds all tag keys together, by the prefix of the single tags' keys (ConditionFrom in catalogue.h).
TAG_KEYS = {
    "aws:requesttag/": "aws:tagkeys",
    "s3:requestobjecttag/": "s3:requestobjecttagkeys",
    "kms:encryptioncontext:": "kms:encryptioncontextkeys",
}
ABSENT = conditions.SOURCES["absent"]
# How a request to S3 is signed (sigv4/s3_keys.h).
OF_SIGNATURES = ("s3:authtype", "s3:signatureversion", "s3:signatureage", "s3:x-amz-content-sha256")
HEADER = "service\toperations\twith_action\twith_resource_types\twith_bound_resources\twith_conditions\tkeys\tknown_keys\n"


def is_known(key, access):
    """Whether a rule fills a key; "aws:requesttag/${tagkey}" is filled by the rule of its prefix."""
    filled = {rule.key.lower() for one in access for rule in one.conditions}
    prefixes = [prefix for prefix in filled if prefix.endswith(("/", ":"))]
    return key in filled or key in OF_SIGNATURES or any(key.startswith(p) or key == TAG_KEYS.get(p) for p in prefixes)


def write(path, coverage):
    rows = collections.OrderedDict()
    for one in coverage:
        row = rows.setdefault(one.service, [0] * 7)
        typed = [r for rule in one.access for r in rule.resources if r.arn != "*"]
        row[0] += 1
        row[1] += bool(one.access)
        row[2] += bool(typed)
        row[3] += bool(typed) and all(r.bound for r in typed)
        row[4] += any(filled.source != ABSENT for rule in one.access for filled in rule.conditions)
        keys = {key.lower() for rule in one.access for key in rule.keys}
        row[5] += len(keys)
        row[6] += sum(1 for key in keys if is_known(key, one.access))
    total = [sum(column) for column in zip(*rows.values())]
    with open(path, "w", encoding="utf-8") as out:
        out.write(HEADER)
        for name, row in list(rows.items()) + [("total", total)]:
            out.write("\t".join([name] + [str(cell) for cell in row]) + "\n")
