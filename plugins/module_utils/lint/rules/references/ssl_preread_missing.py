"""A stream server chooses by ``$ssl_preread_…`` variables, but ``ssl_preread`` is not on.

The variables are empty then, and every connection goes to the default.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"

_PREREAD = re.compile(r"\$\{?ssl_preread_")
_VARIABLE = re.compile(r"\$\{?(\w+)")
_MADE = ("map", "split_clients", "geo")
# An empty value in a log refuses nobody.
_LOGS = ("access_log", "log_format", "error_log")


def _words(directives: Collection[Directive]) -> str:
    return " ".join(word for each in directives for word in each.args)


def _depends(words: str, made: Collection[str]) -> bool:
    return _PREREAD.search(words) is not None or any(name in made for name in _VARIABLE.findall(words))


def _made(stream: Directive) -> set[str]:
    """Return the variables that depend on what TLS asks for, through maps as well."""
    made: set[str] = set()
    waiting: dict[str, list[str]] = {}
    new: list[str] = []
    for block in stream.block or []:
        if block.name not in _MADE or len(block.args) < 2:
            continue
        target = block.args[-1].lstrip("$")
        words = f"{block.args[0]} {_words([row for row in block.block or [] if row.args])}"
        if _PREREAD.search(words):
            new.append(target)
        for name in set(_VARIABLE.findall(words)):
            waiting.setdefault(name, []).append(target)
    while new:
        name = new.pop()
        if name not in made:
            made.add(name)
            new += waiting.get(name, [])
    return made


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find stream servers that use what only ``ssl_preread on`` fills."""
    for stream in (each for each in config.directives if each.name == "stream"):
        made = _made(stream)
        for server in stream.children("server"):
            own = server.children("ssl_preread")
            in_force = own or stream.children("ssl_preread")
            uses = [each for each in server.block or [] if each.name not in _LOGS and _depends(_words([each]), made)]
            if uses and (not in_force or in_force[-1].args != ["on"]):
                yield finding(
                    own[-1] if own else uses[0],
                    f"ssl_preread is not on in this server, so the variables behind {uses[0].text} are empty",
                    expected="ssl_preread on",
                    fix="write ssl_preread on; in this server",
                )
