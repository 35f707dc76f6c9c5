r"""A ``proxy_pass`` with a captured path passes no arguments on, so the application never sees ``?page=2``.

Where ``proxy_pass`` contains a variable, nginx sends the path as it is written there, and nothing else. That goes for
``$1`` as for a group with a name, and for any other variable where the live release has the same line with
``$is_args$args`` behind it. Locations for the kinds of files that have no arguments, as ``\.woff2$``, pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....config.regexes import compiled
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...groups import examples, filled, numbers
from ...scopes import altered, blocks, location_kind

LEVEL = "medium"
NEW = "high"

# A path may begin with the variable itself, which holds the slash then.
_PATH = re.compile(r"https?://(?:[^/]+(?P<path>/.*)|[^/$:]+(?P<glued>\$.*))")
_ARGUMENTS = re.compile(r"\$\{?(?:args|is_args|query_string|request_uri|arg_\w+)|\?")
# All of them, as they came.
_HANDED_ON = re.compile(r"(?:\$\{?is_args\}?|\?)\$\{?(?:args|query_string)\}?$")
_OF_FILES = re.compile(r"\\\.(?:\((?:\?:)?)?(?:woff2?|ttf|otf|eot|css|js|png|jpe?g|gif|svg|ico|webp|map|mp4|pdf)\b")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def _path(url: str) -> str:
    """Return what is written behind the host; empty where nothing is, and all is sent as it came."""
    match = _PATH.fullmatch(url)
    return (match["path"] or match["glued"]) if match else ""


def _is_of_files(location: Directive) -> bool:
    return _OF_FILES.search(location_kind(location)[1]) is not None


def _has_group(path: str, location: Directive) -> bool:
    """Return whether a path has a group of the location's expression. One behind the host may be a part of that."""
    pattern = location_kind(location)[1]
    regex = compiled(pattern)
    names = regex.regex.groupindex if regex else {}
    if not numbers(path) and names.keys().isdisjoint(one[1] or one[2] for one in _VARIABLE.finditer(path)):
        return False
    return path.startswith("/") or regex is None or any(_begins(path, match) for match in examples(pattern))


def _begins(path: str, match: re.Match[str]) -> bool:
    """Return whether what begins with a variable is a path, with the groups of a match in place."""
    named = match.groupdict(default="")
    text = _VARIABLE.sub(lambda one: named.get(one[1] or one[2], one[0]), filled(path, match))
    return text.startswith(("/", "$"))


def _losing(config: Config) -> Iterator[Directive]:
    """Yield each ``proxy_pass`` with groups of the location's expression, and without the arguments."""
    for _, block in blocks(config, "location"):
        if not location_kind(block)[0].startswith("~") or _is_of_files(block):
            continue
        # What a rewrite has put together is sent in its stead only without a path, so this is about the path written.
        for directive in block.children("proxy_pass"):
            path = _path(directive.args[0]) if directive.args else ""
            if _has_group(path, block) and not _ARGUMENTS.search(path):
                yield directive


def _lost(config: Config, live: Config) -> Iterator[Directive]:
    """Yield each ``proxy_pass`` that is the one of the live release less the arguments."""
    for before, now in altered(config, live):
        around = now.around("location")
        if around is None or around.block is None or _is_of_files(around.block):
            continue
        urls = {each.args[0] for each in before.own.get("proxy_pass", ()) if each.args}
        less = {_HANDED_ON.sub("", url) for url in urls} - urls
        for directive in now.own.get("proxy_pass", ()):
            if directive.args and directive.args[0] in less and "$" in directive.args[0] and _path(directive.args[0]):
                yield directive


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find ``proxy_pass`` with captures of the location's expression, or as in live, and without the arguments."""
    lost = _lost(config, context.live) if context.live else ()
    for directive in {id(each): each for each in (*_losing(config), *lost)}.values():
        yield finding(
            directive,
            f"proxy_pass {directive.args[0]} passes no arguments on: what follows a ? is lost",
            expected=f"{directive.args[0]}$is_args$args",
            fix="append $is_args$args",
        )
