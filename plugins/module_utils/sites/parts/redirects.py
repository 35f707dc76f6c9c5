"""Redirects (answered to the client) and rewrites (inside nginx)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from ... import values
from ...errors import InputError
from ...schema import Given, Model, Reader, key, one_of, reader
from .paths import Path, location_path

__all__ = ["Redirect", "Rewrite", "RouteRewrite"]

_CODES = (301, 302, 303, 307, 308)
_REWRITE_CODES = {301: "permanent", 302: "redirect"}
_PCRE_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")


class _Start(NamedTuple):
    """Where a redirect starts. ``pattern`` is the regex whose captures its target uses, empty for an exact path."""

    text: str
    path: Path
    pattern: str


@reader("str")
def _start(value: object, where: str) -> _Start:
    text = values.text(value, where)
    if text.startswith("~"):
        path = location_path(text, where)
        return _Start(text, path, f"(?i){path.value}" if path.modifier == "~*" else path.value)
    below = text.endswith("/*")
    path = Path("^~" if below else "=", values.uri(text[:-1] if below else text, where))
    if "*" in path.value:
        raise InputError(where, f"'{text}' has a * that is not its end; use /prefix/* or a regex, as '~ ^/a/(.*)/b$'")
    escaped = _PCRE_SPECIAL.sub(lambda found: chr(92) + found[0], path.value)
    return _Start(text, path, f"^{escaped}(.*)$" if below else "")


@reader("str")
def _target(value: object, where: str) -> str:
    found = values.text(value, where)
    if not re.match(r"/|https?://|\$scheme://", found) or re.search(r"\s", found):
        raise InputError(where, f"'{found}' is not a target; begin it with '/' or https://, without spaces")
    return found


def _code(value: object, where: str) -> int:
    found = values.integer(0, 999)(value, where)
    if found not in _CODES:
        raise InputError(where, f"{found} is not a redirect; use {', '.join(map(str, _CODES))}")
    return found


@dataclass(frozen=True, kw_only=True)
class Redirect(Model):
    """A location that redirects."""

    start: _Start = key(
        _start,
        "C(/x) is exactly this path, C(/x/*) all below it, C(~ regex) or C(~* regex) what fits.",
        required=True,
        name="from",
    )
    to: str = key(
        _target,
        "A path or a URL. C(*) stands for the rest of the path, C($1) for what the regex captured.",
        required=True,
    )
    code: int = key(
        Reader(_code, {"type": "int", "choices": list(_CODES)}), "With C(*) or a regex only 301 and 302.", default=301
    )

    def check(self, given: Given) -> None:
        """Refuse what nginx cannot do, and what would never end."""
        if self.start.pattern and self.code not in _REWRITE_CODES:
            raise InputError(
                given.path("code"), f"nginx redirects a pattern with 301 or 302 only, not with {self.code}"
            )
        if self.path.modifier == "^~" and self.to.startswith(self.path.value):
            raise InputError(given.path("to"), f"'{self.to}' is below '{self.start.text}' and would redirect for ever")
        if self.path.modifier == "^~" and self.to.count("*") > 1:
            raise InputError(given.path("to"), f"'{self.to}' has more than one *; the rest of the path can stand once")
        if self.path.modifier == "=" and self.to == self.path.value:
            raise InputError(given.path("to"), f"'{self.to}' is where the redirect starts; it would redirect for ever")

    @property
    def path(self) -> Path:
        """The path of the location."""
        return self.start.path

    @property
    def directive(self) -> tuple[str, ...]:
        """The directive that answers. A rewrite escapes what it captured; a return would not, and can split headers."""
        to = self.to.replace("*", "$1") if self.path.modifier == "^~" else self.to
        own_query = "?" in to
        if not self.start.pattern:
            return ("return", str(self.code), to if own_query else f"{to}$is_args$args")
        return ("rewrite", self.start.pattern, f"{to}?" if own_query else to, _REWRITE_CODES[self.code])


@reader("str")
def _inside(value: object, where: str) -> str:
    to = values.text(value, where)
    if not to.startswith(("/", "$")) or re.search(r"\s", to):
        raise InputError(where, f"'{to}' is not a path; begin it with '/' (to another host: redirects)")
    return to


_flag = one_of("last", "break")


@dataclass(frozen=True, kw_only=True)
class Rewrite(Model):
    """A change of the path inside nginx."""

    pattern: str = key(values.text, "A regex.", required=True, name="from")
    to: str = key(_inside, "The new path.", required=True)
    flag: str = key(_flag, "What follows.", default="last")


@dataclass(frozen=True, kw_only=True)
class RouteRewrite(Rewrite):
    """One in a route."""

    flag: str = key(_flag, "What follows.", default="break")
