"""Just enough reading of C++ for the house rules: comments and literals out, braces matched."""

import re

NOISE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.S,
)
NOT_A_FUNCTION = re.compile(r"^\s*(?:namespace|class|struct|enum|union|extern|template\s*<[^{}]*>\s*(?:class|struct))\b")
CONTROL = re.compile(r"\b(?:if|for|while|switch|catch|do|else|try)\b")


def without_noise(text):
    """The text with comments gone and literals empty; line numbers stay."""

    def blank(match):
        found = match.group(0)
        newlines = "\n" * found.count("\n")
        return newlines if found.startswith("/") else '""' + newlines

    text = NOISE.sub(blank, text)
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\.)*(?:\\\n[^\n]*)*", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.M)


def functions(text):
    """Yields (name, first line, number of lines) of each outermost function with a body."""
    text = without_noise(text)
    stack = []  # of (is a function, head, line of the head)
    head, head_line, line = "", 1, 1
    for char in text:
        if char == "\n":
            line += 1
        if char in "{};":
            if char == "{":
                stack.append((is_function(head, stack), head, head_line))
            elif char == "}" and stack:
                function, signature, first = stack.pop()
                if function:
                    yield name_in(signature), first, line - first + 1
            head, head_line = "", line
            continue
        if not head.strip() and not char.isspace():
            head, head_line = "", line
        head += char


def is_function(head, stack):
    inside = any(function for function, _, _ in stack)
    return not inside and ")" in head and not NOT_A_FUNCTION.match(head) and not CONTROL.search(head)


def name_in(signature):
    match = re.search(r"([\w:~]+|operator\W+)\s*\(", signature)
    return match.group(1) if match else "?"


class Block:
    def __init__(self, line):
        self.statement, self.line, self.depth, self.ended = "", line, 0, False


def statements(text):
    """Yields (statement, line, closes a braced list) with nested braces shown as `{}`.

    The third value is true for the contents of braces that hold no statement: `Foo{a, b}`.
    """
    text = without_noise(text)
    blocks, line = [Block(1)], 1
    for char in text:
        top = blocks[-1]
        if char == "\n":
            line += 1
        if not top.statement.strip():
            top.line = line
        if char == "{":
            if top.depth == 0 and opens_block(top.statement):
                yield top.statement, top.line, False
                top.statement, top.ended = "", True
            blocks.append(Block(line))
        elif char == "}" and len(blocks) > 1:
            blocks.pop()
            yield top.statement, top.line, not top.ended
            blocks[-1].statement += "{}" if blocks[-1].statement.strip() else ""
        elif char == ";" and top.depth == 0:
            yield top.statement, top.line, False
            top.statement, top.ended = "", True
        else:
            top.depth += (char == "(") - (char == ")")
            top.statement += char


def opens_block(head):
    head = head.rstrip()
    return bool(
        re.search(r"(?:\)|\b(?:else|do|try|const|noexcept|override|mutable))$", head)
        or re.search(r"->\s*[\w:<>,\s*&]+$", head)
        or re.search(r"\b(?:namespace|class|struct|enum|union)\b", head)
        or not head
    )
