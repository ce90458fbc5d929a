"""Values of steps that stand for what an earlier step answered, or for bytes."""


def resolve(value, results):
    """`value` with "$Operation.path" as that step answered it, and {"$bytes": text} as bytes."""
    if isinstance(value, str) and value.startswith("$"):
        operation, *path = value[1:].split(".")
        found = results[operation]
        for step in path:
            found = found[step]
        return found
    if isinstance(value, dict):
        if set(value) == {"$bytes"}:
            return value["$bytes"].encode()
        return {key: resolve(inner, results) for key, inner in value.items()}
    return [resolve(inner, results) for inner in value] if isinstance(value, list) else value
