r"""A ``location`` refuses a folder or a file, and the one for programs takes the programs in it all the same.

nginx tries expressions before it takes a prefix, and takes the first that fits: beside ``location ~ \.php$`` neither
``location /wp-login.php { deny all; }`` refuses that program, nor ``location /private/ { deny all; }`` those in the
folder. ``^~`` before a prefix ends the search, ``=`` is for a single file, and an expression that refuses stands before
the one that passes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ....config.match import choose_location
from ....config.parse import Config, Directive
from ....config.samples import samples
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import blocks, location_kind

LEVEL = "medium"
NEW = "high"

_REFUSALS = ("403", "404", "444")
_RUN = ("fastcgi_pass", "uwsgi_pass", "scgi_pass")
_PROGRAMS = re.compile(r"php|phtml|cgi|jsp|asp|\bpl\b")
# Of a folder of its own: whoever writes it means an exception.
_OF_FOLDER = re.compile(r"^\^/[\w(\[]")
_FOLDER = re.compile(r"^\^(/[\w/-]+)")


def _refuses(location: Directive) -> bool:
    """Return whether a location refuses everybody, whatever is asked."""
    if any(each.args[:1] and each.args[0] in _REFUSALS for each in location.children("return")):
        return True
    denies = any(each.args == ["all"] for each in location.children("deny"))
    return denies and not location.children("allow") and not location.children("satisfy")


def _passes(location: Directive) -> bool:
    """Return whether a location asks a program for what has an extension, wherever it lies."""
    kind, pattern = location_kind(location)
    if not kind.startswith("~") or "." not in pattern or _OF_FOLDER.match(pattern):
        return False
    passed = {each.name for each in location.block or () if each.name.endswith("_pass")}
    return not passed.isdisjoint(_RUN) or (bool(passed) and _PROGRAMS.search(pattern) is not None)


def _refused(location: Directive, names: Sequence[str]) -> Iterator[str]:
    """Yield paths of programs that a location is for; what is said not to be there is no folder that is shut."""
    kind, path = location_kind(location)
    shut = names if not any(each.args[:1] == ["404"] for each in location.children("return")) else ()
    if kind == "" and path.startswith("/") and path != "/":
        yield path
        yield from (f"{path.rstrip('/')}/{name}" for name in shut)
    elif kind.startswith("~") and (folder := _FOLDER.match(path)):
        begins = [each for each in samples(location) if each.startswith(folder[1])]
        yield from (f"{each.rstrip('/')}/{name}" for each in begins for name in shut)


def _fix(location: Directive, path: str, taker: Directive) -> str:
    kind, own = location_kind(location)
    if kind:
        return f"move it before {taker.text}"
    return f"write {'=' if path == own else '^~'} before its path"


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find locations that refuse, and whose programs are passed on by another one."""
    for _, server in blocks(config, "server"):
        passing = [each for each in server.children("location") if _passes(each)]
        names = [sample.strip("/").rpartition("/")[2] for each in passing for sample in samples(each)[:1]]
        for location in server.children("location") if passing else ():
            if not _refuses(location):
                continue
            for path in _refused(location, names):
                taker = choose_location(server, path)
                if taker is not None and any(taker is each for each in passing):
                    yield finding(
                        location,
                        f"{location.text} does not refuse {path}: {taker.text} takes it",
                        expected="^~ before a prefix, = for a single file, or the expression before the other",
                        fix=_fix(location, path, taker),
                    )
                    break
