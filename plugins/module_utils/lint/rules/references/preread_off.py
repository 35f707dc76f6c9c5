"""A stream server chooses by what TLS asks for (``$ssl_preread_server_name``) and does not look (``ssl_preread`` is not
on): the variable is empty, and every connection goes to the default.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import Context

LEVEL = "high"

_PREREAD = re.compile(r"\$\{?ssl_preread_")
_VARIABLE = re.compile(r"\$\{?(\w+)")
_MADE = ("map", "split_clients", "geo")
# An empty word in a log turns nobody away.
_LOGS = ("access_log", "log_format", "error_log")


def _words(directives: Collection[Directive]) -> str:
    return " ".join(word for each in directives for word in each.args)


def _depends(words: str, made: Collection[str]) -> bool:
    return _PREREAD.search(words) is not None or any(name in made for name in _VARIABLE.findall(words))


def _made(stream: Directive) -> set[str]:
    """The variables that come of what TLS asks for, over maps as well."""
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


def run(config: Config, context: Context) -> list[Finding]:
    """Find stream servers that use what only ``ssl_preread on`` fills."""
    findings = []
    for stream in (each for each in config.directives if each.name == "stream"):
        made = _made(stream)
        for server in stream.children("server"):
            said = server.children("ssl_preread") or stream.children("ssl_preread")
            uses = [each for each in server.block or [] if each.name not in _LOGS and _depends(_words([each]), made)]
            if uses and (not said or said[-1].args != ["on"]):
                use = " ".join([uses[0].name, *uses[0].args])
                place = server.children("ssl_preread")[-1] if server.children("ssl_preread") else uses[0]
                findings.append(
                    Finding(
                        f"ssl_preread is not on here, so what {use} depends on is empty",
                        file=place.file,
                        line=place.line,
                        expected="ssl_preread on",
                        seen=" ".join([place.name, *place.args]),
                        mend="write ssl_preread on; in this server",
                    )
                )
    return findings
