"""Lua in a configuration: what the braces of ``…_by_lua_block`` hold is Lua, and no directives.

crossplane knows some of these blocks, and takes what is in Lua's long strings and comments for code.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from ..packages import crossplane

__all__ = ["read_lua_blocks"]

_PHASES = (
    "access",
    "balancer",
    "body_filter",
    "content",
    "exit_worker",
    "header_filter",
    "init",
    "init_worker",
    "log",
    "preread",
    "proxy_ssl_certificate",
    "proxy_ssl_verify",
    "rewrite",
    "server_rewrite",
    "set",
    "ssl_certificate",
    "ssl_client_hello",
    "ssl_session_fetch",
    "ssl_session_store",
)
_QUOTES = ('"', "'")
_LONG = re.compile(r"\[(=*)\[\Z")
_LONG_COMMENT = re.compile(r"--\[(=*)\[\Z")
# Enough of the end to see a long bracket with any sane number of equals signs.
_TAIL = 32

_Characters = Iterator[tuple[str, int]]
_Tokens = Iterator[tuple[str, int, bool]]


@functools.cache
def read_lua_blocks() -> None:
    """Have crossplane read the blocks by ``_tokens`` from now on."""
    crossplane.lexer.register_external_lexer([f"{phase}_by_lua_block" for phase in _PHASES], _tokens)


def _tokens(characters: _Characters, directive: str) -> _Tokens:
    """Turn a block into one word and a semicolon; before it comes the variable of ``set_by_lua_block``."""
    word, line = "", 0
    for char, line in characters:
        if char in ('"', "'", "#") or len(char) > 1 or (char == "{" and word.endswith("$")):
            # To nginx, the next brace may be a part of a word, and no block.
            raise crossplane.errors.NgxParserSyntaxError(f"between {directive} and its block stands {char}", None, line)
        if char == "{":
            break
        if char in (";", "}"):
            # A row of a map may be called so.
            if word:
                yield word, line, False
            yield char, line, False
            return
        if char.isspace():
            if word:
                yield word, line, False
            word = ""
        else:
            word += char
    code, line = _code(characters, line)
    yield code, line, True
    yield ";", line, False


def _code(characters: _Characters, line: int) -> tuple[str, int]:
    """Read Lua up to the brace that ends its block. ``\\'`` and the like come as one character."""
    text, depth, closing = "", 1, ""
    for char, line in characters:
        text += char
        tail = text[-_TAIL:]
        if closing:
            long = _LONG_COMMENT.search(tail) if closing == "\n" else None
            if long:
                closing = f"]{long[1]}]"
            elif char == closing if closing in _QUOTES else tail.endswith(closing):
                closing = ""
        elif char in _QUOTES:
            closing = char
        elif tail.endswith("--"):
            closing = "\n"
        elif long := _LONG.search(tail):
            closing = f"]{long[1]}]"
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if not depth:
                return text[:-1], line
    raise crossplane.errors.NgxParserSyntaxError('unexpected end of file, expecting "}"', None, line)
