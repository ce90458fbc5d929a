"""python -m narrows_catalogue --iam-data DIR --clients FILE --tables DIR --output FILE [--report FILE]"""

import argparse
import pathlib
import sys

from . import access, assemble, binary, iam, models, report, tables


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--iam-data", required=True, help="the unpacked npm package")
    parser.add_argument("--clients", required=True, help="what read_clients.cjs has written")
    parser.add_argument("--tables", required=True, help="directory of the reviewed tables")
    parser.add_argument("--output", required=True)
    parser.add_argument("--report", help="coverage per service, as TSV")
    options = parser.parse_args()

    directory = pathlib.Path(options.tables)
    query_names = tables.read(directory / "query_names.tsv", ["service", "shape", "member", "name"])
    services, partitions, versions = models.load_services(list(query_names), options.clients)
    data = iam.IamData(options.iam_data)
    rules = access.Rules(data, directory, services)
    writer = binary.Writer()
    coverage = assemble.Assembler(writer, data, rules).all(services, partitions, versions)
    pathlib.Path(options.output).write_bytes(writer.binary())
    if options.report:
        report.write(options.report, coverage)
    rules.complain_of_unused(sys.stderr)


if __name__ == "__main__":
    main()
