r"""An expression of a ``rewrite``, an ``if`` or a ``map`` is for a path that no request can have.

Paths begin with a slash, so ``rewrite ^old$ /new`` and ``rewrite ^([^/]+)/(.*)$ /$1`` match nothing: Apache's
``.htaccess`` leaves the slash out, nginx does not. Arguments are no part of the path, and it is decoded, so
``^/index\.php\?id=1$`` and ``^/a%20b$`` match nothing either; in ``$request_uri`` a space is ``%20``. What follows a
``#`` is not sent at all. Who edits such a line expects it to work, so an edit of one that live has already is a finding
as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...impossible_paths import DECODED, RAW, matches_no_path, no_path
from ...scopes import scopes

LEVEL = "high"
EDITS_COUNT = True

# Words of a map that are no values to compare with.
_SPECIAL = ("default", "hostnames", "volatile", "include")


def _rewrites(config: Config) -> Iterator[tuple[Directive, str]]:
    for scope in scopes(config):
        for directive in scope.own.get("rewrite", ()):
            if len(directive.args) < 2:
                continue
            yield directive, matches_no_path(directive.args[0])
            if not directive.args[1].startswith(("/", "http", "$scheme")):
                # From here on the path may have no slash.
                break


def _conditions(config: Config) -> Iterator[tuple[Directive, str]]:
    for directive in config.named("if"):
        if len(directive.args) == 3 and directive.args[0] in (*DECODED, RAW):
            variable, operator, word = directive.args
            yield directive, _compared(operator, word, raw=variable == RAW)


def _compared(operator: str, word: str, *, raw: bool) -> str:
    if operator in ("~", "~*"):
        return matches_no_path(word, ignore_case=operator == "~*", raw=raw)
    return no_path(word, raw=raw) if operator == "=" and word else ""


def _rows(config: Config) -> Iterator[tuple[Directive, str]]:
    for block in config.named("map"):
        variable = block.args[0] if block.args else ""
        for row in (block.block or ()) if variable in (*DECODED, RAW) else ():
            word, raw = row.name, variable == RAW
            if word.startswith("~"):
                yield row, matches_no_path(word.lstrip("~*"), ignore_case=word.startswith("~*"), raw=raw)
            elif word and word not in _SPECIAL:
                yield row, no_path(word.removeprefix("\\"), raw=raw)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find expressions and words that are compared with paths, and that no path can be."""
    for compare in (_rewrites, _conditions, _rows):
        for directive, why in compare(config):
            if why:
                yield finding(
                    directive,
                    f"{directive.text} matches no request: {why}",
                    expected="a path that begins with a slash, decoded and without arguments",
                    fix="write the path as nginx has it; compare arguments with $args or $arg_NAME",
                )
