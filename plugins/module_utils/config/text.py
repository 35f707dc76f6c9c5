"""One file of a configuration as crossplane reads it, and the slips that it reads over."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from ..packages import crossplane
from .lua import read_lua_blocks

__all__ = ["DEEPEST", "SourceProblem", "Token", "lex_file", "read_file", "unescaped"]

Token = tuple[str, int, bool]
"""A word, its line, and whether it was quoted."""

DEEPEST = 100
"""So many blocks, and includes, may be around a directive."""

_BRACE = re.compile("[{}]")
_STEPS = {"{": 1, "}": -1}
_BYTE_ORDER_MARK = "\ufeff"
_PLAIN_COMMENT = re.compile(rb"""(?m)(?:^|(?<=[\s;{}]))#[^\n"'{}]*$""")
_PLAIN_VARIABLE = re.compile(rb"\$\{\w+\}")
_OPEN_END = re.compile(rb"(?:[^\s;{}]|\\[;{}])\s*(?:\}|\Z)")
# Spaces to Python, and so to crossplane; to nginx they are letters. A comment could begin behind one.
_SPACES = "".join(each for each in map(chr, range(0x3001)) if each.isspace() and each not in " \t\r\n")
_ODD_SPACE = re.compile(f"[{_SPACES}]")
_AS_LETTERS = {ord(space): 0xF700 + number for number, space in enumerate(_SPACES)}
_AS_SPACES = {letter: space for space, letter in _AS_LETTERS.items()}
# Within the braces of a variable nginx ends a word at these, and crossplane does not.
_ENDS_IN_VARIABLE = re.compile(r"\$\{[^\s}]*[;{]|\\\$\{")
_ESCAPED = re.compile(r"\\([\"'\\trn])")
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n"}
_NO_NAME = re.compile(rb"(?:\A|[;{}])\s*[;{]")


@dataclass(frozen=True)
class SourceProblem:
    """Something wrong in a file of the tree, at ``line`` (0: the file as a whole)."""

    file: str
    line: int
    what: str


def read_file(content: bytes, name: str) -> tuple[list[dict[str, Any]], list[SourceProblem]]:
    """Return crossplane's rows of a file's content, and what is wrong with it. ``name`` is its path in the tree."""
    if b"\0" in content:
        # One sentence; as nginx's words it would be a fault in every line.
        return [], [SourceProblem(name, 0, f"{name} is binary, and nginx reads text")]
    text = _text(content)
    if _ODD_SPACE.search(text):
        rows, problems = _read(text.translate(_AS_LETTERS), name)
        _restore(rows)
        return rows, [SourceProblem(name, each.line, each.what.translate(_AS_SPACES)) for each in problems]
    return _read(text, name)


def unescaped(word: str) -> str:
    """Return a word of crossplane's as nginx has it: a backslash before a quote or a backslash goes."""
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), word) if "\\" in word else word


def _restore(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        row["directive"] = row["directive"].translate(_AS_SPACES)
        row["args"] = [word.translate(_AS_SPACES) for word in row["args"]]
        _restore(row.get("block", []))


def _read(text: str, name: str) -> tuple[list[dict[str, Any]], list[SourceProblem]]:
    content = text.encode()
    if text.startswith(_BYTE_ORDER_MARK):
        what = f"{name} begins with a byte order mark, which nginx takes for a part of the first word; remove it"
        return [], [SourceProblem(name, 1, what)]
    deep = _too_deep(text)
    if deep:
        return [], [SourceProblem(name, deep, f"more than {DEEPEST} blocks are open here; expected fewer")]
    read_lua_blocks()
    payload: Mapping[str, Any] = crossplane.parser.parse_string(
        text, filename=name, single=True, check_ctx=False, check_args=False, catch_errors=True
    )
    problems = [
        SourceProblem(name, int(error["line"] or 0) or _lines(content), str(error["error"]).split(" in ")[0])
        for error in payload["errors"]
    ]
    if not problems:
        problems = [SourceProblem(name, line, words) for line, words in _hidden_ends(text)]
    if not problems and _may_have_slips(content):
        problems = [SourceProblem(name, line, words) for line, words in _slips(text)]
    return payload["config"][0]["parsed"], problems


def lex_file(content: bytes) -> list[Token]:
    """Return the words of a file's content, comments too; those before the fault where crossplane cannot read on."""
    found: list[Token] = []
    with contextlib.suppress(crossplane.errors.NgxParserBaseException):
        for token, line, quoted in _lexed(_text(content).translate(_AS_LETTERS)):
            found.append((str(token).translate(_AS_SPACES), int(line), bool(quoted)))
    return found


def _lexed(text: str) -> Iterator[tuple[str, int, bool]]:
    read_lua_blocks()
    words: Iterator[tuple[str, int, bool]] = crossplane.lexer.lex_string(text)
    return words


def _text(content: bytes) -> str:
    """Decode without a translation of line ends: to nginx a carriage return is a space."""
    return content.decode("utf-8", errors="replace")


def _hidden_ends(text: str) -> Iterator[tuple[int, str]]:
    """Find words that end sooner for nginx than for crossplane, so that directives could hide in them."""
    if not _ENDS_IN_VARIABLE.search(text):
        return
    with contextlib.suppress(crossplane.errors.NgxParserBaseException):
        for token, line, quoted in _lexed(text):
            if not quoted and not token.startswith("#") and _ENDS_IN_VARIABLE.search(token):
                yield int(line), f"the braces of a variable hold ; or {{, or follow \\$, in {token}; put it in quotes"


def _too_deep(text: str) -> int:
    """Return the line of the first block that stands in too many others; 0 where there is none.

    What reads a configuration goes down its blocks by calls of functions, of which Python has some hundreds.
    """
    if text.count("{") <= DEEPEST or max(accumulate(_STEPS[brace] for brace in _BRACE.findall(text))) <= DEEPEST:
        return 0
    depth = 0
    with contextlib.suppress(crossplane.errors.NgxParserBaseException):
        for token, line, quoted in _lexed(text):
            depth += _STEPS.get(token, 0) if not quoted else 0
            if depth > DEEPEST:
                return int(line)
    return 0


def _lines(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n") and bool(content))


def _may_have_slips(content: bytes) -> bool:
    """Return whether a closer look is worth while: a closing brace or the end comes after something else than a
    semicolon or a brace, one of them comes where a name is due, or there are comments that could hide it.
    """
    plain = _PLAIN_COMMENT.sub(b"", _PLAIN_VARIABLE.sub(b"x", content))
    # What is left of marks that are no plain comment or variable.
    if b"#" in plain or b"${" in plain:
        return True
    return _OPEN_END.search(plain) is not None or _NO_NAME.search(plain) is not None


def _slips(text: str) -> Iterator[tuple[int, str]]:
    """Find what crossplane reads over: directives without a semicolon at their end, and ends without a directive."""
    words: list[tuple[str, int]] = []
    try:
        for token, line, quoted in _lexed(text):
            if quoted or token not in ("{", "}", ";"):
                if quoted or not token.startswith("#"):
                    words.append((token, line))
                continue
            if token == "}" and words:
                yield words[0][1], f'directive "{words[0][0]}" is not terminated by ";"'
            if token != "}" and not words:
                yield line, f'unexpected "{token}"'
            words = []
    except crossplane.errors.NgxParserBaseException as error:
        yield int(error.lineno or 0), str(error.strerror)
    else:
        if words:
            yield words[0][1], f'directive "{words[0][0]}" is not terminated by ";"'
