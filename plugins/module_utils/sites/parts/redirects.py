"""Redirects (answered to the client) and rewrites (inside nginx)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import InputError
from ..reading import values
from ..reading.fields import Convert, Fields, one_of
from .paths import Path, read_path

__all__ = ["REDIRECT_KEYS", "REWRITE_KEYS", "Redirect", "Rewrite", "read_redirect", "rewrite_reader"]

REDIRECT_KEYS = ("from", "to", "code")
REWRITE_KEYS = ("from", "to", "flag")

_CODES = (301, 302, 303, 307, 308)
_REWRITE_CODES = {301: "permanent", 302: "redirect"}
_PCRE_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")


@dataclass(frozen=True)
class Redirect:
    """A location that redirects. ``pattern`` is the regex whose captures ``to`` uses, empty for an exact path."""

    path: Path
    source: str
    pattern: str
    to: str
    code: int

    @property
    def directive(self) -> tuple[str, ...]:
        """The directive that answers. A rewrite escapes what it captured; a return would not, and can split headers."""
        own_query = "?" in self.to
        if not self.pattern:
            return ("return", str(self.code), self.to if own_query else f"{self.to}$is_args$args")
        return ("rewrite", self.pattern, f"{self.to}?" if own_query else self.to, _REWRITE_CODES[self.code])


@dataclass(frozen=True)
class Rewrite:
    """A change of the path inside nginx."""

    pattern: str
    to: str
    flag: str


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


def read_redirect(value: object, where: str) -> Redirect:
    """Read one redirect: an exact path, ``/prefix/*`` or a regex. Raises ``InputError``."""
    fields = Fields(value, where, REDIRECT_KEYS)
    start = fields.need("from", values.text)
    to = fields.need("to", _target)
    code = fields.get("code", _code, 301)
    if start.startswith("~"):
        path = read_path(start, fields.path("from"))
        pattern = f"(?i){path.value}" if path.modifier == "~*" else path.value
    elif start.endswith("/*"):
        path = Path("^~", values.uri(start[:-1], fields.path("from")))
        pattern = f"^{_PCRE_SPECIAL.sub(lambda found: chr(92) + found[0], path.value)}(.*)$"
    else:
        path, pattern = Path("=", values.uri(start, fields.path("from"))), ""
    if "*" in path.value and not path.regex:
        raise InputError(
            fields.path("from"), f"'{start}' has a * that is not its end; use /prefix/* or a regex, as '~ ^/a/(.*)/b$'"
        )
    if pattern and code not in _REWRITE_CODES:
        raise InputError(fields.path("code"), f"nginx redirects a pattern with 301 or 302 only, not with {code}")
    if path.modifier == "^~":
        if to.startswith(path.value):
            raise InputError(fields.path("to"), f"'{to}' is below '{start}' and would redirect for ever")
        if to.count("*") > 1:
            raise InputError(fields.path("to"), f"'{to}' has more than one *; the rest of the path can stand once")
        to = to.replace("*", "$1")
    if path.modifier == "=" and to == path.value:
        raise InputError(fields.path("to"), f"'{to}' is where the redirect starts; it would redirect for ever")
    return Redirect(path, where, pattern, to, code)


def rewrite_reader(default_flag: str) -> Convert[Rewrite]:
    """Make a reader of rewrites; ``default_flag`` is ``last`` or ``break``."""

    def read(value: object, where: str) -> Rewrite:
        fields = Fields(value, where, REWRITE_KEYS)
        to = fields.need("to", values.text)
        if not to.startswith(("/", "$")) or re.search(r"\s", to):
            raise InputError(fields.path("to"), f"'{to}' is not a path; begin it with '/' (to another host: redirects)")
        flag = fields.get("flag", one_of("last", "break"), default_flag)
        return Rewrite(fields.need("from", values.text), to, flag)

    return read
