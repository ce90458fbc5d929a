"""Reads the reviewed tables: tab-separated, # comments, first line names the columns."""


def read(path, columns):
    """Yields one dict a line; a line with another number of cells ends the run."""
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            cells = [cell.strip() for cell in line.split("\t")]
            cells += [""] * (len(columns) - len(cells))
            if len(cells) != len(columns):
                raise SystemExit("%s:%d: %d cells, expected %s" % (path, number, len(cells), columns))
            row = dict(zip(columns, cells))
            row["where"] = "%s:%d" % (path.name, number)
            yield row
