"""The coverage report: one line per service."""

import collections

HEADER = "service\toperations\twith_action\twith_resource_types\twith_bound_resources\twith_conditions\n"


def write(path, coverage):
    rows = collections.OrderedDict()
    for one in coverage:
        row = rows.setdefault(one.service, [0] * 5)
        typed = [r for rule in one.access for r in rule.resources if r.arn != "*"]
        row[0] += 1
        row[1] += bool(one.access)
        row[2] += bool(typed)
        row[3] += bool(typed) and all(r.bound for r in typed)
        row[4] += any(rule.conditions for rule in one.access)
    total = [sum(column) for column in zip(*rows.values())]
    with open(path, "w", encoding="utf-8") as out:
        out.write(HEADER)
        for name, row in list(rows.items()) + [("total", total)]:
            out.write("\t".join([name] + [str(cell) for cell in row]) + "\n")
