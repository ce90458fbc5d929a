"""The house rules as a test: what a reviewer would otherwise have to remember.

Usage: tests/house_rules.py [--self-test] [--root DIR]
A rule is a function of the tree that yields findings, sentences that begin with file:line.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from cpp_text import functions, statements, without_noise

FUNCTION_LINES = 70
# Libraries that one room hides from all others.
HIDDEN = {
    "openssl/": {"crypto", "net"},
    "sodium": {"crypto"},
    "boost/beast": {"http", "net"},
    "expat.h": {"codec"},
    "toml++/": {"gateway", "apps"},
    "boost/json": {"codec"},
    "nghttp2/": {"http"},
    "seccomp.h": {"process"},
    "sqlite3.h": {"reconcile"},
}
# Rooms that stay pure although the order of rooms would let them reach further.
APART = {"policy": {"io", "net", "journal", "http"}, "codec": {"crypto"}, "review": {"net", "http"}, "reconcile": {"net", "session"}}
AWAITED_VALUE = re.compile(r"\bco_await\s+(?:boost::)?asio::this_coro::executor\b")
DECODER = re.compile(r"\b(?:decode|parse)\w*\s*\(\s*(?:narrows::)?(?:ByteView|std::string_view)\b")


class Tree:
    """The files of a source tree and what the rules ask of them."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = sorted(self._listed())
        listing = re.search(r"set\(NARROWS_ROOMS\s+(.*?)\s*\)", self.text("CMakeLists.txt"), re.S)
        self.rooms = listing.group(1).split() if listing else []

    def _listed(self):
        if (self.root / ".git").exists():
            done = subprocess.run(
                ["git", "ls-files", "-co", "--exclude-standard"],
                cwd=self.root, capture_output=True, text=True, check=True,
            )
            return [name for name in done.stdout.split("\n") if name and (self.root / name).is_file()]
        return [str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()]

    def text(self, name):
        path = self.root / name
        return path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""

    def sources(self, *suffixes):
        return [name for name in self.files if name.startswith("src/") and name.endswith(suffixes)]

    def room_of(self, name):
        inside = name.removeprefix("src/")
        found = [room for room in self.rooms if inside.startswith(room + "/")]
        return max(found, key=len) if found else None

    def lines(self, name):
        return enumerate(self.text(name).split("\n"), 1)


def may_use(tree, user, used):
    if user == used:
        return True
    if user.startswith("protocols/") and used.startswith("protocols/"):
        return False
    return tree.rooms.index(used) < tree.rooms.index(user) and used not in APART.get(user, set())


def rule_layers(tree):
    """Includes and links only go down the list of rooms; siblings under protocols never meet."""
    for name in tree.sources(".cc", ".h"):
        room = tree.room_of(name)
        if room is None:
            yield f"{name}:1: stands in no room of NARROWS_ROOMS (CMakeLists.txt)"
            continue
        for number, line in tree.lines(name):
            match = re.match(r'\s*#include\s+"([^"]+)"', line)
            if not match:
                continue
            used = tree.room_of("src/" + match.group(1))
            if used is None:
                yield f"{name}:{number}: includes \"{match.group(1)}\", which is in no room"
            elif not may_use(tree, room, used):
                yield f"{name}:{number}: room {room} must not include room {used}"


def rule_links(tree):
    """What CMake links follows the same order as the includes."""
    by_library = {
        "narrows_" + library: tree.room_of(name)
        for name in tree.sources("CMakeLists.txt")
        for library in re.findall(r"^\s*narrows_room\(\s*(\w+)", tree.text(name), re.M)
    }
    for name in tree.sources("CMakeLists.txt"):
        room = tree.room_of(name)
        if room is None:
            continue
        for number, line in tree.lines(name):
            for library in re.findall(r"\bnarrows_\w+", line.split("#")[0]):
                used = by_library.get(library)
                if used and not may_use(tree, room, used):
                    yield f"{name}:{number}: room {room} must not link room {used}"


def rule_verifier(tree):
    """The verifier's program stands on the rooms that evidence stands on, and on nothing else of ours."""
    allowed = {"base", "crypto", "codec", "io", "model", "journal", "evidence", "apps"}
    rooms, links = {}, {}
    for name in tree.sources("CMakeLists.txt"):
        text = re.sub(r"#.*", "", tree.text(name))
        for library, rest in re.findall(r"\bnarrows_room\(\s*(\w+)([^)]*)\)", text):
            rooms["narrows_" + library] = tree.room_of(name)
            linked = re.search(r"\bLINK\b(.*?)(?:\b(?:TESTS|FUZZ|TEST_LINK|SOURCES)\b|$)", rest, re.S)
            links.setdefault("narrows_" + library, set()).update(linked.group(1).split() if linked else [])
        for target, rest in re.findall(r"\btarget_link_libraries\(\s*([\w-]+)([^)]*)\)", text):
            links.setdefault(target, set()).update(rest.split())
    reached, open_ends = set(), ["narrows-verify"]
    while open_ends:
        target = open_ends.pop()
        if target not in reached:
            reached.add(target)
            open_ends += sorted(links.get(target, ()))
    for library in sorted(reached & rooms.keys()):
        if rooms[library] not in allowed:
            yield f"src/apps/CMakeLists.txt:1: narrows-verify links {library}, of the room {rooms[library]}"


def rule_hidden_libraries(tree):
    """A library with wide or dangerous headers is included by the room that hides it only."""
    for name in tree.sources(".cc", ".h"):
        for number, line in tree.lines(name):
            match = re.match(r"\s*#include\s+<([^>]+)>", line)
            for prefix, rooms in HIDDEN.items():
                if match and match.group(1).startswith(prefix) and tree.room_of(name) not in rooms:
                    yield f"{name}:{number}: <{match.group(1)}> belongs in {' or '.join(sorted(rooms))}"


def rule_readmes(tree):
    """Each room says in a README what may live there."""
    for room in tree.rooms:
        if any(tree.room_of(name) == room for name in tree.sources(".cc", ".h")):
            if not tree.text(f"src/{room}/README.md").strip():
                yield f"src/{room}/README.md:1: is missing or empty; say what may live in this room"


def rule_function_length(tree):
    """Functions stay short; the few that are long may only get shorter."""
    allowed = json.loads(tree.text("tests/house_ratchet.json") or "{}").get("long_functions", {})
    seen = set()
    for name in tree.sources(".cc", ".h"):
        if name.endswith("_test.cc"):
            continue  # tables of cases may be long
        for function, line, length in functions(tree.text(name)):
            key = f"{name} {function}"
            if length > FUNCTION_LINES:
                seen.add(key)
                if length > allowed.get(key, FUNCTION_LINES):
                    yield f"{name}:{line}: {function} has {length} lines, more than {allowed.get(key, FUNCTION_LINES)}"
    for key in sorted(set(allowed) - seen):
        yield f"tests/house_ratchet.json:1: \"{key}\" is short now or gone; remove its line"


def rule_coroutines(tree):
    """One co_await a statement, its arguments names or calls, none under ?: or in braces."""
    for name in tree.sources(".cc", ".h"):
        text = tree.text(name)
        if "co_await" not in text:
            continue
        for statement, line, braced in statements(text):
            awaits = len(re.findall(r"\bco_await\b", statement))
            if awaits > 1:
                yield f"{name}:{line}: two co_await in one statement; give the first result a name"
            elif awaits and braced:
                yield f"{name}:{line}: co_await inside a braced list; give its result a name first"
            elif awaits and "?" in statement:
                yield f"{name}:{line}: ?: in a statement with co_await; write an if"
            elif awaits and "{}" in statement:
                yield f"{name}:{line}: a braced value or lambda in a statement with co_await; give it a name"


def rule_awaited_at_once(tree):
    """A coroutine is awaited where it is called: what its parameters refer to outlives it. net alone may do otherwise."""
    for name in tree.sources(".cc", ".h"):
        text = tree.text(name)
        if tree.room_of(name) == "net" or not re.search(r"\bco_(?:await|spawn)\b", text):
            continue
        for statement, line, _ in statements(text):
            if re.search(r"\bco_spawn\s*\(", statement):
                yield f"{name}:{line}: co_spawn; start a coroutine by Loop::spawn, which keeps its captures"
            elif re.search(r"\bco_await\b(?!\s+[\w:.<>*-]+\()|\bco_await\s+std::move\b", AWAITED_VALUE.sub("", statement)):
                yield f"{name}:{line}: awaits a coroutine made earlier; call it in the statement that awaits it"


def rule_apps(tree):
    """src/apps holds main functions; each folder in it is one group of commands and says which in a README."""
    for name in tree.sources(".cc", ".h"):
        if tree.room_of(name) != "apps":
            continue
        folder = name.rsplit("/", 1)[0]
        if folder == "src/apps" and not re.search(r"\bint main\(", tree.text(name)):
            yield f"{name}:1: has no main; what it holds belongs in a group of commands or a room below"
        elif not tree.text(f"{folder}/README.md").strip():
            yield f"{folder}/README.md:1: is missing or empty; say which commands live in this folder"


def rule_unfinished(tree):
    """No marks of unfinished work."""
    marks = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"]) + r")\b")
    for name in text_files(tree):
        for number, line in tree.lines(name):
            if marks.search(line):
                yield f"{name}:{number}: unfinished work is an issue, not a comment"


def rule_machine_paths(tree):
    """No path of the machine a file was written on."""
    path = re.compile(r"(?<![\w.}$*/)-])/(?:" + "|".join(["wo" + "rk", "ho" + "me", "ro" + "ot", "Us" + "ers"]) + r")/\w")
    for name in text_files(tree):
        for number, line in tree.lines(name):
            if path.search(line):
                yield f"{name}:{number}: absolute path of a machine; make it relative"


def text_files(tree):
    """Everything written by hand: no corpora, locks or licence."""
    for name in tree.files:
        if name.startswith("fuzz/") or name.endswith(("package-lock.json", "requirements.txt", ".gz", ".zst")):
            continue
        if b"\0" not in (tree.root / name).read_bytes()[:4096]:
            yield name


def rule_fuzzers(tree):
    """Every decoder has a fuzzer, every fuzzer a corpus and a line in its room's CMakeLists."""
    fuzzers = [name for name in tree.sources("_fuzz.cc")]
    reached = set()
    for name in fuzzers:
        stem = pathlib.PurePath(name).stem
        follow_includes(tree, name, reached)
        if not any(other.startswith(f"fuzz/corpus/{stem}/") for other in tree.files):
            yield f"{name}:1: has no corpus; put a few seeds into fuzz/corpus/{stem}/"
        lists = (tree.text(other) for other in tree.sources("CMakeLists.txt") if tree.room_of(other) == tree.room_of(name))
        if not any(re.search(rf"\b{stem}\.cc\b", text) for text in lists):
            yield f"{name}:1: is not built; list it under FUZZ in its room's CMakeLists.txt"
    excused = json.loads(tree.text("tests/house_ratchet.json") or "{}").get("not_decoders", {})
    for name in tree.sources(".h"):
        header = name.removeprefix("src/")
        if DECODER.search(without_noise(tree.text(name))) and header not in reached | set(excused):
            yield f"{name}:1: decodes bytes and no *_fuzz.cc reaches it"


def follow_includes(tree, name, reached):
    """Adds the headers that a source includes, what those and their sources include, in the same room.

    A fuzzer of one room does not excuse a decoder of the rooms below it.
    """
    for header in re.findall(r'#include\s+"([^"]+)"', tree.text(name)):
        if header not in reached and tree.room_of("src/" + header) == tree.room_of(name):
            reached.add(header)
            follow_includes(tree, "src/" + header, reached)
            follow_includes(tree, "src/" + header.removesuffix(".h") + ".cc", reached)


def rule_headers(tree):
    """Headers begin with #pragma once and live in namespace narrows."""
    for name in tree.sources(".h"):
        text = tree.text(name)
        if not text.startswith("#pragma once\n"):
            yield f"{name}:1: does not begin with #pragma once"
        if "narrows" not in text:
            yield f"{name}:1: declares nothing in namespace narrows"


def rule_file_names(tree):
    """Sources are snake_case.h and snake_case.cc."""
    for name in tree.files:
        if name.startswith("src/") and not re.fullmatch(
            r"(?:[a-z0-9_]+/)*(?:[a-z][a-z0-9_]*\.(?:S|[a-z0-9]+)(?:\.in)?|README\.md|CMakeLists\.txt)", name
        ):
            yield f"{name}:1: name it in snake_case"


RULES = {name.removeprefix("rule_"): rule for name, rule in list(globals().items()) if name.startswith("rule_")}

# A tree that keeps every rule, and for each rule files that break it and no other.
GOOD = {
    "CMakeLists.txt": "set(NARROWS_ROOMS\n    base codec net policy protocols/a protocols/b apps)\n",
    "src/base/CMakeLists.txt": "narrows_room(base SOURCES x.cc)\n",
    "src/base/README.md": "What all stand on.\n",
    "src/base/x.h": "#pragma once\nnamespace narrows { int x(); }\n",
    "src/codec/CMakeLists.txt": "narrows_room(codec SOURCES c.cc LINK narrows_base FUZZ c_fuzz.cc)\n",
    "src/codec/README.md": "Encodings.\n",
    "src/codec/c.h": "#pragma once\n#include \"base/x.h\"\nnamespace narrows { int parse_c(std::string_view text); }\n",
    "src/codec/c_fuzz.cc": "#include \"codec/c.h\"\n",
    "src/base/co.cc": "namespace narrows {\nawaitable<void> f() {\n    auto a = co_await g(b);\n"
    "    if (a) {\n        h(Foo{1});\n        co_await i();\n    }\n    spawn([&]() -> awaitable<void> { co_await j(); });\n}\n}\n",
    "fuzz/corpus/c_fuzz/one": "1",
}
BAD = {
    "layers": {"src/base/y.cc": "#include \"codec/c.h\"\n"},
    "links": {"src/base/CMakeLists.txt": "narrows_room(base SOURCES x.cc LINK narrows_codec)\n"},
    "verifier": {
        "src/apps/CMakeLists.txt": "add_executable(narrows-verify v.cc)\n"
                                   "target_link_libraries(narrows-verify PRIVATE narrows_verify_cli)\n",
        "src/apps/verify/CMakeLists.txt": "narrows_room(verify_cli SOURCES y.cc LINK narrows_base narrows_net TESTS t.cc)\n",
        "src/net/CMakeLists.txt": "narrows_room(net SOURCES n.cc LINK narrows_base)\n",
    },
    "hidden_libraries": {"src/base/y.cc": "#include <openssl/ssl.h>\n"},
    "readmes": {"src/base/README.md": "\n"},
    "function_length": {"src/base/y.cc": "namespace narrows {\nint y(int a) {\n" + "    a += 1;\n" * 70 + "}\n}\n"},
    "coroutines": {"src/base/y.cc": "void f() {\n    g(co_await a(), co_await b());\n}\n"},
    "awaited_at_once": {"src/base/y.cc": "void f() {\n    auto later = b(1);\n    co_await std::move(later);\n}\n"},
    "apps": {"src/apps/helper.cc": "int helper() { return 1; }\n", "src/apps/README.md": "Mains.\n"},
    "unfinished": {"docs/a.md": "TO" + "DO: write\n"},
    "machine_paths": {"docs/a.md": "see /ho" + "me/someone/x\n"},
    "fuzzers": {"src/base/y.h": "#pragma once\nnamespace narrows { int decode_y(ByteView bytes); }\n"},
    "headers": {"src/base/y.h": "namespace narrows { int y(); }\n"},
    "file_names": {"src/base/CamelCase.cc": "int y;\n"},
}
MORE_BAD = [
    ("apps", {"src/apps/group/y.cc": "int y() { return 1; }\n", "src/apps/README.md": "Mains.\n"}),
    ("layers", {"src/protocols/b/y.cc": "#include \"protocols/a/z.h\"\n", "src/protocols/b/README.md": "b\n"}),
    ("layers", {"src/policy/y.cc": "#include \"net/z.h\"\n", "src/policy/README.md": "p\n"}),
    ("coroutines", {"src/base/y.cc": "void f() {\n    auto x = a ? co_await b() : c;\n}\n"}),
    ("coroutines", {"src/base/y.cc": "void f() {\n    Foo x{co_await b()};\n}\n"}),
    ("coroutines", {"src/base/y.cc": "void f() {\n    co_await b(Foo{1, 2});\n}\n"}),
    ("coroutines", {"src/base/y.cc": "void f() {\n    co_await b([&] { return 1; });\n}\n"}),
    ("awaited_at_once", {"src/base/y.cc": "void f() {\n    co_spawn(executor, b(1), done);\n}\n"}),
    ("awaited_at_once", {"src/base/y.cc": "void f() {\n    co_await later;\n}\n"}),
    ("fuzzers", {"src/base/n_fuzz.cc": "#include \"base/x.h\"\n"}),
]


def findings_in(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        tree = Tree(folder)
        return {name: list(rule(tree)) for name, rule in RULES.items()}


def self_test():
    """Each rule is silent on the good tree and speaks, alone, on a tree that breaks it."""
    problems = [f"good tree: {found}" for found in findings_in(GOOD).values() if found]
    cases = [(name, files) for name, files in BAD.items()] + MORE_BAD
    problems += [f"rule {name} has no case that breaks it" for name in RULES if name not in BAD]
    for expected, files in cases:
        found = findings_in(GOOD | files)
        spoke = sorted(name for name, findings in found.items() if findings)
        if spoke != [expected]:
            problems.append(f"{sorted(files)} should break only '{expected}', broke {spoke}: {found}")
    print(f"self-test: {len(cases)} broken trees, {len(problems)} problems")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent)
    options = parser.parse_args()
    if options.self_test:
        problems = self_test()
    else:
        tree = Tree(options.root)
        if not tree.rooms or not tree.sources(".cc"):
            sys.exit(f"{options.root} holds no room with sources; there is nothing to check")
        problems = [f"{found}  [{name}]" for name, rule in RULES.items() for found in rule(tree)]
        print(f"{len(RULES)} rules, {len(tree.files)} files, {len(problems)} findings")
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
