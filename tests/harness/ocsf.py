"""A strict check of OCSF events against the published schema, for the part of it that exports use.

The tables were taken from github.com/ocsf/ocsf-schema, branch v1.8.0 (events/base_event.json,
events/application/api_activity.json, profiles/*.json, objects/*.json, dictionary.json) and, for 1.9.0, its branch
main of July 2026 (1.9.0-dev: objects/ai_agent.json, attestation.json, prev_event.json, fingerprint.json).
An attribute that is not in the tables fails the check: it is not in the schema, or the table must be widened.
"""

INT, TEXT, BOOL, JSON = "int", "text", "bool", "json"

# type of each attribute by object; [x]: a list of x; a name: an object of that name.
EVENT = {
    "activity_id": INT, "activity_name": TEXT, "category_uid": INT, "category_name": TEXT, "class_uid": INT,
    "class_name": TEXT, "type_uid": INT, "severity_id": INT, "severity": TEXT, "time": INT, "message": TEXT,
    "metadata": "metadata", "status_id": INT, "status": TEXT, "status_code": TEXT, "status_detail": TEXT,
    "unmapped": JSON, "observables": ["observable"],
}
SECURITY_CONTROL = {
    "action_id": INT, "action": TEXT, "disposition_id": INT, "disposition": TEXT, "policy": "policy",
}
API_ACTIVITY = EVENT | {
    "actor": "actor", "api": "api", "src_endpoint": "network_endpoint", "dst_endpoint": "network_endpoint",
    "http_request": "http_request", "http_response": "http_response", "resources": ["resource_details"],
}
PROFILES = {
    "security_control": SECURITY_CONTROL,
    "cloud": {"cloud": "cloud"},
    "ai_operation": {"message_context": "message_context"},
    "record_integrity": {"attestation_list": ["attestation"]},
}
OBJECTS = {
    "metadata": {
        "version": TEXT, "product": "product", "profiles": [TEXT], "uid": TEXT, "log_name": TEXT,
        "log_provider": TEXT, "correlation_uid": TEXT,
    },
    "product": {"name": TEXT, "vendor_name": TEXT, "version": TEXT, "uid": TEXT},
    "service": {"name": TEXT, "uid": TEXT},
    "observable": {"name": TEXT, "type_id": INT, "type": TEXT, "value": TEXT},
    "policy": {"uid": TEXT, "name": TEXT, "type": TEXT, "is_applied": BOOL, "desc": TEXT},
    "authorization": {"decision": TEXT, "policy": "policy"},
    "actor": {"user": "user", "session": "session", "authorizations": ["authorization"], "app_name": TEXT},
    "user": {
        "uid": TEXT, "name": TEXT, "type_id": INT, "type": TEXT, "credential_uid": TEXT, "account": "account",
    },
    "account": {"uid": TEXT, "type_id": INT, "type": TEXT},
    "session": {"uid": TEXT, "issuer": TEXT, "created_time": INT},
    "api": {"operation": TEXT, "service": "service", "request": "request", "response": "response"},
    "request": {"uid": TEXT, "data": JSON},
    "response": {"code": INT, "error": TEXT, "error_message": TEXT, "flags": [TEXT]},
    "network_endpoint": {"ip": TEXT, "port": INT, "name": TEXT, "hostname": TEXT},
    "http_request": {
        "url": "url", "http_method": TEXT, "http_headers": ["http_header"], "user_agent": TEXT, "length": INT,
    },
    "http_response": {
        "code": INT, "http_headers": ["http_header"], "content_type": TEXT, "length": INT, "latency": INT,
    },
    "http_header": {"name": TEXT, "value": TEXT},
    "url": {"path": TEXT, "query_string": TEXT, "hostname": TEXT},
    "resource_details": {
        "uid": TEXT, "role_id": INT, "role": TEXT, "cloud_partition": TEXT, "region": TEXT, "owner": "user",
        "labels": [TEXT],
    },
    "cloud": {"provider": TEXT, "cloud_partition": TEXT, "account": "account", "region": TEXT},
    "message_context": {"uid": TEXT, "name": TEXT, "ai_role_id": INT, "ai_role": TEXT, "service": "service"},
    "ai_agent": {"uid": TEXT, "name": TEXT, "instance_uid": TEXT, "type_id": INT, "type": TEXT},
    "attestation": {
        "chain_uid": TEXT, "authority_uid": TEXT, "fingerprint": "fingerprint", "prev_event": "prev_event",
    },
    "prev_event": {"uid": TEXT, "type_uid": INT, "fingerprint": "fingerprint"},
    "fingerprint": {
        "algorithm_id": INT, "algorithm": TEXT, "value": TEXT, "encoding_id": INT, "encoding": TEXT,
        "serialization_id": INT, "serialization": TEXT,
    },
}
BASE_REQUIRED = ["activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"]
REQUIRED = {
    "api_activity": BASE_REQUIRED + ["actor", "api", "src_endpoint"],
    "base_event": BASE_REQUIRED,
    "metadata": ["product", "version"],
    "observable": ["type_id"],
    "api": ["operation"],
    "request": ["uid"],
    "http_response": ["code"],
    "http_header": ["name", "value"],
    "cloud": ["provider"],
    "prev_event": ["uid"],
    "fingerprint": ["algorithm_id", "value"],
}
PROFILE_REQUIRED = {"cloud": ["cloud"]}
AT_LEAST_ONE = {
    "product": ["name", "uid"],
    "service": ["name", "uid"],
    "policy": ["name", "type", "uid"],
    "actor": ["process", "user", "invoked_by", "session", "app_name", "app_uid"],
    "user": ["account", "name", "uid"],
    "account": ["name", "uid"],
    "network_endpoint": ["ip", "uid", "name", "hostname", "svc_name", "instance_uid", "domain"],
    "url": ["url_string", "path"],
    "resource_details": ["name", "uid"],
    "message_context": ["application", "service"],
    "ai_agent": ["name", "uid"],
    "attestation": ["fingerprint", "signatures"],
}
# id: caption; an id's caption is the only text its sibling may have, but for 99.
ENUMS = {
    "api_activity.activity": {0: "Unknown", 1: "Create", 2: "Read", 3: "Update", 4: "Delete", 99: None},
    "base_event.activity": {0: "Unknown", 99: None},
    "status": {0: "Unknown", 1: "Success", 2: "Failure", 99: None},
    "severity": {
        0: "Unknown", 1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical", 6: "Fatal", 99: None,
    },
    "action": {0: "Unknown", 1: "Allowed", 2: "Denied", 99: None},
    "disposition": {0: "Unknown", 1: "Allowed", 2: "Blocked", 99: None},
    "user.type": {0: "Unknown", 1: "User", 2: "Admin", 3: "System", 4: "Service", 99: None},
    "account.type": {10: "AWS Account"},
    "observable.type": {4: "User Name", 10: "Resource UID"},
    "resource_details.role": {0: "Unknown", 1: "Target", 2: "Actor", 3: "Affected", 4: "Related", 99: None},
    "message_context.ai_role": {0: "Unknown", 1: "User", 2: "Assistant", 3: "Tool", 4: "Agent", 99: None},
    "ai_agent.type": {0: "Unknown", 1: "Native", 99: None},
    "fingerprint.algorithm": {3: "SHA-256"},
    "fingerprint.encoding": {1: "Hex", 2: "Base64"},
    "fingerprint.serialization": {1: "Flat", 2: "JCS", 99: None},
}
METHODS = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE"}
PYTHON_TYPES = {INT: int, TEXT: str, BOOL: bool}


def check(event):
    """Sentences about what is wrong with one event; none if it conforms."""
    name = {6003: "api_activity", 0: "base_event"}.get(event.get("class_uid"))
    if name is None:
        return [f"class_uid {event.get('class_uid')} is not one that exports use"]
    metadata = event.get("metadata", {})
    attributes = dict(API_ACTIVITY if name == "api_activity" else EVENT)
    required = list(REQUIRED[name])
    for profile in metadata.get("profiles", []):
        attributes |= PROFILES[profile]
        required += PROFILE_REQUIRED.get(profile, [])
        if profile == "ai_operation" and metadata.get("version") == "1.9.0":
            attributes["ai_agent"] = "ai_agent"
    if metadata.get("version") not in ("1.8.0", "1.9.0"):
        return [f"metadata.version is {metadata.get('version')}"]
    if metadata["version"] == "1.8.0" and "record_integrity" in metadata["profiles"]:
        return ["1.8.0 has no profile record_integrity"]
    wrong = list(_object(name, event, attributes, required, name))
    if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
        wrong.append("type_uid is not class_uid * 100 + activity_id")
    if event["category_uid"] != event["class_uid"] // 1000:
        wrong.append("category_uid is not that of the class")
    if event.get("http_request", {}).get("http_method", "GET") not in METHODS:
        wrong.append("http_method is not one of the enumeration")
    return wrong


def _object(kind, value, attributes, required, where):
    for name in required:
        if name not in value:
            yield f"{where} lacks {name}"
    if kind in AT_LEAST_ONE and not any(name in value for name in AT_LEAST_ONE[kind]):
        yield f"{where} has none of {AT_LEAST_ONE[kind]}"
    for name, inner in value.items():
        if name not in attributes:
            yield f"{where}.{name} is not in the schema"
        else:
            yield from _typed(attributes[name], inner, f"{where}.{name}")
        if name.endswith("_id"):
            yield from _enumerated(kind, name.removesuffix("_id"), value, where)


def _typed(kind, value, where):
    if isinstance(kind, list):
        if not isinstance(value, list):
            yield f"{where} is no list"
            return
        for number, each in enumerate(value):
            yield from _typed(kind[0], each, f"{where}[{number}]")
    elif kind in PYTHON_TYPES:
        if type(value) is not PYTHON_TYPES[kind]:
            yield f"{where} is {value!r}, not {kind}"
        elif value == "" and not where.endswith(".value"):
            yield f"{where} is empty"
    elif kind != JSON:
        if not isinstance(value, dict):
            yield f"{where} is no object"
        else:
            yield from _object(kind, value, OBJECTS[kind], REQUIRED.get(kind, []), where)


def _enumerated(kind, name, value, where):
    captions = ENUMS.get(f"{kind}.{name}", ENUMS.get(name))
    if captions is None:
        yield f"{where}.{name}_id has no enumeration in the table"
        return
    number, sibling = value[f"{name}_id"], {"activity": "activity_name"}.get(name, name)
    if number not in captions:
        yield f"{where}.{name}_id {number} is not in the enumeration"
    elif captions[number] is None:
        if not value.get(sibling):
            yield f"{where}.{sibling} must say what 99 means"
    elif value.get(sibling, captions[number]) != captions[number]:
        yield f"{where}.{sibling} is {value[sibling]!r}, not {captions[number]!r}"
